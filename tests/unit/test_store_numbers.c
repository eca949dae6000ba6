/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rows that get their numbers while those of the ledger are not known, by a clock that does not go on. */
#include <errno.h>

#include "run_suite.h"
#include "store_fixture.h"

/* In place of base/clock_now.c: the clock of a machine that has none, and begins at the same moment each time. */
struct now clock_now(void)
{
	return at_second(100);
}

/* So that nobody else can even read it. */
static sqlite3 *lock_out(void)
{
	sqlite3 *db;

	ck_assert_int_eq(sqlite3_open(world.path, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db,
				      "PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE; "
				      "INSERT INTO settings VALUES ('x', 'y') ON CONFLICT DO NOTHING; COMMIT",
				      NULL, NULL, NULL),
			 SQLITE_OK);
	return db;
}

static void have_back(struct store *store, sqlite3 *db)
{
	sqlite3_close(db);
	store_retry(store);
	ck_assert_int_eq(store_commit(store), 0);
}

/* A ledger whose numbers were taken from the clock, for an earlier start could not open it. */
static int64_t make_ledger_with_numbers_of_the_clock(void)
{
	struct store *store;
	sqlite3 *db;
	int64_t seq = 0;

	make_ledger(2);
	db = lock_out();
	store = world_open();
	for (int i = 0; i < 3; i++)
		seq = add(store, EVENT_ATTACH, i);
	store_add_intent(store, &world.mount, world.root.rules.path, STEP_UMOUNT, EVIDENCE_MISSING, at_second(100));
	have_back(store, db);
	ck_assert_uint_eq(count_events(store), 5);
	store_close(store);
	return seq;
}

START_TEST(what_is_not_known_is_guessed_above_all_that_was_given)
{
	ck_assert_int_gt(make_ledger_with_numbers_of_the_clock(), START / 1000);
}
END_TEST

START_TEST(no_row_is_lost_when_the_clock_was_set_back)
{
	int64_t last = make_ledger_with_numbers_of_the_clock();
	struct store *store;
	sqlite3 *db;

	db = lock_out();
	store = world_open(); /* the clock says what it said then: the same guess */
	for (int i = 0; i < 3; i++)
		add(store, EVENT_DETACH, i);
	have_back(store, db);
	ck_assert_uint_eq(count_events(store), 8);
	ck_assert_int_eq(add(store, EVENT_STOP, 9), last + 4);
	/* Whoever resumes by what was read last finds them. */
	read_events(store, (struct store_filter){ .type = -1, .after_seq = last }, &lines);
	ck_assert_uint_eq(lines.count, 4);
	store_close(store);
}
END_TEST

static int close_intent(void *context, const struct store_intent *intent)
{
	store_add_outcome(context, intent->attempt, OUTCOME_FAILED, 0, "reconciled", at_second(9));
	return 0;
}

/* Stops there. */
static int is_seven(void *context, int columns, char **values, char **names)
{
	(void)context;
	(void)columns;
	(void)names;
	ck_assert_str_eq(values[0], "7");
	return 1;
}

START_TEST(an_outcome_finds_its_intent_though_that_was_renumbered)
{
	struct store *store;
	int64_t attempt;
	sqlite3 *db;

	make_ledger_with_numbers_of_the_clock();
	db = lock_out();
	store = world_open();
	attempt = store_add_intent(store, &world.mount, world.root.rules.path, STEP_DETACH, EVIDENCE_MISSING,
				   at_second(100));
	have_back(store, db);
	/* That of the earlier start is not of this one, whatever their numbers. */
	ck_assert_int_eq(store_each_open_intent(store, close_intent, store), 0);
	store_add_outcome(store, attempt, OUTCOME_GONE, 0, NULL, at_second(101));
	ck_assert_int_eq(store_commit(store), 0);
	read_attempts(store, ANY, &lines);
	ck_assert_uint_eq(lines.count, 2);
	ck_assert_ptr_nonnull(strstr(lines.text, "umount missing failed 0 reconciled"));
	ck_assert_ptr_nonnull(strstr(lines.text, "detach missing gone"));
	store_close(store);
}
END_TEST

/* Its row is not known while the ledger takes nothing, or was another file's. */
START_TEST(an_intent_in_another_namespace_is_written_as_one_when_the_ledger_is_back)
{
	struct mount_namespace other = { .inode = 7, .row = _i };
	struct store *store;
	sqlite3 *db;

	make_ledger(0);
	db = lock_out();
	store = world_open();
	world.mount.ns = &other;
	store_add_intent(store, &world.mount, world.root.rules.path, STEP_DETACH, EVIDENCE_MISSING, at_second(100));
	have_back(store, db);
	ck_assert_int_eq(sqlite3_open(world.path, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, "SELECT n.inode FROM attempts t JOIN namespaces n ON n.id = t.namespace",
				      is_seven, NULL, NULL),
			 SQLITE_ABORT);
	sqlite3_close(db);
	store_close(store);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store: numbers");
	TCase *tests = tcase_create("numbers");

	tcase_add_checked_fixture(tests, world_begin, world_end);
	tcase_add_test(tests, what_is_not_known_is_guessed_above_all_that_was_given);
	tcase_add_test(tests, no_row_is_lost_when_the_clock_was_set_back);
	tcase_add_test(tests, an_outcome_finds_its_intent_though_that_was_renumbered);
	tcase_add_loop_test(tests, an_intent_in_another_namespace_is_written_as_one_when_the_ledger_is_back, 0, 2);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
