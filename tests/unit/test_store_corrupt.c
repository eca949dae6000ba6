/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files that are no ledger of ours, which are left alone, and ledgers that are broken, which are set aside. */
#include <dirent.h>
#include <errno.h>

#include "../lib/skip.h"
#include "base/cleanup.h"
#include "run_suite.h"
#include "store_fixture.h"

static char *slurp(const char *path, size_t *ret_size)
{
	CLEANUP_FCLOSE FILE *file = fopen(path, "r");
	char *bytes = malloc(1 << 20);

	ck_assert_ptr_nonnull(file);
	ck_assert_ptr_nonnull(bytes);
	*ret_size = fread(bytes, 1, 1 << 20, file);
	return bytes;
}

static void put(const char *path, long offset, const void *bytes, size_t size)
{
	CLEANUP_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pwrite(fd, bytes, size, offset), (ssize_t)size);
}

/* Without the companions that SQLite puts beside a file. */
static size_t count_files(const char *part)
{
	CLEANUP_CLOSEDIR DIR *dir = opendir(world.dir);
	size_t count = 0;

	ck_assert_ptr_nonnull(dir);
	for (struct dirent *entry; (entry = readdir(dir));)
		count +=
			strstr(entry->d_name, part) && !strstr(entry->d_name, "-wal") && !strstr(entry->d_name, "-shm");
	return count;
}

static void check_left_alone(const char *sentence)
{
	CLEANUP_FREE char *before = NULL;
	CLEANUP_FREE char *after = NULL;
	size_t size_before, size_after;
	struct store *store;

	before = slurp(world.path, &size_before);
	store = world_open();
	ck_assert_int_eq(store_state(store), STORE_DEGRADED);
	ck_assert_msg(strstr(store_problem(store), sentence) != NULL, "%s", store_problem(store));
	ck_assert_int_gt(add(store, EVENT_START, 0), 0);
	ck_assert_int_eq(store_save_action(store, &world.action), -EIO);
	ck_assert_int_eq(world.action.row, 0);
	ck_assert(world.action.dirty);
	ck_assert_int_eq(store_commit(store), -EIO);
	store_retry(store);
	ck_assert_int_eq(store_commit(store), -EIO);
	store_close(store);
	after = slurp(world.path, &size_after);
	ck_assert_uint_eq(size_before, size_after);
	ck_assert_mem_eq(before, after, size_before);
	ck_assert_uint_eq(count_files("ledger"), 1);
}

START_TEST(newer_ledger_is_left_alone_to_the_byte)
{
	make_ledger(3);
	world.action.row = 0;
	world.action.dirty = true;
	run_sql("PRAGMA user_version = 99");
	check_left_alone("newer reaperd (version 99");
}
END_TEST

START_TEST(database_of_another_program_is_left_alone_to_the_byte)
{
	run_sql("PRAGMA application_id = 77; CREATE TABLE notes (text)");
	check_left_alone("another program");
}
END_TEST

START_TEST(database_without_a_name_is_left_alone_to_the_byte)
{
	run_sql("CREATE TABLE notes (text)");
	check_left_alone("another program");
}
END_TEST

START_TEST(what_is_no_regular_file_is_left_alone)
{
	struct store *store;

	ck_assert_int_eq(mkfifo(world.path, 0600), 0);
	store = world_open();
	ck_assert_ptr_nonnull(strstr(store_problem(store), "not a regular file"));
	store_close(store);
}
END_TEST

static void check_set_aside(void)
{
	struct store *store = world_open();

	ck_assert_int_eq(store_state(store), STORE_DEGRADED);
	ck_assert_ptr_nonnull(strstr(store_problem(store), "set aside as"));
	ck_assert_uint_eq(count_files(".corrupt-"), 1);
	add(store, EVENT_START, 0);
	world.action.row = 0;
	ck_assert_int_eq(store_save_action(store, &world.action), 0);
	ck_assert_int_eq(store_commit(store), 0);
	ck_assert_uint_eq(count_events(store), 1);
	store_close(store);
	store = world_open();
	ck_assert_str_eq(store_problem(store), "");
	ck_assert_uint_eq(count_events(store), 1);
	store_close(store);
}

START_TEST(garbage_is_set_aside_and_kept)
{
	CLEANUP_CLOSEDIR DIR *dir = NULL;
	char garbage[5000];

	memset(garbage, 'x', sizeof(garbage));
	put(world.path, 0, garbage, sizeof(garbage));
	check_set_aside();
	dir = opendir(world.dir);
	for (struct dirent *entry; (entry = readdir(dir));) {
		char path[512];
		struct stat st;

		if (!strstr(entry->d_name, ".corrupt-"))
			continue;
		snprintf(path, sizeof(path), "%s/%s", world.dir, entry->d_name);
		ck_assert_int_eq(stat(path, &st), 0);
		ck_assert_int_eq(st.st_size, 5000);
	}
}
END_TEST

/* Twice within one second, for then only a number tells the two names apart. */
START_TEST(what_was_set_aside_is_never_overwritten)
{
	if (BELOW_VALGRIND)
		SKIP_TEST("valgrind takes longer than a second for two");
	for (size_t files = 2; count_files(".2") == 0; files += 2) {
		ck_assert_uint_le(files, 20);
		for (int i = 0; i < 2; i++) {
			put(world.path, 0, "SQLite", 6);
			store_close(world_open());
			ck_assert_int_eq(unlink(world.path), 0);
		}
		ck_assert_uint_eq(count_files(".corrupt-"), files);
	}
}
END_TEST

START_TEST(a_few_bytes_are_garbage_too)
{
	put(world.path, 0, "SQLite", 6);
	check_set_aside();
}
END_TEST

START_TEST(truncated_ledger_is_set_aside)
{
	make_ledger(3000);
	ck_assert_int_eq(truncate(world.path, 16384), 0);
	check_set_aside();
}
END_TEST

START_TEST(empty_file_becomes_a_ledger)
{
	struct store *store;

	put(world.path, 0, "", 0);
	store = world_open();
	ck_assert_str_eq(store_problem(store), "");
	store_close(store);
}
END_TEST

START_TEST(missing_table_counts_as_corrupt)
{
	make_ledger(1);
	run_sql("DROP TABLE attempts");
	check_set_aside();
}
END_TEST

/* Only the pages of one table are spoiled, so that opening succeeds and the first write finds it. */
START_TEST(corruption_that_a_write_finds_costs_no_event)
{
	char garbage[4096];
	struct store *store;
	int64_t first;

	make_ledger(2000);
	memset(garbage, 0xff, sizeof(garbage));
	for (long page = 40; page < 60; page++)
		put(world.path, page * 4096, garbage, sizeof(garbage));
	run_sql("PRAGMA user_version"); /* the file can still be opened */
	store = world_open();
	ck_assert_str_eq(store_problem(store), "");
	first = add(store, EVENT_START, 0);
	for (int i = 0; store_state(store) == STORE_OK && i < 50; i++) {
		ck_assert_int_eq(store_retain(store, 1, 0, at_second(100000)) < 0,
				 store_state(store) == STORE_DEGRADED);
		store_commit(store);
	}
	ck_assert_ptr_nonnull(strstr(store_problem(store), "set aside as"));
	ck_assert(store_take_lost(store));
	ck_assert(!store_take_lost(store));
	ck_assert_int_eq(add(store, EVENT_STOP, 1), first + 1);
	ck_assert_int_eq(store_commit(store), 0);
	ck_assert_uint_ge(count_events(store), 1);
	store_close(store);
}
END_TEST

START_TEST(corruption_that_a_reader_finds_is_acted_on_at_the_commit)
{
	char garbage[4096];
	struct store *store;

	make_ledger(2000);
	memset(garbage, 0xff, sizeof(garbage));
	for (long page = 40; page < 60; page++)
		put(world.path, page * 4096, garbage, sizeof(garbage));
	store = world_open();
	lines.used = 0;
	ck_assert_int_eq(store_commit(store), 0);
	while (store_events(store, &(struct store_filter){ .type = -1, .limit = 1, .target = "/nowhere" },
			    add_event_line, &lines) == 0)
		ck_abort_msg("the spoiled pages were not met");
	ck_assert_int_eq(store_state(store), STORE_OK);
	ck_assert_int_eq(store_commit(store), 0);
	ck_assert_ptr_nonnull(strstr(store_problem(store), "set aside as"));
	add(store, EVENT_START, 0);
	ck_assert_int_eq(store_commit(store), 0);
	ck_assert_uint_eq(count_events(store), 1);
	store_close(store);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store: corrupt files");
	TCase *tests = tcase_create("corrupt");

	tcase_add_checked_fixture(tests, world_begin, world_end);
	tcase_add_test(tests, newer_ledger_is_left_alone_to_the_byte);
	tcase_add_test(tests, database_of_another_program_is_left_alone_to_the_byte);
	tcase_add_test(tests, database_without_a_name_is_left_alone_to_the_byte);
	tcase_add_test(tests, what_is_no_regular_file_is_left_alone);
	tcase_add_test(tests, garbage_is_set_aside_and_kept);
	tcase_add_test(tests, what_was_set_aside_is_never_overwritten);
	tcase_add_test(tests, a_few_bytes_are_garbage_too);
	tcase_add_test(tests, truncated_ledger_is_set_aside);
	tcase_add_test(tests, empty_file_becomes_a_ledger);
	tcase_add_test(tests, missing_table_counts_as_corrupt);
	tcase_add_test(tests, corruption_that_a_write_finds_costs_no_event);
	tcase_add_test(tests, corruption_that_a_reader_finds_is_acted_on_at_the_commit);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
