/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Counters and histograms since the start, and their text in Prometheus's form. What can be read off the engine when
 * asked for (mounts, actions, the ledger) is not counted here. Label values are bounded: roots, states, kinds; never an
 * action's name.
 */
#ifndef REAPERD_ENGINE_METRICS_H
#define REAPERD_ENGINE_METRICS_H

#include <stdint.h>

#include "base/words.h"

struct engine;
struct metrics;

struct metrics *metrics_new(void); /* NULL when out of memory */
void metrics_free(struct metrics *metrics);

void metrics_count_event(struct metrics *metrics, enum event_type type);
/* From the wake-up by the source to the model that it led to, ns. */
void metrics_event_latency(struct metrics *metrics, int64_t ns);
/* One step on one mount, and how long the broker took for it, ns. */
void metrics_reap(struct metrics *metrics, const char *root, enum evidence because, enum step step,
		  enum outcome outcome, int64_t duration);

/* The whole text. NULL when out of memory; the caller frees it. */
char *metrics_text(struct engine *engine);

#endif
