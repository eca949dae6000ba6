/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/metrics.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

/* Bounds in seconds, ended by 0. An unmount takes tens of microseconds, a step's deadline is seconds. */
static const double reap_bounds[] = { 0.00005, 0.0001, 0.001, 0.01, 0.1, 1, 5, 10, 60, 0 };
static const double latency_bounds[] = { 0.0001, 0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 1, 5, 0 };

struct metrics *metrics_new(void)
{
	struct metrics *metrics = calloc(1, sizeof(*metrics));

	if (metrics) {
		metrics->reap.bounds = reap_bounds;
		metrics->latency.bounds = latency_bounds;
	}
	return metrics;
}

void metrics_free(struct metrics *metrics)
{
	struct root_metrics *next;

	for (struct root_metrics *root = metrics ? metrics->roots : NULL; root; root = next) {
		next = root->next;
		free(root->path);
		free(root);
	}
	free(metrics);
}

void metrics_count_event(struct metrics *metrics, enum event_type type)
{
	metrics->events[type]++;
}

void metrics_count_attach(struct metrics *metrics, bool attested)
{
	metrics->attached++;
	metrics->attested += attested;
}

static void histogram_add(struct histogram *histogram, int64_t ns)
{
	double seconds = (double)ns / NSEC_PER_SEC;
	size_t i = 0;

	while (histogram->bounds[i] > 0 && seconds > histogram->bounds[i])
		i++;
	histogram->buckets[i]++;
	histogram->sum += seconds;
}

void metrics_event_latency(struct metrics *metrics, int64_t ns)
{
	histogram_add(&metrics->latency, ns);
}

/* NULL when out of memory. */
static struct root_metrics *metrics_root(struct metrics *metrics, const char *path)
{
	struct root_metrics *root;

	for (root = metrics->roots; root; root = root->next) {
		if (strcmp(root->path, path) == 0)
			return root;
	}
	root = calloc(1, sizeof(*root));
	if (!root)
		return NULL;
	root->path = strdup(path);
	if (!root->path) {
		free(root);
		return NULL;
	}
	root->next = metrics->roots;
	metrics->roots = root;
	return root;
}

void metrics_reap(struct metrics *metrics, const char *root, enum evidence because, enum step step,
		  enum outcome outcome, int64_t duration)
{
	struct root_metrics *counts = metrics_root(metrics, root);

	if (counts)
		counts->reaps[because][step][outcome]++;
	histogram_add(&metrics->reap, duration);
}
