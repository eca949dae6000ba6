/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* reap-root = yes: the mount of a root whose server is dead, unmounted with all that is below it. */
#ifndef REAPERD_ENGINE_DEAD_ROOT_H
#define REAPERD_ENGINE_DEAD_ROOT_H

#include "engine/brake.h"
#include "engine/state.h"

/* Asks the broker for what is decided. True where a decision waits for its time, or for an answer. */
bool dead_roots_turn(struct engine *engine, struct brake *brake);

#endif
