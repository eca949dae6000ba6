/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/inotify.h>

#include "base/cleanup.h"
#include "kernel/procfs.h"
#include "kernel/table.h"
#include "namespace_fixture.h"
#include "run_suite.h"

static struct kernel_namespaces list(void)
{
	struct kernel_namespaces all;

	ck_assert_int_eq(kernel_namespaces_read(&all, true), 0);
	ck_assert(all.lacking == 0 || all.lacking == ENOTTY || all.lacking == EPERM);
	return all;
}

/* Also those without a process. */
static bool sees_all(void)
{
	CLEANUP(kernel_namespaces_clear) struct kernel_namespaces all = list();

	return all.lacking == 0;
}

static bool is_in_list(const void *context)
{
	CLEANUP(kernel_namespaces_clear) struct kernel_namespaces all = list();
	const struct kernel_namespace *ns = context;
	const struct kernel_namespace_entry *entry = kernel_namespaces_find(&all, ns->inode);

	return entry && kernel_namespace_is(&entry->ns, ns);
}

static bool is_not_in_list(const void *context)
{
	return !is_in_list(context);
}

static int mount_three(void)
{
	for (int i = 0; i < 3; i++)
		if (mount("three", PLACE, "tmpfs", 0, "") < 0)
			return errno;
	return 0;
}

START_TEST(namespaces_are_listed_with_a_process_and_the_number_of_their_mounts)
{
	struct other a = start_other(NULL), b = start_other(mount_three);
	CLEANUP(kernel_namespaces_clear) struct kernel_namespaces all = list();
	const struct kernel_namespace_entry *of_a = kernel_namespaces_find(&all, a.ns.inode),
					    *of_b = kernel_namespaces_find(&all, b.ns.inode),
					    *own = kernel_namespaces_find(&all, kernel_mount_namespace());

	ck_assert(of_a && of_b && own);
	ck_assert_int_eq(of_a->pid, a.pid);
	ck_assert_int_eq(of_b->pid, b.pid);
	ck_assert_int_eq(own->pid, getpid());
	ck_assert_uint_eq(of_a->ns.id, a.ns.id);
	ck_assert_uint_eq(of_b->mounts, of_a->mounts ? of_a->mounts + 3 : 0);
	ck_assert_uint_eq(own->mounts, of_a->mounts);
	end_other(&a);
	end_other(&b);
}
END_TEST

START_TEST(a_namespace_goes_with_its_last_process_for_nothing_here_keeps_it)
{
	struct other other = start_other(mount_three);
	size_t fds = count_fds();
	int fd = kernel_namespace_open(&other.ns, other.pid);

	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert(is_in_list(&other.ns));
	ck_assert_uint_eq(count_fds(), fds);
	end_other(&other);
	/* Without an id it may have come again meanwhile, for somebody else on this machine. */
	if (other.ns.id) {
		ck_assert(comes_true(is_not_in_list, &other.ns));
		ck_assert_int_eq(kernel_namespace_open(&other.ns, other.pid), -ESRCH);
		ck_assert_int_eq(kernel_namespace_open(&other.ns, 0), -ESRCH);
	}
	ck_assert_uint_eq(count_fds(), fds);
}
END_TEST

/* A namespace that only the fd keeps. A mount would do as well, but the kernel refuses some, lest there be a circle. */
static int keep(struct kernel_namespace *ret)
{
	struct other other = start_other(mount_three);
	int fd = kernel_namespace_open_process(other.pid);

	ck_assert_int_ge(fd, 0);
	end_other(&other);
	*ret = other.ns;
	return fd;
}

START_TEST(a_namespace_without_a_process_is_listed_and_opened_where_the_kernel_has_a_list)
{
	CLEANUP(kernel_namespaces_clear) struct kernel_namespaces all = { 0 };
	const struct kernel_namespace_entry *entry;
	struct kernel_namespace ns, found;
	int kept = keep(&ns), fd;

	if (!sees_all()) {
		ck_assert(!is_in_list(&ns));
		ck_assert_int_eq(kernel_namespace_open(&ns, 0), -ESRCH);
		return;
	}
	all = list();
	entry = kernel_namespaces_find(&all, ns.inode);
	ck_assert_ptr_nonnull(entry);
	ck_assert_int_eq(entry->pid, 0);
	fd = kernel_namespace_open(&ns, 0);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(kernel_namespace_identify(fd, &found), 0);
	ck_assert(kernel_namespace_is(&found, &ns));
	close(fd);
	close(kept);
	ck_assert(comes_true(is_not_in_list, &ns));
}
END_TEST

START_TEST(it_is_opened_by_its_process_by_another_one_and_by_none)
{
	struct other other = start_other(NULL);
	const int32_t hints[] = { other.pid, getpid(), 0, -1, INT32_MAX };

	for (size_t i = 0; i < ARRAY_SIZE(hints); i++) {
		CLEANUP_CLOSE int fd = kernel_namespace_open(&other.ns, hints[i]);
		struct kernel_namespace ns;

		ck_assert_int_ge(fd, 0);
		ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
		ck_assert_int_eq(kernel_namespace_identify(fd, &ns), 0);
		ck_assert_uint_eq(ns.inode, other.ns.inode);
	}
	end_other(&other);
}
END_TEST

START_TEST(one_whose_inode_came_again_is_not_opened)
{
	struct other other = start_other(NULL);
	struct kernel_namespace dead = other.ns;

	if (!dead.id)
		SKIP_TEST("this kernel has no unique id of a mount namespace (Linux 6.11)");
	dead.id++;
	ck_assert_int_eq(kernel_namespace_open(&dead, other.pid), -ESRCH);
	dead = other.ns;
	dead.inode++;
	ck_assert_int_eq(kernel_namespace_open(&dead, other.pid), -ESRCH);
	end_other(&other);
}
END_TEST

START_TEST(at_a_path_only_a_mount_namespace_is_opened)
{
	struct kernel_namespace ns, found;
	char link[64];
	int kept = keep(&ns), fd;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", kept);
	fd = kernel_namespace_open_path(link);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(kernel_namespace_identify(fd, &found), 0);
	ck_assert_uint_eq(found.inode, ns.inode);
	ck_assert_uint_eq(found.id, ns.id);
	close(fd);
	snprintf(link, sizeof(link), "/proc/%d/ns/mnt", getpid());
	fd = kernel_namespace_open_path(link);
	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert_int_eq(mkfifo(PLACE "/fifo", 0644), 0);
	ck_assert_int_eq(kernel_namespace_open_path(PLACE "/fifo"), -EINVAL); /* at once, without a writer */
	ck_assert_int_eq(kernel_namespace_open_path(PLACE), -EINVAL);
	ck_assert_int_eq(kernel_namespace_open_path("/proc/self/ns/net"), -EINVAL);
	ck_assert_int_eq(kernel_namespace_open_path(PLACE "/none"), -ENOENT);
}
END_TEST

START_TEST(the_owner_of_a_namespace_is_a_user_namespace)
{
	struct other other = start_other(NULL), theirs = start_other_of(NULL, true);
	CLEANUP(kernel_namespaces_clear) struct kernel_namespaces all = list();
	uint64_t own = kernel_user_namespace();

	ck_assert_uint_ne(own, 0);
	ck_assert_uint_eq(kernel_namespaces_find(&all, other.ns.inode)->owner, own);
	ck_assert_uint_ne(kernel_namespaces_find(&all, theirs.ns.inode)->owner, own);
	ck_assert_uint_ne(kernel_namespaces_find(&all, theirs.ns.inode)->owner, 0);
	end_other(&other);
	end_other(&theirs);
}
END_TEST

static int call_it(void)
{
	return prctl(PR_SET_NAME, "bb runner)x") < 0 ? errno : 0;
}

START_TEST(a_command_is_known_by_its_whole_name)
{
	static const char *const others[] = { "bb runner)", "bb runner)xx", "", "bb runner)x\n" };
	struct other other = start_other(call_it);
	struct kernel_namespace ns;

	ck_assert_int_eq(kernel_namespace_of_command(other.pid, "bb runner)x", &ns), 0);
	ck_assert(kernel_namespace_is(&ns, &other.ns));
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		ck_assert_int_eq(kernel_namespace_of_command(other.pid, others[i], &ns), -ENOENT);
	end_other(&other);
	ck_assert_int_eq(kernel_namespace_of_command(other.pid, "bb runner)x", &ns), -ENOENT);
	ck_assert_int_eq(kernel_namespace_of_command(0, "bb runner)x", &ns), -ENOENT);
}
END_TEST

START_TEST(a_process_of_the_namespace_is_held_and_no_other)
{
	struct other other = start_other(NULL);
	const int32_t hints[] = { other.pid, getpid(), 0 };

	for (size_t i = 0; i < ARRAY_SIZE(hints); i++) {
		int32_t pid;
		CLEANUP_CLOSE int pidfd = kernel_namespace_hold_process(&other.ns, hints[i], &pid);

		ck_assert_int_ge(pidfd, 0);
		ck_assert_int_eq(pid, other.pid);
	}
	end_other(&other);
	for (size_t i = 0; other.ns.id && i < ARRAY_SIZE(hints); i++) {
		int32_t pid;

		ck_assert_int_eq(kernel_namespace_hold_process(&other.ns, hints[i], &pid), -ESRCH);
		ck_assert_int_eq(pid, 0);
	}
}
END_TEST

/* ---- in another namespace ---- */

#define INSIDE PLACE "/inside"

static int mount_inside(void)
{
	return mkdir(INSIDE, 0755) < 0 || mount("inside", INSIDE, "tmpfs", 0, "") < 0 ? errno : 0;
}

static int without_proc(void)
{
	return umount2("/proc", MNT_DETACH) < 0 || umount2("/sys", MNT_DETACH) < 0 ? errno : mount_inside();
}

/* With something in it that looks like a way to a file. */
static int with_a_proc_of_its_own(void)
{
	if (mount("hostile", "/proc", "tmpfs", 0, "") < 0 || mkdir("/proc/self", 0755) < 0 ||
	    symlink("/", "/proc/self/fd") < 0)
		return errno;
	return mount_inside();
}

static other_function *const worlds[] = { mount_inside, without_proc, with_a_proc_of_its_own };

static bool has_inside(void)
{
	struct stat st, above;

	return stat(INSIDE, &st) == 0 && stat(PLACE, &above) == 0 && st.st_dev != above.st_dev;
}

/* In the child: what everything that the broker does there comes down to. */
static void act_in(const struct other *other)
{
	CLEANUP(kernel_table_clear) struct mount_table table;
	int fd = kernel_namespace_open(&other->ns, other->pid), place, inotify = inotify_init1(IN_CLOEXEC);
	struct kernel_mount mount;
	char name[PROCFS_NAME_SIZE];

	ck_assert_int_eq(kernel_namespace_enter(fd), 0);
	ck_assert_int_eq(kernel_namespace_enter(fd), -EALREADY);
	ck_assert_uint_eq(kernel_mount_namespace(), other->ns.inode);
	mount = mount_of(INSIDE);
	ck_assert_uint_eq(kernel_mountinfo_device(mount.id32), mount.dev);
	ck_assert_int_eq(kernel_table_read_own_mountinfo(&table), 0);
	ck_assert_ptr_nonnull(kernel_table_find_number(&table, mount.id32, mount.dev));
	ck_assert_int_eq(access(procfs_name(name, sizeof(name), "self/status"), F_OK), 0);
	ck_assert_int_eq(access(sysfs_name(name, sizeof(name), "fs"), F_OK), 0);
	place = kernel_open_root(PLACE);
	ck_assert_int_ge(place, 0);
	ck_assert_int_ge(inotify_add_watch(inotify, procfs_name(name, sizeof(name), "self/fd/%d", place), IN_DELETE),
			 1);
	ck_assert_int_eq(kernel_unmountat(place, "inside", 0), 0);
	ck_assert_int_eq(kernel_unmountat(place, "inside", 0), -EINVAL);
}

START_TEST(whoever_enters_has_proc_and_sys_of_his_own_whatever_is_there)
{
	struct other other = start_other(worlds[_i]);
	int status;
	pid_t child;

	ck_assert(in_other(&other.ns, has_inside));
	child = fork();
	if (child == 0) {
		act_in(&other);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	ck_assert(!in_other(&other.ns, has_inside));
	end_other(&other);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("kernel_namespaces");
	TCase *tcase = tcase_create("namespaces");

	if (!fixture_is_possible())
		return EXIT_SKIP;
	tcase_add_checked_fixture(tcase, fixture_setup, NULL);
	tcase_add_test(tcase, namespaces_are_listed_with_a_process_and_the_number_of_their_mounts);
	tcase_add_test(tcase, a_namespace_goes_with_its_last_process_for_nothing_here_keeps_it);
	tcase_add_test(tcase, a_namespace_without_a_process_is_listed_and_opened_where_the_kernel_has_a_list);
	tcase_add_test(tcase, it_is_opened_by_its_process_by_another_one_and_by_none);
	tcase_add_test(tcase, one_whose_inode_came_again_is_not_opened);
	tcase_add_test(tcase, at_a_path_only_a_mount_namespace_is_opened);
	tcase_add_test(tcase, the_owner_of_a_namespace_is_a_user_namespace);
	tcase_add_test(tcase, a_command_is_known_by_its_whole_name);
	tcase_add_test(tcase, a_process_of_the_namespace_is_held_and_no_other);
	tcase_add_loop_test(tcase, whoever_enters_has_proc_and_sys_of_his_own_whatever_is_there, 0, ARRAY_SIZE(worlds));
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
