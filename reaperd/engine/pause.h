/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The switch: reaping stops, watching goes on. Kept in the ledger over restarts. Commands use engine_pause() and
 * engine_resume().
 */
#ifndef REAPERD_ENGINE_PAUSE_H
#define REAPERD_ENGINE_PAUSE_H

#include "engine/engine.h"

/* What was paused when we ended is paused still. */
void pause_restore(struct engine *engine);

/* Resumes what was paused for a time: part of each turn. */
void pause_turn(struct engine *engine);

#endif
