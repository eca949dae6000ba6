/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "kernel/table.h"
#include "run_suite.h"

static void fixture_path(const char *name, char path[static 4096])
{
	const char *top = getenv("REAPERD_SOURCE_DIR");

	snprintf(path, 4096, "%s/tests/fixtures/mountinfo/%s", top ? top : ".", name);
}

static int read_fixture(const char *name, struct mount_table *ret)
{
	char path[4096];

	fixture_path(name, path);
	return kernel_table_read_mountinfo(path, ret);
}

START_TEST(a_table_with_one_bad_line_is_no_table)
{
	CLEANUP_CLOSEDIR DIR *directory = NULL;
	struct dirent *entry;
	char path[4096];
	unsigned bad = 0, good = 0;

	fixture_path("", path);
	directory = opendir(path);
	ck_assert_ptr_nonnull(directory);
	while ((entry = readdir(directory))) {
		bool is_bad = strncmp(entry->d_name, "bad-", 4) == 0;
		struct mount_table table;

		if (entry->d_name[0] == '.')
			continue;
		ck_assert_msg(read_fixture(entry->d_name, &table) == (is_bad ? -EBADMSG : 0), "%s", entry->d_name);
		ck_assert(is_bad ? table.count == 0 : true);
		kernel_table_clear(&table);
		bad += is_bad;
		good += !is_bad;
	}
	ck_assert_uint_gt(bad, 20);
	ck_assert_uint_gt(good, 20);
}
END_TEST

START_TEST(an_entry_is_what_its_line_says)
{
	struct mount_table table;
	struct mount_entry *entry;

	ck_assert_int_eq(read_fixture("propagation.txt", &table), 0);
	ck_assert_uint_eq(table.count, 4);
	ck_assert(!table.unique_ids);
	entry = kernel_table_find(&table, 30);
	ck_assert_ptr_nonnull(entry);
	ck_assert_ptr_eq(kernel_table_find_number(&table, 30, makedev(0, 40)), entry);
	ck_assert_ptr_null(kernel_table_find_number(&table, 30, makedev(0, 41)));
	ck_assert_uint_eq(entry->parent, 21);
	ck_assert_uint_eq(entry->peer_group, 77);
	ck_assert_uint_eq(entry->master, 12);
	ck_assert_uint_eq(entry->from, 3);
	ck_assert_str_eq(entry->target, "/worker/build");
	ck_assert_str_eq(entry->root, "/");
	ck_assert_str_eq(entry->fstype, "tmpfs");
	kernel_table_clear(&table);
}
END_TEST

START_TEST(what_the_kernel_escapes_comes_back)
{
	struct mount_table table;

	ck_assert_int_eq(read_fixture("escapes.txt", &table), 0);
	ck_assert_str_eq(table.entries[0].root, "/r oot\\040");
	ck_assert_str_eq(table.entries[0].target, "/a\tb\nc\\d#\"'\xff\xfe");
	ck_assert_str_eq(table.entries[1].target, "/\\");
	ck_assert_str_eq(table.entries[2].target, "/not\\x41\\09");
	kernel_table_clear(&table);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("kernel/table");
	TCase *cases = tcase_create("mountinfo");

	tcase_add_test(cases, a_table_with_one_bad_line_is_no_table);
	tcase_add_test(cases, an_entry_is_what_its_line_says);
	tcase_add_test(cases, what_the_kernel_escapes_comes_back);
	suite_add_tcase(suite, cases);
	return run_suite(suite);
}
