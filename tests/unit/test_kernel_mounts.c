/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "../lib/scratch.h"
#include "../lib/skip.h"
#include "base/cleanup.h"
#include "kernel/mounts.h"
#include "kernel/table.h"
#include "run_suite.h"

static char buffer[65536];

/* The newest mount. */
static struct mount_status newest(void)
{
	CLEANUP_FREE uint64_t *ids = NULL;
	struct mount_status status;
	size_t count;

	ck_assert_int_eq(kernel_listmount_all(&ids, &count), 0);
	ck_assert_uint_gt(count, 0);
	ck_assert_int_eq(kernel_statmount_full(ids[count - 1], buffer, sizeof(buffer), &status, NULL), 0);
	return status;
}

/* A detached clone of what is mounted at the path in another namespace, and that namespace, which lives as long. */
struct foreign_clone {
	const char *path;
	int namespace, fd;
};

static void *clone_in_a_namespace_of_its_own(void *data)
{
	struct foreign_clone *clone = data;

	if (unshare(CLONE_NEWNS) == 0 && mount(NULL, clone->path, NULL, MS_SLAVE, NULL) == 0 &&
	    mount(NULL, clone->path, NULL, MS_SHARED, NULL) == 0) {
		clone->namespace = open("/proc/thread-self/ns/mnt", O_RDONLY | O_CLOEXEC);
		clone->fd = (int)syscall(SYS_open_tree, AT_FDCWD, clone->path, OPEN_TREE_CLONE);
	}
	return NULL;
}

/* There the path is a slave, and shared. By a thread, for a namespace is a thread's own and descriptors are not. */
static struct foreign_clone clone_from_another_namespace(const char *path)
{
	struct foreign_clone clone = { path, -1, -1 };
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, clone_in_a_namespace_of_its_own, &clone), 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_int_ge(clone.namespace, 0);
	ck_assert_int_ge(clone.fd, 0);
	return clone;
}

START_TEST(a_slave_of_a_group_in_another_namespace_says_from_which_in_sight_it_receives)
{
	struct mount_status shared, slave;
	struct foreign_clone clone;
	uint64_t from;

	scratch_enter();
	scratch_tmpfs(scratch_file("a"));
	ck_assert_int_eq(mount(NULL, scratch_file("a"), NULL, MS_SHARED, NULL), 0);
	shared = newest();
	clone = clone_from_another_namespace(scratch_file("a"));
	mkdir(scratch_file("b"), 0755);
	ck_assert_int_eq(syscall(SYS_move_mount, clone.fd, "", AT_FDCWD, scratch_file("b"), MOVE_MOUNT_F_EMPTY_PATH),
			 0);
	close(clone.fd);
	ck_assert_int_eq(mount(NULL, scratch_file("b"), NULL, MS_SLAVE, NULL), 0);
	slave = newest();
	ck_assert_uint_ne(slave.master, shared.peer_group);
	ck_assert_int_eq(kernel_statmount_propagate_from(slave.id, &from), 0);
	ck_assert_uint_eq(from, shared.peer_group);
	ck_assert_int_eq(kernel_statmount_propagate_from(shared.id, &from), 0);
	ck_assert_uint_eq(from, 0);
	close(clone.namespace);
}
END_TEST

START_TEST(numbers_and_options_are_those_of_mountinfo)
{
	CLEANUP_FREE uint64_t *ids = NULL;
	CLEANUP_FCLOSE FILE *file = NULL;
	CLEANUP_FREE char *line = NULL;
	size_t count, allocated = 0, lines = 0;

	scratch_enter();
	scratch_tmpfs(scratch_file("a"));
	ck_assert_int_eq(mount(NULL, scratch_file("a"), NULL, MS_SHARED, NULL), 0);
	scratch_bind(scratch_file("a"), scratch_file("b"));
	scratch_bind(scratch_file("a"), scratch_file("c"));
	ck_assert_int_eq(mount(NULL, scratch_file("c"), NULL, MS_SLAVE, NULL), 0);
	ck_assert_int_eq(kernel_listmount_all(&ids, &count), 0);
	file = fopen("/proc/self/mountinfo", "re");
	ck_assert_ptr_nonnull(file);
	while (getline(&line, &allocated, file) > 0) {
		unsigned id, parent, major, minor;
		struct mount_status status;
		char options[128], spelled[128];
		size_t i;

		lines++;
		ck_assert_int_eq(sscanf(line, "%u %u %u:%u %*s %*s %127s", &id, &parent, &major, &minor, options), 5);
		for (i = 0; i < count; i++) {
			ck_assert_int_eq(kernel_statmount(ids[i], &status), 0);
			if (status.id32 == id)
				break;
		}
		ck_assert_msg(i < count, "not listed: %s", line);
		ck_assert_uint_eq(status.id, ids[i]);
		ck_assert_uint_eq(status.parent32, parent);
		ck_assert_uint_eq(status.dev, makedev(major, minor));
		ck_assert_str_eq(kernel_mount_options(status.attributes, spelled, sizeof(spelled)), options);
		ck_assert_int_eq(status.peer_group != 0, strstr(line, " shared:") != NULL);
		ck_assert_int_eq(status.master != 0, strstr(line, " master:") != NULL);
	}
	ck_assert_uint_eq(lines, count);
}
END_TEST

static const struct {
	unsigned long flags;
	const char *spelled;
} option_cases[] = {
	{ 0, "rw,relatime" },
	{ MS_RDONLY | MS_NOSUID, "ro,nosuid,relatime" },
	{ MS_NODEV | MS_NOEXEC | MS_NOATIME, "rw,nodev,noexec,noatime" },
	{ MS_NODIRATIME, "rw,nodiratime,relatime" },
	{ MS_STRICTATIME, "rw" },
	{ 256 /* MS_NOSYMFOLLOW */, "rw,relatime,nosymfollow" },
};

START_TEST(options_are_spelled_as_in_mountinfo)
{
	char options[128];

	scratch_enter();
	ck_assert_int_eq(mount("t", scratch_path(), "tmpfs", option_cases[_i].flags, NULL), 0);
	ck_assert_str_eq(kernel_mount_options(newest().attributes, options, sizeof(options)), option_cases[_i].spelled);
}
END_TEST

static const char *const names[] = {
	"with space",	"new\nline", "tab\there", "back\\slash", "octal\\040",	"#hash",    "\"quotes'",
	"\xff\xfe\x80", "end ",	     "end\\",	  " (deleted)",	 "x (deleted)", "\x01\x7f",
};

START_TEST(odd_names_come_back_byte_for_byte)
{
	struct mount_status status;
	char source[64];

	scratch_enter();
	ck_assert_int_eq(mkdir(scratch_file("%s", names[_i]), 0755), 0);
	snprintf(source, sizeof(source), "source %s", names[_i]);
	ck_assert_int_eq(mount(source, scratch_file("%s", names[_i]), "tmpfs", 0, NULL), 0);
	status = newest();
	ck_assert_str_eq(status.target, scratch_file("%s", names[_i]));
	ck_assert_str_eq(status.source, source);
	ck_assert_str_eq(status.root, "/");
	ck_assert_str_eq(status.fstype, "tmpfs");
	ck_assert_int_eq(mkdir(scratch_file("%s/%s", names[_i], names[_i]), 0755), 0);
	scratch_bind(scratch_file("%s/%s", names[_i], names[_i]), scratch_file("bind"));
	status = newest();
	ck_assert_str_eq(status.root + 1, names[_i]);
	ck_assert_int_eq(status.root[0], '/');
}
END_TEST

START_TEST(the_root_of_a_deleted_directory_says_so)
{
	struct mount_status status;

	scratch_enter();
	ck_assert_int_eq(mkdir(scratch_file("source"), 0755), 0);
	scratch_bind(scratch_file("source"), scratch_file("bind"));
	ck_assert_int_eq(rmdir(scratch_file("source")), 0);
	status = newest();
	ck_assert_str_eq(status.root, "/source//deleted");
	ck_assert_int_eq(kernel_statmount_place(status.id, buffer, sizeof(buffer), &status), 0);
	ck_assert_str_eq(status.root, "/source//deleted");
	ck_assert_str_eq(status.target, scratch_file("bind"));
}
END_TEST

START_TEST(a_buffer_that_is_too_small_is_an_overflow)
{
	struct mount_status status;
	char small[512 + 16];

	scratch_enter();
	scratch_tmpfs(scratch_file("a-name-longer-than-sixteen-bytes"));
	status = newest();
	ck_assert_int_eq(kernel_statmount_full(status.id, small, sizeof(small), &status, NULL), -EOVERFLOW);
	ck_assert_int_eq(kernel_statmount_full(status.id, small, 16, &status, NULL), -EOVERFLOW);
	ck_assert_int_eq(kernel_statmount_place(status.id, small, sizeof(small), &status), -EOVERFLOW);
}
END_TEST

START_TEST(an_entry_is_filled_however_long_its_path_is)
{
	CLEANUP(kernel_table_clear) struct mount_table table = { 0 };
	size_t longest = 0;
	char name[256];

	memset(name, 'n', 255);
	name[255] = 0;
	scratch_enter();
	ck_assert_int_eq(chdir(scratch_path()), 0);
	for (int level = 0; level < 200; level++)
		ck_assert_int_eq(mkdir(name, 0755) | chdir(name), 0);
	ck_assert_int_eq(mkdir("here", 0755) | mount("deep", "here", "tmpfs", 0, NULL), 0);
	ck_assert_int_eq(kernel_table_read(&table), 0);
	for (size_t i = 0; i < table.count; i++) {
		ck_assert_int_eq(kernel_table_fill(&table, &table.entries[i]), 0);
		if (strlen(table.entries[i].target) > longest)
			longest = strlen(table.entries[i].target);
	}
	ck_assert_uint_gt(longest, 200 * 256);
}
END_TEST

START_TEST(a_mount_that_went_is_not_found)
{
	struct mount_status status;

	scratch_enter();
	scratch_tmpfs(scratch_file("a"));
	status = newest();
	ck_assert_int_eq(umount2(scratch_file("a"), 0), 0);
	ck_assert_int_eq(kernel_statmount(status.id, &status), -ENOENT);
	ck_assert_int_eq(kernel_statmount_full(status.id, buffer, sizeof(buffer), &status, NULL), -ENOENT);
}
END_TEST

START_TEST(the_list_ascends_and_goes_on_after_an_id)
{
	CLEANUP_FREE uint64_t *ids = NULL;
	uint64_t page[7];
	size_t count, seen = 0;
	ssize_t n;

	scratch_enter();
	for (int i = 0; i < 1500; i++)
		scratch_tmpfs(scratch_file("%d", i));
	ck_assert_int_eq(kernel_listmount_all(&ids, &count), 0);
	ck_assert_uint_gt(count, 1500);
	for (size_t i = 1; i < count; i++)
		ck_assert_uint_gt(ids[i], ids[i - 1]);
	while ((n = kernel_listmount(0, seen ? ids[seen - 1] : 0, page, ARRAY_SIZE(page))) > 0) {
		ck_assert_mem_eq(page, ids + seen, n * sizeof(*page));
		seen += n;
	}
	ck_assert_int_eq(n, 0);
	ck_assert_uint_eq(seen, count);
}
END_TEST

START_TEST(the_newest_is_the_last_of_the_list)
{
	CLEANUP_FREE uint64_t *ids = NULL;
	uint64_t last;
	size_t count;

	scratch_enter();
	scratch_tmpfs(scratch_file("a"));
	ck_assert_int_eq(kernel_listmount_all(&ids, &count), 0);
	ck_assert_int_eq(kernel_newest_mount(&last), 0);
	ck_assert_uint_eq(last, ids[count - 1]);
	ck_assert_int_eq(umount2(scratch_file("a"), 0), 0);
	ck_assert_int_eq(kernel_newest_mount(&last), 0);
	ck_assert_uint_lt(last, ids[count - 1]);
}
END_TEST

START_TEST(below_a_mount_are_its_descendants)
{
	uint64_t ids[4], top;

	scratch_enter();
	scratch_tmpfs(scratch_file("a"));
	top = newest().id;
	scratch_tmpfs(scratch_file("a/b"));
	scratch_tmpfs(scratch_file("a/b/c"));
	scratch_tmpfs(scratch_file("d"));
	ck_assert_int_eq(kernel_listmount(top, 0, ids, ARRAY_SIZE(ids)), 2);
}
END_TEST

START_TEST(a_mount_is_stamped_with_its_superblock)
{
	struct mount_status status;

	scratch_enter();
	ck_assert_int_eq(mount("t", scratch_path(), "tmpfs", MS_RDONLY, "size=4k"), 0);
	status = newest();
	ck_assert_uint_eq(status.magic, 0x01021994);
	ck_assert_uint_eq(status.super_flags & MS_RDONLY, MS_RDONLY);
	ck_assert_ptr_nonnull(strstr(status.super_options, "size=4k"));
}
END_TEST

START_TEST(namespace_and_boot_have_names)
{
	char boot[37];

	ck_assert_uint_ne(kernel_mount_namespace(), 0);
	ck_assert_int_eq(kernel_boot_id(boot), 0);
	ck_assert_uint_eq(strlen(boot), 36);
	ck_assert_int_eq(boot[8], '-');
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("kernel/mounts");
	TCase *cases = tcase_create("mounts");
	struct mount_status status;
	int exit_status;

	if (kernel_statmount(1, &status) == -ENOSYS) {
		SAY_SKIPPED("this kernel has no statmount (Linux 6.8)");
		return EXIT_SKIP;
	}
	if (!scratch_begin())
		return EXIT_SKIP;
	tcase_add_test(cases, a_slave_of_a_group_in_another_namespace_says_from_which_in_sight_it_receives);
	tcase_add_test(cases, numbers_and_options_are_those_of_mountinfo);
	tcase_add_loop_test(cases, options_are_spelled_as_in_mountinfo, 0, ARRAY_SIZE(option_cases));
	tcase_add_loop_test(cases, odd_names_come_back_byte_for_byte, 0, ARRAY_SIZE(names));
	tcase_add_test(cases, the_root_of_a_deleted_directory_says_so);
	tcase_add_test(cases, a_buffer_that_is_too_small_is_an_overflow);
	tcase_add_test(cases, an_entry_is_filled_however_long_its_path_is);
	tcase_add_test(cases, a_mount_that_went_is_not_found);
	tcase_add_test(cases, the_list_ascends_and_goes_on_after_an_id);
	tcase_add_test(cases, the_newest_is_the_last_of_the_list);
	tcase_add_test(cases, below_a_mount_are_its_descendants);
	tcase_add_test(cases, a_mount_is_stamped_with_its_superblock);
	tcase_add_test(cases, namespace_and_boot_have_names);
	suite_add_tcase(suite, cases);
	exit_status = run_suite(suite);
	scratch_end();
	return exit_status;
}
