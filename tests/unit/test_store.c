/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run_suite.h"
#include "store_fixture.h"

#include <errno.h>
#include <sqlite3.h>

#include "base/cleanup.h"
#include "store/schema.h"
#include "odd_names.h"

#define ANY ((struct store_filter){ .type = -1 })

static struct lines lines;

static void write_some(struct store *store)
{
	struct store_event event;

	ck_assert_int_eq(store_save_root(store, &world.root), 0);
	ck_assert_int_eq(store_save_action(store, &world.action), 0);
	ck_assert_int_eq(store_save_mount(store, &world.mount, NULL), 0);
	event = world_event(EVENT_ATTACH, &world.action, &world.mount, world.now.real);
	event.pid = 77;
	event.comm = "runner";
	event.detail = "{\"by\":\"test\"}";
	store_add_event(store, &event);
	ck_assert_int_eq(store_commit(store), 0);
}

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

static void add_events(struct store *store)
{
	static const enum event_type types[] = { EVENT_ATTACH, EVENT_EVIDENCE, EVENT_REAPED };
	struct action other;

	world_action(&other, "other", 1);
	for (int i = 0; i < 30; i++) {
		struct store_event event = world_event(types[i % 3], i % 2 ? &world.action : &other,
						       i % 2 ? &world.mount : NULL, at_second(i).real);

		if (i == 29)
			event.root = "/elsewhere";
		store_add_event(store, &event);
	}
	ck_assert_int_eq(store_commit(store), 0);
}

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
	first = store_add_intent(store, &world.mount, STEP_UMOUNT, EVIDENCE_MISSING, at_second(1));
	second = store_add_intent(store, &world.mount, STEP_DETACH, EVIDENCE_MISSING, at_second(2));
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

static int close_intent(void *context, int64_t attempt, uint64_t mount_id, const char *target, enum step step)
{
	struct store *store = context;

	ck_assert_uint_eq(mount_id, 1001);
	ck_assert_str_eq(target, world.mount.facts.target);
	ck_assert_int_eq(step, STEP_DETACH);
	store_add_outcome(store, attempt, OUTCOME_GONE, 0, NULL, at_second(9));
	return 0;
}

static int count_intent(void *context, int64_t attempt, uint64_t mount_id, const char *target, enum step step)
{
	(void)attempt;
	(void)mount_id;
	(void)target;
	(void)step;
	++*(int *)context;
	return 0;
}

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
		store_add_intent(store, &mount, STEP_UMOUNT, EVIDENCE_ENDED, at_second(i));
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

START_TEST(an_interrupted_attempt_is_found_by_the_next_start)
{
	struct store *store = world_open();
	int left = 0;

	write_some(store);
	store_add_intent(store, &world.mount, STEP_DETACH, EVIDENCE_MOVED, at_second(1));
	store_close(store);
	store = world_open();
	ck_assert_int_eq(store_each_open_intent(store, close_intent, store), 0);
	ck_assert_int_eq(store_each_open_intent(store, count_intent, &left), 0);
	ck_assert_int_eq(left, 0);
	store_close(store);
}
END_TEST

START_TEST(an_attempt_of_this_start_is_under_way)
{
	struct store *store = world_open();
	int left = 0;

	write_some(store);
	store_add_intent(store, &world.mount, STEP_DETACH, EVIDENCE_MOVED, at_second(1));
	store_close(store);
	store = world_open();
	store_add_intent(store, &world.mount, STEP_UMOUNT, EVIDENCE_MOVED, at_second(2));
	ck_assert_int_eq(store_each_open_intent(store, count_intent, &left), 0);
	ck_assert_int_eq(left, 1);
	store_close(store);
}
END_TEST

START_TEST(another_boot_closes_everything)
{
	struct store *store = world_open();
	char why[256] = "";
	int left = 0;

	write_some(store);
	store_add_intent(store, &world.mount, STEP_DETACH, EVIDENCE_MOVED, at_second(1));
	store_close(store);
	store = store_open(world.path);
	ck_assert_int_eq(store_begin_boot(store, OTHER_BOOT, NAMESPACE, at_second(100)), 0);
	ck_assert_int_eq(store_commit(store), 0);
	ck_assert_str_eq(read_mounts(store, ANY, &lines), "");
	ck_assert_str_eq(
		read_mounts(store, (struct store_filter){ .all = true, .type = -1 }, &lines),
		"1001 /worker/build f3fb7c74c3b342a0@1 /worker/build/f3fb7c74c3b342a0/root/proc proc detached another boot\n");
	ck_assert_str_eq(read_actions(store, (struct store_filter){ .all = true, .type = -1 }, &lines),
			 "/worker/build f3fb7c74c3b342a0@1 cleared mounts=0 inferred pid=0 uid=-1 -\n");
	ck_assert_int_eq(store_each_open_intent(store, count_intent, &left), 0);
	ck_assert_int_eq(left, 0);
	ck_assert_msg(store_check(store, why, sizeof(why)) == 0, "%s", why);
	store_close(store);
}
END_TEST

static struct model *model_with_root(void)
{
	struct model *model = model_new();
	const struct root_rules *rules = &world.root.rules;

	ck_assert_ptr_nonnull(model);
	ck_assert_int_eq(model_set_roots(model, &rules, 1), 0);
	return model;
}

START_TEST(a_restart_finds_what_was_open)
{
	struct store *store = world_open();
	struct action *action;
	struct mount *mount;
	struct model *model;
	struct now later = at_second(60);

	world.action.state = ACTION_OVER;
	world.action.registered = world.action.seen_full = true;
	world.action.identity = (struct dir_identity){ .known = true,
						       .dev = 5,
						       .ino = 6,
						       .birth = 7,
						       .handle_type = 8,
						       .handle_length = 3,
						       .handle = { 0, 255, 9 } };
	world.action.owner = (struct owner){ .kind = OWNER_REGISTERED,
					     .pid = 500,
					     .start_time = 9,
					     .comm = (char *)"bb_runner",
					     .uid = 1000,
					     .lease = true,
					     .max_age = 5 };
	world.action.evidence = EVIDENCE_BIT(EVIDENCE_MISSING) | EVIDENCE_BIT(EVIDENCE_HOLLOW);
	world.action.evidence_state[EVIDENCE_MISSING].since =
		(struct now){ at_second(10).mono + 1, at_second(10).real + 1 };
	world.action.evidence_state[EVIDENCE_HOLLOW].since = at_second(20);
	world.mount.evidence = EVIDENCE_BIT(EVIDENCE_MOVED);
	world.mount.moved.since = at_second(30);
	world.mount.state = MOUNT_STUCK;
	world.mount.attempts = 3;
	world.mount.rounds = 1;
	world.mount.last_outcome = OUTCOME_BUSY;
	write_some(store);
	store_close(store);

	store = world_open();
	model = model_with_root();
	ck_assert_int_eq(store_restore(store, model, later), 0);
	ck_assert_uint_eq(model_find_actions(model, model_roots(model), "f3fb7c74c3b342a0", &action, 1), 1);
	ck_assert_uint_eq(action->generation, 1);
	ck_assert_int_eq(action->row, world.action.row);
	ck_assert_int_eq(action->state, ACTION_OVER);
	ck_assert(action->registered && action->seen_full && !action->in_trash && !action->dirty);
	ck_assert_mem_eq(&action->identity, &world.action.identity, sizeof(action->identity));
	ck_assert_int_eq(action->owner.kind, OWNER_REGISTERED);
	ck_assert_int_eq(action->owner.pid, 500);
	ck_assert_uint_eq(action->owner.start_time, 9);
	ck_assert_str_eq(action->owner.comm, "bb_runner");
	ck_assert_ptr_null(action->owner.cgroup);
	ck_assert(action->owner.lease);
	ck_assert_int_eq(action->owner.max_age, 5);
	ck_assert_uint_eq(action->evidence, world.action.evidence);
	ck_assert_int_eq(action->evidence_state[EVIDENCE_MISSING].since.real, at_second(10).real + 1);
	/* Shown as recorded; its grace begins anew, and it is not confirmed. */
	ck_assert_int_eq(action->evidence_state[EVIDENCE_MISSING].since.mono, later.mono);
	ck_assert_int_eq(action->evidence_state[EVIDENCE_MISSING].checked.mono, 0);
	ck_assert_int_eq(action->first_seen.real, START);
	ck_assert_int_eq(action->ended.real, 0);

	mount = model_mount(model, 1001);
	ck_assert_ptr_nonnull(mount);
	ck_assert_ptr_eq(mount->action, action);
	ck_assert(mount->restored && !mount->dirty);
	ck_assert_int_eq(mount->row, world.mount.row);
	ck_assert_int_eq(mount->state, MOUNT_STUCK);
	ck_assert_str_eq(mount->facts.target, world.mount.facts.target);
	ck_assert_uint_eq(mount->facts.id32, 40);
	ck_assert_uint_eq(mount->facts.dev, 99);
	ck_assert_int_eq(mount->first_seen.mono, at_second(0).mono);
	ck_assert_uint_eq(mount->evidence, EVIDENCE_BIT(EVIDENCE_MOVED));
	ck_assert_int_eq(mount->moved.since.mono, later.mono);
	ck_assert_uint_eq(mount->attempts, 3);
	ck_assert_int_eq(mount->last_outcome, OUTCOME_BUSY);
	model_free(model);
	store_close(store);
}
END_TEST

START_TEST(what_was_closed_is_not_restored)
{
	struct store *store = world_open();
	struct model *model = model_with_root();
	struct action *action;

	world.action.state = ACTION_CLEARED;
	world.action.ended = at_second(1);
	world.mount.state = MOUNT_REAPED;
	world.mount.gone = at_second(1);
	write_some(store);
	ck_assert_int_eq(store_restore(store, model, at_second(2)), 0);
	ck_assert_uint_eq(model_find_actions(model, model_roots(model), "f3fb7c74c3b342a0", &action, 1), 0);
	ck_assert_uint_eq(model_mount_count(model), 0);
	model_free(model);
	store_close(store);
}
END_TEST

START_TEST(another_namespace_is_not_restored)
{
	struct store *store = world_open();
	struct model *model = model_with_root();

	write_some(store);
	ck_assert_int_eq(store_begin_boot(store, BOOT, NAMESPACE + 1, at_second(1)), 0);
	ck_assert_int_eq(store_restore(store, model, at_second(2)), 0);
	ck_assert_uint_eq(model_mount_count(model), 0);
	ck_assert_str_eq(read_mounts(store, ANY, &lines), "");
	model_free(model);
	store_close(store);
}
END_TEST

START_TEST(a_reader_restores_without_writing)
{
	struct store *store = world_open();
	struct model *model = model_with_root();

	write_some(store);
	store_close(store);
	ck_assert_int_eq(store_open_readonly(world.path, &store), 0);
	ck_assert_int_eq(store_begin_boot(store, OTHER_BOOT, NAMESPACE, at_second(1)), -ENOENT);
	ck_assert_int_eq(store_begin_boot(store, BOOT, NAMESPACE, at_second(1)), 0);
	ck_assert_int_eq(store_restore(store, model, at_second(2)), 0);
	ck_assert_uint_eq(model_mount_count(model), 1);
	ck_assert_int_eq(store_save_action(store, &world.action), -EIO);
	model_free(model);
	store_close(store);
}
END_TEST

START_TEST(a_root_that_is_no_longer_configured_is_passed_over)
{
	struct store *store = world_open();
	struct model *model = model_new();

	write_some(store);
	ck_assert_int_eq(store_restore(store, model, at_second(2)), 0);
	ck_assert_uint_eq(model_mount_count(model), 0);
	model_free(model);
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
	store_add_outcome(store, store_add_intent(store, &world.mount, STEP_UMOUNT, EVIDENCE_MISSING, at_second(1)),
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

static void run_sql(const char *sql)
{
	sqlite3 *db;

	ck_assert_int_eq(sqlite3_open(world.path, &db), SQLITE_OK);
	ck_assert_msg(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, "%s", sqlite3_errmsg(db));
	sqlite3_close(db);
}

START_TEST(every_earlier_version_is_brought_up_to_date)
{
	struct store *store;
	char version[64];

	for (const struct schema_migration *last = schema_migrations; last->sql; last++) {
		for (const struct schema_migration *migration = schema_migrations; migration <= last; migration++)
			run_sql(migration->sql);
		snprintf(version, sizeof(version), "PRAGMA user_version = %d", last->version);
		run_sql(version);
		run_sql("INSERT INTO settings (key, value) VALUES ('kept', 'yes')");
		store = world_open();
		ck_assert_str_eq(store_problem(store), "");
		free(store_get(store, "kept"));
		write_some(store);
		store_close(store);
		run_sql("SELECT * FROM active_mounts, leftovers, action_history, reap_attempts");
		ck_assert_int_eq(unlink(world.path), 0);
		world.action.row = world.mount.row = 0;
	}
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
	store_add_outcome(store, store_add_intent(store, &world.mount, STEP_UMOUNT, EVIDENCE_MISSING, at_second(1)),
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

static Suite *suite(void)
{
	Suite *s = suite_create("store");
	TCase *tc = tcase_create("ledger");

	tcase_add_checked_fixture(tc, world_begin, world_end);
	tcase_add_test(tc, fresh_file_is_made_and_is_well);
	tcase_add_test(tc, what_was_written_is_read_after_a_reopen);
	tcase_add_test(tc, any_byte_goes_round);
	tcase_add_loop_test(tc, odd_names_go_round, 0, ARRAY_SIZE(odd_names));
	tcase_add_test(tc, numbers_go_on_after_a_reopen);
	tcase_add_test(tc, a_saved_row_is_changed_and_not_doubled);
	tcase_add_test(tc, the_last_generation_is_remembered);
	tcase_add_test(tc, the_same_owner_is_one_row);
	tcase_add_test(tc, mounts_are_shown_as_they_stood_at_a_time);
	tcase_add_test(tc, events_are_filtered);
	tcase_add_test(tc, a_reader_can_stop);
	tcase_add_test(tc, attempts_have_intent_and_outcome);
	tcase_add_test(tc, lists_are_read_in_pieces);
	tcase_add_test(tc, lists_are_ordered_by_name_and_past_ones_only_shown_when_asked_for);
	tcase_add_test(tc, an_interrupted_attempt_is_found_by_the_next_start);
	tcase_add_test(tc, an_attempt_of_this_start_is_under_way);
	tcase_add_test(tc, another_boot_closes_everything);
	tcase_add_test(tc, a_restart_finds_what_was_open);
	tcase_add_test(tc, what_was_closed_is_not_restored);
	tcase_add_test(tc, another_namespace_is_not_restored);
	tcase_add_test(tc, a_reader_restores_without_writing);
	tcase_add_test(tc, a_root_that_is_no_longer_configured_is_passed_over);
	tcase_add_test(tc, settings_outlive_a_start);
	tcase_add_test(tc, retention_takes_what_is_old_and_over);
	tcase_add_test(tc, retention_brings_a_large_ledger_down);
	tcase_add_test(tc, every_earlier_version_is_brought_up_to_date);
	tcase_add_test(tc, views_show_text_and_times);
	tcase_add_test(tc, a_reader_says_what_is_no_ledger);
	tcase_add_test(tc, a_reader_beside_the_daemon_sees_each_commit);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	return run_suite(suite());
}
