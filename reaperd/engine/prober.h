/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Asks, through the broker, what has become of the directories of actions, and turns the answers into evidence. Each
 * root has a round every probe-interval while it has actions (else none: an idle daemon does not wake), and whoever
 * suspects something asks for one action at once.
 */
#ifndef REAPERD_ENGINE_PROBER_H
#define REAPERD_ENGINE_PROBER_H

#include "engine/state.h"

struct prober *prober_new(struct engine *engine);
void prober_free(struct prober *prober);

/* The roots changed. */
int prober_configure(struct prober *prober);

/*
 * A mount was attached below the action's path, so a directory stands there: what a probe had said of its absence does
 * not hold in an unbroken row any longer. Which directory, the next probe tells.
 */
void prober_noticed_attach(struct engine *engine, struct action *action);

/* Sends what is wanted, and begins a root's round where it is due: part of each turn. */
void prober_turn(struct prober *prober);

/* True while an answer is awaited, or an action was never answered (for --once). */
bool prober_is_busy(const struct prober *prober);

/* What a probe's answer means for the action: evidence, identity, generation. `sent` is when the question was asked. */
void prober_take_result(struct engine *engine, struct action *action, const struct probe_result *result,
			struct mount *const *mounts, size_t mount_count, struct now sent);

#endif
