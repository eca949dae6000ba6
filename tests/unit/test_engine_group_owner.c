/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `owner = cgroup`. */
#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "engine/registry.h"
#include "group_fixture.h"
#include "kernel/process.h"
#include "run_suite.h"

#define BY_CGROUP "owner = cgroup\ngrace = 5s"

static void setup(void)
{
	groups_begin(BY_CGROUP);
}

/* An action of who is in /g, with one mount. */
static uint64_t make_action(void)
{
	uint64_t id;

	populate("/g");
	id = attach_by(by(11, "/g"), "a/proc");
	pass(3);
	ck_assert(!is_over("a"));
	return id;
}

START_TEST(a_group_that_is_left_says_that_the_action_is_over)
{
	make_action();
	leave("/g");
	pass(3);
	ck_assert(is_over("a"));
	ck_assert_str_eq(ledger_value("SELECT detail FROM events WHERE type = 'evidence'"),
			 "{\"kind\":\"owner-exited\",\"holds\":true,\"because\":\"cgroup\"}");
	ck_assert_uint_eq(steps_asked, 0);
	pass(5);
	ck_assert_uint_eq(steps_asked, 1);
}
END_TEST

START_TEST(a_group_that_is_removed_says_that_the_action_is_over)
{
	make_action();
	remove_group("/g");
	pass(9);
	ck_assert(is_over("a"));
	ck_assert_uint_eq(steps_asked, 1);
}
END_TEST

START_TEST(a_group_that_was_over_before_it_was_looked_at_says_so_too)
{
	populate("/g");
	attach_by(by(11, "/g"), "a/proc");
	remove_group("/g");
	pass(9);
	ck_assert_uint_eq(steps_asked, 1);
}
END_TEST

START_TEST(who_is_in_the_group_again_takes_it_back)
{
	make_action();
	leave("/g");
	pass(4);
	ck_assert(is_over("a"));
	populate("/g");
	for (int i = 0; i < 30 && is_over("a"); i++)
		pass(0.1);
	ck_assert(!is_over("a"));
	ck_assert_int_eq(action("a")->state, ACTION_ACTIVE);
	nothing_happens();
	/* And its grace begins anew. */
	leave("/g");
	pass(4);
	ck_assert(is_over("a"));
	ck_assert_uint_eq(steps_asked, 0);
}
END_TEST

START_TEST(at_the_end_of_the_grace_the_group_is_asked_once_more)
{
	int64_t since;

	make_action();
	leave("/g");
	for (int i = 0; i < 30 && !is_over("a"); i++)
		pass(0.1);
	ck_assert(is_over("a"));
	since = now.mono;
	/* It was asked when that was found, two and four seconds later; not yet after this. */
	pass(4.5);
	populate("/g");
	ck_assert_int_lt(now.mono - since, 5 * NSEC_PER_SEC);
	nothing_happens();
	ck_assert(!is_over("a"));
}
END_TEST

START_TEST(the_top_says_nothing)
{
	attach_by(by(11, "/"), "a/proc");
	leave("/");
	nothing_happens();
	ck_assert(!is_over("a"));
}
END_TEST

START_TEST(a_group_that_cannot_be_asked_says_nothing)
{
	const struct actor unknown = { .pid = 11, .attested = true, .cgroup = (char *)"/g" };
	const struct actor elsewhere = { .pid = 11, .attested = true, .cgroup = (char *)"memory:/g", .cgroup_id = 9 };

	attach_by(actor_new(&unknown), "a/proc");
	attach_by(actor_new(&elsewhere), "b/proc");
	nothing_happens();
	ck_assert(!is_over("a") && !is_over("b"));
}
END_TEST

START_TEST(an_action_of_several_mounters_is_over_when_all_have_left)
{
	make_action();
	populate("/h");
	attach_by(by(12, "/h"), "a/sys");
	pass(3);
	remove_group("/g");
	nothing_happens();
	ck_assert(!is_over("a"));
	remove_group("/h");
	pass(9);
	ck_assert(is_over("a"));
	ck_assert_uint_eq(steps_asked, 2);
}
END_TEST

START_TEST(somebody_at_the_top_keeps_it_too)
{
	make_action();
	attach_by(by(12, "/"), "a/sys");
	pass(1);
	remove_group("/g");
	nothing_happens();
}
END_TEST

START_TEST(who_is_not_known_keeps_it_too)
{
	make_action();
	attach_by(by_a_pid(12), "a/sys");
	attach_by(by(13, "/g"), "b/proc");
	attach("b/sys");
	attach_by(by_a_pid(14), "c/proc");
	pass(3);
	ck_assert_uint_eq(action("a")->generation, 1);
	remove_group("/g");
	nothing_happens();
	ck_assert(!is_over("a") && !is_over("b") && !is_over("c"));
}
END_TEST

/* Found at the first start, or because the kernel's events were lost. */
START_TEST(what_was_there_before_its_first_known_mounter_keeps_it)
{
	uint64_t found = attach("a/sys");

	make_action();
	remove_group("/g");
	nothing_happens();
	ck_assert(!is_over("a"));
	detach(found);
	pass(9);
	ck_assert_uint_eq(steps_asked, 1);
}
END_TEST

START_TEST(a_unit_that_mounts_and_ends_says_nothing)
{
	static const char *const paths[] = { "/system.slice/b-a.mount", "/system.slice/b-b.mount/.control",
					     "/a.mounts/g" };
	static const char *const places[] = { "a/proc", "b/proc", "c/proc" };

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		populate(paths[i]);
		attach_by(by(11, paths[i]), places[i]);
	}
	pass(1);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		remove_group(paths[i]);
	pass(20);
	ck_assert(!is_over("a") && !is_over("b"));
	ck_assert(is_over("c"));
	ck_assert_uint_eq(steps_asked, 1);
}
END_TEST

START_TEST(a_mounter_that_went_over_to_another_group_lives_there)
{
	const struct actor actor = { .pid = getpid(),
				     .attested = true,
				     .start_time = kernel_process_start_time(getpid()),
				     .cgroup = (char *)"/g",
				     .cgroup_id = populate("/g") };

	attach_by(actor_new(&actor), "a/proc");
	pass(3);
	remove_group("/g");
	nothing_happens();
	ck_assert(!is_over("a"));
}
END_TEST

START_TEST(what_the_next_one_mounts_is_not_the_former_ones)
{
	uint64_t first = make_action(), second;

	remove_group("/g");
	pass(3);
	ck_assert(is_over("a"));
	populate("/h");
	second = attach_by(by(12, "/h"), "a/sys");
	pass(0.1);
	ck_assert_uint_eq(action("a")->generation, 2);
	ck_assert_int_eq(action("a")->owner.pid, 12);
	ck_assert(!is_over("a"));
	pass(9);
	ck_assert_uint_eq(steps_asked, 1);
	answer_steps(OUTCOME_GONE);
	ck_assert_ptr_null(model_mount(engine->model, first));
	ck_assert_ptr_nonnull(model_mount(engine->model, second));
	pass(60);
	ck_assert_uint_eq(steps_asked, 1);
}
END_TEST

/* Nobody has noticed yet that the former one has gone. */
START_TEST(what_the_next_one_mounts_at_once_is_not_the_former_ones)
{
	make_action();
	remove_group("/g");
	populate("/h");
	attach_by(by(12, "/h"), "a/sys");
	attach_by(by_a_pid(13), "a/dev");
	pass(0.1);
	ck_assert_uint_eq(action("a")->generation, 2);
	ck_assert_uint_eq(action("a")->mount_count, 2);
	ck_assert_int_eq(action("a")->owner.pid, 12);
	pass(20);
	ck_assert_uint_eq(steps_asked, 1);
}
END_TEST

START_TEST(of_several_newcomers_each_lives_in_its_own_group)
{
	make_action();
	remove_group("/g");
	populate("/h");
	populate("/i");
	attach_by(by(12, "/h"), "a/sys");
	attach_by(by(13, "/i"), "a/dev");
	pass(0.1);
	ck_assert_uint_eq(action("a")->generation, 2);
	ck_assert_uint_eq(action("a")->mount_count, 2);
	pass(20);
	ck_assert_uint_eq(steps_asked, 1);
}
END_TEST

START_TEST(what_was_mounted_last_before_the_group_was_left_is_its_own)
{
	make_action();
	attach_by(by(12, "/g"), "a/sys");
	remove_group("/g");
	pass(0.1);
	ck_assert_uint_eq(action("a")->generation, 1);
	pass(9);
	ck_assert_uint_eq(steps_asked, 2);
}
END_TEST

START_TEST(who_lives_in_a_group_of_the_same_name_is_another)
{
	make_action();
	remove_group("/g");
	populate("/g");
	attach_by(by(12, "/g"), "b/proc");
	pass(9);
	ck_assert(is_over("a"));
	ck_assert(!is_over("b"));
	ck_assert_uint_eq(steps_asked, 1);
}
END_TEST

START_TEST(a_registered_action_is_its_runners)
{
	make_action();
	begin("a", 0, false);
	remove_group("/g");
	nothing_happens();
	ck_assert(!is_over("a"));
}
END_TEST

START_TEST(who_begins_an_action_that_was_over_takes_it_back)
{
	make_action();
	remove_group("/g");
	pass(3);
	ck_assert(is_over("a"));
	begin("a", 0, false);
	nothing_happens();
	ck_assert(!is_over("a"));
}
END_TEST

START_TEST(a_group_that_goes_while_nobody_looks_is_missed_at_the_next_start)
{
	make_action();
	attach_by(by(12, "/h"), "b/proc");
	populate("/h");
	pass(1);
	remove_group("/g");
	engine_restart();
	pass(1);
	ck_assert(is_over("a"));
	ck_assert(!is_over("b"));
	pass(9);
	ck_assert_uint_eq(steps_asked, 1);
}
END_TEST

START_TEST(a_group_that_lives_at_the_next_start_takes_back_what_was_said)
{
	make_action();
	leave("/g");
	pass(3);
	ck_assert(is_over("a"));
	populate("/g");
	engine_restart();
	pass(1);
	ck_assert(!is_over("a"));
	nothing_happens();
}
END_TEST

START_TEST(what_is_no_longer_asked_for_is_taken_back)
{
	make_action();
	remove_group("/g");
	pass(3);
	ck_assert(is_over("a"));
	engine_reconfigure("owner = none");
	ck_assert(!is_over("a"));
	nothing_happens();
	engine_reconfigure(BY_CGROUP);
	pass(9);
	ck_assert_uint_eq(steps_asked, 1);
}
END_TEST

/* A container that was given the ledger, say: the path is another group's there, or nobody's. */
static void start_elsewhere(const char *view)
{
	make_action();
	engine_stop();
	groups_view = view;
	remove_group("/g");
	engine_start();
	nothing_happens();
	ck_assert(!is_over("a"));
}

START_TEST(paths_from_another_cgroup_namespace_say_nothing)
{
	start_elsewhere("2 4711 /");
	/* What is heard there is known there. */
	populate("/h");
	attach_by(by(12, "/h"), "b/proc");
	pass(1);
	remove_group("/h");
	pass(9);
	ck_assert(is_over("b"));
	ck_assert_uint_eq(steps_asked, 1);
	answer_steps(OUTCOME_GONE);
	/* Which of the two a path was heard in is not known. */
	for (size_t i = 0; i < 3; i++) {
		groups_view = i == 1 ? "2 1 /" : "2 4711 /";
		engine_restart();
		nothing_happens();
		ck_assert(!is_over("a"));
	}
}
END_TEST

START_TEST(without_a_view_paths_from_before_say_nothing)
{
	start_elsewhere(NULL);
}
END_TEST

static void *wait_for_the_end(void *unused)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pause();
	return unused;
}

static bool first_thread_has_ended(pid_t pid)
{
	struct process_stat status;

	return kernel_process_stat(pid, &status) == 0 && status.exiting;
}

START_TEST(a_mounter_whose_first_thread_has_ended_lives)
{
	pid_t pid = fork();
	pthread_t thread;

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		pthread_create(&thread, NULL, wait_for_the_end, NULL);
		pthread_exit(NULL);
	}
	for (int i = 0; i < 10000 && !first_thread_has_ended(pid); i++)
		usleep(1000);
	ck_assert(first_thread_has_ended(pid));
	attach_by(actor_new(&(struct actor){ .pid = pid,
					     .attested = true,
					     .start_time = kernel_process_start_time(pid),
					     .cgroup = (char *)"/g",
					     .cgroup_id = populate("/g") }),
		  "a/proc");
	pass(3);
	remove_group("/g");
	nothing_happens();
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	pass(9);
	ck_assert_uint_eq(steps_asked, 1);
}
END_TEST

START_TEST(another_owner_is_not_held_to_what_the_former_one_said)
{
	make_action();
	remove_group("/g");
	pass(3);
	ck_assert(is_over("a"));
	engine_reconfigure("owner = unit:worker.service\ngrace = 5s");
	ck_assert(!is_over("a"));
	nothing_happens();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("engine: group owner");
	TCase *tests = tcase_create("group owner");

	tcase_add_checked_fixture(tests, setup, engine_end_world);
	tcase_set_timeout(tests, 30);
	tcase_add_test(tests, a_group_that_is_left_says_that_the_action_is_over);
	tcase_add_test(tests, a_group_that_is_removed_says_that_the_action_is_over);
	tcase_add_test(tests, a_group_that_was_over_before_it_was_looked_at_says_so_too);
	tcase_add_test(tests, who_is_in_the_group_again_takes_it_back);
	tcase_add_test(tests, at_the_end_of_the_grace_the_group_is_asked_once_more);
	tcase_add_test(tests, the_top_says_nothing);
	tcase_add_test(tests, a_group_that_cannot_be_asked_says_nothing);
	tcase_add_test(tests, an_action_of_several_mounters_is_over_when_all_have_left);
	tcase_add_test(tests, somebody_at_the_top_keeps_it_too);
	tcase_add_test(tests, who_is_not_known_keeps_it_too);
	tcase_add_test(tests, what_was_there_before_its_first_known_mounter_keeps_it);
	tcase_add_test(tests, a_unit_that_mounts_and_ends_says_nothing);
	tcase_add_test(tests, a_mounter_that_went_over_to_another_group_lives_there);
	tcase_add_test(tests, what_the_next_one_mounts_is_not_the_former_ones);
	tcase_add_test(tests, what_the_next_one_mounts_at_once_is_not_the_former_ones);
	tcase_add_test(tests, of_several_newcomers_each_lives_in_its_own_group);
	tcase_add_test(tests, what_was_mounted_last_before_the_group_was_left_is_its_own);
	tcase_add_test(tests, who_lives_in_a_group_of_the_same_name_is_another);
	tcase_add_test(tests, a_registered_action_is_its_runners);
	tcase_add_test(tests, who_begins_an_action_that_was_over_takes_it_back);
	tcase_add_test(tests, a_group_that_goes_while_nobody_looks_is_missed_at_the_next_start);
	tcase_add_test(tests, a_group_that_lives_at_the_next_start_takes_back_what_was_said);
	tcase_add_test(tests, what_is_no_longer_asked_for_is_taken_back);
	tcase_add_test(tests, paths_from_another_cgroup_namespace_say_nothing);
	tcase_add_test(tests, without_a_view_paths_from_before_say_nothing);
	tcase_add_test(tests, a_mounter_whose_first_thread_has_ended_lives);
	tcase_add_test(tests, another_owner_is_not_held_to_what_the_former_one_said);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
