/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "source/mountinfo.h"
#include "run_suite.h"

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
	{ "no-optional-fields", { MOUNT(30, 40) } },
	{ "many-optional-fields", { MOUNT(30, 40, .peer_group = 7, .master = 8) } },
	{ "number-sign-escaped", { MOUNT(30, 40, .target = "/a#b", .source = "#b") } },
	{ "control-bytes",
	  { MOUNT(30, 40, .root = "/\x01\x7f", .target = "/a\x1b[31m\x07\x08\r\x0b\x0c\xc2\x85",
		  .source = "\x1b]0;b\x07") } },
	{ "not-utf8",
	  { MOUNT(30, 40, .root = "/\xc0\x80", .target = "/\xff\xfe\xed\xa0\x80/\xf5", .source = "\x80"),
	    MOUNT(31, 41, .target = "/\xe2\x80\xae") } },
	{ "overmounts",
	  { MOUNT(30, 40, .target = "/worker/build/1", .source = "one"),
	    MOUNT(31, 41, .parent = 30, .target = "/worker/build/1/root/proc", .fstype = "proc", .source = "proc"),
	    MOUNT(32, 42, .parent = 30, .target = "/worker/build/1", .source = "two"),
	    MOUNT(33, 43, .parent = 32, .target = "/worker/build/1/root/proc", .fstype = "proc", .source = "proc"),
	    MOUNT(34, 42, .parent = 32, .root = "/x", .target = "/worker/build/1", .source = "two") } },
	{ "btrfs-subvolumes",
	  { MOUNT(30, 40, .root = "/@", .target = "/", .fstype = "btrfs", .source = "/dev/vda2",
		  .options = "rw,relatime", .super_options = "rw,space_cache=v2,subvolid=256,subvol=/@",
		  .peer_group = 1),
	    MOUNT(31, 40, .parent = 30, .root = "/@home/.snapshots/1/snapshot", .target = "/home", .fstype = "btrfs",
		  .source = "/dev/vda2", .options = "rw,relatime",
		  .super_options = "rw,subvolid=257,subvol=/@home/.snapshots/1/snapshot", .peer_group = 2) } },
	{ "host",
	  { MOUNT(21, 2, .parent = 1, .target = "/", .fstype = "rootfs", .source = "none"),
	    MOUNT(22, 21, .target = "/sys", .fstype = "sysfs", .source = "sysfs",
		  .options = "rw,nosuid,nodev,noexec,relatime", .peer_group = 7),
	    MOUNT(23, 22, .parent = 22, .target = "/sys/fs/cgroup/systemd", .fstype = "cgroup", .source = "cgroup",
		  .options = "rw,nosuid,nodev,noexec,relatime", .super_options = "rw,xattr,name=systemd",
		  .peer_group = 9),
	    MOUNT(24, 23, .target = "/proc/sys/fs/binfmt_misc", .fstype = "autofs", .source = "systemd-1",
		  .options = "rw,relatime", .peer_group = 13,
		  .super_options = "rw,fd=29,pgrp=1,timeout=0,minproto=5,maxproto=5,direct,pipe_ino=15"),
	    MOUNT(25, 24, .target = "/run/user/1000/doc", .fstype = "fuse.portal", .source = "portal",
		  .options = "rw,nosuid,nodev,relatime", .super_options = "rw,user_id=1000,group_id=1000",
		  .peer_group = 99),
	    MOUNT(26, 4, .root = "mnt:[4026532201]", .target = "/run/snapd/ns/x.mnt", .fstype = "nsfs",
		  .source = "nsfs") } },
	{ "largest-numbers",
	  { MOUNT(2147483647, 1048575, .parent = 2147483647, .peer_group = 2147483647, .master = 2147483647) } },
	{ "root-is-its-own-parent",
	  { MOUNT(21, 40, .parent = 21, .target = "/", .fstype = "rootfs", .source = "rootfs") } },
	{ "table-that-changed",
	  { MOUNT(21, 0, .parent = 1, .target = "/", .fstype = "ext4", .source = "/dev/vda"),
	    MOUNT(31, 43, .target = "/c", .source = "c"),
	    MOUNT(30, 42, .target = "/c", .source = "c", .super_options = "ro") } },
	{ "empty", { { 0 } } },
};

#pragma GCC diagnostic pop

static const char *const bad[] = {
	"first-line",	  "fstab",	"middle-line",
	"no-separator",	  "cut-line",	"cut-before-newline",
	"cut-device",	  "empty-line", "comment",
	"number",	  "peer-group", "target",
	"binary",	  "tab",	"nul",
	"empty-options",  "no-options", "huge-number",
	"only-separator", "device",	"cut-in-options",
	"windows-1",
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

/* The one mount of a fixture; the scan is the caller's. */
static const struct mount_facts *only_mount(const char *file, struct scan *scan)
{
	ck_assert_int_eq(read_fixture("", file, scan), 0);
	ck_assert_uint_eq(scan->count, 1);
	return scan->mounts;
}

static void segment_is(const char *path, size_t at, int byte, size_t length)
{
	ck_assert_int_eq(path[at], '/');
	for (size_t i = 1; i <= length; i++)
		ck_assert_int_eq((unsigned char)path[at + i], byte);
}

START_TEST(paths_come_back_whole_however_long_they_are)
{
	struct scan scan = { 0 };
	const char *target = only_mount("path-of-4095-bytes", &scan)->target;

	ck_assert_uint_eq(strlen(target), 4095);
	for (size_t i = 0; i < 15; i++)
		segment_is(target, 256 * i, 'n', 255);
	segment_is(target, 15 * 256, 'e', 254);
	scan_clear(&scan);
	target = only_mount("path-all-escaped", &scan)->target;
	ck_assert_uint_eq(strlen(target), 4095);
	segment_is(target, 0, ' ', 4094);
	scan_clear(&scan);
}
END_TEST

START_TEST(segments_may_be_of_255_bytes_and_200_levels_deep)
{
	struct scan scan = { 0 };
	const struct mount_facts *facts = only_mount("segments-of-255-bytes", &scan);

	ck_assert_uint_eq(strlen(facts->root), 256);
	segment_is(facts->root, 0, 'r', 255);
	ck_assert_uint_eq(strlen(facts->target), 512);
	segment_is(facts->target, 0, 'n', 255);
	segment_is(facts->target, 256, 0xff, 255);
	scan_clear(&scan);
	facts = only_mount("levels-200", &scan);
	ck_assert_uint_eq(strlen(facts->target), 400);
	for (size_t i = 0; i < 200; i++)
		segment_is(facts->target, 2 * i, 'd', 1);
	scan_clear(&scan);
}
END_TEST

START_TEST(options_may_be_longer_than_any_buffer)
{
	struct scan scan = { 0 };

	ck_assert_int_eq(read_fixture("", "overlay-of-docker", &scan), 0);
	ck_assert_uint_eq(scan.count, 2);
	ck_assert_str_eq(scan.mounts[0].fstype, "overlay");
	ck_assert_uint_gt(strlen(scan.mounts[0].super_options), 127 * 52);
	ck_assert_str_eq(strrchr(scan.mounts[0].super_options, ','), ",xino=off");
	ck_assert_ptr_nonnull(strstr(scan.mounts[1].super_options, "lowerdir=/l\\:1:/l,x"));
	scan_clear(&scan);
	ck_assert_int_eq(read_fixture("", "line-of-64-kib", &scan), 0);
	ck_assert_uint_eq(scan.count, 2);
	ck_assert_uint_eq(strlen(scan.mounts[0].super_options), strlen("rw,lowerdir=") + 65536);
	ck_assert_str_eq(scan.mounts[1].target, "/b");
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

	tcase_add_loop_test(cases, a_table_is_read_as_it_stands, 0, ARRAY_SIZE(good));
	tcase_add_loop_test(cases, a_line_that_cannot_be_read_fails_the_whole_table, 0, ARRAY_SIZE(bad));
	tcase_add_test(cases, paths_come_back_whole_however_long_they_are);
	tcase_add_test(cases, segments_may_be_of_255_bytes_and_200_levels_deep);
	tcase_add_test(cases, options_may_be_longer_than_any_buffer);
	tcase_add_test(cases, a_table_that_is_not_there_is_an_error);
	suite_add_tcase(suite, cases);
	return run_suite(suite);
}
