/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * reaperd-engine: one libev loop without privilege. A callback changes the model and says engine_wake(); one prepare
 * watcher then scans, plans, acts and commits, once for each turn of the loop.
 */
#ifndef REAPERD_ENGINE_ENGINE_H
#define REAPERD_ENGINE_ENGINE_H

#include "engine/state.h"

/* Runs an engine on the broker's socket until it ends: the exit status. */
int engine_run(int broker_fd);

/*
 * engine_run() in pieces, for simulations: they turn engine->loop themselves, under a clock and with a source of their
 * own.
 */
struct engine *engine_new(int broker_fd); /* takes the fd; NULL when out of memory */
void engine_free(struct engine *engine);

#endif
