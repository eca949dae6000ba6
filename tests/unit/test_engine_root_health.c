/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* When a root is asked for its own sake, and what is shown of it. */
#include <check.h>

#include "engine_fixture.h"
#include "run_suite.h"

static void setup(void)
{
	engine_root_lines = "";
	engine_begin_world("", false);
	pass(3);
	ck_assert_int_eq(the_root()->health, ROOT_HEALTH_OK);
}

static void root_is(enum probe_state state)
{
	set_directory(&(struct directory){ .name = "", .state = state });
}

/* Questions in so many seconds. */
static uint64_t asked_within(double seconds)
{
	uint64_t before = engine->probes;

	pass(seconds);
	return engine->probes - before;
}

static const struct {
	enum probe_state state;
	enum root_health health;
} troubles[] = { { PROBE_DEAD, ROOT_HEALTH_DEAD },
		 { PROBE_HUNG, ROOT_HEALTH_HUNG },
		 { PROBE_UNKNOWN, ROOT_HEALTH_UNKNOWN } };

START_TEST(an_idle_root_in_trouble_is_shown_so_and_is_left_alone)
{
	root_is(troubles[_i].state);
	pass(21);
	ck_assert_int_eq(the_root()->health, troubles[_i].health);
	pass(60);
	ck_assert_uint_eq(steps_asked, 0);
}
END_TEST

START_TEST(an_idle_root_that_answers_is_asked_once_in_ten_rounds)
{
	uint64_t asked = asked_within(200);

	ck_assert_uint_ge(asked, 9);
	ck_assert_uint_le(asked, 10);
}
END_TEST

START_TEST(one_that_does_not_is_asked_in_each_round)
{
	uint64_t asked;

	root_is(PROBE_DEAD);
	pass(21);
	asked = asked_within(60);
	ck_assert_uint_ge(asked, 28);
	ck_assert_uint_le(asked, 30);
	root_is(PROBE_PRESENT);
	pass(3);
	ck_assert_int_eq(the_root()->health, ROOT_HEALTH_OK);
	ck_assert_uint_le(asked_within(60), 3);
}
END_TEST

START_TEST(one_that_may_be_reaped_is_asked_in_each_round)
{
	engine_reconfigure("reap-root = yes");
	ck_assert_uint_ge(asked_within(60), 28);
}
END_TEST

START_TEST(what_its_actions_say_is_enough)
{
	set_directory(&(struct directory){ .name = "a", .state = PROBE_PRESENT, .ino = 5, .full = true });
	attach("a/proc");
	pass(3);
	ck_assert_uint_le(asked_within(60), 31);
	root_is(PROBE_DEAD); /* which is not asked for itself */
	pass(60);
	ck_assert_int_eq(the_root()->health, ROOT_HEALTH_OK);
}
END_TEST

START_TEST(there_is_one_question_at_a_time)
{
	hold_questions(true);
	ck_assert_uint_eq(asked_within(100), 1);
	hold_questions(false);
	root_is(PROBE_DEAD);
	pass(21);
	hold_questions(true);
	ck_assert_uint_eq(asked_within(100), 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("engine_root_health");
	TCase *tests = tcase_create("engine_root_health");

	tcase_add_checked_fixture(tests, setup, engine_end_world);
	tcase_set_timeout(tests, 30);
	tcase_add_loop_test(tests, an_idle_root_in_trouble_is_shown_so_and_is_left_alone, 0,
			    sizeof(troubles) / sizeof(troubles[0]));
	tcase_add_test(tests, an_idle_root_that_answers_is_asked_once_in_ten_rounds);
	tcase_add_test(tests, one_that_does_not_is_asked_in_each_round);
	tcase_add_test(tests, one_that_may_be_reaped_is_asked_in_each_round);
	tcase_add_test(tests, what_its_actions_say_is_enough);
	tcase_add_test(tests, there_is_one_question_at_a_time);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
