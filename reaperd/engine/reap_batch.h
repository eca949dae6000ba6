/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Batches of steps: the intent is in the ledger before the broker is asked, the outcome after. An action is in at most
 * one batch at a time, so that the order of its mounts holds.
 */
#ifndef REAPERD_ENGINE_REAP_BATCH_H
#define REAPERD_ENGINE_REAP_BATCH_H

#include "engine/state.h"

/*
 * Asks for what the list says and nothing holds, as far as the bounds on batches and the brake allow; what is left over
 * comes in a later turn.
 */
void reap_batches(struct engine *engine, const struct reap_list *list);

/* reaper.c's: mounts that the brake lets go now, and the count of batches. */
size_t reaper_allowance(const struct reaper *reaper);
void reaper_batch_began(struct reaper *reaper, size_t mounts);
void reaper_batch_ended(struct reaper *reaper);

#endif
