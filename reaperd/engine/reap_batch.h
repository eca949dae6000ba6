/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Batches of steps: the intent is in the ledger before the broker is asked, the outcome after. An action is in at most
 * one batch at a time, so that the order of its mounts holds.
 */
#ifndef REAPERD_ENGINE_REAP_BATCH_H
#define REAPERD_ENGINE_REAP_BATCH_H

#include "engine/brake.h"
#include "engine/state.h"

/*
 * Asks for what the list says and nothing holds, as far as the bounds on batches and the brake allow; what is left over
 * comes in a later turn.
 */
void reap_batches(struct engine *engine, struct brake *brake, const struct reap_list *list);

/* The broker saw it go, and the table was not read since: it has the last word. */
bool reap_batch_waits_for_the_table(const struct engine *engine, const struct mount *mount);

/* The mounts that go with this one call, which the brake counts: a lazy one takes the tree. */
size_t reap_count(struct mount *top, enum step step);

/* That we asked for these, or that nobody does any more. */
void reap_mark_asked(struct mount *top, enum step step, bool asked);

#endif
