/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Time. Monotonic nanoseconds decide (grace, deadlines, back-off); real-time nanoseconds since 1970 are recorded and
 * shown. Both are handed around as `struct now`, taken once for each turn of the loop, so a decision sees one time.
 * A fake clock is a `struct now` that a test fills in.
 */
#ifndef REAPERD_BASE_CLOCK_H
#define REAPERD_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#define NSEC_PER_SEC  INT64_C(1000000000)
#define NSEC_PER_MSEC INT64_C(1000000)

struct now {
	int64_t mono; /* CLOCK_MONOTONIC, ns */
	int64_t real; /* CLOCK_REALTIME, ns */
};

struct now clock_now(void);

/* A time so much later: what lies beyond all times never comes, INT64_MAX. */
static inline int64_t time_after(int64_t time, int64_t duration)
{
	return time > INT64_MAX - duration ? INT64_MAX : time + duration;
}

/* "500ms", "5s", "2m", "1h", "30d" or "0"; 0, -EINVAL (not a duration) or -ERANGE (over 100 years). */
int duration_parse(const char *text, int64_t *ret_ns);

/*
 * The shortest exact form that duration_parse() reads ("90s" stays "90s", 120 s is "2m"); at least 24 bytes. Returns
 * buf.
 */
char *duration_format(int64_t ns, char *buf, size_t size);

/* For people: "3s", "4m 10s", "2h 5m", "3d 4h"; under a second "120ms". Returns buf. */
char *age_format(int64_t ns, char *buf, size_t size);

/* RFC 3339 in UTC with milliseconds, "2026-11-22T10:00:00.123Z"; at least 32 bytes. Returns buf. */
char *time_format_rfc3339(int64_t real_ns, char *buf, size_t size);

/*
 * A time that a person typed: RFC 3339 ("2026-11-22T10:00:00Z", with or without fraction and offset, or with a space
 * for the T), "12:30" or "12:30:15" (local time, the last such moment not after `now`), "-2h" (a duration before
 * `now`), "@SECONDS". 0 or -EINVAL.
 */
int time_parse(const char *text, int64_t now_real_ns, int64_t *ret_real_ns);

#endif
