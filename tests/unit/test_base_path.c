/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Paths as text: nothing here asks a filesystem. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "run_suite.h"

START_TEST(a_path_is_below_by_whole_segments)
{
	ck_assert_str_eq(path_relative("/b/1/x", "/b/1"), "x");
	ck_assert_str_eq(path_relative("/b/1", "/b/1"), "");
	ck_assert_ptr_null(path_relative("/b/10", "/b/1"));
	ck_assert_ptr_null(path_relative("/b", "/b/1"));
	ck_assert_str_eq(path_relative("/x", "/"), "x");
	ck_assert_str_eq(path_relative("/", "/"), "");
	ck_assert(path_is_below("/b/1/x", "/b/1"));
	ck_assert(!path_is_below("/b/1", "/b/1"));
	ck_assert(!path_is_below("/b/10", "/b/1"));
}
END_TEST

static void normalizes_to(const char *path, const char *expected)
{
	char *normal = NULL;

	ck_assert_int_eq(path_normalize(path, &normal), 0);
	ck_assert_str_eq(normal, expected);
	free(normal);
}

START_TEST(paths_are_normalized_without_a_filesystem)
{
	static const char *const bad[] = { "", "a", "./a", "/.", "/..", "/a/./b", "/a/../b", "/a/.." };
	char *normal = NULL;
	char longest[PATH_MAX + 1] = "/";

	normalizes_to("/", "/");
	normalizes_to("///", "/");
	normalizes_to("/a//b/", "/a/b");
	normalizes_to("/...", "/...");
	normalizes_to("/.a/b..", "/.a/b..");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_int_eq(path_normalize(bad[i], &normal), -EINVAL);
	memset(longest + 1, 'x', PATH_MAX - 1);
	ck_assert_int_eq(path_normalize(longest, &normal), -ENAMETOOLONG);
	longest[PATH_MAX - 1] = '\0';
	normalizes_to(longest, longest);
}
END_TEST

START_TEST(a_plain_relative_path_has_ordinary_segments)
{
	ck_assert(path_is_plain_relative("a"));
	ck_assert(path_is_plain_relative("a/b/..."));
	ck_assert(!path_is_plain_relative(""));
	ck_assert(!path_is_plain_relative("/a"));
	ck_assert(!path_is_plain_relative("a/"));
	ck_assert(!path_is_plain_relative("a//b"));
	ck_assert(!path_is_plain_relative("."));
	ck_assert(!path_is_plain_relative("a/.."));
	ck_assert(!path_is_plain_relative("a/./b"));
}
END_TEST

START_TEST(segments_are_walked)
{
	const char *cursor = "/a//bc/";
	const char *segment;
	size_t length;

	segment = path_next_segment(&cursor, &length);
	ck_assert(length == 1 && *segment == 'a');
	segment = path_next_segment(&cursor, &length);
	ck_assert(length == 2 && strncmp(segment, "bc", 2) == 0);
	ck_assert_ptr_null(path_next_segment(&cursor, &length));
	ck_assert_ptr_null(path_next_segment(&cursor, &length));
}
END_TEST

START_TEST(paths_are_joined_with_one_slash)
{
	static const struct {
		const char *dir, *name, *joined;
	} cases[] = { { "/a", "b/c", "/a/b/c" }, { "/", "b", "/b" }, { "/a", "", "/a" }, { "/", "", "/" } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP_FREE char *joined = path_join(cases[i].dir, cases[i].name);

		ck_assert_str_eq(joined, cases[i].joined);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("base: paths");
	TCase *tests = tcase_create("path");

	tcase_add_test(tests, a_path_is_below_by_whole_segments);
	tcase_add_test(tests, paths_are_normalized_without_a_filesystem);
	tcase_add_test(tests, a_plain_relative_path_has_ordinary_segments);
	tcase_add_test(tests, segments_are_walked);
	tcase_add_test(tests, paths_are_joined_with_one_slash);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
