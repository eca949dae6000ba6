/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <linux/openat2.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "kernel/depth.h"
#include "kernel/table.h"
#include "mount_fixture.h"
#include "run_suite.h"

START_TEST(a_symlink_on_the_way_is_not_followed)
{
	int root;

	make_directory(PLACE "/build");
	make_directory(PLACE "/build/a");
	make_directory(PLACE "/secret");
	make_directory(PLACE "/secret/proc");
	ck_assert_int_eq(symlink("../secret", PLACE "/build/b"), 0);
	ck_assert_int_eq(symlink("build", PLACE "/alias"), 0);
	ck_assert_int_eq(kernel_open_root(PLACE "/alias"), -ELOOP);
	ck_assert_int_eq(kernel_open_root_passively(PLACE "/alias"), -ELOOP);
	ck_assert_int_eq(kernel_open_root("build"), -EINVAL);
	root = kernel_open_root(PLACE "/build");
	ck_assert_int_ge(root, 0);
	ck_assert_int_eq(kernel_open_beneath(root, "b/proc", 0), -ELOOP);
	ck_assert_int_eq(kernel_open_beneath(root, "b", 0), -ELOOP);
	ck_assert_int_eq(kernel_open_beneath(root, "../secret", 0), -EXDEV);
	ck_assert_int_eq(kernel_open_beneath(root, "/", 0), -EXDEV);
	ck_assert_int_eq(kernel_open_beneath(root, "c", 0), -ENOENT);
	ck_assert_int_ge(kernel_open_beneath(root, "a", 0), 0);
	ck_assert_int_ge(kernel_open_beneath(root, "", 0), 0);
}
END_TEST

START_TEST(a_walk_can_be_kept_on_one_mount)
{
	int root;

	make_directory(PLACE "/build");
	make_tmpfs(PLACE "/build/a");
	make_directory(PLACE "/build/a/x");
	root = kernel_open_root(PLACE "/build");
	ck_assert_int_eq(kernel_open_beneath(root, "a", RESOLVE_NO_XDEV), -EXDEV);
	ck_assert_int_eq(kernel_open_beneath(root, "a/x", RESOLVE_NO_XDEV), -EXDEV);
	ck_assert_int_ge(kernel_open_beneath(root, "a/x", 0), 0);
}
END_TEST

/* A path with `..` is walked again where anything on the machine was renamed meanwhile: the kernel cannot tell then whether it left. */
START_TEST(renames_elsewhere_do_not_fail_a_walk)
{
	pid_t renamer;
	int root;

	make_directory(PLACE "/build");
	make_directory(PLACE "/build/a");
	make_directory(PLACE "/one");
	root = kernel_open_root(PLACE "/build");
	renamer = fork();
	if (renamer == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		while (rename(PLACE "/one", PLACE "/two") == 0 && rename(PLACE "/two", PLACE "/one") == 0)
			;
		_exit(1);
	}
	for (int i = 0; i < 20000; i++) {
		ck_assert_int_eq(kernel_open_beneath(root, "a/../../one", 0), -EXDEV);
		ck_assert_int_eq(kernel_open_place_beneath(root, "a/../../one"), -EXDEV);
	}
	ck_assert_int_eq(waitpid(renamer, NULL, WNOHANG), 0);
	kill(renamer, SIGKILL);
	ck_assert_int_eq(waitpid(renamer, NULL, 0), renamer);
}
END_TEST

START_TEST(the_top_of_a_stack_answers_and_goes_first)
{
	struct kernel_mount lower, upper;
	struct place_status place;
	int root;

	make_tmpfs(PLACE "/m");
	lower = mount_of(PLACE "/m");
	make_tmpfs(PLACE "/m");
	upper = mount_of(PLACE "/m");
	root = kernel_open_root(PLACE);
	ck_assert_int_eq(kernel_status_at(root, "m", false, &place), 0);
	ck_assert(place.is_mount_root);
	ck_assert(kernel_place_is_on(&place, &upper));
	ck_assert(!kernel_place_is_on(&place, &lower));
	ck_assert_int_eq(kernel_unmountat(root, "m", 0), 0);
	ck_assert_int_eq(kernel_status_at(root, "m", false, &place), 0);
	ck_assert(kernel_place_is_on(&place, &lower));
}
END_TEST

START_TEST(unmounting_takes_one_segment_and_no_symlink)
{
	int root;

	make_tmpfs(PLACE "/m");
	make_directory(PLACE "/m/d");
	make_mount("tmpfs", "tmpfs", PLACE "/m/d", 0);
	ck_assert_int_eq(symlink("m", PLACE "/l"), 0);
	root = kernel_open_root(PLACE);
	ck_assert_int_eq(kernel_unmountat(root, "m/d", 0), -EINVAL);
	ck_assert_int_eq(kernel_unmountat(root, "", 0), -EINVAL);
	ck_assert_int_eq(kernel_unmountat(root, "..", 0), -EINVAL);
	ck_assert_int_eq(kernel_unmountat(root, "l", MNT_DETACH), -EINVAL);
	ck_assert_int_eq(kernel_unmountat(root, "m", 0), -EBUSY);
	ck_assert_int_eq(kernel_unmountat(root, "m", MNT_DETACH), 0);
}
END_TEST

START_TEST(a_handle_finds_its_directory_and_no_other)
{
	uint8_t handle[128], again[128];
	uint32_t length = sizeof(handle), again_length = sizeof(again);
	int32_t type, again_type;
	int root = kernel_open_root(PLACE), readable = kernel_reopen_directory(root), fd;
	struct place_status before, after;

	make_directory(PLACE "/a");
	before = place_of(PLACE "/a");
	fd = kernel_open_root(PLACE "/a");
	ck_assert_int_eq(kernel_handle_of(fd, &type, handle, &length), 0);
	close(fd);
	fd = kernel_open_by_handle(readable, type, handle, length);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(kernel_status_at(fd, "", false, &after), 0);
	ck_assert_uint_eq(before.ino, after.ino);
	close(fd);
	ck_assert_int_eq(rmdir(PLACE "/a"), 0);
	ck_assert_int_eq(kernel_open_by_handle(readable, type, handle, length), -ESTALE);
	make_directory(PLACE "/a");
	fd = kernel_open_root(PLACE "/a");
	ck_assert_int_eq(kernel_handle_of(fd, &again_type, again, &again_length), 0);
	ck_assert(again_length != length || memcmp(handle, again, length) != 0);
}
END_TEST

START_TEST(a_private_parent_lets_nothing_travel)
{
	int fd;

	make_directory(PLACE "/host");
	make_mount("tmpfs", "host", PLACE "/host", 0);
	ck_assert_int_eq(mount("", PLACE "/host", "", MS_SHARED, ""), 0);
	make_tmpfs(PLACE "/host/pts");
	make_directory(PLACE "/action");
	make_mount("", PLACE "/host", PLACE "/action", MS_BIND | MS_REC);
	fd = kernel_open_root(PLACE "/action");
	ck_assert_int_eq(kernel_make_private(fd), 0);
	ck_assert_int_eq(kernel_unmountat(fd, "pts", 0), 0);
	ck_assert(place_of(PLACE "/host/pts").is_mount_root);
	close(fd);
	fd = kernel_open_root(PLACE);
	make_directory(PLACE "/plain");
	ck_assert_int_eq(kernel_make_private(kernel_open_root(PLACE "/plain")), -EINVAL);
}
END_TEST

START_TEST(the_table_says_the_same_by_either_way)
{
	struct mount_table table, text;
	size_t seen = 0;

	make_tmpfs(PLACE "/with space\\and\ttab");
	ck_assert_int_eq(mount("", PLACE "/with space\\and\ttab", "", MS_SHARED, ""), 0);
	ck_assert_int_eq(kernel_table_read(&table), 0);
	ck_assert_int_eq(kernel_table_read_mountinfo("/proc/self/mountinfo", &text), 0);
	for (size_t i = 0; i < table.count; i++) {
		struct mount_entry *entry = &table.entries[i];

		ck_assert_int_eq(kernel_table_fill(&table, entry), 0);
		for (size_t j = 0; j < text.count; j++) {
			const struct mount_entry *other = &text.entries[j];

			if (strcmp(entry->target, other->target) != 0 || entry->dev != other->dev)
				continue;
			ck_assert_str_eq(entry->root, other->root);
			ck_assert_uint_eq(entry->peer_group, other->peer_group);
			ck_assert_uint_eq(entry->master, other->master);
			seen++;
			break;
		}
	}
	ck_assert_uint_eq(seen, table.count);
	ck_assert_uint_eq(table.count, text.count);
	kernel_table_clear(&table);
	kernel_table_clear(&text);
}
END_TEST

/* -errno, or how deep the mount, which may be covered, is said to sit when it is looked for there. */
static int depth_of(struct kernel_mount mount, const char *directory, const char *name, bool passive)
{
	struct mount_table table;
	struct mount_entry *entry;
	unsigned depth;
	int r, fd = kernel_open_root(directory);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(kernel_table_read(&table), 0);
	entry = table.unique_ids ? kernel_table_find(&table, mount.id) :
				   kernel_table_find_number(&table, mount.id32, mount.dev);
	ck_assert_ptr_nonnull(entry);
	r = kernel_depth_of_mount(&table, fd, name, entry, passive, &depth);
	kernel_table_clear(&table);
	close(fd);
	return r < 0 ? r : (int)depth;
}

START_TEST(how_deep_a_mount_sits_its_place_says)
{
	struct kernel_mount build, deep, lower, upper, part;

	make_tmpfs(PLACE "/build");
	make_directory(PLACE "/build/a");
	make_directory(PLACE "/build/a/b");
	make_tmpfs(PLACE "/build/a/b/t");
	make_tmpfs(PLACE "/build/s");
	build = mount_of(PLACE "/build");
	deep = mount_of(PLACE "/build/a/b/t");
	lower = mount_of(PLACE "/build/s");
	make_tmpfs(PLACE "/build/s");
	upper = mount_of(PLACE "/build/s");
	/* Of a bind of a part, from that part on. */
	make_directory(PLACE "/part");
	make_mount("", PLACE "/build/a", PLACE "/part", MS_BIND);
	make_tmpfs(PLACE "/part/b/t");
	part = mount_of(PLACE "/part/b/t");
	for (int passive = 0; passive < 2; passive++) {
		ck_assert_int_eq(depth_of(deep, PLACE "/build/a/b", "t", passive), 3);
		ck_assert_int_eq(depth_of(upper, PLACE "/build", "s", passive), 0);
		ck_assert_int_eq(depth_of(lower, PLACE "/build", "s", passive), 1);
		ck_assert_int_eq(depth_of(part, PLACE "/part/b", "t", passive), 2);
		ck_assert_int_eq(depth_of(build, PLACE "/build", "s", passive), -ESTALE);
		ck_assert_int_eq(depth_of(deep, PLACE "/build", "s", passive), -ESTALE);
		ck_assert_int_eq(depth_of(deep, PLACE "/build/a", "b", passive), -ESTALE);
	}
	ck_assert_int_eq(depth_of(deep, PLACE "/build/a", "none", false), -ENOENT);
}
END_TEST

START_TEST(only_some_types_have_a_forced_unmount)
{
	static const struct {
		const char *type;
		bool has;
	} cases[] = { { "fuse", true },	    { "fuse.bindfs", true }, { "fuseblk", true },
		      { "nfs4", true },	    { "ext4", false },	     { "fusectl", false },
		      { "overlay", false }, { "", false },	     { "9p", true } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		ck_assert_int_eq(kernel_fstype_has_force(cases[i].type), cases[i].has);
}
END_TEST

START_TEST(an_unknown_filesystem_counts_as_remote)
{
	ck_assert(!kernel_fs_is_remote(0x01021994));
	ck_assert(!kernel_fs_is_remote(0xEF53));
	ck_assert(kernel_fs_is_remote(0x65735546));
	ck_assert(kernel_fs_is_remote(0x6969));
	ck_assert(kernel_fs_is_remote(0x12345678));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("kernel at");
	TCase *mounts = tcase_create("mounts"), *plain = tcase_create("plain");
	bool possible = fixture_is_possible();

	tcase_add_checked_fixture(mounts, fixture_setup, NULL);
	tcase_add_test(mounts, a_symlink_on_the_way_is_not_followed);
	tcase_add_test(mounts, a_walk_can_be_kept_on_one_mount);
	tcase_add_test(mounts, renames_elsewhere_do_not_fail_a_walk);
	tcase_add_test(mounts, the_top_of_a_stack_answers_and_goes_first);
	tcase_add_test(mounts, unmounting_takes_one_segment_and_no_symlink);
	tcase_add_test(mounts, a_handle_finds_its_directory_and_no_other);
	tcase_add_test(mounts, a_private_parent_lets_nothing_travel);
	tcase_add_test(mounts, how_deep_a_mount_sits_its_place_says);
	tcase_add_test(mounts, the_table_says_the_same_by_either_way);
	tcase_add_test(plain, only_some_types_have_a_forced_unmount);
	tcase_add_test(plain, an_unknown_filesystem_counts_as_remote);
	suite_add_tcase(suite, plain);
	if (possible)
		suite_add_tcase(suite, mounts);
	return run_suite(suite) == EXIT_FAILURE ? EXIT_FAILURE : possible ? EXIT_SUCCESS : EXIT_SKIP;
}
