/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/metrics.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "engine/engine.h"
#include "engine/status.h"

#define BUCKETS_MAX 10

struct histogram {
	uint64_t buckets[BUCKETS_MAX + 1]; /* not cumulative; the last is what is over every bound */
	double sum;
};

/* Bounds in seconds, ended by 0. An unmount takes tens of microseconds, a step's deadline is seconds. */
static const double reap_bounds[] = { 0.00005, 0.0001, 0.001, 0.01, 0.1, 1, 5, 10, 60, 0 };
static const double latency_bounds[] = { 0.0001, 0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 1, 5, 0 };

struct root_metrics {
	char *path;
	uint64_t reaps[EVIDENCE_COUNT][STEP_COUNT][OUTCOME_COUNT];
	struct root_metrics *next;
};

struct metrics {
	uint64_t events[EVENT_TYPE_COUNT];
	struct histogram reap, latency;
	struct root_metrics
		*roots; /* never removed: their number is bounded by the configurations that were in force */
};

struct metrics *metrics_new(void)
{
	return calloc(1, sizeof(struct metrics));
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

static void histogram_add(struct histogram *histogram, const double *bounds, int64_t ns)
{
	double seconds = (double)ns / NSEC_PER_SEC;
	size_t i = 0;

	while (bounds[i] > 0 && seconds > bounds[i])
		i++;
	histogram->buckets[i]++;
	histogram->sum += seconds;
}

void metrics_event_latency(struct metrics *metrics, int64_t ns)
{
	histogram_add(&metrics->latency, latency_bounds, ns);
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
	histogram_add(&metrics->reap, reap_bounds, duration);
}

/* ---- text ---- */

static void put_help(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP reaperd_%s %s\n# TYPE reaperd_%s %s\n", name, help, name, type);
}

/* A label's value: bytes that text cannot hold as \xNN, then Prometheus's own escapes. */
static void put_label(FILE *out, const char *value)
{
	CLEANUP_FREE char *text = text_escape(value);

	for (const char *c = text ? text : ""; *c; c++) {
		if (*c == '\\' || *c == '"')
			fputc('\\', out);
		fputc(*c, out);
	}
}

static void put_number(FILE *out, const char *name, const char *type, const char *help, double value)
{
	put_help(out, name, type, help);
	fprintf(out, "reaperd_%s %.17g\n", name, value);
}

static void put_root_value(FILE *out, const char *name, const char *root, const char *state, uint64_t value)
{
	fprintf(out, "reaperd_%s{root=\"", name);
	put_label(out, root);
	fprintf(out, "\",state=\"%s\"} %" PRIu64 "\n", state, value);
}

static void put_histogram(FILE *out, const char *name, const char *help, const struct histogram *histogram,
			  const double *bounds)
{
	uint64_t count = 0;
	size_t i = 0;

	put_help(out, name, "histogram", help);
	for (; bounds[i] > 0; i++) {
		count += histogram->buckets[i];
		fprintf(out, "reaperd_%s_bucket{le=\"%g\"} %" PRIu64 "\n", name, bounds[i], count);
	}
	count += histogram->buckets[i];
	fprintf(out, "reaperd_%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name, count);
	fprintf(out, "reaperd_%s_sum %.17g\nreaperd_%s_count %" PRIu64 "\n", name, histogram->sum, name, count);
}

static void put_mounts(FILE *out, const struct root_status *roots, size_t count)
{
	put_help(out, "mounts", "gauge",
		 "Mounts below a build root: of live actions, over and to go, stuck, or no action's.");
	for (size_t i = 0; i < count; i++) {
		put_root_value(out, "mounts", roots[i].path, "attached", roots[i].live);
		put_root_value(out, "mounts", roots[i].path, "leftover", roots[i].over);
		put_root_value(out, "mounts", roots[i].path, "stuck", roots[i].stuck);
		put_root_value(out, "mounts", roots[i].path, "unowned", roots[i].unowned);
	}
}

static void put_actions(FILE *out, const struct root_status *roots, size_t count)
{
	put_help(out, "actions", "gauge", "Build actions by state.");
	for (size_t i = 0; i < count; i++) {
		for (int state = 0; state < ACTION_STATE_COUNT; state++) {
			if (state != ACTION_CLEARED)
				put_root_value(out, "actions", roots[i].path, action_state_name(state),
					       roots[i].actions[state]);
		}
	}
}

static void put_events(FILE *out, const struct metrics *metrics)
{
	put_help(out, "events_total", "counter", "Journalled events since the start.");
	for (int type = 0; type < EVENT_TYPE_COUNT; type++)
		fprintf(out, "reaperd_events_total{type=\"%s\"} %" PRIu64 "\n", event_type_name(type),
			metrics->events[type]);
}

static void put_root_reaps(FILE *out, const struct root_metrics *root)
{
	for (int because = 0; because < EVIDENCE_COUNT; because++) {
		for (int step = 0; step < STEP_COUNT; step++) {
			for (int outcome = 0; outcome < OUTCOME_COUNT; outcome++) {
				if (root->reaps[because][step][outcome] == 0)
					continue;
				fputs("reaperd_reaps_total{root=\"", out);
				put_label(out, root->path);
				fprintf(out, "\",evidence=\"%s\",step=\"%s\",result=\"%s\"} %" PRIu64 "\n",
					evidence_name(because), step_name(step), outcome_name(outcome),
					root->reaps[because][step][outcome]);
			}
		}
	}
}

static void put_reaps(FILE *out, const struct metrics *metrics)
{
	put_help(out, "reaps_total", "counter", "Steps tried on leftovers, by what they came to.");
	for (const struct root_metrics *root = metrics->roots; root; root = root->next)
		put_root_reaps(out, root);
	put_histogram(out, "reap_duration_seconds", "How long one step on one mount took.", &metrics->reap,
		      reap_bounds);
	put_histogram(out, "event_latency_seconds", "From a wake-up by the kernel to the model that it led to.",
		      &metrics->latency, latency_bounds);
}

static void put_engine(FILE *out, struct engine *engine, const struct status *status)
{
	uint64_t mount_max = status_mount_max();

	put_number(out, "lost_events_total", "counter", "Mount events that the kernel had to drop.",
		   (double)engine->lost);
	put_number(out, "stuck_mounts", "gauge", "Mounts that survived their ladder.", (double)status->stuck);
	put_number(out, "hung_operations", "gauge", "Operations past their deadline whose process has not ended.",
		   (double)status->hung);
	put_number(out, "oldest_leftover_seconds", "gauge",
		   "For how long evidence has held for the oldest leftover; 0: none.",
		   (double)status->oldest_leftover / NSEC_PER_SEC);
	put_number(out, "paused", "gauge", "1 while reaping is paused, for everything or for a root.",
		   status->paused_somewhere);
	put_number(out, "ledger_bytes", "gauge", "Size of the ledger with its write-ahead log.",
		   (double)store_bytes(engine->store));
	put_number(out, "ledger_degraded", "gauge", "1 while the ledger cannot be written.",
		   store_state(engine->store) != STORE_OK);
	if (mount_max > 0)
		put_number(out, "mount_table_ratio", "gauge", "Mounts in the namespace as a part of fs.mount-max.",
			   (double)status->table / (double)mount_max);
}

char *metrics_text(struct engine *engine)
{
	struct status status;
	char *text = NULL;
	size_t size;
	FILE *out;

	if (status_collect(engine, &status) < 0)
		return NULL;
	out = open_memstream(&text, &size);
	if (out) {
		put_help(out, "build_info", "gauge", "The program's version and the source that it watches.");
		fprintf(out, "reaperd_build_info{version=\"%s\",source=\"%s\"} 1\n", status_version(),
			source_name(engine->source.ops->kind));
		put_mounts(out, status.roots, status.root_count);
		put_actions(out, status.roots, status.root_count);
		put_events(out, engine->metrics);
		put_reaps(out, engine->metrics);
		put_engine(out, engine, &status);
		if (fclose(out) != 0)
			free(take_ptr(text));
	}
	status_clear(&status);
	return text;
}
