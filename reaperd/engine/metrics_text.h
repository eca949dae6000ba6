/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The metrics in Prometheus's form: what is counted (metrics.h), and what can be read off the engine when asked for,
 * such as mounts, actions and the ledger. Label values are bounded: roots, states, kinds; never an action's name.
 */
#ifndef REAPERD_ENGINE_METRICS_TEXT_H
#define REAPERD_ENGINE_METRICS_TEXT_H

#include "engine/state.h"

/* The whole text. NULL when out of memory; the caller frees it. */
char *metrics_text(struct engine *engine);

#endif
