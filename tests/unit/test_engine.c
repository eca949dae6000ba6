/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the engine asks for, and when, in a world where everything else is as the test says. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../lib/skip.h"
#include "engine/pause.h"
#include "engine/reap_now.h"
#include "engine/registry.h"
#include "engine_action.h"
#include "run_suite.h"

static const struct directory hollow = { .name = "a", .state = PROBE_PRESENT, .ino = 5, .hollow = true };

/* --- the ledger --- */

START_TEST(an_intent_is_in_the_ledger_before_its_step_is_asked_for)
{
	make_action(&live);
	end("a");
	ck_assert_uint_eq(steps_asked, 1);
	ck_assert_uint_eq(steps_intended, 1);
}
END_TEST

START_TEST(an_outcome_follows_each_intent)
{
	make_action(&live);
	end("a");
	ck_assert_str_eq(ledger_value("SELECT outcome FROM attempts"), "");
	answer_steps(OUTCOME_GONE);
	ck_assert_str_eq(ledger_value("SELECT outcome FROM attempts"), "gone");
}
END_TEST

START_TEST(what_is_said_to_have_gone_is_asked_for_again_only_after_the_table)
{
	make_action(&live);
	end("a");
	fail_table(true);
	answer_steps(OUTCOME_GONE);
	pass(5);
	ck_assert_uint_eq(steps_asked, 1);
	ck_assert_str_eq(ledger_value("SELECT state FROM mounts"), "attached");
	fail_table(false);
	pass(2);
	ck_assert_uint_eq(steps_asked, 1);
	ck_assert_str_eq(ledger_value("SELECT state FROM mounts WHERE attempts = 1 AND last_outcome = 'gone'"),
			 "reaped");
}
END_TEST

START_TEST(an_interrupted_intent_is_reconciled_by_the_next_start)
{
	uint64_t id = make_action(&live);

	attach("b/proc");
	set_directory(&(struct directory){ .name = "b", .state = PROBE_PRESENT, .ino = 6, .full = true });
	pass(3);
	end("a");
	end("b");
	ck_assert_uint_eq(steps_waiting(), 2);
	detach(id);
	engine_restart();
	ck_assert_str_eq(ledger_value("SELECT outcome FROM attempts WHERE id = 1"), "gone");
	ck_assert_str_eq(ledger_value("SELECT outcome FROM attempts WHERE id = 2"), "failed");
}
END_TEST

START_TEST(without_a_ledger_reaping_goes_on)
{
	engine_end_world();
	engine_begin_world("", false);
	make_action(&live);
	end("a");
	ck_assert_uint_eq(steps_waiting(), 1);
	answer_steps(OUTCOME_GONE);
	pass(1);
	ck_assert_uint_eq(action("a")->mount_count, 0);
}
END_TEST

/* --- evidence --- */

START_TEST(what_is_announced_before_it_is_made_is_not_missing)
{
	begin("a", 0, false);
	pass(20);
	ck_assert_uint_eq(action("a")->evidence, 0);
}
END_TEST

START_TEST(evidence_ends_with_the_answer_that_does_not_show_it)
{
	make_action(&live);
	set_directory(&missing);
	pass(3);
	ck_assert_uint_eq(action("a")->evidence, EVIDENCE_BIT(EVIDENCE_MISSING));
	set_directory(&live);
	pass(3);
	ck_assert_uint_eq(action("a")->evidence, 0);
	pass(20);
	ck_assert_uint_eq(steps_asked, 0);
}
END_TEST

START_TEST(an_answer_says_how_it_was_when_it_was_asked)
{
	make_action(&live);
	set_directory(&missing);
	pass(3);
	ck_assert_uint_eq(action("a")->evidence, EVIDENCE_BIT(EVIDENCE_MISSING));
	hold_questions(true);
	pass(20);
	hold_questions(false);
	set_directory(&live);
	pass(5);
	ck_assert_uint_eq(steps_asked, 0);
	ck_assert_uint_eq(action("a")->evidence, 0);
}
END_TEST

/* So many changes in the action, a tenth of a second apart; how many questions the broker was asked. */
static uint64_t questions_about(unsigned changes)
{
	uint64_t before = engine->probes, id = 0;

	for (unsigned i = 0; i < changes; i++) {
		if (i % 2)
			detach(id);
		else
			id = attach("a/tmp");
		pass(0.1);
	}
	return engine->probes - before;
}

START_TEST(changes_in_an_action_that_is_known_are_asked_about_together)
{
	uint64_t asked;

	make_action(&live);
	asked = questions_about(10);
	ck_assert_uint_ge(asked, 10);
	asked = questions_about(200);
	ck_assert_uint_ge(asked, 20);
	ck_assert_uint_le(asked, 200 / 3);
	/* Each mount is found in its directory all the same, and what is over is asked about without delay. */
	attach("a/last");
	pass(1.5);
	ck_assert_str_eq(ledger_value("SELECT count(*) FROM mounts WHERE detached IS NULL AND NOT confirmed"), "0");
	set_directory(&(struct directory){ .name = "a", .state = PROBE_MISSING });
	pass(2.5);
	asked = engine->probes;
	for (int i = 0; i < 3; i++) {
		attach("a/more");
		pass(0.1);
	}
	ck_assert_uint_ge(engine->probes - asked, 3);
}
END_TEST

START_TEST(what_was_never_filled_is_not_hollow)
{
	make_action(&hollow);
	pass(100);
	ck_assert_uint_eq(action("a")->evidence, 0);
	set_directory(&live);
	pass(3);
	set_directory(&hollow);
	pass(3);
	ck_assert_uint_eq(action("a")->evidence, EVIDENCE_BIT(EVIDENCE_HOLLOW));
	pass(50);
	ck_assert_uint_eq(steps_asked, 0);
	pass(20);
	ck_assert_uint_eq(steps_asked, 1);
}
END_TEST

START_TEST(what_is_not_on_a_local_filesystem_is_not_hollow)
{
	struct directory remote = hollow;

	make_action(&live);
	remote.remote = true;
	set_directory(&remote);
	pass(100);
	ck_assert_uint_eq(action("a")->evidence, 0);
}
END_TEST

/* Where it is known which directory that was, what comes begins the next generation instead. */
START_TEST(a_mount_that_comes_denies_that_its_directory_is_gone)
{
	static const struct directory nameless = { .name = "a", .state = PROBE_PRESENT, .full = true };
	const struct action *first;

	make_action(&nameless);
	first = action("a");
	set_directory(&missing);
	pass(3);
	ck_assert_uint_eq(action("a")->evidence, EVIDENCE_BIT(EVIDENCE_MISSING));
	hold_questions(true);
	attach("a/sys");
	pass(0.5);
	ck_assert_ptr_eq(action("a"), first);
	ck_assert_uint_eq(first->evidence, 0);
}
END_TEST

START_TEST(what_is_registered_is_not_hollow)
{
	make_action(&live);
	begin("a", 0, false);
	set_directory(&hollow);
	pass(100);
	ck_assert_uint_eq(action("a")->evidence, 0);
}
END_TEST

/* --- owners --- */

START_TEST(a_registration_that_is_renewed_has_not_expired)
{
	begin("a", 10 * NSEC_PER_SEC, false);
	make_action(&live);
	pass(5);
	begin("a", 10 * NSEC_PER_SEC, false);
	pass(8);
	ck_assert_uint_eq(action("a")->evidence, 0);
	pass(3);
	ck_assert_uint_eq(action("a")->evidence, EVIDENCE_BIT(EVIDENCE_EXPIRED));
}
END_TEST

START_TEST(a_former_owners_lease_says_nothing_of_the_next)
{
	uint32_t first = begin("a", 0, true);

	end("a");
	pass(400);
	ck_assert_uint_eq(begin("a", 0, true), first + 1);
	registry_lease_ended(engine, ROOT, "a", first);
	ck_assert_uint_eq(action("a")->evidence, 0);
	registry_lease_ended(engine, ROOT, "a", first + 1);
	ck_assert_uint_eq(action("a")->evidence, EVIDENCE_BIT(EVIDENCE_OWNER_EXITED));
}
END_TEST

START_TEST(a_lease_that_comes_back_goes_on)
{
	uint32_t generation = begin("a", 0, true);

	make_action(&live);
	registry_lease_ended(engine, ROOT, "a", generation);
	pass(3);
	ck_assert_uint_eq(action("a")->evidence, EVIDENCE_BIT(EVIDENCE_OWNER_EXITED));
	ck_assert_uint_eq(begin("a", 0, true), generation);
	pass(20);
	ck_assert_uint_eq(action("a")->evidence, 0);
	ck_assert_uint_eq(steps_asked, 0);
}
END_TEST

static void restart_with_owner(const char *sql)
{
	ledger_value(sql);
	engine_restart();
}

START_TEST(a_process_that_has_the_owners_number_is_not_the_owner)
{
	uint32_t generation;

	if (BELOW_VALGRIND)
		SKIP_TEST("valgrind knows no pidfd_open");
	make_action(&live);
	ck_assert_int_eq(registry_begin(engine, the_root(), "a", &(struct claim){ .pid = getpid() }, &generation), 0);
	pass(1);
	restart_with_owner("SELECT start_time FROM owners");
	ck_assert_uint_eq(action("a")->evidence, 0);
	restart_with_owner("UPDATE owners SET start_time = start_time + 1");
	ck_assert_uint_eq(action("a")->evidence, EVIDENCE_BIT(EVIDENCE_OWNER_EXITED));
}
END_TEST

/* --- of which directory was it said? --- */

static const struct directory nameless = { .name = "a", .state = PROBE_PRESENT, .full = true };

START_TEST(what_comes_after_the_end_of_a_directory_never_learnt_is_the_next_ones)
{
	uint64_t id = make_action(&nameless);

	pause_begin(engine, NULL, 0);
	end("a");
	pass(1);
	set_directory(&live);
	pass(3);
	detach(id);
	attach("a/sys");
	pass(1);
	pause_end(engine, NULL);
	pass(20);
	ck_assert_uint_eq(action("a")->generation, 2);
	ck_assert_uint_eq(action("a")->mount_count, 1);
	ck_assert_uint_eq(action("a")->evidence, 0);
	ck_assert_uint_eq(steps_asked, 0);
}
END_TEST

START_TEST(what_comes_after_the_end_and_hides_the_directory_is_the_next_ones)
{
	uint64_t id = make_action(&live);

	pause_begin(engine, NULL, 0);
	end("a");
	pass(1);
	detach(id);
	attach("a");
	set_directory(&nameless);
	pass(1);
	pause_end(engine, NULL);
	pass(20);
	ck_assert_uint_eq(action("a")->generation, 2);
	ck_assert_uint_eq(steps_asked, 0);
}
END_TEST

START_TEST(what_a_runner_mounted_just_before_its_last_word_is_its_own)
{
	begin("a", 0, false);
	turn();
	attach("a/proc");
	set_directory(&live);
	end("a");
	pass(1);
	ck_assert_uint_eq(action("a")->generation, 1);
	ck_assert_uint_eq(steps_asked, 1);
	answer_steps(OUTCOME_GONE);
	attach("a/proc");
	pass(20);
	ck_assert_uint_eq(action("a")->generation, 2);
	ck_assert_uint_eq(steps_asked, 1);
}
END_TEST

/* Names that change hands: the table and the probe tell of different moments. */
static void move_to_an_ended_name(const struct directory *ended)
{
	static const struct directory others = { .name = "b", .state = PROBE_PRESENT, .ino = 9, .full = true };
	uint64_t own, moving;

	set_directory(&others);
	set_directory(ended);
	begin("a", 0, false);
	own = attach("a/sys");
	moving = attach("b/proc");
	pass(1);
	ck_assert_ptr_nonnull(action("b"));
	pause_begin(engine, NULL, 0);
	end("a");
	move(moving, "a/proc");
	pass(3);
	pause_end(engine, NULL);
	pass(20);
	ck_assert_ptr_nonnull(model_mount(engine->model, moving));
	ck_assert(!model_mount(engine->model, moving)->asked);
	ck_assert(model_mount(engine->model, own)->asked);
}

START_TEST(what_moves_from_a_live_action_to_a_name_that_was_ended_is_not_the_ended_ones)
{
	move_to_an_ended_name(_i ? &live : &nameless);
}
END_TEST

START_TEST(what_the_ledger_says_is_not_held_against_mounts_that_it_does_not_have)
{
	uint64_t id = make_action(&nameless);

	begin("a", 0, false);
	pause_begin(engine, NULL, 0);
	end("a");
	pass(1);
	detach(id);
	attach("a/sys");
	set_directory(&live);
	engine_restart();
	pause_end(engine, NULL);
	pass(20);
	ck_assert_uint_eq(action("a")->generation, 2);
	ck_assert_uint_eq(action("a")->evidence, 0);
	ck_assert_uint_eq(steps_asked, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("engine");
	TCase *tests = tcase_create("engine");

	tcase_add_checked_fixture(tests, setup, engine_end_world);
	tcase_set_timeout(tests, 30);
	tcase_add_test(tests, an_intent_is_in_the_ledger_before_its_step_is_asked_for);
	tcase_add_test(tests, an_outcome_follows_each_intent);
	tcase_add_test(tests, what_is_said_to_have_gone_is_asked_for_again_only_after_the_table);
	tcase_add_test(tests, an_interrupted_intent_is_reconciled_by_the_next_start);
	tcase_add_test(tests, without_a_ledger_reaping_goes_on);
	tcase_add_test(tests, what_is_announced_before_it_is_made_is_not_missing);
	tcase_add_test(tests, evidence_ends_with_the_answer_that_does_not_show_it);
	tcase_add_test(tests, an_answer_says_how_it_was_when_it_was_asked);
	tcase_add_test(tests, changes_in_an_action_that_is_known_are_asked_about_together);
	tcase_add_test(tests, what_was_never_filled_is_not_hollow);
	tcase_add_test(tests, what_is_not_on_a_local_filesystem_is_not_hollow);
	tcase_add_test(tests, a_mount_that_comes_denies_that_its_directory_is_gone);
	tcase_add_test(tests, what_is_registered_is_not_hollow);
	tcase_add_test(tests, a_registration_that_is_renewed_has_not_expired);
	tcase_add_test(tests, a_former_owners_lease_says_nothing_of_the_next);
	tcase_add_test(tests, a_lease_that_comes_back_goes_on);
	tcase_add_test(tests, a_process_that_has_the_owners_number_is_not_the_owner);
	tcase_add_test(tests, what_comes_after_the_end_of_a_directory_never_learnt_is_the_next_ones);
	tcase_add_test(tests, what_comes_after_the_end_and_hides_the_directory_is_the_next_ones);
	tcase_add_test(tests, what_a_runner_mounted_just_before_its_last_word_is_its_own);
	tcase_add_loop_test(tests, what_moves_from_a_live_action_to_a_name_that_was_ended_is_not_the_ended_ones, 0, 2);
	tcase_add_test(tests, what_the_ledger_says_is_not_held_against_mounts_that_it_does_not_have);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
