/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The switch: reaping stops, watching goes on. Kept in the ledger over restarts. */
#ifndef REAPERD_ENGINE_PAUSE_H
#define REAPERD_ENGINE_PAUSE_H

#include "engine/state.h"

/* root NULL: everything. seconds 0: until pause_end(). */
void pause_begin(struct engine *engine, struct root *root, double seconds);
/* root NULL: everything, and what was paused alone goes on, too. */
void pause_end(struct engine *engine, struct root *root);

/* What was paused when we ended is paused still. */
void pause_restore(struct engine *engine);

/* Resumes what was paused for a time: part of each turn. */
void pause_turn(struct engine *engine);

#endif
