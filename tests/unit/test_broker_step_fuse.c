/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Force and abort, of which everybody feels who shares the superblock. */
#include "base/cleanup.h"
#include "misfuse_fixture.h"
#include "namespace_fixture.h"
#include "run_suite.h"
#include "step_fixture.h"

static void fuse_setup(void)
{
	setup();
	make_directory(BUILD "/a/f");
	misfuse_start("3600", BUILD "/a/f");
	make_directory(BUILD "/a/f/d");
}

static bool is_alive(void)
{
	struct stat st;

	return stat(BUILD "/a/f/d", &st) == 0 && mkdir(BUILD "/a/f/new", 0755) == 0 && rmdir(BUILD "/a/f/new") == 0;
}

static void fuse_teardown(void)
{
	umount2(BUILD "/a/f", MNT_DETACH);
	misfuse_stop();
}

/* Only where all processes can be seen is it known who shares a filesystem. */
static bool sees_every_process(void)
{
	struct stat st;

	ck_assert_int_eq(stat("/proc/self/ns/pid", &st), 0);
	return st.st_ino == 0xEFFFFFFCu;
}

START_TEST(a_fuse_that_is_all_the_actions_is_forced)
{
	int fd;

	want("a/f", STEP_FORCE);
	fd = open(BUILD "/a/f/d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	go();
	ck_outcome(0, sees_every_process() ? OUTCOME_BUSY : OUTCOME_REFUSED);
	ck_assert_int_ne(is_alive(), sees_every_process());
	close(fd);
	go();
	ck_outcome(0, sees_every_process() ? OUTCOME_GONE : OUTCOME_REFUSED);
}
END_TEST

START_TEST(a_fuse_that_is_all_the_actions_is_aborted)
{
	want("a/f", STEP_ABORT);
	go();
	if (sees_every_process() && !access("/sys/fs/fuse/connections/.", X_OK) && results[0].error != ENOENT) {
		ck_outcome(0, OUTCOME_FAILED);
		ck_assert(!is_alive());
	}
}
END_TEST

START_TEST(a_fuse_that_another_action_uses_is_neither_forced_nor_aborted)
{
	struct kernel_mount other;

	make_directory(BUILD "/ab");
	make_mount("", BUILD "/a/f/d", BUILD "/ab", MS_BIND);
	other = mount_of(BUILD "/ab");
	want("a/f", STEP_FORCE);
	want("a/f", STEP_ABORT);
	go();
	for (size_t i = 0; i < 2; i++) {
		ck_outcome(i, OUTCOME_REFUSED);
		ck_assert_uint_eq(results[i].stranger, shown_id(other));
	}
	ck_assert(is_alive());
}
END_TEST

START_TEST(a_fuse_in_another_namespace_is_not_forced)
{
	int ready[2];
	pid_t child;
	char byte;

	make_directory(PLACE "/x");
	ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
	child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWNS) == 0 && mount(BUILD "/a/f", PLACE "/x", NULL, MS_BIND, NULL) == 0 &&
		    write(ready[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	close(ready[1]);
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	want("a/f", STEP_FORCE);
	go();
	ck_outcome(0, OUTCOME_REFUSED);
	ck_assert_ptr_nonnull(strstr(results[0].detail, "has the filesystem at " PLACE "/x"));
	ck_assert(is_alive());
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}
END_TEST

/* As in a container. A child's child: who has unshared its pid namespace can start nobody more when the first one in it has ended. */
static void go_in_a_pid_namespace(void)
{
	int status = 0;
	pid_t child;

	if (unshare(CLONE_NEWPID | CLONE_NEWNS) < 0 || (child = fork()) < 0)
		_exit(2);
	if (child > 0)
		_exit(waitpid(child, &status, 0) != child || status != 0);
	if (mount("proc", "/proc", "proc", 0, NULL) < 0)
		_exit(2);
	want("a/f", STEP_FORCE);
	go();
	_exit(results[0].outcome != OUTCOME_REFUSED || !strstr(results[0].detail, "not every mount namespace"));
}

START_TEST(a_fuse_is_not_forced_where_not_every_process_is_in_sight)
{
	pid_t child;
	int status;

	child = fork();
	if (child == 0)
		go_in_a_pid_namespace();
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	ck_assert(is_alive());
}
END_TEST

/* The first process that one meets there sees nothing of it, for it lives below a directory of its own. */
START_TEST(a_fuse_beside_a_chroot_in_another_namespace_is_not_forced)
{
	int ready[2];
	pid_t child;
	char byte;

	make_directory(PLACE "/x");
	make_directory(PLACE "/jail");
	ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
	child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWNS) < 0 || mount(BUILD "/a/f", PLACE "/x", NULL, MS_BIND, NULL) < 0 ||
		    mount(PLACE "/jail", PLACE "/jail", NULL, MS_BIND, NULL) < 0)
			_exit(1);
		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			pause();
			_exit(1);
		}
		if (chroot(PLACE "/jail") == 0 && write(ready[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	close(ready[1]);
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	want("a/f", STEP_FORCE);
	go();
	ck_outcome(0, OUTCOME_REFUSED);
	ck_assert_ptr_nonnull(strstr(results[0].detail, "has the filesystem at " PLACE "/x"));
	ck_assert(is_alive());
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}
END_TEST

static int bind_it(void)
{
	return mount(BUILD "/a/f", PLACE "/x", NULL, MS_BIND, NULL) < 0 ? errno : 0;
}

START_TEST(a_fuse_in_a_namespace_without_a_process_is_not_forced)
{
	CLEANUP(kernel_namespaces_clear) struct kernel_namespaces all;
	struct other other;
	int ns;

	ck_assert_int_eq(kernel_namespaces_read(&all, false), 0);
	if (all.lacking)
		SKIP_TEST("this kernel does not list namespaces (Linux 6.12), or not to this process");
	make_directory(PLACE "/x");
	other = start_other(bind_it);
	ns = kernel_namespace_open(&other.ns, other.pid);
	ck_assert_int_ge(ns, 0);
	end_other(&other);
	want("a/f", STEP_FORCE);
	go();
	ck_outcome(0, OUTCOME_REFUSED);
	ck_assert_ptr_nonnull(strstr(results[0].detail, "which has no process, has the filesystem at " PLACE "/x"));
	ck_assert(is_alive());
	close(ns);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("broker step on FUSE");
	TCase *tests = tcase_create("fuse");

	if (!fixture_is_possible() || !misfuse_is_possible())
		return EXIT_SKIP;
	tcase_add_checked_fixture(tests, fuse_setup, fuse_teardown);
	tcase_add_test(tests, a_fuse_that_is_all_the_actions_is_forced);
	tcase_add_test(tests, a_fuse_that_is_all_the_actions_is_aborted);
	tcase_add_test(tests, a_fuse_that_another_action_uses_is_neither_forced_nor_aborted);
	tcase_add_test(tests, a_fuse_in_another_namespace_is_not_forced);
	tcase_add_test(tests, a_fuse_is_not_forced_where_not_every_process_is_in_sight);
	tcase_add_test(tests, a_fuse_beside_a_chroot_in_another_namespace_is_not_forced);
	tcase_add_test(tests, a_fuse_in_a_namespace_without_a_process_is_not_forced);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
