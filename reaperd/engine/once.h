/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* --once: when nothing more will happen by itself, report and end with audit's exit status. */
#ifndef REAPERD_ENGINE_ONCE_H
#define REAPERD_ENGINE_ONCE_H

#include "engine/state.h"

void once_turn(struct engine *engine);

#endif
