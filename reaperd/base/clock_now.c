/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Alone in its file, so that a simulation can bring a clock of its own. */
#include <time.h>

#include "base/clock.h"

static int64_t read_clock(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

struct now clock_now(void)
{
	return (struct now){ .mono = read_clock(CLOCK_MONOTONIC), .real = read_clock(CLOCK_REALTIME) };
}
