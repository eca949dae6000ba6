/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What bounds the engine: what it is asked for, the brake, the pace at which it reads, and a pause. */
#include <check.h>
#include <errno.h>
#include <stdio.h>

#include "engine/pause.h"
#include "engine/reap_now.h"
#include "engine_action.h"
#include "run_suite.h"

/* --- what is asked for --- */

START_TEST(an_active_action_is_reaped_only_when_that_is_said)
{
	make_action(&live);
	ck_assert_int_eq(reap_now(engine, action("a"), false), -EPERM);
	pass(1);
	ck_assert_uint_eq(steps_asked, 0);
	ck_assert_int_eq(reap_now(engine, action("a"), true), 0);
	pass(1);
	ck_assert_uint_eq(steps_asked, 1);
}
END_TEST

/* What would be done of the action, as "ID HOLD". */
static const char *previewed(const char *name)
{
	struct action *const actions[] = { action(name) };
	static char text[200];
	struct reap_list list;
	size_t used = 0;

	ck_assert_int_eq(reap_now_preview(engine, actions, 1, false, &list), 0);
	text[0] = '\0';
	for (size_t i = 0; i < list.count; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s %s", i ? ", " : "",
					 list.items[i].mount->facts.target, hold_name(list.items[i].hold));
	reap_list_clear(&list);
	return text;
}

START_TEST(who_asks_for_what_is_out_of_reach_is_told_so)
{
	static const struct directory dead = { .name = "a", .state = PROBE_DEAD };

	make_action(&live);
	set_directory(&dead);
	pass(3);
	ck_assert_uint_eq(action("a")->state, ACTION_SUSPECT);
	ck_assert_str_eq(previewed("a"), ROOT "/a/proc dead");
	ck_assert(!action("a")->reap_now);
	set_directory(&missing);
	pass(3);
	ck_assert_str_eq(previewed("a"), ROOT "/a/proc none");
}
END_TEST

START_TEST(what_was_asked_of_a_suspect_is_not_meant_of_what_comes_later)
{
	engine_end_world();
	engine_root_lines = "reap-when = ended";
	engine_begin_world("", true);
	make_action(&live);
	set_directory(&missing);
	pass(3);
	pause_begin(engine, NULL, 0);
	ck_assert_int_eq(reap_now(engine, action("a"), false), 0);
	set_directory(&live);
	pass(3);
	ck_assert_uint_eq(action("a")->evidence, 0);
	pause_end(engine, NULL);
	set_directory(&missing);
	pass(20);
	ck_assert_uint_eq(steps_asked, 0);
}
END_TEST

START_TEST(the_brake_bounds_what_is_asked_for)
{
	engine_end_world();
	engine_begin_world("max-reaps-per-minute = 6", true);
	make_action(&live);
	for (int i = 0; i < 19; i++) {
		char below[16];

		snprintf(below, sizeof(below), "a/m%d", i);
		attach(below);
	}
	pass(3);
	end("a");
	for (int i = 0; i < 5; i++) {
		answer_steps(OUTCOME_GONE);
		pass(1);
	}
	ck_assert_uint_eq(steps_asked, 6);
	for (int i = 0; i < 60; i++) {
		answer_steps(OUTCOME_GONE);
		pass(1);
	}
	ck_assert_uint_ge(steps_asked, 11);
	ck_assert_uint_le(steps_asked, 13);
}
END_TEST

/* An action with one tree of so many mounts. */
static void make_tree(const char *name, int mounts)
{
	char below[16];
	uint64_t top;

	snprintf(below, sizeof(below), "%s/m", name);
	top = attach(below);
	for (int i = 1; i < mounts; i++) {
		snprintf(below, sizeof(below), "%s/m/%d", name, i);
		attach_on(top, below);
	}
	set_directory(&(struct directory){ .name = name, .state = PROBE_PRESENT, .ino = 6, .full = true });
}

START_TEST(the_brake_counts_the_mounts_that_go)
{
	engine_end_world();
	engine_root_lines = "ladder = detach";
	engine_begin_world("max-reaps-per-minute = 6", true);
	make_tree("a", 4);
	make_tree("b", 4);
	make_tree("c", 10);
	pass(3);
	end("a");
	end("b");
	pass(15);
	answer_steps(OUTCOME_GONE);
	ck_assert_uint_eq(steps_asked, 1);
	pass(15);
	answer_steps(OUTCOME_GONE);
	ck_assert_uint_eq(steps_asked, 2);
	/* More than a minute's worth waits for the whole of it, and what comes next for what it took. */
	end("c");
	pass(30);
	ck_assert_uint_eq(steps_asked, 2);
	pass(31);
	answer_steps(OUTCOME_GONE);
	ck_assert_uint_eq(steps_asked, 3);
	make_tree("d", 1);
	pass(3);
	end("d");
	pass(30);
	ck_assert_uint_eq(steps_asked, 3);
	pass(30);
	ck_assert_uint_eq(steps_asked, 4);
}
END_TEST

/* --- the table --- */

/* How many of so many changes, all at one moment, were read at that moment. */
static size_t read_at_once(size_t changes)
{
	size_t before = tables_read;

	for (size_t i = 0; i < changes; i++) {
		detach(attach("a/proc"));
		turn();
	}
	return tables_read - before;
}

START_TEST(where_changes_are_told_the_first_of_many_are_read_at_once)
{
	size_t first;

	engine_end_world();
	engine_gathers = NSEC_PER_MSEC;
	engine_begin_world("", true);
	pass(1);
	first = read_at_once(100);
	ck_assert_uint_ge(first, 60);
	ck_assert_uint_le(first, 70);
	/* Then it rests, and once it has rested for all of them it reads at once again. */
	ck_assert_uint_eq(read_at_once(10), 0);
	pass(1);
	ck_assert_uint_eq(read_at_once(10), 10);
	engine_gathers = 0;
}
END_TEST

START_TEST(where_changes_are_told_a_long_table_at_the_start_makes_none_wait)
{
	engine_end_world();
	engine_gathers = NSEC_PER_MSEC;
	engine_read_takes = 2 * NSEC_PER_SEC;
	engine_begin_world("", true);
	engine_read_takes = 0;
	attach("a/proc");
	turn();
	ck_assert_ptr_nonnull(action("a"));
	engine_gathers = 0;
}
END_TEST

START_TEST(where_changes_are_not_told_it_rests_after_each_read)
{
	pass(1);
	ck_assert_uint_le(read_at_once(10), 1);
}
END_TEST

/* "a", which ends; and not before somebody ends the pause. */
static void is_reaped_after_the_pause(void)
{
	end("a");
	pass(20);
	ck_assert_uint_eq(steps_asked, 0);
	pause_end(engine, NULL);
	pass(1);
	ck_assert_uint_eq(steps_asked, 1);
}

START_TEST(a_pause_outlives_a_start)
{
	make_action(&live);
	pause_begin(engine, NULL, 0);
	engine_restart();
	is_reaped_after_the_pause();
}
END_TEST

START_TEST(a_root_that_is_paused_stays_so_when_the_pause_of_everything_runs_out)
{
	make_action(&live);
	pause_begin(engine, the_root(), 0);
	pause_begin(engine, NULL, 5);
	is_reaped_after_the_pause();
}
END_TEST

START_TEST(a_pause_outlives_its_ledger)
{
	make_action(&live);
	pause_begin(engine, NULL, 0);
	pass(1);
	ledger_value("DROP TABLE events");
	attach("a/sys");
	pass(30);
	ck_assert_str_eq(ledger_value("SELECT count(*) FROM events WHERE type = 'pause'"), "0");
	engine_restart();
	end("a");
	pass(20);
	ck_assert_uint_eq(steps_asked, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("engine: bounds");
	TCase *tests = tcase_create("bounds");

	tcase_add_checked_fixture(tests, setup, engine_end_world);
	tcase_set_timeout(tests, 30);
	tcase_add_test(tests, an_active_action_is_reaped_only_when_that_is_said);
	tcase_add_test(tests, who_asks_for_what_is_out_of_reach_is_told_so);
	tcase_add_test(tests, what_was_asked_of_a_suspect_is_not_meant_of_what_comes_later);
	tcase_add_test(tests, the_brake_bounds_what_is_asked_for);
	tcase_add_test(tests, the_brake_counts_the_mounts_that_go);
	tcase_add_test(tests, where_changes_are_told_the_first_of_many_are_read_at_once);
	tcase_add_test(tests, where_changes_are_told_a_long_table_at_the_start_makes_none_wait);
	tcase_add_test(tests, where_changes_are_not_told_it_rests_after_each_read);
	tcase_add_test(tests, a_pause_outlives_a_start);
	tcase_add_test(tests, a_root_that_is_paused_stays_so_when_the_pause_of_everything_runs_out);
	tcase_add_test(tests, a_pause_outlives_its_ledger);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
