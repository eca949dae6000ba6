/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Counters and histograms since the start. What can be read off the engine when asked for (mounts, actions, the ledger)
 * is not counted here. metrics_text.c writes them out.
 */
#ifndef REAPERD_ENGINE_METRICS_H
#define REAPERD_ENGINE_METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/words.h"

#define METRICS_BUCKETS_MAX 10

struct histogram {
	const double *bounds;			   /* in seconds, ended by 0 */
	uint64_t buckets[METRICS_BUCKETS_MAX + 1]; /* not cumulative; the last is what is over every bound */
	double sum;
};

struct root_metrics {
	char *path;
	uint64_t reaps[EVIDENCE_COUNT][STEP_COUNT][OUTCOME_COUNT];
	struct root_metrics *next;
};

struct metrics {
	uint64_t events[EVENT_TYPE_COUNT];
	uint64_t attached, attested; /* mounts below roots that came, and those of which it is certain who made them */
	struct histogram reap, latency;
	/* Never removed: their number is bounded by the configurations that were in force. */
	struct root_metrics *roots;
};

struct metrics *metrics_new(void); /* NULL when out of memory */
void metrics_free(struct metrics *metrics);

void metrics_count_event(struct metrics *metrics, enum event_type type);
void metrics_count_attach(struct metrics *metrics, bool attested);
/* From the wake-up by the source to the model that it led to, ns. */
void metrics_event_latency(struct metrics *metrics, int64_t ns);
/* One step on one mount, and how long the broker took for it, ns. */
void metrics_reap(struct metrics *metrics, const char *root, enum evidence because, enum step step,
		  enum outcome outcome, int64_t duration);

#endif
