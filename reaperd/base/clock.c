/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/clock.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"

#define NSEC_PER_MIN  (60 * NSEC_PER_SEC)
#define NSEC_PER_HOUR (60 * NSEC_PER_MIN)
#define NSEC_PER_DAY  (24 * NSEC_PER_HOUR)
#define DURATION_MAX  (36525 * NSEC_PER_DAY)

static const struct duration_unit {
	const char *name;
	int64_t ns;
} duration_units[] = {
	{ "d", NSEC_PER_DAY },	 { "h", NSEC_PER_HOUR },	   { "m", NSEC_PER_MIN }, { "s", NSEC_PER_SEC },
	{ "ms", NSEC_PER_MSEC }, { "us", NSEC_PER_SEC / 1000000 }, { "ns", 1 },
};

/* Decimal digits at *text; false where there is none. What does not fit becomes INT64_MAX. */
static bool parse_digits(const char **text, int64_t *ret)
{
	const char *s = *text;
	int64_t value = 0;
	bool fits = true;

	if (!isdigit((unsigned char)*s))
		return false;
	for (; isdigit((unsigned char)*s); s++)
		if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, *s - '0', &value))
			fits = false;
	*text = s;
	*ret = fits ? value : INT64_MAX;
	return true;
}

int duration_parse(const char *text, int64_t *ret_ns)
{
	int64_t value, ns;

	if (!parse_digits(&text, &value))
		return -EINVAL;
	if (value == 0 && *text == '\0') {
		*ret_ns = 0;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(duration_units); i++) {
		if (strcmp(text, duration_units[i].name) != 0)
			continue;
		if (__builtin_mul_overflow(value, duration_units[i].ns, &ns) || ns > DURATION_MAX)
			return -ERANGE;
		*ret_ns = ns;
		return 0;
	}
	return -EINVAL;
}

/* The shorter text of two exact ones wins, the larger unit where both are as long. */
char *duration_format(int64_t ns, char *buf, size_t size)
{
	char best[32] = "";

	if (ns <= 0) {
		snprintf(buf, size, "0");
		return buf;
	}
	for (size_t i = 0; i < ARRAY_SIZE(duration_units); i++) {
		char text[32];

		if (ns % duration_units[i].ns != 0)
			continue;
		snprintf(text, sizeof(text), "%" PRId64 "%s", ns / duration_units[i].ns, duration_units[i].name);
		if (!*best || strlen(text) < strlen(best))
			memcpy(best, text, sizeof(best));
	}
	snprintf(buf, size, "%s", best);
	return buf;
}

char *age_format(int64_t ns, char *buf, size_t size)
{
	int64_t seconds = ns / NSEC_PER_SEC;

	if (ns < NSEC_PER_SEC)
		snprintf(buf, size, "%" PRId64 "ms", ns > 0 ? ns / NSEC_PER_MSEC : 0);
	else if (seconds < 60)
		snprintf(buf, size, "%" PRId64 "s", seconds);
	else if (seconds < 3600)
		snprintf(buf, size, "%" PRId64 "m %" PRId64 "s", seconds / 60, seconds % 60);
	else if (seconds < 86400)
		snprintf(buf, size, "%" PRId64 "h %" PRId64 "m", seconds / 3600, seconds / 60 % 60);
	else
		snprintf(buf, size, "%" PRId64 "d %" PRId64 "h", seconds / 86400, seconds / 3600 % 24);
	return buf;
}

/* Seconds and the nanoseconds behind them, for moments before 1970 too. */
static time_t split_real(int64_t real_ns, int64_t *ret_rest)
{
	int64_t seconds = real_ns / NSEC_PER_SEC;
	int64_t rest = real_ns % NSEC_PER_SEC;

	if (rest < 0) {
		rest += NSEC_PER_SEC;
		seconds--;
	}
	*ret_rest = rest;
	return (time_t)seconds;
}

char *time_format_rfc3339(int64_t real_ns, char *buf, size_t size)
{
	int64_t rest;
	time_t seconds = split_real(real_ns, &rest);
	struct tm tm;
	char date[24];

	gmtime_r(&seconds, &tm);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(buf, size, "%s.%03dZ", date, (int)(rest / NSEC_PER_MSEC));
	return buf;
}

/* Exactly `digits` decimal digits with a value of at most `max`. */
static bool parse_field(const char **text, unsigned digits, int max, int *ret)
{
	int value = 0;

	for (unsigned i = 0; i < digits; i++, ++*text) {
		if (!isdigit((unsigned char)**text))
			return false;
		value = value * 10 + (**text - '0');
	}
	*ret = value;
	return value <= max;
}

static bool parse_char(const char **text, char c)
{
	if (**text != c)
		return false;
	++*text;
	return true;
}

/* ".123456789": any number of digits, those behind the ninth are dropped. None at all is fine, a dot alone is not. */
static bool parse_fraction(const char **text, int64_t *ret_ns)
{
	int64_t ns = 0, unit = NSEC_PER_SEC / 10;

	*ret_ns = 0;
	if (!parse_char(text, '.'))
		return true;
	if (!isdigit((unsigned char)**text))
		return false;
	for (; isdigit((unsigned char)**text); ++*text, unit /= 10)
		ns += (**text - '0') * unit;
	*ret_ns = ns;
	return true;
}

/* "Z", "+01:00", or nothing, which means local time: *ret_local. */
static bool parse_offset(const char **text, bool *ret_local, int64_t *ret_seconds)
{
	int hours, minutes;
	int sign = **text == '-' ? -1 : 1;

	*ret_local = **text == '\0';
	*ret_seconds = 0;
	if (*ret_local || parse_char(text, 'Z') || parse_char(text, 'z'))
		return true;
	if (!parse_char(text, '+') && !parse_char(text, '-'))
		return false;
	if (!parse_field(text, 2, 23, &hours) || !parse_char(text, ':') || !parse_field(text, 2, 59, &minutes))
		return false;
	*ret_seconds = sign * (hours * INT64_C(3600) + minutes * INT64_C(60));
	return true;
}

static bool parse_date(const char **text, struct tm *tm)
{
	return parse_field(text, 4, 9999, &tm->tm_year) && parse_char(text, '-') &&
	       parse_field(text, 2, 12, &tm->tm_mon) && parse_char(text, '-') &&
	       parse_field(text, 2, 31, &tm->tm_mday) && tm->tm_mon >= 1 && tm->tm_mday >= 1 &&
	       (parse_char(text, 'T') || parse_char(text, 't') || parse_char(text, ' '));
}

/* A day that its month does not have comes back from timegm() as one of the next month. 60 is a leap second. */
static bool day_exists(struct tm tm)
{
	int day = tm.tm_mday, month = tm.tm_mon;

	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	return timegm(&tm) != (time_t)-1 ? tm.tm_mday == day && tm.tm_mon == month : tm.tm_year == 69;
}

static int seconds_to_real(int64_t seconds, int64_t fraction, int64_t *ret_real_ns)
{
	int64_t ns;

	if (__builtin_mul_overflow(seconds, NSEC_PER_SEC, &ns) || __builtin_add_overflow(ns, fraction, &ns))
		return -EINVAL;
	*ret_real_ns = ns;
	return 0;
}

static int parse_rfc3339(const char *text, int64_t *ret_real_ns)
{
	struct tm tm = { .tm_isdst = -1 };
	int64_t fraction, offset;
	bool local;

	if (!parse_date(&text, &tm) || !parse_field(&text, 2, 23, &tm.tm_hour) || !parse_char(&text, ':') ||
	    !parse_field(&text, 2, 59, &tm.tm_min) || !parse_char(&text, ':') ||
	    !parse_field(&text, 2, 60, &tm.tm_sec) || !parse_fraction(&text, &fraction) ||
	    !parse_offset(&text, &local, &offset) || *text != '\0')
		return -EINVAL;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	if (!day_exists(tm))
		return -EINVAL;
	return seconds_to_real((local ? mktime(&tm) : timegm(&tm)) - offset, fraction, ret_real_ns);
}

static int parse_time_of_day(const char *text, int64_t now_real_ns, int64_t *ret_real_ns)
{
	int64_t rest;
	time_t now = split_real(now_real_ns, &rest);
	struct tm tm;
	int hour, minute, second = 0;
	time_t found;

	if (!parse_field(&text, 2, 23, &hour) || !parse_char(&text, ':') || !parse_field(&text, 2, 59, &minute))
		return -EINVAL;
	if (parse_char(&text, ':') && !parse_field(&text, 2, 59, &second))
		return -EINVAL;
	if (*text != '\0')
		return -EINVAL;
	localtime_r(&now, &tm);
	/* The clock's own day first, else the day before; mktime() takes day 0 as the last of the month before. */
	for (int back = 0; back < 2; back++) {
		struct tm day = { .tm_year = tm.tm_year,
				  .tm_mon = tm.tm_mon,
				  .tm_mday = tm.tm_mday - back,
				  .tm_hour = hour,
				  .tm_min = minute,
				  .tm_sec = second,
				  .tm_isdst = -1 };

		found = mktime(&day);
		if (found <= now)
			break;
	}
	return seconds_to_real(found, 0, ret_real_ns);
}

int time_parse(const char *text, int64_t now_real_ns, int64_t *ret_real_ns)
{
	int64_t value;

	if (text[0] == '-') {
		if (duration_parse(text + 1, &value) < 0)
			return -EINVAL;
		*ret_real_ns = now_real_ns - value;
		return 0;
	}
	if (text[0] == '@') {
		text++;
		if (!parse_digits(&text, &value) || *text != '\0')
			return -EINVAL;
		return seconds_to_real(value, 0, ret_real_ns);
	}
	if (strlen(text) > 2 && text[2] == ':')
		return parse_time_of_day(text, now_real_ns, ret_real_ns);
	return parse_rfc3339(text, ret_real_ns);
}
