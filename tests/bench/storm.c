/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a source and the model cost while mounts come and go: RATE changes a second below a build root, beside OTHERS
 *mounts that stay. Prints the share of one core that reading takes, and how long after the last change the model had
 *it.
 *
 *	storm [SOURCE [OTHERS [RATE [SECONDS [INTERVAL_MS]]]]]
 *
 * INTERVAL_MS is the least time between the starts of two reads, as a rate-limited loop keeps it.
 */
#include <err.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../lib/scratch.h"
#include "../lib/skip.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "source/source.h"

struct plan {
	enum source_kind kind;
	unsigned others, rate, seconds, interval_ms;
};

static void sleep_until(int64_t mono)
{
	const struct timespec at = { .tv_sec = mono / NSEC_PER_SEC, .tv_nsec = mono % NSEC_PER_SEC };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) != 0)
		;
}

/* Mounts and unmounts in turn, and leaves one mount, "last", as its last change. */
static void make_changes(const struct plan *plan, int64_t *last_change)
{
	const int64_t start = clock_now().mono;
	const unsigned changes = plan->rate * plan->seconds;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (unsigned i = 0; i < changes; i++) {
		const char *target = scratch_file("build/action%u/proc", i / 2 % 50);

		sleep_until(start + (int64_t)i * NSEC_PER_SEC / plan->rate);
		if ((i % 2 ? umount2(target, 0) : mount("proc", target, "proc", 0, NULL)) < 0)
			err(1, "%s", target);
	}
	if (mount("last", scratch_file("build/last"), "tmpfs", 0, NULL) < 0)
		err(1, "last");
	*last_change = clock_now().mono;
	_exit(0);
}

static void make_mounts(unsigned others)
{
	(void)mkdir(scratch_file("build"), 0755);
	(void)mkdir(scratch_file("out"), 0755);
	(void)mkdir(scratch_file("build/last"), 0755);
	for (unsigned i = 0; i < 50; i++) {
		(void)mkdir(scratch_file("build/action%u", i), 0755);
		(void)mkdir(scratch_file("build/action%u/proc", i), 0755);
	}
	for (unsigned i = 0; i < others; i++)
		scratch_tmpfs(scratch_file("out/%u", i));
}

static struct model *make_model(void)
{
	struct model *model = model_new();
	struct root_rules rules;
	const struct root_rules *list[] = { &rules };

	if (!model || rules_init(&rules, scratch_file("build")) < 0 || model_set_roots(model, list, 1) < 0)
		errx(1, "out of memory");
	rules_clear(&rules);
	return model;
}

static void update(struct source *source, struct model *model, bool complete)
{
	struct changes changes = { 0 };
	struct scan scan = { 0 };
	int r;

	r = source->ops->drain(source);
	if (r >= 0)
		r = source->ops->read(source, model, complete, &scan);
	if (r >= 0)
		r = model_apply(model, &scan, clock_now(), &changes);
	if (r < 0)
		errx(1, "cannot read the mounts: %s", strerror(-r));
	changes_clear(&changes);
	scan_clear(&scan);
}

static bool has_last(struct model *model)
{
	const struct mount *mount = model_mount_for_path(model, scratch_file("build/last"));

	return mount && strcmp(mount->facts.source, "last") == 0;
}

static double cpu_seconds(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void watch(const struct plan *plan, struct source *source, struct model *model, const int64_t *last_change)
{
	const double cpu = cpu_seconds();
	const int64_t start = clock_now().mono;
	struct pollfd poller = { .fd = source->fd, .events = POLLIN };
	unsigned reads = 0;
	int64_t end;

	while (!has_last(model)) {
		int64_t begun;

		if (poll(&poller, 1, 10000) != 1)
			errx(1, "not woken within ten seconds");
		begun = clock_now().mono;
		update(source, model, false);
		reads++;
		if (!has_last(model))
			sleep_until(begun + plan->interval_ms * NSEC_PER_MSEC);
	}
	end = clock_now().mono;
	printf("%s: %u changes a second beside %u mounts, a read each %u ms: %.1f %% of a core, %u reads, the last "
	       "change seen after %.1f ms\n",
	       source_name(source->ops->kind), plan->rate, plan->others, plan->interval_ms,
	       100 * (cpu_seconds() - cpu) / ((double)(end - start) / NSEC_PER_SEC), reads,
	       (double)(end - *last_change) / NSEC_PER_MSEC);
}

static int run(const struct plan *plan)
{
	int64_t *last_change =
		mmap(NULL, sizeof(*last_change), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct source source;
	struct model *model;
	char why[256];
	int status;
	pid_t child;

	if (last_change == MAP_FAILED)
		err(1, "mmap");
	scratch_enter();
	make_mounts(plan->others);
	if (source_open(plan->kind, &source, why, sizeof(why)) < 0)
		errx(1, "%s: %s", source_name(plan->kind), why);
	model = make_model();
	update(&source, model, true);
	child = fork();
	if (child < 0)
		err(1, "fork");
	if (child == 0)
		make_changes(plan, last_change);
	watch(plan, &source, model, last_change);
	waitpid(child, &status, 0);
	source_close(&source);
	model_free(model);
	return status == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
	struct plan plan = { .kind = SOURCE_AUTO, .others = 10000, .rate = 1000, .seconds = 5, .interval_ms = 100 };
	unsigned *const numbers[] = { &plan.others, &plan.rate, &plan.seconds, &plan.interval_ms };
	int result;

	if (argc > 1 && source_parse(argv[1], &plan.kind) < 0)
		errx(2, "no such source: %s", argv[1]);
	for (int i = 2; i < argc && i - 2 < (int)ARRAY_SIZE(numbers); i++)
		*numbers[i - 2] = (unsigned)strtoul(argv[i], NULL, 10);
	if (plan.rate == 0)
		errx(2, "a rate of 0 ends nowhere");
	if (!scratch_begin())
		return EXIT_SKIP;
	result = run(&plan);
	umount2(scratch_path(), MNT_DETACH);
	scratch_end();
	return result;
}
