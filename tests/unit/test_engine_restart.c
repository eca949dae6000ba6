/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whose a mount is, after a start that cannot know all that was said before, and while the table cannot be read. */
#include <check.h>
#include <stdlib.h>

#include "engine/pause.h"
#include "engine/registry.h"
#include "engine_fixture.h"
#include "run_suite.h"

#define MINUTE (60 * NSEC_PER_SEC)

static const struct directory live = { .name = "a", .state = PROBE_PRESENT, .ino = 5, .full = true };
static const struct directory nameless = { .name = "a", .state = PROBE_PRESENT, .full = true };
static const struct directory missing = { .name = "a", .state = PROBE_MISSING };
static const struct directory hung = { .name = "a", .state = PROBE_HUNG };

static void setup(void)
{
	engine_root_lines = "";
	engine_numbers = false;
	engine_begin_world("", true);
}

static void setup_with_numbers(void)
{
	engine_root_lines = "";
	engine_numbers = true;
	engine_begin_world("", true);
}

/* --- what the ledger missed --- */

/* Registered for a minute, and known to be so by the next start; then the ledger is told nothing more. */
static void register_and_lock(const struct directory *directory)
{
	set_directory(directory);
	begin("a", MINUTE, false);
	pass(3);
	ledger_lock(true);
}

START_TEST(a_registration_whose_end_the_ledger_missed_is_not_the_next_ones)
{
	register_and_lock(&nameless);
	end("a");
	pass(1);
	attach("a/proc");
	engine_restart();
	ledger_lock(false);
	ck_assert(!action("a")->registered);
	pass(120);
	ck_assert_uint_eq(action("a")->mount_count, 1);
	ck_assert_uint_eq(steps_asked, 0);
}
END_TEST

START_TEST(what_came_to_a_registration_of_an_earlier_start_goes_once_its_directory_is_found)
{
	register_and_lock(&live);
	engine_restart();
	ledger_lock(false);
	set_directory(&hung);
	attach("a/proc");
	pass(120);
	ck_assert(action("a")->evidence & EVIDENCE_BIT(EVIDENCE_EXPIRED));
	ck_assert_uint_eq(steps_asked, 0);
	set_directory(&live);
	pass(5);
	ck_assert_uint_eq(steps_asked, 1);
}
END_TEST

START_TEST(what_hides_the_directory_of_an_earlier_starts_registration_may_be_anothers)
{
	register_and_lock(&live);
	end("a");
	pass(1);
	attach("a");
	set_directory(&nameless);
	engine_restart();
	ledger_lock(false);
	pass(120);
	ck_assert_uint_eq(action("a")->mount_count, 1);
	ck_assert_uint_eq(steps_asked, 0);
}
END_TEST

START_TEST(what_hides_that_directory_later_may_be_anothers_too)
{
	register_and_lock(&live);
	end("a");
	pass(1);
	engine_restart();
	ledger_lock(false);
	pass(3);
	ck_assert(action("a")->registered);
	attach("a");
	set_directory(&nameless);
	pass(120);
	ck_assert_uint_eq(action("a")->mount_count, 1);
	ck_assert_uint_eq(steps_asked, 0);
}
END_TEST

START_TEST(a_registration_whose_mount_is_still_there_outlives_a_start)
{
	attach("a/proc");
	register_and_lock(&nameless);
	engine_restart();
	ledger_lock(false);
	ck_assert(action("a")->registered);
	pass(120);
	ck_assert_uint_eq(steps_asked, 1);
}
END_TEST

START_TEST(a_registration_of_an_earlier_start_ends_with_the_last_mount_that_it_had)
{
	uint64_t id = attach("a/proc");

	register_and_lock(&nameless);
	engine_restart();
	ledger_lock(false);
	detach(id);
	attach("a/sys");
	pass(120);
	ck_assert(!action("a")->registered);
	ck_assert_uint_eq(action("a")->mount_count, 1);
	ck_assert_uint_eq(steps_asked, 0);
}
END_TEST

START_TEST(a_mount_of_another_that_moves_there_ties_nothing_to_a_directory)
{
	uint64_t id = attach("b/proc");

	set_directory(&(struct directory){ .name = "b", .state = PROBE_PRESENT, .ino = 9, .full = true });
	register_and_lock(&nameless);
	engine_stop();
	move(id, "a/proc");
	engine_start();
	ledger_lock(false);
	pass(120);
	ck_assert(!action("a")->registered);
	ck_assert_uint_eq(steps_asked, 0);
}
END_TEST

START_TEST(by_its_number_alone_a_mount_ties_no_registration_to_a_directory)
{
	attach("a/proc");
	register_and_lock(&nameless);
	engine_restart();
	ledger_lock(false);
	ck_assert(!action("a")->registered);
	pass(120);
	ck_assert_uint_eq(steps_asked, 0);
}
END_TEST

START_TEST(whoever_registers_again_is_registered)
{
	register_and_lock(&nameless);
	engine_restart();
	ledger_lock(false);
	ck_assert(!action("a")->registered);
	begin("a", MINUTE, false);
	attach("a/proc");
	pass(30);
	ck_assert(action("a")->registered);
	pass(60);
	ck_assert_uint_eq(steps_asked, 1);
}
END_TEST

START_TEST(a_pause_that_could_not_be_read_is_heeded_when_it_can_be)
{
	attach("a/proc");
	set_directory(&live);
	pass(3);
	pause_begin(engine, NULL, 0);
	turn();
	engine_stop();
	ledger_lock_out();
	engine_start();
	ck_assert(!engine->facts.paused);
	ledger_lock(false);
	pass(15);
	ck_assert(engine->facts.paused);
	ck_assert_str_eq(ledger_value("SELECT count(*) FROM settings WHERE key = 'paused'"), "1");
	end("a");
	pass(10);
	ck_assert_uint_eq(steps_asked, 0);
}
END_TEST

/* --- what comes to a name --- */

static const struct directory next_one = { .name = "a", .state = PROBE_PRESENT, .ino = 6, .full = true };

/* Registered before anybody noticed that its directory is another by now; the first answer since is `answer`. */
static void register_next_one(const struct directory *answer)
{
	attach("a/proc");
	set_directory(&live);
	pass(3);
	hold_questions(true);
	begin("a", MINUTE, false);
	set_directory(answer);
	hold_questions(false);
	pass(3);
	set_directory(&next_one);
	pass(10);
	ck_assert_uint_eq(steps_asked, 1); /* what the former one left */
	answer_steps(OUTCOME_GONE);
	attach("a/sys");
	pass(3);
	ck_assert_uint_eq(action("a")->generation, 2);
}

START_TEST(a_registration_is_of_the_directory_that_is_found_next)
{
	register_next_one(&next_one);
	ck_assert(action("a")->registered);
	pass(60);
	ck_assert_uint_eq(steps_asked, 2);
}
END_TEST

START_TEST(a_registration_is_not_of_a_directory_that_comes_later)
{
	register_next_one(&hung);
	ck_assert(!action("a")->registered);
	pass(60);
	ck_assert_uint_eq(steps_asked, 1);
}
END_TEST

START_TEST(what_came_while_the_answer_was_under_way_is_of_the_same_generation)
{
	set_directory(&live);
	begin("a", 0, false);
	pass(3);
	hold_questions(true);
	begin("a", MINUTE, false);
	set_directory(
		&(struct directory){ .name = "a", .state = PROBE_PRESENT, .ino = 6, .full = true, .reached = true });
	pass(1);
	attach("a/sys");
	pass(1);
	hold_questions(false);
	pass(5);
	ck_assert_uint_eq(action("a")->generation, 2);
	ck_assert(action("a")->registered);
	ck_assert_uint_eq(action("a")->mount_count, 1);
}
END_TEST

START_TEST(an_end_that_was_said_before_the_directory_is_known_is_of_that_one)
{
	attach("a/proc");
	set_directory(&live);
	pass(3);
	hold_questions(true);
	begin("a", 0, false);
	end("a");
	set_directory(&missing);
	hold_questions(false);
	turn();
	ck_assert_uint_eq(action("a")->generation, 2);
	ck_assert(action("a")->evidence & EVIDENCE_BIT(EVIDENCE_ENDED));
}
END_TEST

START_TEST(what_is_read_after_an_end_that_nobody_registered_is_the_next_ones)
{
	attach("a/proc");
	set_directory(&nameless);
	pass(3);
	attach("a/sys");
	end("a");
	pass(60);
	ck_assert_uint_eq(steps_asked, 1);
	ck_assert_uint_eq(action("a")->generation, 2);
	ck_assert_uint_eq(action("a")->mount_count, 1);
}
END_TEST

START_TEST(what_hides_a_past_directory_is_the_next_ones)
{
	uint64_t id = attach("a/proc");

	set_directory(&live);
	pass(3);
	detach(id);
	pass(1);
	attach("a");
	set_directory(&nameless);
	pass(3);
	ck_assert_uint_eq(action("a")->generation, 2);
	ck_assert(!action("a")->identity.known);
}
END_TEST

START_TEST(what_comes_to_the_name_of_a_registration_that_ran_out_is_anothers)
{
	set_directory(&nameless);
	begin("a", 5 * NSEC_PER_SEC, false);
	pass(6);
	attach("a/proc");
	pass(60);
	ck_assert_uint_eq(action("a")->generation, 2);
	ck_assert_uint_eq(action("a")->mount_count, 1);
	ck_assert_uint_eq(steps_asked, 0);
}
END_TEST

START_TEST(what_hides_a_directory_that_had_gone_is_the_next_ones)
{
	attach("a/proc");
	set_directory(&live);
	pass(3);
	set_directory(&missing);
	pass(3);
	ck_assert(action("a")->evidence & EVIDENCE_BIT(EVIDENCE_MISSING));
	attach("a");
	set_directory(&nameless);
	pass(1);
	ck_assert_uint_eq(action("a")->generation, 2);
	end("a");
	pass(1);
	ck_assert_uint_eq(steps_asked, 1); /* and the former one's waits for its own evidence */
}
END_TEST

/* --- by numbers --- */

START_TEST(by_its_number_nothing_goes_before_a_change_is_read)
{
	attach("a/proc");
	set_directory(&live);
	pass(3);
	set_directory(&missing);
	pass(3);
	ck_assert(action("a")->evidence & EVIDENCE_BIT(EVIDENCE_MISSING));
	fail_table(true);
	attach("b/proc");
	pass(30);
	ck_assert_uint_eq(steps_asked, 0);
	fail_table(false);
	pass(3);
	ck_assert_uint_eq(steps_asked, 1);
}
END_TEST

/* Unmounted by us, and not yet missed in the table: who begins there now may have mounted it anew. */
START_TEST(by_its_number_what_went_over_to_the_next_is_not_on_record_as_a_past_ones)
{
	set_directory(&live);
	begin("a", MINUTE, false);
	attach("a/proc");
	pass(3);
	end("a");
	pass(10);
	ck_assert_uint_eq(steps_waiting(), 1);
	fail_table(true);
	answer_steps(OUTCOME_GONE);
	ck_assert_uint_eq(begin("a", MINUTE, false), 2);
	pass(1);
	ck_assert_str_eq(ledger_value("SELECT state FROM actions WHERE generation = 1"), "cleared");
	ck_assert_str_eq(ledger_value("SELECT a.generation FROM mounts m JOIN actions a ON a.id = m.action "
				      "WHERE m.detached IS NULL"),
			 "2");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("engine: restart");
	TCase *tests = tcase_create("restart"), *by_number = tcase_create("by number");

	tcase_add_checked_fixture(tests, setup, engine_end_world);
	tcase_add_test(tests, a_registration_whose_end_the_ledger_missed_is_not_the_next_ones);
	tcase_add_test(tests, what_came_to_a_registration_of_an_earlier_start_goes_once_its_directory_is_found);
	tcase_add_test(tests, what_hides_the_directory_of_an_earlier_starts_registration_may_be_anothers);
	tcase_add_test(tests, what_hides_that_directory_later_may_be_anothers_too);
	tcase_add_test(tests, a_registration_whose_mount_is_still_there_outlives_a_start);
	tcase_add_test(tests, a_registration_of_an_earlier_start_ends_with_the_last_mount_that_it_had);
	tcase_add_test(tests, a_mount_of_another_that_moves_there_ties_nothing_to_a_directory);
	tcase_add_test(tests, whoever_registers_again_is_registered);
	tcase_add_test(tests, what_comes_to_the_name_of_a_registration_that_ran_out_is_anothers);
	tcase_add_test(tests, a_pause_that_could_not_be_read_is_heeded_when_it_can_be);
	tcase_add_test(tests, a_registration_is_of_the_directory_that_is_found_next);
	tcase_add_test(tests, a_registration_is_not_of_a_directory_that_comes_later);
	tcase_add_test(tests, what_came_while_the_answer_was_under_way_is_of_the_same_generation);
	tcase_add_test(tests, an_end_that_was_said_before_the_directory_is_known_is_of_that_one);
	tcase_add_test(tests, what_is_read_after_an_end_that_nobody_registered_is_the_next_ones);
	tcase_add_test(tests, what_hides_a_past_directory_is_the_next_ones);
	tcase_add_test(tests, what_hides_a_directory_that_had_gone_is_the_next_ones);
	tcase_add_checked_fixture(by_number, setup_with_numbers, engine_end_world);
	tcase_add_test(by_number, by_its_number_alone_a_mount_ties_no_registration_to_a_directory);
	tcase_add_test(by_number, by_its_number_nothing_goes_before_a_change_is_read);
	tcase_add_test(by_number, by_its_number_what_went_over_to_the_next_is_not_on_record_as_a_past_ones);
	suite_add_tcase(suite, tests);
	suite_add_tcase(suite, by_number);
	return run_suite(suite);
}
