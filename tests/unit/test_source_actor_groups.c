/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is said of the control group of who mounted: certainly true, or not said. */
#include <check.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "../lib/skip.h"
#include "actors_fixture.h"

static struct cgroup next;

static void become_zombie(pid_t pid)
{
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitid(P_PID, (id_t)pid, &(siginfo_t){ 0 }, WEXITED | WNOWAIT), 0);
}

START_TEST(the_group_of_a_zombie_is_known_though_it_was_removed)
{
	struct cgroup group;

	NEED_CGROUP(&group, true, "group");
	child = start("mounter", NULL);
	ck_assert(cgroup_put(&group, child));
	expect_cgroup(look_now(child), &group);
	become_zombie(child);
	expect_cgroup(look_now(child), &group);
	ck_assert(cgroup_remove(&group));
	/* Nothing is known of it from before. */
	teardown();
	setup();
	expect_cgroup(look_now(child), &group);
	end(child);
}
END_TEST

/* Not so where everybody is in a group of version 2 besides. */
static bool is_told_by_version_1(pid_t pid)
{
	struct actor *actor = look_now(pid);
	bool is;

	ck_assert_ptr_nonnull(actor);
	is = actor->cgroup[0] != '/';
	actor_unref(actor);
	return is;
}

START_TEST(of_a_zombie_version_1_tells_no_group)
{
	struct cgroup group;
	bool by_version_1;

	NEED_CGROUP(&group, false, "group");
	child = start("mounter", NULL);
	ck_assert(cgroup_put(&group, child));
	by_version_1 = is_told_by_version_1(child);
	become_zombie(child);
	if (by_version_1)
		expect_cgroup(look_now(child), NULL);
	end(child);
	ck_assert(cgroup_remove(&group));
	if (!by_version_1)
		SKIP_TEST("everybody here is in a group of version 2");
}
END_TEST

START_TEST(a_group_of_version_1_has_a_number_too)
{
	struct cgroup group;
	bool by_version_1;

	NEED_CGROUP(&group, false, "group");
	child = start("mounter", NULL);
	ck_assert(cgroup_put(&group, child));
	by_version_1 = is_told_by_version_1(child);
	if (by_version_1)
		expect_cgroup(look_now(child), &group);
	end(child);
	ck_assert(cgroup_remove(&group));
	if (!by_version_1)
		SKIP_TEST("everybody here is in a group of version 2");
}
END_TEST

START_TEST(a_group_may_be_called_as_if_it_were_removed)
{
	struct cgroup group;

	NEED_CGROUP(&group, true, "group (deleted)");
	child = start("mounter", NULL);
	ck_assert(cgroup_put(&group, child));
	expect_cgroup(look_now(child), &group);
	end(child);
	ck_assert(cgroup_remove(&group));
}
END_TEST

static void move_on(void)
{
	ck_assert(cgroup_put(&next, child));
}

START_TEST(who_moves_in_the_midst_of_the_look_has_no_group_and_leaves_none_to_others)
{
	struct cgroup first;
	pid_t other;

	NEED_CGROUP(&first, true, "first");
	NEED_CGROUP(&next, true, "next");
	child = start("mounter", NULL);
	other = start("other", NULL);
	ck_assert(cgroup_put(&first, child) && cgroup_put(&first, other));
	before_cgroup = move_on;
	expect_cgroup(look_now(child), NULL);
	expect_cgroup(look_now(other), &first);
	expect_cgroup(look_now(child), &next);
	end(child);
	end(other);
	ck_assert(cgroup_remove(&first) && cgroup_remove(&next));
}
END_TEST

/* Seen from our own namespace the group of version 2 is the top for both, and that of version 1 is told. */
START_TEST(a_group_of_version_1_is_not_said_of_all_in_the_same_of_version_2)
{
	struct cgroup ours, old;
	struct actor *actor;
	pid_t other;

	NEED_CGROUP(&ours, true, "ours");
	NEED_CGROUP(&old, false, "old");
	ck_assert(cgroup_put(&ours, getpid()));
	if (unshare(CLONE_NEWCGROUP) < 0)
		SKIP_TEST("this process may not make a cgroup namespace");
	child = start("mounter", NULL);
	other = start("other", NULL);
	ck_assert(cgroup_put(&old, child));
	actor = look_now(child);
	ck_assert_ptr_nonnull(actor);
	ck_assert(actor->attested && actor->cgroup && actor->cgroup[0] != '/');
	ck_assert_uint_ne(actor->cgroup_id, ours.id);
	actor_unref(actor);
	actor = look_now(other);
	ck_assert(actor->attested && actor->cgroup && !strstr(actor->cgroup, "old"));
	actor_unref(actor);
	end(child);
	end(other);
	ck_assert(cgroup_remove(&old));
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_test(tests, the_group_of_a_zombie_is_known_though_it_was_removed);
	tcase_add_test(tests, of_a_zombie_version_1_tells_no_group);
	tcase_add_test(tests, a_group_of_version_1_has_a_number_too);
	tcase_add_test(tests, a_group_may_be_called_as_if_it_were_removed);
	tcase_add_test(tests, who_moves_in_the_midst_of_the_look_has_no_group_and_leaves_none_to_others);
	tcase_add_test(tests, a_group_of_version_1_is_not_said_of_all_in_the_same_of_version_2);
}

int main(void)
{
	int exit_status;

	cgroups_begin();
	exit_status = actors_run("source: groups of actors", add_tests);
	cgroups_end();
	return exit_status;
}
