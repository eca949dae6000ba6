/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "base/cleanup.h"
#include "base/segments.h"
#include "run_suite.h"

static const struct {
	const char *segments, *path;
	bool ends;
} ends[] = {
	{ "proc", "/b/1/proc", true },
	{ "1/proc", "/b/1/proc", true },
	{ "b/1/proc", "/b/1/proc", true },
	{ "a/b/1/proc", "/b/1/proc", false },
	/* Whole segments. */
	{ "1/proc", "/b/10/proc", false },
	{ "1/proc", "/b/11/proc", false },
	{ "roc", "/b/1/proc", false },
	{ "1", "/b/1/proc", false },
	{ "*/proc", "/b/1/proc", true },
	{ "1/*", "/b/1/proc", true },
	{ "*/*/*", "/b/1/proc", true },
	{ "*/*/*/*", "/b/1/proc", false },
	{ "*", "/", false },
	{ "b", "/", false },
	/* An asterisk is any segment only where it is the whole of one. */
	{ "\\x2a", "/b/1/proc", false },
	{ "\\x2a", "/b/*", true },
	{ "pr*", "/b/proc", false },
	{ "pr*", "/b/pr*", true },
	{ "\\xff\\x20a\\\\", "/b/\xff a\\", true },
};

START_TEST(whole_segments_end_a_path)
{
	CLEANUP(segments_clear) struct segments segments;

	ck_assert_int_eq(segments_parse(ends[_i].segments, &segments), 0);
	ck_assert_msg(segments_end(&segments, ends[_i].path) == ends[_i].ends, "%s of %s", ends[_i].segments,
		      ends[_i].path);
}
END_TEST

static const char *const none[] = { "",	   "/",	    "/a",   "a/",      "a//b",	     ".",    "..",    "a/..",
				    "./a", "\\x2e", "\\xz", "a\\x2fb", "\\x2e\\x2e", "a/\\", "a\\x00" };

START_TEST(what_is_no_end_of_a_path_is_refused)
{
	CLEANUP(segments_clear) struct segments segments;

	ck_assert_msg(segments_parse(none[_i], &segments) == -EINVAL, "%s", none[_i]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("base: segments");
	TCase *tests = tcase_create("segments");

	tcase_add_loop_test(tests, whole_segments_end_a_path, 0, ARRAY_SIZE(ends));
	tcase_add_loop_test(tests, what_is_no_end_of_a_path_is_refused, 0, ARRAY_SIZE(none));
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
