/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What measurements share: which of many durations stands for them.
 */
#ifndef REAPERD_TESTS_BENCH_TIMES_H
#define REAPERD_TESTS_BENCH_TIMES_H

#include <stddef.h>
#include <stdint.h>

/* The duration below which `percent` of them lie; 50: the median. Sorts them. `count` is not 0. */
int64_t times_percentile(int64_t *times, size_t count, unsigned percent);

#endif
