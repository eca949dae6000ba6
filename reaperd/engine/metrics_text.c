/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/metrics_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "engine/metrics.h"
#include "engine/status.h"
#include "kernel/mounts.h"

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
	fprintf(out, "reaperd_%s %.15g\n", name, value);
}

static void put_root_value(FILE *out, const char *name, const char *root, const char *state, uint64_t value)
{
	fprintf(out, "reaperd_%s{root=\"", name);
	put_label(out, root);
	fprintf(out, "\",state=\"%s\"} %" PRIu64 "\n", state, value);
}

static void put_histogram(FILE *out, const char *name, const char *help, const struct histogram *histogram)
{
	uint64_t count = 0;
	const double *bounds = histogram->bounds;
	size_t i = 0;

	put_help(out, name, "histogram", help);
	for (; bounds[i] > 0; i++) {
		count += histogram->buckets[i];
		fprintf(out, "reaperd_%s_bucket{le=\"%g\"} %" PRIu64 "\n", name, bounds[i], count);
	}
	count += histogram->buckets[i];
	fprintf(out, "reaperd_%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name, count);
	fprintf(out, "reaperd_%s_sum %.15g\nreaperd_%s_count %" PRIu64 "\n", name, histogram->sum, name, count);
}

static void put_mounts(FILE *out, const struct root_status *roots, size_t count)
{
	put_help(out, "mounts", "gauge",
		 "Mounts below a build root: of live actions, over and to go, stuck, protected, or no action's.");
	for (size_t i = 0; i < count; i++) {
		put_root_value(out, "mounts", roots[i].path, "attached", roots[i].live);
		put_root_value(out, "mounts", roots[i].path, "leftover", roots[i].over);
		put_root_value(out, "mounts", roots[i].path, "stuck", roots[i].stuck);
		put_root_value(out, "mounts", roots[i].path, "protected", roots[i].protected);
		put_root_value(out, "mounts", roots[i].path, "unowned", roots[i].unowned);
	}
}

/* One of them is 1: so an alert names the state, and a graph shows each. */
static void put_health(FILE *out, const struct root_status *roots, size_t count)
{
	put_help(out, "root_health", "gauge", "1 for the state in which the build root is, 0 for all others.");
	for (size_t i = 0; i < count; i++)
		for (int health = 0; health < ROOT_HEALTH_COUNT; health++)
			put_root_value(out, "root_health", roots[i].path, root_health_name(health),
				       (int)roots[i].root->health == health);
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

static void put_attached(FILE *out, const struct metrics *metrics)
{
	put_help(out, "attached_total", "counter",
		 "Mounts that came below a build root since the start, by whether it is certain who made them.");
	fprintf(out, "reaperd_attached_total{attested=\"yes\"} %" PRIu64 "\n", metrics->attested);
	fprintf(out, "reaperd_attached_total{attested=\"no\"} %" PRIu64 "\n", metrics->attached - metrics->attested);
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
	put_histogram(out, "reap_duration_seconds", "How long one step on one mount took.", &metrics->reap);
	put_histogram(out, "event_latency_seconds", "From a wake-up by the kernel to the model that it led to.",
		      &metrics->latency);
}

static void put_engine(FILE *out, struct engine *engine, const struct status *status)
{
	uint64_t mount_max = kernel_mount_max();

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
		put_health(out, status.roots, status.root_count);
		put_events(out, engine->metrics);
		put_attached(out, engine->metrics);
		put_reaps(out, engine->metrics);
		put_engine(out, engine, &status);
		if (fclose(out) != 0)
			free(take_ptr(text));
	}
	status_clear(&status);
	return text;
}
