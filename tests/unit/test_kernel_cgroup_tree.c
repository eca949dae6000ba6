/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Control groups in the filesystem: with those of this machine. */
#include <check.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "../lib/cgroups.h"
#include "../lib/skip.h"
#include "base/cleanup.h"
#include "kernel/cgroup_tree.h"
#include "kernel/process.h"
#include "run_suite.h"

#define NEED_CGROUP(group, version2, name)                                                                             \
	do {                                                                                                           \
		if (!cgroup_make(group, version2, name))                                                               \
			SKIP_TEST("no cgroup of version %d can be made here", version2 ? 2 : 1);                       \
	} while (0)

static struct cgroup_trees trees;

static void close_trees(void)
{
	kernel_cgroup_trees_close(&trees);
}

static pid_t start_in(const struct cgroup *group)
{
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	ck_assert(cgroup_put(group, pid));
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

/* Its number and whether it is populated, or -errno. */
static int status_of(const char *group, struct cgroup_status *ret)
{
	const struct cgroup_tree *tree;
	CLEANUP_CLOSE int fd = -1;
	const char *path;
	int r = kernel_cgroup_find_tree(&trees, group, &tree, &path);

	if (r < 0)
		return r;
	fd = kernel_cgroup_open(tree, path);
	return fd < 0 ? fd : kernel_cgroup_status(tree, fd, ret);
}

static bool is_populated(const char *group)
{
	struct cgroup_status status;

	ck_assert_int_eq(status_of(group, &status), 0);
	return status.populated;
}

START_TEST(a_group_is_populated_while_somebody_lives_in_it_or_below)
{
	struct cgroup group, below;
	struct cgroup_status status;
	pid_t pid;

	NEED_CGROUP(&group, true, "group");
	NEED_CGROUP(&below, true, "group/below");
	ck_assert(!is_populated(group.path));
	pid = start_in(&below);
	ck_assert(is_populated(group.path));
	ck_assert(is_populated(below.path));
	kill(pid, SIGKILL);
	/* A zombie does not live. */
	ck_assert_int_eq(waitid(P_PID, (id_t)pid, &(siginfo_t){ 0 }, WEXITED | WNOWAIT), 0);
	for (int i = 0; i < 1000 && is_populated(group.path); i++)
		usleep(1000);
	ck_assert(!is_populated(group.path));
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	ck_assert(cgroup_remove(&below) && cgroup_remove(&group));
	ck_assert_int_eq(status_of(group.path, &status), -ENOENT);
}
END_TEST

START_TEST(a_group_has_a_number_of_its_own_which_a_pidfd_says_too)
{
	CLEANUP_CLOSE int pidfd = -1;
	struct cgroup_status status;
	struct pidfd_info info;
	struct cgroup group;
	pid_t pid;

	NEED_CGROUP(&group, true, "group");
	ck_assert_int_eq(status_of(group.path, &status), 0);
	ck_assert_uint_eq(status.id, group.id);
	pid = start_in(&group);
	pidfd = kernel_pidfd_open(pid);
	if (pidfd >= 0 && kernel_pidfd_info(pidfd, &info) == 0)
		ck_assert_uint_eq(info.cgroup_id, group.id);
	end(pid);
	ck_assert(cgroup_remove(&group));
	ck_assert_int_eq(mkdir(group.directory, 0755), 0);
	ck_assert_int_eq(status_of(group.path, &status), 0);
	ck_assert_uint_ne(status.id, group.id);
	ck_assert(cgroup_remove(&group));
}
END_TEST

START_TEST(a_group_that_is_removed_while_it_is_asked_is_no_longer_there)
{
	const struct cgroup_tree *tree;
	struct cgroup_status status;
	CLEANUP_CLOSE int fd = -1;
	struct cgroup group;

	NEED_CGROUP(&group, true, "group");
	ck_assert_int_eq(kernel_cgroup_trees_get(&trees, "", &tree), 0);
	fd = kernel_cgroup_open(tree, group.path);
	ck_assert_int_ge(fd, 0);
	ck_assert(cgroup_remove(&group));
	ck_assert_int_eq(kernel_cgroup_status(tree, fd, &status), -ENOENT);
}
END_TEST

START_TEST(a_group_of_version_1_is_there_or_not)
{
	struct cgroup_status status;
	struct cgroup group;

	NEED_CGROUP(&group, false, "group");
	ck_assert_int_eq(status_of(group.name, &status), 0);
	ck_assert_uint_eq(status.id, group.id);
	ck_assert(status.populated);
	ck_assert(cgroup_remove(&group));
	ck_assert_int_eq(status_of(group.name, &status), -ENOENT);
}
END_TEST

START_TEST(what_is_no_group_of_ours_is_not_looked_for)
{
	static const struct {
		const char *group;
		int error;
	} cases[] = {
		{ "", -EINVAL },
		{ "relative", -EINVAL },
		{ "no-such-hierarchy:/a", -ENOENT },
		{ "/../a", -EXDEV },
	};
	struct cgroup_status status;
	const struct cgroup_tree *tree;

	if (kernel_cgroup_trees_get(&trees, "", &tree) < 0)
		SKIP_TEST("no cgroups are mounted here");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		ck_assert_msg(status_of(cases[i].group, &status) == cases[i].error, "%s", cases[i].group);
}
END_TEST

static bool can_mount(void)
{
	return unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

START_TEST(a_hierarchy_that_is_covered_is_not_found_through_what_covers_it)
{
	struct cgroup_tree tree = { 0 };
	char top[PATH_MAX];

	if (!cgroups_mounted(true, top))
		SKIP_TEST("no cgroups are mounted here");
	if (!can_mount())
		SKIP_TEST("this process may not mount");
	ck_assert_int_eq(kernel_cgroup_tree_open("", &tree), 0);
	kernel_cgroup_tree_close(&tree);
	ck_assert_int_eq(mount("none", top, "tmpfs", 0, NULL), 0);
	ck_assert_int_eq(kernel_cgroup_tree_open("", &tree), -ENOENT);
	kernel_cgroup_tree_close(&tree);
}
END_TEST

START_TEST(a_part_of_a_hierarchy_shows_what_is_below_it)
{
	struct cgroup_tree tree = { 0 };
	struct cgroup group, below, beside;
	CLEANUP_CLOSE int fd = -1;
	char top[PATH_MAX];

	NEED_CGROUP(&group, true, "group");
	NEED_CGROUP(&below, true, "group/below");
	NEED_CGROUP(&beside, true, "group-beside");
	ck_assert(cgroups_mounted(true, top));
	if (!can_mount())
		SKIP_TEST("this process may not mount");
	/* The whole, which comes first in the table, is covered. */
	ck_assert_int_eq(mount(group.directory, top, NULL, MS_BIND, NULL), 0);
	ck_assert_int_eq(kernel_cgroup_tree_open("", &tree), 0);
	ck_assert_str_eq(tree.top, group.path);
	fd = kernel_cgroup_open(&tree, below.path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(kernel_cgroup_open(&tree, beside.path), -EXDEV);
	kernel_cgroup_tree_close(&tree);
	ck_assert_int_eq(umount2(top, MNT_DETACH), 0);
	ck_assert(cgroup_remove(&below) && cgroup_remove(&group) && cgroup_remove(&beside));
}
END_TEST

START_TEST(of_several_mounts_the_whole_hierarchy_is_taken)
{
	char top[PATH_MAX], part[] = "/tmp/reaperd-part-XXXXXX", whole[] = "/tmp/reaperd-whole-XXXXXX";
	struct cgroup_tree tree = { 0 };
	struct cgroup group;

	NEED_CGROUP(&group, true, "group");
	ck_assert(cgroups_mounted(true, top));
	if (!can_mount())
		SKIP_TEST("this process may not mount");
	ck_assert(mkdtemp(part) && mkdtemp(whole));
	ck_assert_int_eq(mount(group.directory, part, NULL, MS_BIND, NULL), 0);
	ck_assert_int_eq(mount(top, whole, NULL, MS_BIND, NULL), 0);
	/* The first in the table is out of reach, the second one shows less than the third. */
	ck_assert_int_eq(mount("none", top, "tmpfs", 0, NULL), 0);
	ck_assert_int_eq(kernel_cgroup_tree_open("", &tree), 0);
	ck_assert_str_eq(tree.top, "/");
	kernel_cgroup_tree_close(&tree);
	ck_assert_int_eq(umount2(part, 0), 0);
	ck_assert_int_eq(umount2(whole, 0), 0);
	ck_assert(rmdir(part) == 0 && rmdir(whole) == 0);
	ck_assert_int_eq(umount2(top, 0), 0);
	ck_assert(cgroup_remove(&group));
}
END_TEST

static char *view_now(void)
{
	struct cgroup_tree tree = { 0 };
	char *view;

	ck_assert_int_eq(kernel_cgroup_tree_open("", &tree), 0);
	view = kernel_cgroup_tree_view(&tree);
	kernel_cgroup_tree_close(&tree);
	ck_assert_ptr_nonnull(view);
	return view;
}

START_TEST(in_another_cgroup_namespace_paths_mean_something_else)
{
	CLEANUP_FREE char *first = NULL, *second = NULL, *inside = NULL, *mounted = NULL;
	char top[PATH_MAX], own[] = "/tmp/reaperd-own-XXXXXX";
	struct cgroup group, back;

	NEED_CGROUP(&group, true, "group");
	first = view_now();
	second = view_now();
	ck_assert_str_eq(first, second);
	if (!can_mount())
		SKIP_TEST("this process may not mount");
	ck_assert(cgroups_mounted(true, top) && cgroup_put(&group, getpid()));
	ck_assert_int_eq(unshare(CLONE_NEWCGROUP), 0);
	inside = view_now();
	ck_assert_str_ne(first, inside);
	/* As in a container: the same words for another place. */
	ck_assert(mkdtemp(own) && mount("none", own, "cgroup2", 0, NULL) == 0);
	mounted = view_now();
	ck_assert_str_ne(first, mounted);
	ck_assert_str_ne(inside, mounted);
	ck_assert(umount2(own, 0) == 0 && rmdir(own) == 0);
	snprintf(back.directory, sizeof(back.directory), "%s", top);
	ck_assert(cgroup_put(&back, getpid()) && cgroup_remove(&group));
}
END_TEST

/* --- units --- */

static void find(const char *unit, const struct cgroup *expected)
{
	const struct cgroup_tree *tree;
	CLEANUP_FREE char *path = NULL;

	ck_assert_int_eq(kernel_cgroup_trees_get(&trees, "", &tree), 0);
	ck_assert_int_eq(kernel_cgroup_find_unit(tree, unit, &path), expected ? 0 : -ENOENT);
	if (expected)
		ck_assert_str_eq(path, expected->path);
}

START_TEST(a_unit_is_found_where_systemd_puts_units)
{
	struct cgroup top, slice, nested, unit, near, user, inner, users, odd, scope, hidden;

	NEED_CGROUP(&top, true, "top.slice");
	NEED_CGROUP(&slice, true, "top.slice/a.slice");
	NEED_CGROUP(&nested, true, "top.slice/a.slice/a-b.slice");
	NEED_CGROUP(&unit, true, "top.slice/a.slice/a-b.slice/reaperd-test.service");
	NEED_CGROUP(&user, true, "top.slice/user@1.service");
	NEED_CGROUP(&inner, true, "top.slice/user@1.service/app.slice");
	NEED_CGROUP(&users, true, "top.slice/user@1.service/app.slice/reaperd-users.service");
	NEED_CGROUP(&odd, true, "top.slice/_cgroup.reaperd.service");
	NEED_CGROUP(&scope, true, "top.slice/reaperd.scope");
	NEED_CGROUP(&hidden, true, "top.slice/reaperd.scope/reaperd-hidden.service");
	find("reaperd-test.service", &unit);
	find("user@1.service", &user);
	find("cgroup.reaperd.service", &odd);
	find("reaperd.scope", &scope);
	/* Users and containers name theirs as they like. */
	find("reaperd-users.service", NULL);
	find("reaperd-hidden.service", NULL);
	find("reaperd-tes.service", NULL);
	/* The nearest to the top. */
	NEED_CGROUP(&near, true, "top.slice/reaperd-test.service");
	find("reaperd-test.service", &near);
	ck_assert(cgroup_remove(&near) && cgroup_remove(&hidden) && cgroup_remove(&scope) && cgroup_remove(&odd) &&
		  cgroup_remove(&users) && cgroup_remove(&inner) && cgroup_remove(&user) && cgroup_remove(&unit) &&
		  cgroup_remove(&nested) && cgroup_remove(&slice) && cgroup_remove(&top));
}
END_TEST

START_TEST(a_unit_that_cannot_be_looked_for_is_not_said_to_be_absent)
{
	struct rlimit limit, none;
	const struct cgroup_tree *tree;
	char *path = NULL;
	int r;

	if (kernel_cgroup_trees_get(&trees, "", &tree) < 0)
		SKIP_TEST("no cgroups are mounted here");
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = (struct rlimit){ 0, limit.rlim_max };
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	r = kernel_cgroup_find_unit(tree, "reaperd-no-such.service", &path);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_int_eq(r, -EMFILE);
	ck_assert_int_eq(kernel_cgroup_find_unit(tree, "reaperd-no-such.service", &path), -ENOENT);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("kernel: cgroup tree");
	TCase *tests = tcase_create("tree");
	int exit_status;

	tcase_add_checked_fixture(tests, NULL, close_trees);
	tcase_add_test(tests, a_group_is_populated_while_somebody_lives_in_it_or_below);
	tcase_add_test(tests, a_group_has_a_number_of_its_own_which_a_pidfd_says_too);
	tcase_add_test(tests, a_group_that_is_removed_while_it_is_asked_is_no_longer_there);
	tcase_add_test(tests, a_group_of_version_1_is_there_or_not);
	tcase_add_test(tests, what_is_no_group_of_ours_is_not_looked_for);
	tcase_add_test(tests, a_hierarchy_that_is_covered_is_not_found_through_what_covers_it);
	tcase_add_test(tests, a_part_of_a_hierarchy_shows_what_is_below_it);
	tcase_add_test(tests, of_several_mounts_the_whole_hierarchy_is_taken);
	tcase_add_test(tests, in_another_cgroup_namespace_paths_mean_something_else);
	tcase_add_test(tests, a_unit_is_found_where_systemd_puts_units);
	tcase_add_test(tests, a_unit_that_cannot_be_looked_for_is_not_said_to_be_absent);
	suite_add_tcase(suite, tests);
	cgroups_begin();
	exit_status = run_suite(suite);
	cgroups_end();
	return exit_status;
}
