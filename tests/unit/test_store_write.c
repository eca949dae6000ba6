/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is written into the ledger, once, and how long it is kept. */
#include "../lib/skip.h"
#include "base/cleanup.h"
#include "odd_names.h"
#include "run_suite.h"
#include "store_fixture.h"

START_TEST(fresh_file_is_made_and_is_well)
{
	struct store *store = world_open();
	char why[256] = "";

	ck_assert_str_eq(store_problem(store), "");
	ck_assert_int_eq(store_state(store), STORE_OK);
	write_some(store);
	ck_assert_int_gt(store_bytes(store), 0);
	ck_assert_int_eq(store_last_seq(store), 1);
	ck_assert_msg(store_check(store, why, sizeof(why)) == 0, "%s", why);
	store_close(store);
}
END_TEST

START_TEST(what_was_written_is_read_after_a_reopen)
{
	struct store *store = world_open();

	write_some(store);
	store_close(store);
	ck_assert_int_eq(store_open_readonly(world.path, &store), 0);
	ck_assert_str_eq(
		read_events(store, ANY, &lines),
		"1 attach /worker/build f3fb7c74c3b342a0@1 1001 /worker/build/f3fb7c74c3b342a0/root/proc 77 runner "
		"{\"by\":\"test\"}\n");
	ck_assert_str_eq(read_actions(store, ANY, &lines),
			 "/worker/build f3fb7c74c3b342a0@1 active mounts=1 inferred pid=0 uid=-1 -\n");
	ck_assert_str_eq(
		read_mounts(store, ANY, &lines),
		"1001 /worker/build f3fb7c74c3b342a0@1 /worker/build/f3fb7c74c3b342a0/root/proc proc attached -\n");
	ck_assert_int_eq(store_last_seq(store), 1);
	store_close(store);
}
END_TEST

/* Every byte but NUL (and, in a name, the slash) comes back as it went in, and can be searched for. */
static void goes_round(const char *name)
{
	struct store *store = world_open(), *reader;
	char target[400];

	snprintf(target, sizeof(target), "%s/%s", ROOT_PATH, name);
	world_action(&world.action, name, 3);
	world_mount(&world.mount, &world.action, 1001, target);
	world.mount.facts.source = (char *)"";
	write_some(store);
	store_close(store);

	ck_assert_int_eq(store_open_readonly(world.path, &reader), 0);
	read_actions(reader, (struct store_filter){ .action = name, .type = -1 }, &lines);
	ck_assert_uint_eq(lines.count, 1);
	ck_assert_ptr_nonnull(strstr(lines.text, name));
	read_mounts(reader, (struct store_filter){ .target = target, .type = -1 }, &lines);
	ck_assert_uint_eq(lines.count, 1);
	ck_assert_ptr_nonnull(strstr(lines.text, target));
	read_events(reader, (struct store_filter){ .action = name, .target = target, .type = -1 }, &lines);
	ck_assert_uint_eq(lines.count, 1);
	ck_assert_ptr_nonnull(strstr(lines.text, target));
	store_close(reader);
}

START_TEST(any_byte_goes_round)
{
	char name[256];
	size_t length = 0;

	for (int c = 1; c < 256; c++)
		if (c != '/')
			name[length++] = (char)c;
	name[length] = '\0';
	goes_round(name);
}
END_TEST

START_TEST(odd_names_go_round)
{
	goes_round(odd_names[_i]);
}
END_TEST

START_TEST(numbers_go_on_after_a_reopen)
{
	struct store *store = world_open();
	struct store_event event = world_event(EVENT_START, NULL, NULL, START);

	write_some(store);
	store_close(store);
	store = world_open();
	store_add_event(store, &event);
	ck_assert_int_eq(event.seq, 2);
	world_action(&world.action, "another", 1);
	ck_assert_int_eq(store_save_action(store, &world.action), 0);
	ck_assert_int_eq(world.action.row, 2);
	store_close(store);
}
END_TEST

START_TEST(a_saved_row_is_changed_and_not_doubled)
{
	struct store *store = world_open();

	write_some(store);
	ck_assert_int_eq(world.action.row, 1);
	ck_assert(!world.action.dirty && !world.mount.dirty);
	world.action.state = ACTION_CLEARED;
	world.action.ended = at_second(5);
	world.mount.state = MOUNT_REAPED;
	world.mount.gone = at_second(5);
	ck_assert_int_eq(store_save_action(store, &world.action), 0);
	ck_assert_int_eq(store_save_mount(store, &world.mount, "reaperd"), 0);
	ck_assert_str_eq(read_mounts(store, ANY, &lines), "");
	ck_assert_str_eq(read_actions(store, ANY, &lines), "");
	ck_assert_str_eq(
		read_mounts(store, (struct store_filter){ .all = true, .type = -1 }, &lines),
		"1001 /worker/build f3fb7c74c3b342a0@1 /worker/build/f3fb7c74c3b342a0/root/proc proc reaped reaperd\n");
	ck_assert_str_eq(read_actions(store, (struct store_filter){ .all = true, .type = -1 }, &lines),
			 "/worker/build f3fb7c74c3b342a0@1 cleared mounts=0 inferred pid=0 uid=-1 -\n");
	store_close(store);
}
END_TEST

START_TEST(the_last_generation_is_remembered)
{
	struct store *store = world_open();

	ck_assert_uint_eq(store_last_generation(store, &world.root, world.action.name), 0);
	world.action.generation = 4;
	write_some(store);
	ck_assert_uint_eq(store_last_generation(store, &world.root, world.action.name), 4);
	ck_assert_uint_eq(store_last_generation(store, &world.root, "f3fb7c74c3b342a"), 0);
	store_close(store);
}
END_TEST

START_TEST(the_same_owner_is_one_row)
{
	struct store *store = world_open();
	struct action second;

	world.action.owner = (struct owner){ .kind = OWNER_REGISTERED,
					     .pid = 500,
					     .start_time = 9,
					     .comm = (char *)"bb_runner",
					     .uid = 1000,
					     .cgroup = (char *)"/system.slice/bb",
					     .lease = true };
	world_action(&second, "second", 1);
	second.owner = world.action.owner;
	ck_assert_int_eq(store_save_action(store, &world.action), 0);
	ck_assert_int_eq(store_save_action(store, &second), 0);
	ck_assert_str_eq(read_actions(store, ANY, &lines),
			 "/worker/build f3fb7c74c3b342a0@1 active mounts=0 registered pid=500 uid=1000 bb_runner\n"
			 "/worker/build second@1 active mounts=0 registered pid=500 uid=1000 bb_runner\n");
	store_close(store);
}
END_TEST

START_TEST(settings_outlive_a_start)
{
	struct store *store = world_open();
	char *value;

	ck_assert_ptr_null(store_get(store, "pause"));
	ck_assert_int_eq(store_set(store, "pause", "yes"), 0);
	value = store_get(store, "pause");
	ck_assert_str_eq(value, "yes");
	free(value);
	store_close(store);
	store = world_open();
	value = store_get(store, "pause");
	ck_assert_str_eq(value, "yes");
	free(value);
	ck_assert_int_eq(store_set(store, "pause", NULL), 0);
	ck_assert_ptr_null(store_get(store, "pause"));
	ck_assert_int_eq(store_commit(store), 0);
	ck_assert_ptr_null(store_get(store, "pause"));
	store_close(store);
}
END_TEST

static void clear_action(struct store *store, int64_t second)
{
	world.action.state = ACTION_CLEARED;
	world.action.ended = at_second(second);
	world.mount.state = MOUNT_REAPED;
	world.mount.gone = at_second(second);
	ck_assert_int_eq(store_save_action(store, &world.action), 0);
	ck_assert_int_eq(store_save_mount(store, &world.mount, "reaperd"), 0);
}

START_TEST(retention_takes_what_is_old_and_over)
{
	struct store *store = world_open();
	struct action open_action;
	struct mount open_mount;
	char why[256] = "";

	write_some(store);
	add_events(store);
	store_add_outcome(store,
			  store_add_intent(store, &world.mount, world.root.rules.path, STEP_UMOUNT, EVIDENCE_MISSING,
					   at_second(1)),
			  OUTCOME_GONE, 0, NULL, at_second(1));
	clear_action(store, 2);
	world_action(&open_action, "open", 1);
	world_mount(&open_mount, &open_action, 3001, "/worker/build/open/x");
	ck_assert_int_eq(store_save_mount(store, &open_mount, NULL), 0);
	/* Events of seconds 0 to 14 (and the first), one attempt, one mount, one action. */
	ck_assert_int_eq(store_retain(store, 5 * NSEC_PER_SEC, 0, at_second(20)), 16 + 3);
	ck_assert_int_eq(store_retain(store, 5 * NSEC_PER_SEC, 0, at_second(20)), 0);
	ck_assert_int_eq(store_commit(store), 0);
	read_events(store, ANY, &lines);
	ck_assert_uint_eq(lines.count, 15);
	read_mounts(store, (struct store_filter){ .all = true, .type = -1 }, &lines);
	ck_assert_str_eq(lines.text, "3001 /worker/build open@1 /worker/build/open/x proc attached -\n");
	read_actions(store, (struct store_filter){ .all = true, .type = -1 }, &lines);
	ck_assert_uint_eq(lines.count, 1);
	ck_assert_msg(store_check(store, why, sizeof(why)) == 0, "%s", why);
	store_close(store);
}
END_TEST

START_TEST(retention_brings_a_large_ledger_down)
{
	const int64_t most = 200 << 10;
	struct store *store = world_open();
	int64_t before;

	if (BELOW_VALGRIND)
		SKIP_TEST("it takes minutes below valgrind");
	for (int i = 0; i < 5000; i++) {
		struct store_event event = world_event(EVENT_ATTACH, &world.action, &world.mount, at_second(i).real);

		store_add_event(store, &event);
	}
	ck_assert_int_eq(store_commit(store), 0);
	before = store_bytes(store);
	for (int i = 0; i < 100 && store_retain(store, 0, most, at_second(5000)) > 0; i++)
		ck_assert_int_eq(store_commit(store), 0);
	ck_assert_int_eq(store_commit(store), 0);
	read_events(store, (struct store_filter){ .type = -1, .limit = 1 }, &lines);
	ck_assert_int_eq(strncmp(lines.text, "5000 ", 5), 0);
	store_close(store);
	store = world_open();
	ck_assert_int_gt(before, most);
	ck_assert_int_lt(store_bytes(store), most + (64 << 10));
	store_close(store);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store: writing");
	TCase *tests = tcase_create("writing");

	tcase_add_checked_fixture(tests, world_begin, world_end);
	tcase_add_test(tests, fresh_file_is_made_and_is_well);
	tcase_add_test(tests, what_was_written_is_read_after_a_reopen);
	tcase_add_test(tests, any_byte_goes_round);
	tcase_add_loop_test(tests, odd_names_go_round, 0, ARRAY_SIZE(odd_names));
	tcase_add_test(tests, numbers_go_on_after_a_reopen);
	tcase_add_test(tests, a_saved_row_is_changed_and_not_doubled);
	tcase_add_test(tests, the_last_generation_is_remembered);
	tcase_add_test(tests, the_same_owner_is_one_row);
	tcase_add_test(tests, settings_outlive_a_start);
	tcase_add_test(tests, retention_takes_what_is_old_and_over);
	tcase_add_test(tests, retention_brings_a_large_ledger_down);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
