/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Carries out what the policy decides: states and evidence are journalled, batches of steps are written down as
 * intents, asked of the broker, and their outcomes taken. It decides nothing: what to reap, in which order and when
 * again is policy/'s.
 */
#ifndef REAPERD_ENGINE_REAPER_H
#define REAPERD_ENGINE_REAPER_H

#include "engine/state.h"

struct reaper *reaper_new(struct engine *engine);
void reaper_free(struct reaper *reaper);

/* Plans and acts: the last part of each turn in which something changed or became due. */
void reaper_turn(struct reaper *reaper);

/* True while a decision waits, or a batch is under way (for --once): what is left then will not go by itself. */
bool reaper_is_busy(const struct reaper *reaper);

#endif
