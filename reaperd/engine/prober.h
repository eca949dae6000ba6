/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Asks, through the broker, what has become of the directories of actions; probe_result.h takes the answers. Each
 * root has a round every probe-interval while it has actions, else one in ten: an idle daemon hardly wakes. Whoever
 * suspects something asks for one action at once.
 */
#ifndef REAPERD_ENGINE_PROBER_H
#define REAPERD_ENGINE_PROBER_H

#include "engine/state.h"

struct prober *prober_new(struct engine *engine);
void prober_free(struct prober *prober);

/* The roots changed. */
int prober_configure(struct prober *prober);

/* Sends what is wanted, and begins a root's round where it is due: part of each turn. */
void prober_turn(struct prober *prober);

/* True while an answer is awaited, or an action was never answered (for --once). */
bool prober_is_busy(const struct prober *prober);

#endif
