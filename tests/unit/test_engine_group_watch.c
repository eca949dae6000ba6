/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is noticed of control groups, with those of this machine and its clock. */
#include <check.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "../lib/cgroups.h"
#include "../lib/skip.h"
#include "base/cleanup.h"
#include "engine/group_watch.h"
#include "run_suite.h"

#define DEADLINE (10 * NSEC_PER_SEC)

#define NEED_CGROUP(group, version2, name)                                                                             \
	do {                                                                                                           \
		if (!cgroup_make(group, version2, name))                                                               \
			SKIP_TEST("no cgroup of version %d can be made here", version2 ? 2 : 1);                       \
	} while (0)

static struct engine engine;
static struct group_watches *watches;

static void setup(void)
{
	engine = (struct engine){ .loop = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV),
				  .now = clock_now(),
				  .turn_at = INT64_MAX };
	ck_assert_ptr_nonnull(engine.loop);
	watches = group_watches_new(&engine);
	ck_assert_ptr_nonnull(watches);
}

static void teardown(void)
{
	group_watches_free(watches);
	ev_loop_destroy(engine.loop);
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

static struct group_watch *watch_of(const struct cgroup *group)
{
	struct group_watch *watch = group_watch_get(watches, group->name, group->id);

	ck_assert_ptr_nonnull(watch);
	return watch;
}

/* Because it was told: nobody asks. */
static void expect_told(struct group_watch *watch, enum group_life life)
{
	const int64_t end_at = clock_now().mono + DEADLINE;

	while (group_watch_life(watch) != life && clock_now().mono < end_at) {
		ev_run(engine.loop, EVRUN_NOWAIT);
		engine.now = clock_now();
		group_watches_turn(watches);
		sched_yield();
	}
	ck_assert_int_eq(group_watch_life(watch), life);
	/* No turn was asked for, as it would be for polling. */
	ck_assert_int_eq(engine.turn_at, INT64_MAX);
}

START_TEST(a_group_that_is_left_and_come_back_to_is_told_of)
{
	struct group_watch *watch;
	struct cgroup group;
	pid_t pid;

	NEED_CGROUP(&group, true, "group");
	pid = start_in(&group);
	watch = watch_of(&group);
	ck_assert_int_eq(group_watch_life(watch), GROUP_LIVES);
	end(pid);
	expect_told(watch, GROUP_OVER);
	pid = start_in(&group);
	expect_told(watch, GROUP_LIVES);
	end(pid);
	expect_told(watch, GROUP_OVER);
	ck_assert(cgroup_remove(&group));
}
END_TEST

/* The kernel keeps back what it tells of a group's file for a while, and the group may be gone by then. */
START_TEST(of_groups_that_are_left_and_removed_at_once_none_is_missed)
{
	for (int i = 0; i < 200; i++) {
		struct group_watch *watch;
		struct cgroup group;
		pid_t pid;

		NEED_CGROUP(&group, true, "group");
		pid = start_in(&group);
		watch = watch_of(&group);
		end(pid);
		ck_assert(cgroup_remove(&group));
		expect_told(watch, GROUP_OVER);
		/* For ever: one of that name is another. */
		NEED_CGROUP(&group, true, "group");
		ck_assert_int_eq(group_watch_ask(watch), GROUP_OVER);
		ck_assert(cgroup_remove(&group));
	}
}
END_TEST

START_TEST(a_group_of_version_1_that_is_removed_is_told_of)
{
	struct group_watch *watch;
	struct cgroup group;

	NEED_CGROUP(&group, false, "group");
	watch = watch_of(&group);
	ck_assert_int_eq(group_watch_life(watch), GROUP_LIVES);
	ck_assert(cgroup_remove(&group));
	expect_told(watch, GROUP_OVER);
}
END_TEST

START_TEST(the_next_group_of_the_same_name_is_told_of_too)
{
	struct group_watch *former, *watch;
	struct cgroup group, again;
	pid_t pid;

	NEED_CGROUP(&group, true, "group");
	former = watch_of(&group);
	ck_assert(cgroup_remove(&group));
	/* Nothing has been read of that yet. */
	NEED_CGROUP(&again, true, "group");
	pid = start_in(&again);
	watch = watch_of(&again);
	ck_assert_ptr_ne(watch, former);
	ck_assert_int_eq(group_watch_life(watch), GROUP_LIVES);
	expect_told(former, GROUP_OVER);
	end(pid);
	ck_assert(cgroup_remove(&again));
	expect_told(watch, GROUP_OVER);
}
END_TEST

START_TEST(groups_in_one_directory_are_told_apart)
{
	struct group_watch *first, *second;
	struct cgroup one, two;
	pid_t pid;

	NEED_CGROUP(&one, true, "one");
	NEED_CGROUP(&two, true, "two");
	pid = start_in(&two);
	first = watch_of(&one);
	second = watch_of(&two);
	ck_assert(cgroup_remove(&one));
	expect_told(first, GROUP_OVER);
	ck_assert_int_eq(group_watch_life(second), GROUP_LIVES);
	end(pid);
	expect_told(second, GROUP_OVER);
	ck_assert(cgroup_remove(&two));
}
END_TEST

START_TEST(what_is_not_used_any_more_is_forgotten)
{
	struct group_watch *kept, *forgotten;
	struct cgroup one, two;
	pid_t pid;

	NEED_CGROUP(&one, true, "one");
	NEED_CGROUP(&two, true, "two");
	pid = start_in(&one);
	kept = watch_of(&one);
	forgotten = watch_of(&two);
	ck_assert_ptr_ne(kept, forgotten);
	group_watches_begin_use(watches);
	ck_assert_ptr_eq(watch_of(&one), kept);
	group_watches_end_use(watches);
	/* What is told of it concerns nobody; of the other one all is told as before. */
	ck_assert(cgroup_remove(&two));
	end(pid);
	expect_told(kept, GROUP_OVER);
	group_watches_begin_use(watches);
	group_watch_keep(kept);
	group_watches_end_use(watches);
	ck_assert(!group_watch_is_removed(kept));
	ck_assert(cgroup_remove(&one));
	expect_told(kept, GROUP_OVER);
	ck_assert_int_eq(group_watch_ask(kept), GROUP_OVER);
	ck_assert(group_watch_is_removed(kept));
}
END_TEST

START_TEST(without_inotify_groups_are_asked_for)
{
	struct rlimit limit = { .rlim_cur = 0 };
	struct group_watch *watch;
	struct cgroup group;
	pid_t pid;

	NEED_CGROUP(&group, true, "group");
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	group_watches_free(watches);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 0, limit.rlim_max }), 0);
	watches = group_watches_new(&engine);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_ptr_nonnull(watches);
	pid = start_in(&group);
	watch = watch_of(&group);
	end(pid);
	engine.turn_at = INT64_MAX;
	engine.now = clock_now();
	ck_assert(!group_watches_turn(watches));
	ck_assert_int_lt(engine.turn_at, INT64_MAX);
	engine.now.mono = engine.turn_at;
	ck_assert(group_watches_turn(watches));
	ck_assert_int_eq(group_watch_life(watch), GROUP_OVER);
	ck_assert(cgroup_remove(&group));
}
END_TEST

START_TEST(a_group_that_could_not_be_asked_is_asked_again)
{
	struct rlimit limit, none;
	struct group_watch *watch;
	struct cgroup group;
	pid_t pid;

	NEED_CGROUP(&group, true, "group");
	pid = start_in(&group);
	watch = watch_of(&group);
	end(pid);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = (struct rlimit){ 0, limit.rlim_max };
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	ck_assert_int_eq(group_watch_ask(watch), GROUP_UNKNOWN);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	engine.now = clock_now();
	group_watches_turn(watches);
	ck_assert_int_lt(engine.turn_at, INT64_MAX);
	engine.now.mono = engine.turn_at;
	ck_assert(group_watches_turn(watches));
	ck_assert_int_eq(group_watch_life(watch), GROUP_OVER);
	ck_assert(cgroup_remove(&group));
}
END_TEST

START_TEST(the_lower_half_of_a_number_is_enough_as_32_bit_kernels_show_no_more)
{
	struct group_watch *watch;
	struct cgroup group;
	pid_t pid;

	NEED_CGROUP(&group, true, "group");
	pid = start_in(&group);
	watch = group_watch_get(watches, group.name, group.id | UINT64_C(1) << 32);
	ck_assert_int_eq(group_watch_life(watch), GROUP_LIVES);
	end(pid);
	expect_told(watch, GROUP_OVER);
	ck_assert(cgroup_remove(&group));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("engine: group watch");
	TCase *tests = tcase_create("watch");
	int exit_status;

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, a_group_that_is_left_and_come_back_to_is_told_of);
	tcase_add_test(tests, of_groups_that_are_left_and_removed_at_once_none_is_missed);
	tcase_add_test(tests, a_group_of_version_1_that_is_removed_is_told_of);
	tcase_add_test(tests, the_next_group_of_the_same_name_is_told_of_too);
	tcase_add_test(tests, groups_in_one_directory_are_told_apart);
	tcase_add_test(tests, what_is_not_used_any_more_is_forgotten);
	tcase_add_test(tests, without_inotify_groups_are_asked_for);
	tcase_add_test(tests, a_group_that_could_not_be_asked_is_asked_again);
	tcase_add_test(tests, the_lower_half_of_a_number_is_enough_as_32_bit_kernels_show_no_more);
	suite_add_tcase(suite, tests);
	cgroups_begin();
	exit_status = run_suite(suite);
	cgroups_end();
	return exit_status;
}
