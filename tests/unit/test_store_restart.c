/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the next start finds: in the same boot, in another, in a ledger of an earlier version. */
#include <errno.h>

#include "store/schema.h"
#include "run_suite.h"
#include "store_fixture.h"

static int close_intent(void *context, const struct store_intent *intent)
{
	ck_assert_uint_eq(intent->mount_id, 1001);
	ck_assert_uint_eq(intent->namespace, NAMESPACE);
	store_add_outcome(context, intent->attempt, OUTCOME_GONE, 0, NULL, at_second(9));
	return 0;
}

static int count_intent(void *context, const struct store_intent *intent)
{
	(void)intent;
	++*(int *)context;
	return 0;
}

#define ALL ((struct store_filter){ .type = -1, .all = true })

/* Another program is about to write: whoever closes it again lets others write. */
static sqlite3 *lock(void)
{
	sqlite3 *db;

	ck_assert_int_eq(sqlite3_open(world.path, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	return db;
}

START_TEST(an_interrupted_attempt_is_found_by_the_next_start)
{
	struct store *store = world_open();
	int left = 0;

	write_some(store);
	store_add_intent(store, &world.mount, world.root.rules.path, STEP_DETACH, EVIDENCE_MOVED, at_second(1));
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
	store_add_intent(store, &world.mount, world.root.rules.path, STEP_DETACH, EVIDENCE_MOVED, at_second(1));
	store_close(store);
	store = world_open();
	store_add_intent(store, &world.mount, world.root.rules.path, STEP_UMOUNT, EVIDENCE_MOVED, at_second(2));
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
	store_add_intent(store, &world.mount, world.root.rules.path, STEP_DETACH, EVIDENCE_MOVED, at_second(1));
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
	/* Whatever goes there now, nobody would say so. */
	ck_assert_int_eq(store_commit(store), 0);
	ck_assert_str_eq(read_mounts(store, ANY, &lines), "");
	ck_assert_str_eq(read_actions(store, ANY, &lines), "");
	ck_assert_ptr_nonnull(strstr(read_mounts(store, ALL, &lines), "detached not watching"));
	store_close(store);
}
END_TEST

START_TEST(a_root_that_is_removed_is_closed_though_nothing_can_be_written_then)
{
	struct store *store = world_open();
	sqlite3 *db;

	write_some(store);
	db = lock();
	store_close_root(store, ROOT_PATH, at_second(2));
	ck_assert_int_eq(store_commit(store), -EIO);
	ck_assert_ptr_nonnull(strstr(read_mounts(store, ANY, &lines), "attached"));
	sqlite3_close(db);
	store_retry(store);
	ck_assert_int_eq(store_commit(store), 0);
	ck_assert_str_eq(read_mounts(store, ANY, &lines), "");
	ck_assert_str_eq(read_actions(store, ANY, &lines), "");
	store_close(store);
}
END_TEST

START_TEST(what_can_be_read_is_restored_though_nothing_can_be_written)
{
	struct store *store = world_open();
	struct model *model = model_with_root();
	sqlite3 *db;

	write_some(store);
	store_close(store);
	db = lock();
	store = world_open();
	ck_assert_int_eq(store_state(store), STORE_DEGRADED);
	ck_assert_int_eq(store_restore(store, model, at_second(2)), 0);
	ck_assert_ptr_nonnull(model_mount(model, 1001));
	ck_assert_ptr_nonnull(model_mount(model, 1001)->action);
	sqlite3_close(db);
	/* It goes on in the same rows. */
	store_retry(store);
	ck_assert_int_eq(store_commit(store), 0);
	ck_assert_int_eq(store_save_mount(store, model_mount(model, 1001), NULL), 0);
	ck_assert_int_eq(store_commit(store), 0);
	read_mounts(store, ALL, &lines);
	ck_assert_uint_eq(lines.count, 1);
	ck_assert_ptr_nonnull(strstr(lines.text, "attached"));
	model_free(model);
	store_close(store);
}
END_TEST

/* Else the next start would find both, the former one's and this one's. */
START_TEST(what_could_not_be_restored_is_closed_when_the_ledger_is_back)
{
	struct store *store = world_open();
	struct model *model = model_with_root();
	sqlite3 *db;

	write_some(store);
	store_close(store);
	ck_assert_int_eq(sqlite3_open(world.path, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db,
				      "PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE; "
				      "INSERT INTO settings VALUES ('x', 'y'); COMMIT",
				      NULL, NULL, NULL),
			 SQLITE_OK);
	store = world_open();
	ck_assert_int_ne(store_restore(store, model, at_second(2)), 0);
	ck_assert_uint_eq(model_mount_count(model), 0);
	sqlite3_close(db);
	store_retry(store);
	ck_assert_int_eq(store_commit(store), 0);
	ck_assert(store_take_lost(store));
	ck_assert_str_eq(read_mounts(store, ANY, &lines), "");
	ck_assert_str_eq(read_actions(store, ANY, &lines), "");
	/* What is still there is saved anew. */
	world.action.row = world.mount.row = 0;
	write_some(store);
	ck_assert_ptr_nonnull(strstr(read_mounts(store, ANY, &lines), "attached"));
	ck_assert_uint_eq(lines.count, 1);
	model_free(model);
	store_close(store);
}
END_TEST

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

int main(void)
{
	Suite *suite = suite_create("store: restart");
	TCase *tests = tcase_create("restart");

	tcase_add_checked_fixture(tests, world_begin, world_end);
	tcase_add_test(tests, an_interrupted_attempt_is_found_by_the_next_start);
	tcase_add_test(tests, an_attempt_of_this_start_is_under_way);
	tcase_add_test(tests, another_boot_closes_everything);
	tcase_add_test(tests, a_restart_finds_what_was_open);
	tcase_add_test(tests, what_was_closed_is_not_restored);
	tcase_add_test(tests, another_namespace_is_not_restored);
	tcase_add_test(tests, a_reader_restores_without_writing);
	tcase_add_test(tests, a_root_that_is_no_longer_configured_is_passed_over);
	tcase_add_test(tests, a_root_that_is_removed_is_closed_though_nothing_can_be_written_then);
	tcase_add_test(tests, what_can_be_read_is_restored_though_nothing_can_be_written);
	tcase_add_test(tests, what_could_not_be_restored_is_closed_when_the_ledger_is_back);
	tcase_add_test(tests, every_earlier_version_is_brought_up_to_date);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
