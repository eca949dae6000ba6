/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "source/mountinfo.h"

#define MOUNTS_MAX 6

struct expected {
	uint32_t id, parent;
	unsigned minor;
	const char *root, *target, *fstype, *source, *options, *super_options;
	uint64_t peer_group, master;
	bool deleted;
};

/* A mount that is nothing special but for what a case is about. */
#define MOUNT(id_, minor_, ...)                                                                                        \
	{                                                                                                              \
		.id = (id_), .parent = 21, .minor = (minor_), .root = "/", .target = "/a", .fstype = "tmpfs",          \
		.source = "b", .options = "rw", .super_options = "rw", __VA_ARGS__                                     \
	}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"

static const struct {
	const char *file;
	struct expected mounts[MOUNTS_MAX];
} good[] = {
	{ "plain",
	  { MOUNT(21, 0, .parent = 1, .target = "/", .fstype = "ext4", .source = "/dev/vda", .options = "rw,relatime"),
	    MOUNT(22, 21, .target = "/proc", .fstype = "proc", .source = "proc",
		  .options = "rw,nosuid,nodev,noexec,relatime") } },
	{ "propagation",
	  { MOUNT(21, 0, .parent = 1, .target = "/", .fstype = "ext4", .source = "/dev/vda", .options = "rw,relatime",
		  .peer_group = 1),
	    MOUNT(30, 40, .target = "/worker/build", .peer_group = 77, .master = 12),
	    MOUNT(31, 41, .master = 4294967295), MOUNT(32, 42, .target = "/b") } },
	{ "unknown-fields", { MOUNT(30, 40, .peer_group = 7, .master = 8) } },
	{ "empty-source", { MOUNT(30, 40, .source = "", .options = "rw,relatime", .super_options = "rw,size=4k") } },
	{ "odd-sources",
	  { MOUNT(30, 40, .source = "none"), MOUNT(31, 41, .target = "/b", .fstype = "ext4", .source = "LABEL=x"),
	    MOUNT(32, 42, .target = "/c", .fstype = "nfs", .source = "host:/x y"),
	    MOUNT(33, 43, .target = "/d", .source = "#h"), MOUNT(34, 44, .target = "/e", .source = "UUID=") } },
	{ "escapes",
	  { MOUNT(30, 40, .root = "/r oot\\040", .target = "/a\tb\nc\\d#\"'\xff\xfe"),
	    MOUNT(31, 41, .root = "/ ", .target = "/\\", .source = "b\\"), MOUNT(32, 42, .target = "/not\\x41\\09") } },
	{ "named-deleted",
	  { MOUNT(30, 40, .root = "/y (deleted)", .target = "/x (deleted)", .source = "b (deleted)"),
	    MOUNT(31, 41, .target = "/x (deleted) (deleted)"), MOUNT(32, 42, .target = "/x (deleted)/y"),
	    MOUNT(33, 43, .target = "/x\\040(deleted)"), MOUNT(34, 44, .target = "/(deleted)") } },
	{ "deleted-root",
	  { MOUNT(30, 40, .root = "/worker/build/7", .target = "/worker/build/8", .deleted = true),
	    MOUNT(31, 40, .root = "/deleted") } },
	{ "odd-roots",
	  { MOUNT(30, 4, .root = "net:[4026531840]", .target = "/run/netns/x", .fstype = "nsfs", .source = "nsfs"),
	    MOUNT(31, 33, .root = "/../../x", .target = "/sys/fs/cgroup", .fstype = "cgroup2", .source = "c") } },
	{ "subtype",
	  { MOUNT(30, 40, .fstype = "fuse.bindfs", .source = "/src", .options = "rw,nosuid,nodev",
		  .super_options = "rw,user_id=0,group_id=0") } },
	{ "stacked",
	  { MOUNT(30, 40, .source = "one"), MOUNT(31, 41, .parent = 30, .source = "two"),
	    MOUNT(32, 42, .parent = 31, .source = "three") } },
	{ "reused-number", { MOUNT(31, 41, .target = "/kept"), MOUNT(30, 42, .target = "/new") } },
	{ "empty", { { 0 } } },
};

#pragma GCC diagnostic pop

static const char *const bad[] = {
	"first-line",	      "fstab",	    "middle-line", "no-separator", "cut-line",
	"cut-before-newline", "cut-device", "empty-line",  "comment",	   "number",
	"peer-group",	      "target",	    "binary",
};

static int read_fixture(const char *prefix, const char *name, struct scan *ret)
{
	const char *top = getenv("REAPERD_SOURCE_DIR");
	char path[4096];

	snprintf(path, sizeof(path), "%s/tests/fixtures/mountinfo/%s%s.txt", top ? top : ".", prefix, name);
	return mountinfo_read(path, ret);
}

static void compare(const struct mount_facts *facts, const struct expected *expected)
{
	ck_assert_uint_eq(facts->id, 0);
	ck_assert_uint_eq(facts->id32, expected->id);
	ck_assert_uint_eq(facts->parent32, expected->parent);
	ck_assert_uint_eq(minor(facts->dev), expected->minor);
	ck_assert_str_eq(facts->root, expected->root);
	ck_assert_str_eq(facts->target, expected->target);
	ck_assert_str_eq(facts->fstype, expected->fstype);
	ck_assert_str_eq(facts->source, expected->source);
	ck_assert_str_eq(facts->options, expected->options);
	ck_assert_str_eq(facts->super_options, expected->super_options);
	ck_assert_uint_eq(facts->peer_group, expected->peer_group);
	ck_assert_uint_eq(facts->master, expected->master);
	ck_assert_int_eq(facts->root_deleted, expected->deleted);
}

START_TEST(a_table_is_read_as_it_stands)
{
	struct scan scan = { 0 };
	size_t count = 0;

	ck_assert_int_eq(read_fixture("", good[_i].file, &scan), 0);
	ck_assert(scan.complete);
	ck_assert(!scan.unique_ids);
	for (; count < MOUNTS_MAX && good[_i].mounts[count].id; count++) {
		ck_assert_uint_lt(count, scan.count);
		compare(&scan.mounts[count], &good[_i].mounts[count]);
	}
	ck_assert_uint_eq(scan.count, count);
	scan_clear(&scan);
}
END_TEST

START_TEST(a_line_that_cannot_be_read_fails_the_whole_table)
{
	struct scan scan = { 0 };

	ck_assert_int_eq(read_fixture("bad-", bad[_i], &scan), -EBADMSG);
	scan_clear(&scan);
}
END_TEST

START_TEST(a_table_that_is_not_there_is_an_error)
{
	struct scan scan = { 0 };

	ck_assert_int_eq(read_fixture("", "no such file", &scan), -ENOENT);
	scan_clear(&scan);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("source/mountinfo");
	TCase *cases = tcase_create("fixtures");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(cases, a_table_is_read_as_it_stands, 0, ARRAY_SIZE(good));
	tcase_add_loop_test(cases, a_line_that_cannot_be_read_fails_the_whole_table, 0, ARRAY_SIZE(bad));
	tcase_add_test(cases, a_table_that_is_not_there_is_an_error);
	suite_add_tcase(suite, cases);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
