/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the ledger's readers and views show, and which part of it is asked for. */
#include <errno.h>

#include "run_suite.h"
#include "store_fixture.h"

static void save_at(struct store *store, uint64_t id, int64_t attached, int64_t detached)
{
	struct mount mount;

	world_mount(&mount, &world.action, id, "/worker/build/f3fb7c74c3b342a0/x");
	mount.first_seen = at_second(attached);
	if (detached) {
		mount.state = MOUNT_DETACHED;
		mount.gone = at_second(detached);
	}
	ck_assert_int_eq(store_save_mount(store, &mount, detached ? "kernel" : NULL), 0);
}

START_TEST(mounts_are_shown_as_they_stood_at_a_time)
{
	static const struct {
		int64_t second;
		size_t count;
	} cases[] = { { 5, 0 }, { 10, 1 }, { 15, 2 }, { 20, 1 }, { 30, 1 } };
	struct store *store = world_open();

	save_at(store, 2001, 10, 20); /* gone at its 20th second: no longer there then */
	save_at(store, 2002, 15, 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		read_mounts(store, (struct store_filter){ .type = -1, .at = at_second(cases[i].second).real }, &lines);
		ck_assert_msg(lines.count == cases[i].count, "second %d: %zu", (int)cases[i].second, lines.count);
	}
	store_close(store);
}
END_TEST

START_TEST(events_are_filtered)
{
	static const struct {
		struct store_filter filter;
		size_t count;
		const char *first;
	} cases[] = {
		{ { .type = -1 }, 30, "1 attach" },
		{ { .type = -1, .after_seq = 20 }, 10, "21 " },
		{ { .type = -1, .after_seq = 20, .limit = 3 }, 3, "21 " },
		{ { .type = -1, .limit = 5 }, 5, "26 " },
		{ { .type = -1, .limit = 5, .action = "other" }, 5, "21 " },
		{ { .type = -1, .action = "other" }, 15, "1 " },
		{ { .type = -1, .action = "other", .after_seq = 20 }, 5, "21 " },
		{ { .type = -1, .action = "other", .generation = 2 }, 0, "" },
		{ { .type = -1, .action = "othe" }, 0, "" },
		{ { .type = -1, .since = START + 10 * NSEC_PER_SEC }, 20, "11 " },
		{ { .type = -1, .since = START + 10 * NSEC_PER_SEC, .limit = 2 }, 2, "11 " },
		{ { .type = -1, .until = START + 10 * NSEC_PER_SEC }, 11, "1 " },
		{ { .type = -1, .until = START + 10 * NSEC_PER_SEC, .limit = 4 }, 4, "8 " },
		{ { .type = -1, .since = START + 10 * NSEC_PER_SEC, .until = START + 12 * NSEC_PER_SEC }, 3, "11 " },
		{ { .type = EVENT_REAPED }, 10, "3 reaped" },
		{ { .type = EVENT_REAPED, .limit = 1 }, 1, "30 reaped" },
		{ { .type = EVENT_REAPED, .action = "other", .since = START + 10 * NSEC_PER_SEC }, 3, "15 reaped" },
		{ { .type = -1, .mount_id = 1001 }, 15, "2 " },
		{ { .type = -1, .mount_id = 1001, .limit = 2 }, 2, "28 " },
		{ { .type = -1, .root = "/elsewhere" }, 1, "30 " },
		{ { .type = -1, .root = "/nowhere" }, 0, "" },
		{ { .type = -1, .target = ROOT_PATH "/f3fb7c74c3b342a0/root/proc" }, 15, "2 " },
	};
	struct store *store = world_open();

	add_events(store);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		read_events(store, cases[i].filter, &lines);
		ck_assert_msg(lines.count == cases[i].count, "case %zu gives %zu: %s", i, lines.count, lines.text);
		ck_assert_msg(strncmp(lines.text, cases[i].first, strlen(cases[i].first)) == 0, "case %zu: %s", i,
			      lines.text);
	}
	store_close(store);
}
END_TEST

static int stop_at_second(void *context, const struct store_event *event)
{
	int *count = context;

	(void)event;
	return ++*count == 2 ? 17 : 0;
}

START_TEST(a_reader_can_stop)
{
	struct store *store = world_open();
	int count = 0;

	add_events(store);
	ck_assert_int_eq(store_events(store, &ANY, stop_at_second, &count), 17);
	ck_assert_int_eq(count, 2);
	read_events(store, ANY, &lines);
	ck_assert_uint_eq(lines.count, 30);
	store_close(store);
}
END_TEST

START_TEST(attempts_have_intent_and_outcome)
{
	struct store *store = world_open();
	int64_t first, second;

	write_some(store);
	first = store_add_intent(store, &world.mount, world.root.rules.path, STEP_UMOUNT, EVIDENCE_MISSING,
				 at_second(1));
	second = store_add_intent(store, &world.mount, world.root.rules.path, STEP_DETACH, EVIDENCE_MISSING,
				  at_second(2));
	store_add_outcome(store, first, OUTCOME_BUSY, EBUSY, "held by 12", at_second(2));
	ck_assert_int_ne(first, second);
	ck_assert_str_eq(
		read_attempts(store, ANY, &lines),
		"1 1001 f3fb7c74c3b342a0@1 /worker/build/f3fb7c74c3b342a0/root/proc umount missing busy 16 held by 12\n"
		"2 1001 f3fb7c74c3b342a0@1 /worker/build/f3fb7c74c3b342a0/root/proc detach missing - 0 -\n");
	read_attempts(store, (struct store_filter){ .limit = 1, .action = "f3fb7c74c3b342a0", .type = -1 }, &lines);
	ck_assert_str_eq(lines.text,
			 "2 1001 f3fb7c74c3b342a0@1 /worker/build/f3fb7c74c3b342a0/root/proc detach missing - 0 -\n");
	read_attempts(store, (struct store_filter){ .mount_id = 1001, .since = at_second(2).real, .type = -1 }, &lines);
	ck_assert_uint_eq(lines.count, 1);
	read_attempts(store, (struct store_filter){ .mount_id = 1002, .type = -1 }, &lines);
	ck_assert_uint_eq(lines.count, 0);
	store_close(store);
}
END_TEST

static void save_many(struct store *store, int count)
{
	for (int i = 0; i < count; i++) {
		struct action action;
		struct mount mount;
		char name[16], target[64];

		/* The names fall while the rows rise. */
		snprintf(name, sizeof(name), "%03d", count - i);
		snprintf(target, sizeof(target), ROOT_PATH "/%s/x", name);
		world_action(&action, name, 1);
		world_mount(&mount, &action, (uint64_t)(5000 + i), target);
		if (i % 2) {
			action.state = ACTION_CLEARED;
			action.ended = at_second(9);
			mount.state = MOUNT_REAPED;
			mount.gone = at_second(9);
		}
		ck_assert_int_eq(store_save_action(store, &action), 0);
		ck_assert_int_eq(store_save_mount(store, &mount, "reaperd"), 0);
		store_add_intent(store, &mount, world.root.rules.path, STEP_UMOUNT, EVIDENCE_ENDED, at_second(i));
	}
}

struct piece {
	int64_t last;
	size_t count;
};

static void take_row(struct piece *piece, int64_t row)
{
	ck_assert_int_gt(row, piece->last);
	piece->last = row;
	piece->count++;
}

static int take_action(void *context, const struct store_action_row *row)
{
	take_row(context, row->row);
	return 0;
}

static int take_mount(void *context, const struct store_mount_row *row)
{
	take_row(context, row->row);
	return 0;
}

static int take_attempt(void *context, const struct store_attempt_row *row)
{
	take_row(context, row->row);
	return 0;
}

START_TEST(lists_are_read_in_pieces)
{
	struct store_filter filter = { .type = -1, .by_row = true, .limit = 7 };
	struct store *store = world_open();

	save_many(store, 40);
	for (int all = 0; all < 2; all++) {
		struct piece actions = { 0, 0 }, mounts = { 0, 0 }, attempts = { 0, 0 };

		filter.all = all;
		for (size_t before = 1; before != actions.count;) {
			before = actions.count;
			filter.after_row = actions.last;
			ck_assert_int_eq(store_actions(store, &filter, take_action, &actions), 0);
		}
		for (size_t before = 1; before != mounts.count;) {
			before = mounts.count;
			filter.after_row = mounts.last;
			ck_assert_int_eq(store_mounts(store, &filter, take_mount, &mounts), 0);
		}
		for (size_t before = 1; before != attempts.count;) {
			before = attempts.count;
			filter.after_row = attempts.last;
			ck_assert_int_eq(store_attempts(store, &filter, take_attempt, &attempts), 0);
		}
		ck_assert_uint_eq(actions.count, all ? 40 : 20);
		ck_assert_uint_eq(mounts.count, all ? 40 : 20);
		ck_assert_uint_eq(attempts.count, 40);
	}
	store_close(store);
}
END_TEST

START_TEST(lists_are_ordered_by_name_and_past_ones_only_shown_when_asked_for)
{
	struct store *store = world_open();

	save_many(store, 4);
	read_actions(store, ANY, &lines);
	ck_assert_str_eq(lines.text, "/worker/build 002@1 active mounts=1 inferred pid=0 uid=-1 -\n"
				     "/worker/build 004@1 active mounts=1 inferred pid=0 uid=-1 -\n");
	read_actions(store, (struct store_filter){ .type = -1, .action = "003" }, &lines);
	ck_assert_str_eq(lines.text, "");
	read_actions(store, (struct store_filter){ .type = -1, .action = "003", .all = true }, &lines);
	ck_assert_uint_eq(lines.count, 1);
	read_mounts(store, (struct store_filter){ .type = -1, .action = "003" }, &lines);
	ck_assert_str_eq(lines.text, "");
	read_mounts(store, (struct store_filter){ .type = -1, .mount_id = 5000 }, &lines);
	ck_assert_str_eq(lines.text, "5000 /worker/build 004@1 /worker/build/004/x proc attached -\n");
	read_mounts(store, (struct store_filter){ .type = -1, .root = "/elsewhere", .all = true }, &lines);
	ck_assert_str_eq(lines.text, "");
	read_mounts(store, (struct store_filter){ .type = -1, .limit = 1, .all = true }, &lines);
	ck_assert_str_eq(lines.text, "5003 /worker/build 001@1 /worker/build/001/x proc reaped reaperd\n");
	store_close(store);
}
END_TEST

static int first_column(void *context, int columns, char **values, char **names)
{
	(void)columns;
	(void)names;
	snprintf(context, 256, "%s", values[0] ? values[0] : "NULL");
	return 0;
}

static void expect(const char *sql, const char *value)
{
	char found[256] = "(no row)";
	sqlite3 *db;

	ck_assert_int_eq(sqlite3_open(world.path, &db), SQLITE_OK);
	ck_assert_msg(sqlite3_exec(db, sql, first_column, found, NULL) == SQLITE_OK, "%s", sqlite3_errmsg(db));
	sqlite3_close(db);
	ck_assert_msg(strcmp(found, value) == 0, "%s: %s", sql, found);
}

START_TEST(views_show_text_and_times)
{
	struct store *store = world_open();

	world.action.state = ACTION_OVER;
	world.mount.first_seen.real = START + 123 * NSEC_PER_MSEC;
	write_some(store);
	store_add_outcome(store,
			  store_add_intent(store, &world.mount, world.root.rules.path, STEP_UMOUNT, EVIDENCE_MISSING,
					   at_second(1)),
			  OUTCOME_BUSY, EBUSY, NULL, at_second(1));
	store_close(store);
	expect("SELECT target || ' ' || root || ' ' || action || ' ' || attached FROM active_mounts",
	       "/worker/build/f3fb7c74c3b342a0/root/proc /worker/build f3fb7c74c3b342a0 2026-11-18T11:06:40.123Z");
	expect("SELECT typeof(target) || action_state FROM leftovers", "textover");
	expect("SELECT action || mounts || mounts_ever || owner_kind FROM action_history",
	       "f3fb7c74c3b342a011inferred");
	expect("SELECT step || outcome || errno || intended FROM reap_attempts",
	       "umountbusy162026-11-18T11:06:41.000Z");
}
END_TEST

START_TEST(what_is_protected_is_no_leftover)
{
	struct store *store = world_open();

	world.action.state = ACTION_OVER;
	write_some(store);
	store_commit(store);
	expect("SELECT count(*) FROM leftovers", "1");
	ck_assert_int_eq(string_list_add(&world.root.rules.protect, "*/root"), 0);
	world.mount.dirty = true;
	ck_assert_int_eq(store_save_mount(store, &world.mount, NULL), 0);
	store_close(store);
	ck_assert(world.mount.saved_protected);
	expect("SELECT count(*) FROM leftovers", "0");
	expect("SELECT protected FROM active_mounts", "1");
}
END_TEST

START_TEST(a_reader_says_what_is_no_ledger)
{
	struct store *store = NULL;

	ck_assert_int_eq(store_open_readonly(world.path, &store), -ENOENT);
	run_sql("CREATE TABLE x (y)");
	ck_assert_int_eq(store_open_readonly(world.path, &store), -EUCLEAN);
	ck_assert_int_eq(unlink(world.path), 0);
	store = world_open();
	store_close(store);
	run_sql("PRAGMA user_version = 99");
	ck_assert_int_eq(store_open_readonly(world.path, &store), -EPROTO);
}
END_TEST

START_TEST(a_reader_beside_the_daemon_sees_each_commit)
{
	struct store *store = world_open(), *reader;

	write_some(store);
	ck_assert_int_eq(store_open_readonly(world.path, &reader), 0);
	read_events(reader, ANY, &lines);
	ck_assert_uint_eq(lines.count, 1);
	add_events(store);
	read_events(reader, ANY, &lines);
	ck_assert_uint_eq(lines.count, 31);
	ck_assert_int_eq(store_last_seq(reader), 31);
	store_close(reader);
	store_close(store);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store: reading");
	TCase *tests = tcase_create("reading");

	tcase_add_checked_fixture(tests, world_begin, world_end);
	tcase_add_test(tests, mounts_are_shown_as_they_stood_at_a_time);
	tcase_add_test(tests, events_are_filtered);
	tcase_add_test(tests, a_reader_can_stop);
	tcase_add_test(tests, attempts_have_intent_and_outcome);
	tcase_add_test(tests, lists_are_read_in_pieces);
	tcase_add_test(tests, lists_are_ordered_by_name_and_past_ones_only_shown_when_asked_for);
	tcase_add_test(tests, views_show_text_and_times);
	tcase_add_test(tests, what_is_protected_is_no_leftover);
	tcase_add_test(tests, a_reader_says_what_is_no_ledger);
	tcase_add_test(tests, a_reader_beside_the_daemon_sees_each_commit);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
