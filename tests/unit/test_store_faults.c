/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writes that fail: no room, no right, no directory, a lock, a death; and what is kept in memory meanwhile. */
#include <errno.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "../lib/skip.h"
#include "store/internal.h"
#include "run_suite.h"
#include "store_fixture.h"

/* The limit goes with the connection, so the retry, which opens anew, finds room. */
static void make_full(struct store *store)
{
	sqlite3_exec(store->db, "PRAGMA max_page_count = 1", NULL, NULL, NULL);
}

START_TEST(full_ledger_gets_its_rows_later)
{
	struct store *store = world_open();
	int64_t first = add(store, EVENT_START, 0);
	int64_t attempt;
	char *value;
	int i;

	ck_assert_int_eq(store_commit(store), 0);
	make_full(store);
	for (i = 1; store_state(store) == STORE_OK && i < 2000; i++)
		ck_assert_int_eq(add(store, EVENT_ATTACH, i), first + i);
	ck_assert_int_eq(store_state(store), STORE_DEGRADED);
	ck_assert_ptr_nonnull(strstr(store_problem(store), "make room"));
	ck_assert_int_eq(store_commit(store), -EIO);
	ck_assert(!store_take_lost(store));
	attempt = store_add_intent(store, &world.mount, world.root.rules.path, STEP_UMOUNT, EVIDENCE_MISSING,
				   at_second(1));
	store_add_outcome(store, attempt, OUTCOME_GONE, 0, NULL, at_second(2));
	ck_assert_int_eq(store_set(store, "pause", "yes"), -EIO);
	value = store_get(store, "pause");
	ck_assert_str_eq(value, "yes");
	free(value);
	/* What was committed can be read meanwhile. */
	ck_assert_uint_eq(count_events(store), 1);
	ck_assert_int_eq(add(store, EVENT_STOP, i), first + i);

	store_retry(store);
	ck_assert_int_eq(store_commit(store), 0);
	ck_assert_str_eq(store_problem(store), "");
	ck_assert(store_take_lost(store));
	ck_assert_uint_eq(count_events(store), (size_t)i + 1);
	read_attempts(store, ANY, &lines);
	ck_assert_uint_eq(lines.count, 1);
	ck_assert_ptr_nonnull(strstr(lines.text, "gone"));
	value = store_get(store, "pause");
	ck_assert_str_eq(value, "yes");
	free(value);
	store_close(store);
}
END_TEST

START_TEST(rolled_back_rows_can_be_saved_again)
{
	struct store *store = world_open();

	ck_assert_int_eq(store_commit(store), 0);
	ck_assert_int_eq(store_save_mount(store, &world.mount, NULL), 0);
	store_fail(store, SQLITE_FULL);
	store_retry(store);
	ck_assert_int_eq(store_commit(store), 0);
	ck_assert_str_eq(read_mounts(store, ANY, &lines), "");
	ck_assert(store_take_lost(store));
	/* First without its action's row, as an engine does that has only the mount to save. */
	ck_assert_int_eq(store_save_mount(store, &world.mount, NULL), 0);
	ck_assert_int_eq(store_save_action(store, &world.action), 0);
	world.mount.dirty = true; /* as all is when rows were lost */
	ck_assert_int_eq(store_save_mount(store, &world.mount, NULL), 0);
	ck_assert_str_eq(
		read_mounts(store, ANY, &lines),
		"1001 /worker/build f3fb7c74c3b342a0@1 /worker/build/f3fb7c74c3b342a0/root/proc proc attached -\n");
	store_close(store);
}
END_TEST

/* Once in the turn that is lost, once while nothing can be written; nobody saves them a second time. */
START_TEST(what_is_over_is_closed_though_it_was_saved_in_vain)
{
	struct store *store = world_open();
	struct mount second;

	world_mount(&second, &world.action, 1002, ROOT_PATH "/f3fb7c74c3b342a0/root/sys");
	ck_assert_int_eq(store_save_mount(store, &world.mount, NULL), 0);
	ck_assert_int_eq(store_save_mount(store, &second, NULL), 0);
	ck_assert_int_eq(store_commit(store), 0);
	world.mount.state = MOUNT_REAPED;
	world.mount.gone = at_second(5);
	ck_assert_int_eq(store_save_mount(store, &world.mount, "reaperd"), 0);
	store_fail(store, SQLITE_FULL);
	second.state = MOUNT_DETACHED;
	second.gone = at_second(6);
	world.action.state = ACTION_CLEARED;
	world.action.ended = at_second(6);
	second.dirty = world.action.dirty = true;
	ck_assert_int_eq(store_save_mount(store, &second, "pid 5 (umount)"), -EIO);
	for (int i = 0; i < RING_SIZE; i++)
		ck_assert_int_eq(store_save_action(store, &world.action), -EIO);
	ck_assert(second.dirty && world.action.dirty);
	store_retry(store);
	ck_assert_int_eq(store_commit(store), 0);
	ck_assert_str_eq(
		read_mounts(store, (struct store_filter){ .type = -1, .all = true }, &lines),
		"1001 /worker/build f3fb7c74c3b342a0@1 /worker/build/f3fb7c74c3b342a0/root/proc proc reaped reaperd\n"
		"1002 /worker/build f3fb7c74c3b342a0@1 /worker/build/f3fb7c74c3b342a0/root/sys proc detached pid 5 (umount)\n");
	ck_assert_str_eq(read_actions(store, ANY, &lines), "");
	store_close(store);
}
END_TEST

START_TEST(memory_is_bounded_and_the_newest_are_kept)
{
	struct store *store = world_open();
	int64_t last = 0;

	ck_assert_int_eq(store_commit(store), 0);
	store_fail(store, SQLITE_IOERR);
	for (int i = 0; i < RING_SIZE + 100; i++)
		last = add(store, EVENT_ATTACH, i);
	store_retry(store);
	ck_assert_int_eq(store_commit(store), 0);
	read_events(store, (struct store_filter){ .type = -1, .limit = 1 }, &lines);
	ck_assert_int_eq(strtoll(lines.text, NULL, 10), last);
	read_events(store, (struct store_filter){ .type = -1, .after_seq = 1, .limit = 1 }, &lines);
	ck_assert_int_eq(strtoll(lines.text, NULL, 10), last - RING_SIZE + 1);
	store_close(store);
}
END_TEST

START_TEST(missing_directory_is_waited_for)
{
	struct store *store;
	int64_t seq;

	snprintf(world.path, sizeof(world.path), "%s/later/ledger.db", world.dir);
	store = store_open(world.path);
	ck_assert_ptr_nonnull(strstr(store_problem(store), "directory must exist"));
	ck_assert_int_eq(store_begin_boot(store, BOOT, NAMESPACE, world.now), -EIO);
	seq = add(store, EVENT_START, 0);
	snprintf(world.path, sizeof(world.path), "%s/later", world.dir);
	ck_assert_int_eq(mkdir(world.path, 0700), 0);
	ck_assert_int_eq(store_commit(store), -EIO);
	store_retry(store);
	ck_assert_int_eq(store_commit(store), 0);
	ck_assert_str_eq(store_problem(store), "");
	ck_assert_int_eq(store_save_action(store, &world.action), 0);
	ck_assert_int_eq(store_commit(store), 0);
	read_events(store, ANY, &lines);
	ck_assert_uint_eq(lines.count, 1);
	ck_assert_int_eq(strtoll(lines.text, NULL, 10), seq);
	ck_assert(store_take_lost(store)); /* what could not be saved meanwhile */
	store_close(store);
}
END_TEST

static void be_nobody(void)
{
	if (geteuid() == 0)
		ck_assert_int_eq(seteuid(65534), 0);
}

START_TEST(unwritable_ledger_is_read_and_said)
{
	struct store *store;

	make_ledger(2);
	ck_assert_int_eq(chmod(world.dir, 0555), 0);
	ck_assert_int_eq(chmod(world.path, 0444), 0);
	be_nobody();
	store = world_open();
	ck_assert_int_eq(store_state(store), STORE_DEGRADED);
	ck_assert_msg(strstr(store_problem(store), "writable") != NULL, "%s", store_problem(store));
	add(store, EVENT_START, 0);
	ck_assert_int_eq(store_commit(store), -EIO);
	store_close(store);
	/* Without a daemon there is no WAL: whoever may read the file can use --db. */
	ck_assert_int_eq(store_open_readonly(world.path, &store), 0);
	ck_assert_uint_eq(count_events(store), 2);
	store_close(store);
	ck_assert(geteuid() != 65534 || seteuid(0) == 0);
	ck_assert_int_eq(chmod(world.dir, 0755), 0);
}
END_TEST

static void in_child(void (*function)(void))
{
	pid_t pid = fork();
	int status;

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		function();
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}

static void commit_some_and_die_in_the_next_turn(void)
{
	struct store *store = world_open();

	store_save_mount(store, &world.mount, NULL);
	for (int i = 0; i < 500; i++)
		add(store, EVENT_ATTACH, i);
	store_commit(store);
	for (int i = 0; i < 500; i++)
		add(store, EVENT_DETACH, i);
	world.mount.state = MOUNT_REAPED;
	world.mount.gone = at_second(1);
	store_save_mount(store, &world.mount, "reaperd");
}

START_TEST(death_in_a_turn_leaves_the_turns_before)
{
	struct store *store;
	char why[256] = "";

	in_child(commit_some_and_die_in_the_next_turn);
	store = world_open();
	ck_assert_str_eq(store_problem(store), "");
	ck_assert_uint_eq(count_events(store), 500);
	ck_assert_ptr_null(strstr(lines.text, "detach"));
	ck_assert_ptr_nonnull(strstr(read_mounts(store, ANY, &lines), "attached"));
	ck_assert_int_eq(add(store, EVENT_START, 0), 501);
	ck_assert_int_eq(store_commit(store), 0);
	ck_assert_msg(store_check(store, why, sizeof(why)) == 0, "%s", why);
	store_close(store);
}
END_TEST

START_TEST(removed_file_is_noticed_and_replaced)
{
	struct store *store;

	make_ledger(3);
	store = world_open();
	ck_assert_int_eq(store_commit(store), 0);
	ck_assert_int_eq(unlink(world.path), 0);
	add(store, EVENT_START, 0);
	ck_assert_int_eq(store_commit(store), 0);
	ck_assert_ptr_nonnull(strstr(store_problem(store), "removed or replaced"));
	ck_assert(store_take_lost(store));
	ck_assert_uint_eq(count_events(store), 1);
	ck_assert_int_eq(strncmp(lines.text, "4 start", 7), 0);
	store_close(store);
	store = world_open();
	ck_assert_uint_eq(count_events(store), 1);
	store_close(store);
}
END_TEST

START_TEST(locked_ledger_is_said_and_got_back)
{
	struct store *store = world_open();
	sqlite3 *db;

	ck_assert_int_eq(store_commit(store), 0);
	ck_assert_int_eq(sqlite3_open(world.path, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	add(store, EVENT_START, 0);
	ck_assert_ptr_nonnull(strstr(store_problem(store), "locked"));
	sqlite3_close(db);
	store_retry(store);
	ck_assert_int_eq(store_commit(store), 0);
	ck_assert_str_eq(store_problem(store), "");
	ck_assert_uint_eq(count_events(store), 1);
	store_close(store);
}
END_TEST

START_TEST(two_writers_give_no_number_twice)
{
	struct store *one = world_open(), *two;

	ck_assert_int_eq(store_commit(one), 0);
	two = world_open();
	ck_assert_int_eq(store_commit(two), 0);
	for (int i = 0; i < 10; i++) {
		ck_assert_int_eq(add(one, EVENT_ATTACH, i), 2 * i + 1);
		ck_assert_int_eq(store_commit(one), 0);
		ck_assert_int_eq(add(two, EVENT_DETACH, i), 2 * i + 2);
		ck_assert_int_eq(store_commit(two), 0);
	}
	ck_assert_uint_eq(count_events(one), 20);
	store_close(one);
	store_close(two);
}
END_TEST

START_TEST(full_disk_is_said_and_left_when_there_is_room)
{
	char filler[128];
	char block[4096] = "";
	struct store *store;
	int64_t last = 0;
	ssize_t written;
	int fd;

	ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
	ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	ck_assert_int_eq(mount("tmpfs", world.dir, "tmpfs", 0, "size=1m"), 0);
	store = world_open();
	ck_assert_int_eq(store_commit(store), 0);
	snprintf(filler, sizeof(filler), "%s/filler", world.dir);
	fd = open(filler, O_WRONLY | O_CREAT, 0600);
	do
		written = write(fd, block, sizeof(block));
	while (written > 0);
	close(fd);
	for (int i = 0; store_state(store) == STORE_OK && i < 1000; i++) {
		last = add(store, EVENT_ATTACH, i);
		store_commit(store);
	}
	ck_assert_int_eq(store_state(store), STORE_DEGRADED);
	store_retry(store);
	ck_assert_int_eq(store_commit(store), -EIO);
	last = add(store, EVENT_STOP, 0);
	ck_assert_int_eq(unlink(filler), 0);
	store_retry(store);
	ck_assert_int_eq(store_commit(store), 0);
	ck_assert_str_eq(store_problem(store), "");
	ck_assert_int_eq((int64_t)count_events(store), last);
	store_close(store);
	ck_assert_int_eq(umount2(world.dir, MNT_DETACH), 0);
}
END_TEST

static bool can_mount(void)
{
	pid_t pid = fork();
	int status = 1;

	if (pid == 0)
		_exit(unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0);
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

int main(void)
{
	Suite *suite = suite_create("store: faults");
	TCase *tests = tcase_create("faults");

	tcase_add_checked_fixture(tests, world_begin, world_end);
	tcase_add_test(tests, full_ledger_gets_its_rows_later);
	tcase_add_test(tests, rolled_back_rows_can_be_saved_again);
	tcase_add_test(tests, what_is_over_is_closed_though_it_was_saved_in_vain);
	tcase_add_test(tests, memory_is_bounded_and_the_newest_are_kept);
	tcase_add_test(tests, missing_directory_is_waited_for);
	tcase_add_test(tests, unwritable_ledger_is_read_and_said);
	tcase_add_test(tests, death_in_a_turn_leaves_the_turns_before);
	tcase_add_test(tests, removed_file_is_noticed_and_replaced);
	tcase_add_test(tests, locked_ledger_is_said_and_got_back);
	tcase_add_test(tests, two_writers_give_no_number_twice);
	if (can_mount())
		tcase_add_test(tests, full_disk_is_said_and_left_when_there_is_room);
	else
		SAY_SKIPPED("full_disk_is_said_and_left_when_there_is_room: may not mount here");
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
