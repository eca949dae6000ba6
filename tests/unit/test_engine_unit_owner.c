/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `owner = unit:NAME`. */
#include <check.h>
#include <errno.h>

#include "base/cleanup.h"
#include "engine/registry.h"
#include "group_fixture.h"
#include "run_suite.h"

#define UNIT	"/system.slice/worker.service"
#define BY_UNIT "owner = unit:worker.service\ngrace = 5s"

static void setup(void)
{
	groups_begin(BY_UNIT);
}

/* Actions "a" and "b", by whomever. */
static void make_actions(void)
{
	populate(UNIT);
	pass(3);
	attach("a/proc");
	attach_by(by_a_pid(12), "b/proc");
	pass(1);
	ck_assert(!is_over("a") && !is_over("b"));
}

START_TEST(a_unit_that_ends_takes_all_actions_with_it)
{
	make_actions();
	leave(UNIT);
	pass(3);
	ck_assert(is_over("a") && is_over("b"));
	ck_assert_str_eq(ledger_value("SELECT detail FROM events WHERE type = 'evidence'"),
			 "{\"kind\":\"owner-exited\",\"holds\":true,\"because\":\"unit\"}");
	pass(5);
	ck_assert_uint_eq(steps_asked, 2);
}
END_TEST

START_TEST(a_unit_whose_group_is_removed_has_ended)
{
	make_actions();
	remove_group(UNIT);
	pass(9);
	ck_assert_uint_eq(steps_asked, 2);
}
END_TEST

START_TEST(what_a_runner_registered_is_not_the_units)
{
	make_actions();
	begin("b", 0, false);
	remove_group(UNIT);
	pass(9);
	ck_assert(is_over("a") && !is_over("b"));
	ck_assert_uint_eq(steps_asked, 1);
}
END_TEST

START_TEST(a_unit_that_was_never_seen_says_nothing)
{
	attach("a/proc");
	nothing_happens();
	ck_assert(!is_over("a"));
	engine_restart();
	nothing_happens();
}
END_TEST

START_TEST(a_unit_that_begins_anew_does_not_take_it_back)
{
	make_actions();
	remove_group(UNIT);
	pass(3);
	populate(UNIT);
	pass(1);
	ck_assert(is_over("a"));
	pass(4);
	ck_assert_uint_eq(steps_asked, 2);
}
END_TEST

START_TEST(what_the_units_next_start_mounts_is_its_own)
{
	make_actions();
	remove_group(UNIT);
	pass(2.5);
	ck_assert(is_over("a"));
	populate(UNIT);
	attach("a/sys");
	pass(1);
	ck_assert_uint_eq(action("a")->generation, 2);
	ck_assert(!is_over("a"));
	pass(20);
	ck_assert_uint_eq(steps_asked, 2);
	/* And goes when that one goes. */
	answer_steps(OUTCOME_GONE);
	remove_group(UNIT);
	pass(9);
	ck_assert_uint_eq(steps_asked, 3);
}
END_TEST

START_TEST(while_the_unit_does_not_run_nobody_begins_anew)
{
	make_actions();
	remove_group(UNIT);
	pass(3);
	attach("a/sys");
	pass(1);
	ck_assert_uint_eq(action("a")->generation, 1);
}
END_TEST

/* It has ended and runs again before that was noticed: of what is new nobody can say whose it is. */
START_TEST(a_quick_restart_of_the_unit_is_not_held_against_what_it_mounts)
{
	struct actor *former;

	make_actions();
	former = by(13, UNIT);
	remove_group(UNIT);
	populate(UNIT);
	attach("c/proc");
	attach_by(former, "d/proc");
	attach("a/sys");
	pass(0.1);
	ck_assert(is_over("b") && is_over("d"));
	ck_assert(!is_over("c"));
	ck_assert_uint_eq(action("a")->generation, 2);
	ck_assert(!is_over("a"));
	pass(9);
	ck_assert_uint_eq(steps_asked, 3);
}
END_TEST

START_TEST(a_unit_that_ends_while_nobody_looks_is_missed_at_the_next_start)
{
	make_actions();
	remove_group(UNIT);
	engine_restart();
	pass(1);
	ck_assert(is_over("a") && is_over("b"));
}
END_TEST

START_TEST(a_unit_that_begins_anew_while_nobody_looks_keeps_what_is_new)
{
	make_actions();
	remove_group(UNIT);
	populate(UNIT);
	attach("c/proc");
	attach("a/sys");
	engine_restart();
	pass(1);
	ck_assert(is_over("b"));
	ck_assert(!is_over("c"));
	ck_assert_uint_eq(action("a")->generation, 2);
	ck_assert(!is_over("a"));
	pass(9);
	ck_assert_uint_eq(steps_asked, 2);
}
END_TEST

START_TEST(the_same_unit_at_the_next_start_says_nothing)
{
	make_actions();
	engine_restart();
	nothing_happens();
	ck_assert(!is_over("a"));
}
END_TEST

START_TEST(another_unit_of_another_configuration_says_nothing)
{
	make_actions();
	engine_reconfigure("owner = unit:other.service");
	nothing_happens();
	remove_group(UNIT);
	engine_restart();
	nothing_happens();
	ck_assert(!is_over("a"));
}
END_TEST

START_TEST(that_a_unit_has_ended_is_said_once)
{
	make_actions();
	remove_group(UNIT);
	pass(9);
	answer_steps(OUTCOME_GONE);
	/* By somebody else. */
	attach("c/proc");
	pass(1);
	engine_reconfigure(BY_UNIT);
	pass(3);
	engine_restart();
	pass(20);
	ck_assert(!is_over("c"));
	ck_assert_uint_eq(steps_asked, 2);
}
END_TEST

/* Between ExecStartPre= and ExecStart=, say. */
START_TEST(a_unit_between_two_of_its_processes_has_not_ended)
{
	make_actions();
	leave(UNIT);
	pass(3);
	ck_assert(is_over("a"));
	populate(UNIT);
	pass(2.5);
	ck_assert(!is_over("a") && !is_over("b"));
	attach("a/sys");
	nothing_happens();
	ck_assert_uint_eq(action("a")->generation, 1);
	/* It is known as the unit's all the same, and its grace begins anew. */
	engine_restart();
	leave(UNIT);
	pass(4);
	ck_assert(is_over("a") && is_over("b"));
	ck_assert_uint_eq(steps_asked, 0);
	pass(5);
	ck_assert_uint_eq(steps_asked, 3);
}
END_TEST

/* It may be looked for before anything is told. */
START_TEST(a_unit_that_goes_on_may_be_found_before_that_is_told)
{
	engine_reconfigure(BY_UNIT "\nprobe-interval = 300ms");
	make_actions();
	leave(UNIT);
	for (int i = 0; i < 30 && !is_over("a"); i++)
		pass(0.1);
	ck_assert(is_over("a"));
	populate(UNIT);
	pass(0.5);
	ck_assert(!is_over("a") && !is_over("b"));
	nothing_happens();
}
END_TEST

START_TEST(what_a_former_start_of_the_unit_left_is_not_taken_back)
{
	engine_reconfigure("owner = unit:worker.service\ngrace = 1h");
	make_actions();
	remove_group(UNIT);
	pass(3);
	populate(UNIT);
	attach("c/proc");
	pass(3);
	ck_assert(is_over("a") && !is_over("c"));
	leave(UNIT);
	pass(3);
	ck_assert(is_over("a") && is_over("c"));
	populate(UNIT);
	pass(3);
	ck_assert(is_over("a") && !is_over("c"));
}
END_TEST

START_TEST(at_the_end_of_the_grace_the_unit_is_asked_once_more)
{
	int64_t since;

	make_actions();
	leave(UNIT);
	for (int i = 0; i < 30 && !is_over("a"); i++)
		pass(0.1);
	ck_assert(is_over("a"));
	since = now.mono;
	/* It was asked when that was found, two and four seconds later; not yet after this. */
	pass(4.5);
	populate(UNIT);
	ck_assert_int_lt(now.mono - since, 5 * NSEC_PER_SEC);
	nothing_happens();
	ck_assert(!is_over("a"));
}
END_TEST

START_TEST(a_unit_that_cannot_be_looked_for_has_not_ended)
{
	make_actions();
	engine_stop();
	groups_fail = -EMFILE;
	engine_start();
	nothing_happens();
	ck_assert(!is_over("a"));
	groups_fail = 0;
	remove_group(UNIT);
	pass(3);
	ck_assert(is_over("a") && is_over("b"));
}
END_TEST

START_TEST(in_another_cgroup_namespace_a_unit_that_is_not_there_has_not_ended)
{
	make_actions();
	engine_stop();
	groups_view = "2 4711 /";
	remove_group(UNIT);
	engine_start();
	nothing_happens();
	ck_assert(!is_over("a") && !is_over("b"));
}
END_TEST

START_TEST(several_roots_may_have_the_same_unit)
{
	engine_reconfigure(BY_UNIT "\n[root /other]\n" BY_UNIT);
	make_actions();
	leave(UNIT);
	pass(3);
	ck_assert(is_over("a"));
	remove_group(UNIT);
	populate(UNIT);
	pass(3);
	remove_group(UNIT);
	pass(3);
	ck_assert_uint_eq(steps_asked, 2);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("engine: unit owner");
	TCase *tests = tcase_create("unit owner");

	tcase_add_checked_fixture(tests, setup, engine_end_world);
	tcase_set_timeout(tests, 30);
	tcase_add_test(tests, a_unit_that_ends_takes_all_actions_with_it);
	tcase_add_test(tests, a_unit_whose_group_is_removed_has_ended);
	tcase_add_test(tests, what_a_runner_registered_is_not_the_units);
	tcase_add_test(tests, a_unit_that_was_never_seen_says_nothing);
	tcase_add_test(tests, a_unit_that_begins_anew_does_not_take_it_back);
	tcase_add_test(tests, what_the_units_next_start_mounts_is_its_own);
	tcase_add_test(tests, while_the_unit_does_not_run_nobody_begins_anew);
	tcase_add_test(tests, a_quick_restart_of_the_unit_is_not_held_against_what_it_mounts);
	tcase_add_test(tests, a_unit_that_ends_while_nobody_looks_is_missed_at_the_next_start);
	tcase_add_test(tests, a_unit_that_begins_anew_while_nobody_looks_keeps_what_is_new);
	tcase_add_test(tests, the_same_unit_at_the_next_start_says_nothing);
	tcase_add_test(tests, another_unit_of_another_configuration_says_nothing);
	tcase_add_test(tests, that_a_unit_has_ended_is_said_once);
	tcase_add_test(tests, a_unit_between_two_of_its_processes_has_not_ended);
	tcase_add_test(tests, a_unit_that_goes_on_may_be_found_before_that_is_told);
	tcase_add_test(tests, what_a_former_start_of_the_unit_left_is_not_taken_back);
	tcase_add_test(tests, at_the_end_of_the_grace_the_unit_is_asked_once_more);
	tcase_add_test(tests, a_unit_that_cannot_be_looked_for_has_not_ended);
	tcase_add_test(tests, in_another_cgroup_namespace_a_unit_that_is_not_there_has_not_ended);
	tcase_add_test(tests, several_roots_may_have_the_same_unit);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
