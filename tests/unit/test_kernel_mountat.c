/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/vfs.h>

#include "base/cleanup.h"
#include "kernel/mountat.h"
#include "mount_fixture.h"
#include "run_suite.h"

#define BUILD PLACE "/build"
#define HOST  PLACE "/host"

static char why[300];
static int build; /* an fd of BUILD */

static void setup(void)
{
	fixture_setup();
	make_directory(BUILD);
	make_directory(BUILD "/a");
	make_directory(BUILD "/a/m");
	build = kernel_open_root(BUILD);
	ck_assert_int_ge(build, 0);
}

static int mountat(const char *type, const char *source, const char *target, const char *const *options)
{
	return kernel_mountat(build, target,
			      &(struct mountat_request){ .type = type, .source = source, .options = options }, why,
			      sizeof(why));
}

#define OPTIONS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void expect(int r)
{
	ck_assert_msg(r == 0, "%s", why);
}

/* What mountinfo shows of the mount at the path, from its options on; in a static buffer. */
static const char *shown(const char *path)
{
	static char line[4096];
	CLEANUP_FCLOSE FILE *table = fopen("/proc/self/mountinfo", "re");
	char target[4096], *found = NULL;
	int options;

	while (table && fgets(line, sizeof(line), table))
		if (sscanf(line, "%*s %*s %*s %*s %4095s %n", target, &options) == 1 && !strcmp(target, path))
			found = line + options;
	ck_assert_msg(found != NULL, "nothing is mounted on %s", path);
	return found;
}

static const struct {
	const char *type;
	long magic;
} filesystems[] = { { "proc", PROC_SUPER_MAGIC }, { "sysfs", SYSFS_MAGIC }, { "tmpfs", TMPFS_MAGIC } };

START_TEST(a_filesystem_is_mounted_beneath_the_directory)
{
	struct statfs status;

	expect(mountat(filesystems[_i].type, NULL, "a/m", OPTIONS("nosuid", "nodev", "noexec")));
	ck_assert_int_eq(statfs(BUILD "/a/m", &status), 0);
	ck_assert_int_eq(status.f_type, filesystems[_i].magic);
	ck_assert_ptr_nonnull(strstr(shown(BUILD "/a/m"), "rw,nosuid,nodev,noexec"));
}
END_TEST

START_TEST(options_are_the_mounts_or_the_filesystems)
{
	const char *line;

	expect(mountat("tmpfs", "some where", "a/m", OPTIONS("ro", "size=64k", "mode=750", "rw", "noatime", "ro")));
	line = shown(BUILD "/a/m");
	ck_assert_msg(!strncmp(line, "ro,noatime", 10) && strstr(line, "some\\040where") && strstr(line, "size=64k") &&
			      strstr(line, "mode=750"),
		      "%s", line);
	ck_assert_int_eq(mkdir(BUILD "/a/m/x", 0755), -1);
	ck_assert_int_eq(errno, EROFS);
	expect(mountat("tmpfs", NULL, "a", OPTIONS("nosuid", "suid", "noatime", "relatime")));
	ck_assert_ptr_nonnull(strstr(shown(BUILD "/a"), "rw,relatime"));
}
END_TEST

START_TEST(an_overlay_is_mounted)
{
	make_tmpfs(HOST);
	make_directory(HOST "/lower");
	make_directory(HOST "/upper");
	make_directory(HOST "/work");
	make_directory(HOST "/lower/seen");
	expect(mountat("overlay", NULL, "a/m",
		       OPTIONS("lowerdir=" HOST "/lower", "upperdir=" HOST "/upper", "workdir=" HOST "/work")));
	ck_assert_int_eq(access(BUILD "/a/m/seen", F_OK), 0);
	ck_assert_int_eq(mkdir(BUILD "/a/m/made", 0755), 0);
	ck_assert_int_eq(access(HOST "/upper/made", F_OK), 0);
}
END_TEST

static void make_file(const char *path)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);

	ck_assert_int_ge(fd, 0);
	close(fd);
}

START_TEST(a_bind_may_be_of_a_directory_or_a_file)
{
	make_directory(HOST);
	make_file(HOST "/file");
	make_file(BUILD "/a/file");
	expect(mountat("bind", HOST, "a/m", OPTIONS("ro", "nosuid")));
	ck_assert_int_eq(access(BUILD "/a/m/file", F_OK), 0);
	ck_assert_ptr_nonnull(strstr(shown(BUILD "/a/m"), "ro,nosuid"));
	expect(mountat("bind", HOST "/file", "a/file", NULL));
	shown(BUILD "/a/file");
	/* A file on a directory is refused, as the kernel does. */
	ck_assert_int_lt(mountat("bind", HOST "/file", "a", NULL), 0);
}
END_TEST

/* A tree like the host's /dev: shared, with a mount in it. */
static void make_host(void)
{
	make_tmpfs(HOST);
	ck_assert_int_eq(mount(NULL, HOST, NULL, MS_SHARED, NULL), 0);
	make_directory(HOST "/pts");
	make_tmpfs(HOST "/pts");
	make_directory(HOST "/shm");
}

START_TEST(a_copy_of_a_shared_tree_is_private)
{
	struct kernel_mount pts, copy;

	make_host();
	pts = mount_of(HOST "/pts");
	expect(mountat("rbind", HOST, "a/m", OPTIONS("nosuid", "ro")));
	copy = mount_of(BUILD "/a/m/pts");
	ck_assert_uint_ne(copy.id32, pts.id32);
	ck_assert_ptr_nonnull(strstr(shown(BUILD "/a/m/pts"), "ro,nosuid"));
	ck_assert_ptr_null(strstr(shown(BUILD "/a/m/pts"), "shared:"));
	/* Neither follows the other. */
	make_tmpfs(HOST "/shm");
	ck_assert_uint_eq(mount_of(BUILD "/a/m/shm").id32, mount_of(BUILD "/a/m").id32);
	ck_assert_int_eq(umount2(BUILD "/a/m/pts", 0), 0);
	ck_assert(is_mounted(pts));
}
END_TEST

START_TEST(a_bind_without_what_is_below_leaves_that_where_it_is)
{
	make_host();
	expect(mountat("bind", HOST, "a/m", NULL));
	ck_assert_uint_eq(mount_of(BUILD "/a/m/pts").id32, mount_of(BUILD "/a/m").id32);
}
END_TEST

START_TEST(the_parent_may_be_shared)
{
	make_tmpfs(BUILD);
	ck_assert_int_eq(mount(NULL, BUILD, NULL, MS_SHARED, NULL), 0);
	make_directory(PLACE "/peer");
	ck_assert_int_eq(mount(BUILD, PLACE "/peer", NULL, MS_BIND, NULL), 0);
	make_directory(BUILD "/m");
	build = kernel_open_root(BUILD);
	make_directory(HOST);
	expect(mountat("bind", HOST, "m", NULL));
	/* The peer gets its copy. */
	ck_assert_uint_ne(mount_of(PLACE "/peer/m").id32, mount_of(PLACE "/peer").id32);
	expect(mountat("tmpfs", NULL, "m", NULL));
}
END_TEST

START_TEST(what_is_made_stands_nowhere_before_it_is_attached)
{
	const struct mountat_request request = { .type = "tmpfs" };
	size_t before = count_mounts();
	int made = kernel_mountat_make(&request, why, sizeof(why));

	ck_assert_msg(made >= 0, "%s", why);
	ck_assert_uint_eq(count_mounts(), before);
	ck_assert_int_eq(kernel_mountat_attach(made, build, "../host", why, sizeof(why)), -EXDEV);
	ck_assert_ptr_nonnull(strstr(why, "the mount point ../host: "));
	ck_assert_int_eq(kernel_mountat_attach(made, build, "a/m", why, sizeof(why)), 0);
	ck_assert(place_of(BUILD "/a/m").is_mount_root);
	close(made);
	made = kernel_mountat_make(&request, why, sizeof(why));
	close(made);
	ck_assert_uint_eq(count_mounts(), before + 1);
}
END_TEST

/* ---- where it fails ---- */

static const struct {
	const char *target;
	int error;
} bad_targets[] = {
	{ "none", -ENOENT },   { "link", -ELOOP }, { "link/m", -ELOOP },
	{ "../host", -EXDEV }, { "/a/m", -EXDEV }, { "a/../../host", -EXDEV },
};

START_TEST(the_target_is_beneath_the_directory_and_no_symlink_leads_to_it)
{
	size_t before;

	make_directory(HOST);
	make_directory(HOST "/m");
	ck_assert_int_eq(symlink(HOST, BUILD "/link"), 0);
	before = count_mounts();
	ck_assert_int_eq(mountat("tmpfs", NULL, bad_targets[_i].target, NULL), bad_targets[_i].error);
	ck_assert_str_ne(why, "");
	ck_assert_uint_eq(count_mounts(), before);
}
END_TEST

static const struct {
	const char *type, *source, *option, *says;
} mistakes[] = {
	{ "nosuchfs", NULL, NULL, "filesystem nosuchfs: " },
	{ "tmpfs", NULL, "colour=red", "colour" },
	{ "tmpfs", NULL, "size=lots", "size" },
	{ "overlay", NULL, "lowerdir=/none/such", "lowerdir" },
	{ "bind", NULL, NULL, "a bind needs a source" },
	{ "rbind", "/none/such", NULL, "bind of /none/such: No such file" },
	{ "bind", "/", "size=1m", "size=1m: a bind has" },
};

START_TEST(what_the_kernel_does_not_like_is_said_in_its_own_words)
{
	size_t before = count_mounts();
	const char *const options[] = { mistakes[_i].option, NULL };

	ck_assert_int_lt(mountat(mistakes[_i].type, mistakes[_i].source, "a/m", options), 0);
	ck_assert_msg(strstr(why, mistakes[_i].says) != NULL, "%s", why);
	ck_assert_uint_eq(count_mounts(), before);
}
END_TEST

START_TEST(the_directory_may_be_renamed_and_its_name_be_anothers)
{
	int action = kernel_open_beneath(build, "a", 0);

	ck_assert_int_ge(action, 0);
	ck_assert_int_eq(rename(BUILD "/a", BUILD "/b"), 0);
	make_directory(BUILD "/a");
	make_directory(BUILD "/a/m");
	build = action;
	expect(mountat("tmpfs", NULL, "m", NULL));
	ck_assert(place_of(BUILD "/b/m").is_mount_root);
	ck_assert(!place_of(BUILD "/a/m").is_mount_root);
	/* "" is the directory itself. */
	expect(mountat("tmpfs", NULL, "", NULL));
	ck_assert(place_of(BUILD "/b").is_mount_root);
}
END_TEST

/* ---- taken back ---- */

/* Attached to a/m; its fd. */
static int attached(const char *type, const char *source, uint64_t *ret_newest)
{
	int made = kernel_mountat_make(&(struct mountat_request){ .type = type, .source = source }, why, sizeof(why));

	ck_assert_msg(made >= 0, "%s", why);
	*ret_newest = kernel_mountat_newest();
	expect(kernel_mountat_attach(made, build, "a/m", why, sizeof(why)));
	return made;
}

START_TEST(what_was_attached_is_taken_back_wherever_it_is_and_whoever_is_in_it)
{
	size_t before = count_mounts();
	uint64_t newest;
	CLEANUP_CLOSE int made = attached("tmpfs", NULL, &newest), user = open(BUILD "/a/m", O_RDONLY | O_CLOEXEC);
	struct kernel_mount own = mount_of(BUILD "/a/m"), other;

	ck_assert_int_ge(user, 0);
	make_directory(BUILD "/b");
	ck_assert_int_eq(mount(BUILD "/a/m", BUILD "/b", NULL, MS_MOVE, NULL), 0);
	make_tmpfs(BUILD "/a/m");
	other = mount_of(BUILD "/a/m");
	ck_assert_int_eq(kernel_mountat_detach(made, newest), 0);
	ck_assert(!is_mounted(own) && is_mounted(other));
	ck_assert_uint_eq(count_mounts(), before + 1);
	/* Once more, and of what somebody else took away. */
	ck_assert_int_eq(kernel_mountat_detach(made, newest), 0);
	ck_assert(is_mounted(other));
}
END_TEST

START_TEST(what_others_have_mounted_below_it_is_not_taken_along)
{
	uint64_t newest;
	CLEANUP_CLOSE int made = attached("tmpfs", NULL, &newest);

	if (_i == 0)
		make_directory(BUILD "/a/m/deep");
	make_tmpfs(_i == 0 ? BUILD "/a/m/deep" : BUILD "/a/m");
	ck_assert_int_eq(kernel_mountat_detach(made, newest), -EBUSY);
	ck_assert_int_eq(kernel_mountat_detach(made, 0), -EBUSY);
	ck_assert_int_eq(umount(_i == 0 ? BUILD "/a/m/deep" : BUILD "/a/m"), 0);
	ck_assert_int_eq(kernel_mountat_detach(made, newest), 0);
}
END_TEST

START_TEST(a_tree_goes_with_what_it_brought)
{
	size_t before;
	uint64_t newest;
	int made;

	make_directory(HOST);
	make_tmpfs(HOST);
	make_directory(HOST "/in");
	make_tmpfs(HOST "/in");
	before = count_mounts();
	made = attached("rbind", HOST, &newest);
	ck_assert_uint_eq(count_mounts(), before + 2);
	/* Without ids nobody can tell what it brought: in doubt it stays. */
	ck_assert_int_eq(kernel_mountat_detach(made, newest), newest ? 0 : -EBUSY);
	ck_assert_uint_eq(count_mounts(), newest ? before : before + 2);
	close(made);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("kernel: mountat");
	TCase *tests = tcase_create("mountat");

	if (!fixture_is_possible())
		return 77;
	tcase_add_checked_fixture(tests, setup, NULL);
	tcase_add_loop_test(tests, a_filesystem_is_mounted_beneath_the_directory, 0, ARRAY_SIZE(filesystems));
	tcase_add_test(tests, options_are_the_mounts_or_the_filesystems);
	tcase_add_test(tests, an_overlay_is_mounted);
	tcase_add_test(tests, a_bind_may_be_of_a_directory_or_a_file);
	tcase_add_test(tests, a_copy_of_a_shared_tree_is_private);
	tcase_add_test(tests, a_bind_without_what_is_below_leaves_that_where_it_is);
	tcase_add_test(tests, the_parent_may_be_shared);
	tcase_add_test(tests, what_is_made_stands_nowhere_before_it_is_attached);
	tcase_add_loop_test(tests, the_target_is_beneath_the_directory_and_no_symlink_leads_to_it, 0,
			    ARRAY_SIZE(bad_targets));
	tcase_add_loop_test(tests, what_the_kernel_does_not_like_is_said_in_its_own_words, 0, ARRAY_SIZE(mistakes));
	tcase_add_test(tests, the_directory_may_be_renamed_and_its_name_be_anothers);
	tcase_add_test(tests, what_was_attached_is_taken_back_wherever_it_is_and_whoever_is_in_it);
	tcase_add_loop_test(tests, what_others_have_mounted_below_it_is_not_taken_along, 0, 2);
	tcase_add_test(tests, a_tree_goes_with_what_it_brought);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
