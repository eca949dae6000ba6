/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "times.h"

#include <stdlib.h>

static int compare(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

int64_t times_percentile(int64_t *times, size_t count, unsigned percent)
{
	qsort(times, count, sizeof(*times), compare);
	return times[count * percent / 100 < count ? count * percent / 100 : count - 1];
}
