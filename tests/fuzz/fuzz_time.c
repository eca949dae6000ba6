/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Durations and times as people type them: what was read is shown so that it is read as the same again. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "fuzz.h"

#define NOW    (INT64_C(1795644000) * NSEC_PER_SEC + 123456789)
#define DAY_NS (86400 * NSEC_PER_SEC)

static bool check_duration(const char *text)
{
	int64_t ns = -1, again = -1;
	char shown[24];
	int r = duration_parse(text, &ns);

	FUZZ_HOLDS(r == 0 || r == -EINVAL || r == -ERANGE);
	if (r < 0) {
		FUZZ_HOLDS(ns == -1);
		return false;
	}
	FUZZ_HOLDS(ns >= 0 && ns <= 36525 * DAY_NS);
	duration_format(ns, shown, sizeof(shown));
	FUZZ_HOLDS(duration_parse(shown, &again) == 0 && again == ns);
	return true;
}

static int64_t rest_of(int64_t ns, int64_t unit)
{
	return ns % unit < 0 ? ns % unit + unit : ns % unit;
}

static bool check_time(const char *text)
{
	int64_t ns = -1, again = -1;
	char shown[32];
	int r = time_parse(text, NOW, &ns);

	FUZZ_HOLDS(r == 0 || r == -EINVAL);
	if (r < 0) {
		FUZZ_HOLDS(ns == -1);
		return false;
	}
	time_format_rfc3339(ns, shown, sizeof(shown));
	/* The first of all milliseconds may begin before the first of all nanoseconds. */
	if (ns - rest_of(ns, NSEC_PER_MSEC) < ns || rest_of(ns, NSEC_PER_MSEC) == 0)
		FUZZ_HOLDS(time_parse(shown, NOW, &again) == 0 && again == ns - rest_of(ns, NSEC_PER_MSEC));
	if (strlen(text) > 2 && text[2] == ':')
		FUZZ_HOLDS(ns <= NOW && ns > NOW - 2 * DAY_NS && ns % NSEC_PER_SEC == 0);
	if (*text == '-')
		FUZZ_HOLDS(ns <= NOW);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP_FREE char *text = fuzz_string(data, size);
	bool duration = check_duration(text);
	bool time = check_time(text);

	FUZZ_HOLDS(!duration || !time);
	fuzz_accepted = duration || time;
	return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	/* A zone whose clocks are changed, for times without one. */
	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	tzset();
	return 0;
}
