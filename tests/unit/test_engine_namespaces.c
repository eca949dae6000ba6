/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Other mount namespaces as the engine sees them: what it asks for, what it takes in, and where it has steps taken. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/namespaces.h"
#include "engine_fixture.h"
#include "run_suite.h"

#define OTHER 7

static const struct directory live = { .name = "a", .state = PROBE_PRESENT, .ino = 5, .full = true };
static const struct directory missing = { .name = "a", .state = PROBE_MISSING };

/* Our own "/" is mount 1 on device 101; theirs is the same, or a disk of another. */
static struct {
	bool exists, selected, holds;
	uint64_t dev;
	bool has_mount;
	bool asked; /* whether it holds a root, in the last list */
	size_t asked_count;
	int error;     /* of its table */
	bool silent;   /* tables are not answered for now */
	size_t tables; /* asked for */
} other;

static int memfd_of(struct wire_records *records)
{
	int fd = memfd_create("records", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	if (records->used)
		ck_assert_int_eq(write(fd, records->bytes, records->used), (ssize_t)records->used);
	records_clear(records);
	return fd;
}

static void give_list(const struct message_request *request, struct message_result *result)
{
	static struct namespaces_result list;
	struct wire_records records = { 0 };
	const struct message_namespace ns = { .reference = { .inode = OTHER, .id = 70, .pid = 12 },
					      .comm = "runner",
					      .selected = other.selected,
					      .holds = other.holds && request->count > 0 };

	other.asked = request->count > 0;
	other.asked_count += other.asked;
	if (other.exists)
		ck_assert_int_eq(records_add_namespace(&records, &ns), 0);
	list = (struct namespaces_result){ .count = other.exists };
	result->namespaces = &list;
	result->count = 1;
	result->fd_count = 1;
	result->fds[0] = memfd_of(&records);
}

static void add(struct wire_records *records, uint64_t id, uint64_t parent, uint64_t dev, const char *target)
{
	const struct message_mount mount = { .id = id,
					     .parent = parent,
					     .id32 = (uint32_t)id,
					     .parent32 = (uint32_t)parent,
					     .dev = dev,
					     .root = "/",
					     .target = target,
					     .fstype = parent == id ? "ext4" : "tmpfs",
					     .source = "none",
					     .options = "rw",
					     .super_options = "rw" };

	ck_assert_int_eq(records_add_mount(records, &mount), 0);
}

static void give_table(struct message_result *result)
{
	static struct table_result table;
	struct wire_records records = { 0 };

	add(&records, 1001, 1001, other.dev, "/");
	if (other.has_mount)
		add(&records, 1002, 1001, 900, ROOT "/a/proc");
	table = (struct table_result){ .kind = TABLE_RECORDS, .count = other.has_mount ? 2 : 1 };
	result->tables = &table;
	result->count = 1;
	result->fd_count = 1;
	result->fds[0] = memfd_of(&records);
}

static bool answer(const struct message_request *request, struct message_result *result)
{
	if (request->type == MESSAGE_NAMESPACES) {
		give_list(request, result);
		return true;
	}
	if (request->type == MESSAGE_EVENTS) {
		result->error = EPERM;
		result->count = 0;
		return true;
	}
	if (request->type != MESSAGE_TABLE)
		return false;
	ck_assert_uint_eq(request->ns.inode, OTHER);
	other.tables++;
	if (other.error || other.silent) {
		result->error = other.error ? other.error : EAGAIN;
		result->count = 0;
	} else {
		give_table(result);
	}
	return true;
}

static void begin_with(bool selected, const char *daemon)
{
	memset(&other, 0, sizeof(other));
	other.exists = other.has_mount = true;
	other.selected = selected;
	other.dev = 101;
	engine_answer = answer;
	engine_ignores = -1;
	engine_root_lines = "";
	engine_begin_world(daemon, true);
	set_directory(&live);
}

static void setup(void)
{
	begin_with(true, "");
}

static void setup_unselected(void)
{
	begin_with(false, "");
}

/* The configuration as it is where others are watched: then they are listed often. */
static void setup_often(void)
{
	begin_with(true, "namespaces = self all");
}

static struct mount *their_mount(void)
{
	return model_mount(engine->model, 1002);
}

START_TEST(what_is_mounted_there_is_the_actions)
{
	attach("a/proc");
	pass(3);
	ck_assert_ptr_nonnull(their_mount());
	ck_assert_ptr_eq(their_mount()->action, action("a"));
	ck_assert_uint_eq(action("a")->mount_count, 2);
	ck_assert_str_eq(ledger_value("SELECT n.inode FROM mounts m JOIN namespaces n ON n.id = m.namespace "
				      "WHERE m.mount_id = 1002"),
			 "7");
}
END_TEST

START_TEST(its_step_is_taken_there)
{
	pass(3);
	ck_assert_ptr_nonnull(their_mount());
	end("a");
	turn();
	ck_assert_uint_eq(steps_asked, 1);
	ck_assert_uint_eq(step_namespace, OTHER);
	other.has_mount = false;
	answer_steps(OUTCOME_GONE);
	pass(7);
	ck_assert_ptr_null(their_mount());
	ck_assert_str_eq(ledger_value("SELECT state FROM mounts WHERE mount_id = 1002"), "reaped");
}
END_TEST

/* What stands in another one does not say whether the root answers in ours. */
START_TEST(a_root_is_asked_here_while_its_only_action_is_there)
{
	other.dev = 555;
	pass(5);
	ck_assert_ptr_nonnull(their_mount());
	ck_assert_int_eq(the_root()->health, ROOT_HEALTH_OK);
	set_directory(&(struct directory){ .name = "", .state = PROBE_DEAD });
	pass(25);
	ck_assert_int_eq(the_root()->health, ROOT_HEALTH_DEAD);
}
END_TEST

START_TEST(one_that_is_not_selected_is_let_be)
{
	pass(70);
	ck_assert_uint_eq(other.tables, 0);
	ck_assert_ptr_null(their_mount());
}
END_TEST

START_TEST(one_that_holds_a_root_and_is_not_watched_is_counted)
{
	other.holds = true;
	pass(70);
	ck_assert_uint_eq(namespaces_unwatched(engine->namespaces), 1);
	other.holds = false;
	pass(70);
	ck_assert_uint_eq(namespaces_unwatched(engine->namespaces), 0);
	other.holds = true;
	pass(70);
	ck_assert_uint_eq(namespaces_unwatched(engine->namespaces), 1);
	other.exists = false;
	pass(70);
	ck_assert_uint_eq(namespaces_unwatched(engine->namespaces), 0);
}
END_TEST

START_TEST(one_that_is_watched_is_not_counted_and_whether_it_holds_a_root_is_rarely_asked)
{
	other.holds = true;
	pass(61);
	ck_assert_ptr_nonnull(their_mount());
	ck_assert_uint_eq(namespaces_unwatched(engine->namespaces), 0);
	ck_assert_uint_eq(other.asked_count, 2);
	/* Lists that do not ask for it leave it as it is known. */
	other.selected = false;
	pass(10);
	ck_assert(!other.asked);
	ck_assert_uint_eq(namespaces_unwatched(engine->namespaces), 1);
}
END_TEST

START_TEST(one_without_a_root_is_looked_at_ever_more_rarely)
{
	other.dev = 555;
	other.has_mount = false;
	pass(30);
	ck_assert_uint_ge(other.tables, 4);
	ck_assert_uint_le(other.tables, 6);
	ck_assert_ptr_null(model_namespaces(engine->model)->next);
	other.has_mount = true;
	pass(40);
	ck_assert_ptr_nonnull(their_mount());
}
END_TEST

/* A broker whose children all hang, or that walks through very many processes. */
START_TEST(a_list_that_is_late_does_not_keep_the_engine_awake)
{
	pass(5);
	engine_ignores = MESSAGE_NAMESPACES;
	pass(150);
	turn();
	ck_assert_int_gt(engine_next_turn(engine), now.mono);
}
END_TEST

START_TEST(what_is_mounted_in_one_that_ends_went_with_it)
{
	pass(3);
	ck_assert_ptr_nonnull(their_mount());
	other.exists = false;
	if (_i)
		other.error = ESRCH;
	pass(70);
	ck_assert_ptr_null(their_mount());
	ck_assert_ptr_null(model_namespaces(engine->model)->next);
	ck_assert_str_eq(ledger_value("SELECT state || ' ' || detached_by FROM mounts WHERE mount_id = 1002"),
			 "detached kernel");
	ck_assert_uint_eq(steps_asked, 0);
}
END_TEST

/* What is mounted in there is there as before, also where it had been asked to go. */
START_TEST(one_that_is_deselected_is_left)
{
	pass(3);
	if (_i)
		end("a");
	ck_assert_uint_eq(steps_waiting(), (size_t)_i);
	other.selected = false;
	pass(70);
	ck_assert_ptr_null(their_mount());
	ck_assert_str_eq(ledger_value("SELECT state || ' ' || detached_by FROM mounts WHERE mount_id = 1002"),
			 "detached not watching");
	ck_assert_str_eq(ledger_value("SELECT count(*) FROM events WHERE type IN ('detach', 'reaped')"), "0");
	ck_assert_uint_eq(engine->reaped, 0);
}
END_TEST

/* Its directory may have been renamed: then its own table shows the new path. */
START_TEST(what_is_missing_acts_only_after_their_table_was_read)
{
	pass(3);
	ck_assert_ptr_nonnull(their_mount());
	other.silent = true;
	pass(1);
	set_directory(&missing);
	pass(20);
	ck_assert_uint_ne(action("a")->evidence & EVIDENCE_BIT(EVIDENCE_MISSING), 0);
	ck_assert_uint_eq(steps_asked, 0);
	other.silent = false;
	pass(20);
	ck_assert_uint_eq(steps_asked, 1);
	ck_assert_uint_eq(step_namespace, OTHER);
}
END_TEST

START_TEST(after_a_restart_what_was_open_there_is_closed_and_found_anew)
{
	pass(3);
	ck_assert_ptr_nonnull(their_mount());
	engine_restart();
	pass(3);
	ck_assert_ptr_nonnull(their_mount());
	ck_assert_str_eq(ledger_value("SELECT group_concat(coalesce(detached_by, 'open'), ' ') FROM "
				      "(SELECT detached_by FROM mounts WHERE mount_id = 1002 ORDER BY id)"),
			 "not watching open");
}
END_TEST

/* Also where nothing that it has is in ours: it is past when their table shows no more of it. */
START_TEST(what_had_ended_before_a_restart_is_over_there_too)
{
	pass(3);
	end("a");
	ck_assert_uint_eq(steps_waiting(), 1);
	answer_steps(OUTCOME_BUSY);
	engine_restart();
	pass(20);
	ck_assert_ptr_nonnull(their_mount());
	ck_assert_uint_eq(their_mount()->action->generation, 1);
	ck_assert_uint_eq(steps_waiting(), 1);
	ck_assert_uint_eq(step_namespace, OTHER);
	other.has_mount = false;
	answer_steps(OUTCOME_GONE);
	pass(7);
	ck_assert_int_eq(action("a")->state, ACTION_CLEARED);
}
END_TEST

/* Nobody looks into it any more, and the action that had it goes on, or ends, without it. */
START_TEST(what_was_open_in_one_that_is_not_watched_any_more_is_closed)
{
	char why[256] = "";

	pass(3);
	ck_assert_ptr_nonnull(their_mount());
	other.exists = false;
	engine_restart();
	set_directory(&missing);
	pass(70);
	ck_assert_str_eq(ledger_value("SELECT detached_by FROM mounts WHERE mount_id = 1002"), "not watching");
	ck_assert_msg(store_check(engine->store, why, sizeof(why)) == 0, "%s", why);
}
END_TEST

START_TEST(an_interrupted_intent_there_is_reconciled_when_their_table_is_read)
{
	pass(3);
	end("a");
	ck_assert_uint_eq(steps_waiting(), 1);
	ck_assert_uint_eq(step_namespace, OTHER);
	other.silent = true;
	other.has_mount = _i;
	engine_restart();
	pass(3);
	ck_assert_str_eq(ledger_value("SELECT coalesce(outcome, 'open') FROM attempts ORDER BY id"), "open");
	other.silent = false;
	pass(20);
	ck_assert_str_eq(ledger_value("SELECT outcome FROM attempts ORDER BY id"), _i ? "failed" : "gone");
}
END_TEST

/* It ended, or is not selected any more, while nobody watched. */
START_TEST(an_interrupted_intent_in_one_that_is_not_watched_any_more_is_reconciled)
{
	pass(3);
	end("a");
	ck_assert_uint_eq(steps_waiting(), 1);
	other.exists = _i;
	other.selected = false;
	engine_restart();
	pass(70);
	ck_assert_str_eq(ledger_value("SELECT outcome || ': ' || detail FROM attempts"),
			 _i ? "failed: reconciled after a restart: what became of the mount cannot be told, for its "
			      "namespace is not watched" :
			      "gone: reconciled after a restart: the mount is gone");
}
END_TEST

/* What had to do with a root there was the mount alone. */
START_TEST(an_interrupted_intent_in_one_without_a_root_is_reconciled_when_it_is_looked_at)
{
	other.dev = 555;
	pass(3);
	ck_assert_ptr_nonnull(their_mount());
	end("a");
	ck_assert_uint_eq(steps_waiting(), 1);
	other.has_mount = false;
	engine_restart();
	pass(5);
	ck_assert_ptr_null(model_namespaces(engine->model)->next);
	ck_assert_str_eq(ledger_value("SELECT outcome FROM attempts"), "gone");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("engine: namespaces");
	TCase *tests = tcase_create("namespaces"), *unselected = tcase_create("unselected"),
	      *often = tcase_create("often");

	tcase_add_checked_fixture(tests, setup, engine_end_world);
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, what_is_mounted_there_is_the_actions);
	tcase_add_test(tests, its_step_is_taken_there);
	tcase_add_test(tests, a_root_is_asked_here_while_its_only_action_is_there);
	tcase_add_test(tests, one_without_a_root_is_looked_at_ever_more_rarely);
	tcase_add_test(tests, a_list_that_is_late_does_not_keep_the_engine_awake);
	tcase_add_loop_test(tests, what_is_mounted_in_one_that_ends_went_with_it, 0, 2);
	tcase_add_loop_test(tests, one_that_is_deselected_is_left, 0, 2);
	tcase_add_test(tests, what_is_missing_acts_only_after_their_table_was_read);
	tcase_add_test(tests, after_a_restart_what_was_open_there_is_closed_and_found_anew);
	tcase_add_test(tests, what_had_ended_before_a_restart_is_over_there_too);
	tcase_add_test(tests, what_was_open_in_one_that_is_not_watched_any_more_is_closed);
	tcase_add_loop_test(tests, an_interrupted_intent_there_is_reconciled_when_their_table_is_read, 0, 2);
	tcase_add_loop_test(tests, an_interrupted_intent_in_one_that_is_not_watched_any_more_is_reconciled, 0, 2);
	tcase_add_test(tests, an_interrupted_intent_in_one_without_a_root_is_reconciled_when_it_is_looked_at);
	tcase_add_checked_fixture(unselected, setup_unselected, engine_end_world);
	tcase_add_test(unselected, one_that_is_not_selected_is_let_be);
	tcase_add_test(unselected, one_that_holds_a_root_and_is_not_watched_is_counted);
	tcase_add_checked_fixture(often, setup_often, engine_end_world);
	tcase_add_test(often, one_that_is_watched_is_not_counted_and_whether_it_holds_a_root_is_rarely_asked);
	suite_add_tcase(suite, tests);
	suite_add_tcase(suite, unselected);
	suite_add_tcase(suite, often);
	return run_suite(suite);
}
