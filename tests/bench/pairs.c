/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Mounts and unmounts a tmpfs, as a runner does, and says how long that took: in a tight loop, or at a pace.
 *
 *	pairs PLACE PAIRS [CHANGES_A_SECOND]
 *
 * Prints {"pairs", "seconds", "pair_us", "pair_us_p99"}: the median of a mount and its unmount, and the 99th of a
 * hundred, without what the pace has it wait.
 */
#include <err.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <time.h>

#include "base/clock.h"
#include "times.h"

static void sleep_until(int64_t mono)
{
	const struct timespec at = { .tv_sec = mono / NSEC_PER_SEC, .tv_nsec = mono % NSEC_PER_SEC };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) != 0)
		;
}

static int64_t change(const char *place, bool up)
{
	int64_t start = clock_now().mono;

	if ((up ? mount("tmpfs", place, "tmpfs", 0, NULL) : umount2(place, UMOUNT_NOFOLLOW)) < 0)
		err(1, "%s", place);
	return clock_now().mono - start;
}

int main(int argc, char **argv)
{
	size_t pairs = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
	unsigned long rate = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;
	int64_t gap = rate ? NSEC_PER_SEC / (int64_t)rate : 0;
	int64_t *times = calloc(pairs ? pairs : 1, sizeof(*times));
	int64_t start;

	if (!pairs || !times)
		errx(2, "usage: pairs PLACE PAIRS [CHANGES_A_SECOND]");
	start = clock_now().mono;
	for (size_t i = 0; i < pairs; i++) {
		if (gap)
			sleep_until(start + (int64_t)(2 * i) * gap);
		times[i] = change(argv[1], true);
		if (gap)
			sleep_until(start + (int64_t)(2 * i + 1) * gap);
		times[i] += change(argv[1], false);
	}
	start = clock_now().mono - start;
	printf("{\"pairs\": %zu, \"seconds\": %.6f, \"pair_us\": %.3f, \"pair_us_p99\": %.3f}\n", pairs,
	       (double)start / NSEC_PER_SEC, (double)times_percentile(times, pairs, 50) / 1e3,
	       (double)times_percentile(times, pairs, 99) / 1e3);
	free(times);
	return 0;
}
