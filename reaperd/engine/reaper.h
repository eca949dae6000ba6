/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Carries out what the policy decides: states and evidence are journalled, batches of steps are written down as
 * intents, asked of the broker, and their outcomes taken. It decides nothing: what to reap, in which order and when
 * again is policy/'s.
 */
#ifndef REAPERD_ENGINE_REAPER_H
#define REAPERD_ENGINE_REAPER_H

#include "engine/engine.h"

struct reaper *reaper_new(struct engine *engine);
void reaper_free(struct reaper *reaper);

/* Plans and acts: the last part of each turn in which something changed or became due. */
void reaper_turn(struct reaper *reaper);

/* Batches that the broker has. */
size_t reaper_in_flight(const struct reaper *reaper);

/* A mount that we asked for is gone from the table. */
void reaper_count_gone(struct reaper *reaper);

/* True while a decision waits, or a batch is under way (for --once): what is left then will not go by itself. */
bool reaper_is_busy(const struct reaper *reaper);

/* Since the start. */
uint64_t reaper_reaped(const struct reaper *reaper);

#endif
