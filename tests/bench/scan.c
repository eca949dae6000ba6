/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One scan of the table: by a source into a model with a build root at ROOT, and by the bare calls (listmount, and
 * statmount of each with the same fields), in turn.
 *
 *	scan SOURCE ROOT ROUNDS
 *
 * Prints {"source", "mounts", "below", "ours_ms", "bare_ms"}: medians. bare_ms is null where the kernel has not got
 * the calls.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "kernel/mount_events.h"
#include "kernel/mounts.h"
#include "source/source.h"
#include "times.h"

static struct model *make_model(const char *path)
{
	struct model *model = model_new();
	struct root_rules rules;
	const struct root_rules *list[] = { &rules };

	if (!model || rules_init(&rules, path) < 0 || model_set_roots(model, list, 1) < 0)
		errx(1, "out of memory");
	rules_clear(&rules);
	return model;
}

static int64_t scan_by_source(struct source *source, const char *root, struct model_counts *ret)
{
	struct model *model = make_model(root);
	struct changes changes = { 0 };
	struct scan scan = { 0 };
	int64_t start = clock_now().mono;
	int r;

	r = source->ops->drain(source);
	if (r >= 0)
		r = source->ops->read(source, model, true, &scan);
	if (r >= 0)
		r = model_apply(model, &scan, clock_now(), &changes);
	if (r < 0)
		errx(1, "%s: %s", source_name(source->ops->kind), strerror(-r));
	start = clock_now().mono - start;
	model_count(model, NULL, ret);
	changes_clear(&changes);
	scan_clear(&scan);
	model_free(model);
	return start;
}

/* -1: the kernel has no such calls. */
static int64_t scan_barely(void)
{
	static char buffer[16 << 10];
	CLEANUP_FREE uint64_t *ids = NULL;
	struct mount_status status;
	int64_t start = clock_now().mono;
	uint64_t known;
	size_t count;
	int r = kernel_listmount_all(&ids, &count);

	if (r == -ENOSYS)
		return -1;
	for (size_t i = 0; r == 0 && i < count; i++)
		r = kernel_statmount_full(ids[i], buffer, sizeof(buffer), &status, &known);
	if (r < 0)
		errx(1, "the bare calls: %s", strerror(-r));
	return clock_now().mono - start;
}

static double median_ms(int64_t *times, size_t count)
{
	return (double)times_percentile(times, count, 50) / NSEC_PER_MSEC;
}

/* As the broker does. */
static struct source_inputs watch_events(void)
{
	struct source_inputs inputs = { .events = -1 };
	CLEANUP_CLOSE int ns = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	int r = kernel_mount_events_open(&inputs.events_lack);

	inputs.events = r;
	if (r >= 0 && ns >= 0)
		r = kernel_mount_events_watch(inputs.events, ns);
	if (r < 0) {
		cleanup_close(&inputs.events);
		inputs.events = -1;
		inputs.events_error = -r;
	}
	return inputs;
}

int main(int argc, char **argv)
{
	size_t rounds = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;
	int64_t *ours = calloc(rounds ? rounds : 1, sizeof(*ours));
	int64_t *bare = calloc(rounds ? rounds : 1, sizeof(*bare));
	struct model_counts counts = { 0 };
	enum source_kind kind;
	struct source source;
	struct source_inputs inputs = watch_events();
	char why[256] = "";

	if (!rounds || !ours || !bare || source_parse(argv[1], &kind) < 0)
		errx(2, "usage: scan SOURCE ROOT ROUNDS");
	if (source_open(kind, &inputs, &source, why, sizeof(why)) < 0)
		errx(1, "%s: %s", source_name(kind), why);
	for (size_t i = 0; i < rounds; i++) {
		bare[i] = scan_barely();
		ours[i] = scan_by_source(&source, argv[2], &counts);
	}
	printf("{\"source\": \"%s\", \"mounts\": %zu, \"below\": %zu, \"ours_ms\": %.3f, \"bare_ms\": ",
	       source_name(source.ops->kind), counts.mounts, counts.root_mounts, median_ms(ours, rounds));
	if (bare[0] < 0)
		printf("null}\n");
	else
		printf("%.3f}\n", median_ms(bare, rounds));
	source_close(&source);
	free(ours);
	free(bare);
	return 0;
}
