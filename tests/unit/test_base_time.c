/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Durations, ages and moments, as people write and read them. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/text.h"
#include "run_suite.h"

START_TEST(durations_are_read_and_written)
{
	static const struct {
		const char *text;
		int64_t ns;
	} cases[] = {
		{ "0", 0 },
		{ "500ms", 500 * NSEC_PER_MSEC },
		{ "90s", 90 * NSEC_PER_SEC },
		{ "2m", 120 * NSEC_PER_SEC },
		{ "1h", 3600 * NSEC_PER_SEC },
		{ "30d", 30 * 86400 * NSEC_PER_SEC },
		{ "1ns", 1 },
		{ "36525d", INT64_C(36525) * 86400 * NSEC_PER_SEC },
	};
	char text[24];
	int64_t ns;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ck_assert_int_eq(duration_parse(cases[i].text, &ns), 0);
		ck_assert_int_eq(ns, cases[i].ns);
		ck_assert_str_eq(duration_format(ns, text, sizeof(text)), cases[i].text);
	}
	ck_assert_str_eq(duration_format(3155760000000000001, text, sizeof(text)), "3155760000000000001ns");
	ck_assert_int_eq(duration_parse("0s", &ns), 0);
}
END_TEST

START_TEST(what_is_no_duration_is_refused)
{
	static const char *const bad[] = {
		"", "s", "5", "5x", "-1s", "1.5s", " 5s", "5s ", "5 s", "5sm", "0x5s", "+5s"
	};
	static const char *const large[] = { "36526d", "99999999999d", "99999999999999999999999ns", "3155760001s" };
	int64_t ns = 7;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_int_eq(duration_parse(bad[i], &ns), -EINVAL);
	for (size_t i = 0; i < ARRAY_SIZE(large); i++)
		ck_assert_int_eq(duration_parse(large[i], &ns), -ERANGE);
	ck_assert_int_eq(ns, 7);
}
END_TEST

START_TEST(ages_are_for_people)
{
	char text[24];

	ck_assert_str_eq(age_format(-5, text, sizeof(text)), "0ms");
	ck_assert_str_eq(age_format(120 * NSEC_PER_MSEC, text, sizeof(text)), "120ms");
	ck_assert_str_eq(age_format(3 * NSEC_PER_SEC + 1, text, sizeof(text)), "3s");
	ck_assert_str_eq(age_format(250 * NSEC_PER_SEC, text, sizeof(text)), "4m 10s");
	ck_assert_str_eq(age_format(7500 * NSEC_PER_SEC, text, sizeof(text)), "2h 5m");
	ck_assert_str_eq(age_format((3 * 86400 + 4 * 3600) * NSEC_PER_SEC, text, sizeof(text)), "3d 4h");
}
END_TEST

#define MOMENT (INT64_C(1795341600123) * NSEC_PER_MSEC) /* 2026-11-22T10:00:00.123Z, a Sunday */

static void use_zone(const char *zone)
{
	setenv("TZ", zone, 1);
	tzset();
}

START_TEST(moments_are_written_in_utc)
{
	char text[32];

	use_zone("CET-1CEST,M3.5.0,M10.5.0/3");
	ck_assert_str_eq(time_format_rfc3339(MOMENT, text, sizeof(text)), "2026-11-22T10:00:00.123Z");
	ck_assert_str_eq(time_format_rfc3339(0, text, sizeof(text)), "1970-01-01T00:00:00.000Z");
	ck_assert_str_eq(time_format_rfc3339(-1, text, sizeof(text)), "1969-12-31T23:59:59.999Z");
}
END_TEST

static int64_t moment_of(const char *text)
{
	int64_t ns = -1;

	ck_assert_msg(time_parse(text, MOMENT, &ns) == 0, "%s", text);
	return ns;
}

START_TEST(moments_are_read_in_every_form)
{
	const int64_t hour = 3600 * NSEC_PER_SEC;
	const int64_t ten = MOMENT - 123 * NSEC_PER_MSEC;

	use_zone("CET-1CEST,M3.5.0,M10.5.0/3"); /* now is 11:00:00.123 there */
	ck_assert_int_eq(moment_of("2026-11-22T10:00:00.123Z"), MOMENT);
	ck_assert_int_eq(moment_of("2026-11-22 10:00:00Z"), ten);
	ck_assert_int_eq(moment_of("2026-11-22T12:30:00.5+02:30"), ten + 500 * NSEC_PER_MSEC);
	ck_assert_int_eq(moment_of("2026-11-22t05:00:00-05:00"), ten);
	ck_assert_int_eq(moment_of("2026-11-22T11:00:00"), ten);
	ck_assert_int_eq(moment_of("2026-07-01 12:00:00"), moment_of("2026-07-01T10:00:00Z"));
	ck_assert_int_eq(moment_of("10:30"), ten - hour / 2);
	ck_assert_int_eq(moment_of("11:00:00"), ten);
	ck_assert_int_eq(moment_of("11:00:01"), ten - 24 * hour + NSEC_PER_SEC);
	ck_assert_int_eq(moment_of("-2h"), MOMENT - 2 * hour);
	ck_assert_int_eq(moment_of("@1795341600"), ten);
	ck_assert_int_eq(moment_of("1970-01-01T00:00:00Z"), 0);
	ck_assert_int_eq(moment_of("1970-01-01T00:00:00.123456789999Z"), 123456789);
}
END_TEST

START_TEST(an_earlier_day_has_the_hour_that_its_clock_showed)
{
	int64_t ns;

	use_zone("CET-1CEST,M3.5.0,M10.5.0/3");
	/* Now 01:30 on the day after the clocks went back: "12:00" is the day before, and 12:00 by its clock. */
	ck_assert_int_eq(time_parse("12:00", moment_of("2026-10-26T00:30:00Z"), &ns), 0);
	ck_assert_int_eq(ns, moment_of("2026-10-25T11:00:00Z"));
	ck_assert_int_eq(time_parse("12:00", moment_of("2026-10-25T00:30:00Z"), &ns), 0);
	ck_assert_int_eq(ns, moment_of("2026-10-24T10:00:00Z"));
}
END_TEST

START_TEST(what_is_no_moment_is_refused)
{
	static const char *const bad[] = {
		"",
		"now",
		"2026-11-22",
		"2026-11-22T10:00Z",
		"2026-13-01T00:00:00Z",
		"2026-02-29T00:00:00Z",
		"2026-00-10T00:00:00Z",
		"2026-11-22T24:00:00Z",
		"2026-11-22T10:00:00.Z",
		"2026-11-22T10:00:00+1",
		"24:00",
		"12:60",
		"12:3",
		"12:30:",
		"12:30x",
		"-",
		"-2",
		"-2x",
		"@",
		"@x",
		"@99999999999999",
		"9999-12-31T00:00:00Z",
		"2026-11-22T10:00:00Zx",
	};
	int64_t ns = 7;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_msg(time_parse(bad[i], MOMENT, &ns) == -EINVAL, "%s", bad[i]);
	ck_assert_int_eq(ns, 7);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("base: time");
	TCase *tests = tcase_create("time");

	tcase_add_test(tests, durations_are_read_and_written);
	tcase_add_test(tests, what_is_no_duration_is_refused);
	tcase_add_test(tests, ages_are_for_people);
	tcase_add_test(tests, moments_are_written_in_utc);
	tcase_add_test(tests, moments_are_read_in_every_form);
	tcase_add_test(tests, an_earlier_day_has_the_hour_that_its_clock_showed);
	tcase_add_test(tests, what_is_no_moment_is_refused);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
