/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who attached what: written, read, restored, and kept for as long as anything names it. */
#include "base/cleanup.h"
#include "run_suite.h"
#include "store_fixture.h"

static struct actor mounter = {
	.references = 1,
	.pid = 4711,
	.attested = true,
	.start_time = 99,
	.uid = 1000,
	.comm = (char *)"mount\n",
	.cgroup = (char *)"/system.slice/worker.service",
	.cgroup_id = UINT64_C(1) << 63 | 5,
	.container = (char *)"worker.service",
};
static struct actor gone = { .references = 1, .pid = 4712, .uid = -1 };

static int64_t integer(const char *sql)
{
	sqlite3_stmt *statement;
	int64_t value;
	sqlite3 *db;

	ck_assert_int_eq(sqlite3_open(world.path, &db), SQLITE_OK);
	ck_assert_msg(sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK, "%s", sqlite3_errmsg(db));
	ck_assert_int_eq(sqlite3_step(statement), SQLITE_ROW);
	value = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return value;
}

static int add_attacher_line(void *context, const struct store_mount_row *row)
{
	const struct store_attacher *by = &row->attached_by;

	lines_add(context, "%s %d %s %lld %s %s\n", by->attested ? "attested" : "-", by->pid, shown_or(by->comm),
		  by->attested ? (long long)by->uid : -1, shown_or(by->cgroup), shown_or(by->container));
	return 0;
}

static const char *attachers(struct store *store, struct store_filter filter)
{
	lines.used = lines.count = 0;
	ck_assert_int_eq(store_mounts(store, &filter, add_attacher_line, &lines), 0);
	return lines.text;
}

#define MOUNTER_LINE "attested 4711 mount\n 1000 /system.slice/worker.service worker.service\n"

START_TEST(each_list_of_mounts_says_who_attached_them)
{
	static const struct store_filter filters[] = {
		{ .type = -1 },
		{ .type = -1, .by_row = true },
		{ .type = -1, .all = true },
		{ .type = -1, .mount_id = 1001 },
		{ .type = -1, .target = ROOT_PATH "/f3fb7c74c3b342a0/root/proc" },
		{ .type = -1, .action = "f3fb7c74c3b342a0" },
	};
	struct store *store = world_open();

	world.mount.facts.attached_by = &mounter;
	write_some(store);
	for (size_t i = 0; i < ARRAY_SIZE(filters); i++)
		ck_assert_str_eq(attachers(store, filters[i]), MOUNTER_LINE);
	store_close(store);
}
END_TEST

START_TEST(of_a_process_that_had_gone_the_pid_alone_is_said)
{
	struct store *store = world_open();

	world.mount.facts.attached_by = &gone;
	write_some(store);
	ck_assert_str_eq(attachers(store, ANY), "- 4712 - -1 - -\n");
	store_close(store);
	ck_assert_int_eq(
		integer("SELECT attested = 0 AND pid = 4712 AND comm IS NULL AND uid IS NULL AND cgroup IS NULL "
			"AND container IS NULL FROM active_mounts"),
		1);
}
END_TEST

START_TEST(nobody_is_said_of_a_mount_that_was_found)
{
	struct store *store = world_open();

	write_some(store);
	ck_assert_str_eq(attachers(store, ANY), "- 0 - -1 - -\n");
	store_close(store);
	ck_assert_int_eq(integer("SELECT attested = 0 AND pid IS NULL FROM active_mounts"), 1);
}
END_TEST

START_TEST(views_say_who_attached_it)
{
	struct store *store = world_open();

	world.action.state = ACTION_OVER;
	world.mount.facts.attached_by = &mounter;
	write_some(store);
	store_close(store);
	for (int i = 0; i < 2; i++) {
		char sql[256];

		snprintf(sql, sizeof(sql),
			 "SELECT attested = 1 AND pid = 4711 AND comm = 'mount' || char(10) AND uid = 1000 "
			 "AND cgroup = '/system.slice/worker.service' AND container = 'worker.service' FROM %s",
			 i == 0 ? "active_mounts" : "leftovers");
		ck_assert_int_eq(integer(sql), 1);
	}
}
END_TEST

START_TEST(who_mounts_much_is_one_row)
{
	struct store *store = world_open();
	struct mount other;

	world.mount.facts.attached_by = &mounter;
	world_mount(&other, &world.action, 1002, ROOT_PATH "/f3fb7c74c3b342a0/root/sys");
	other.facts.attached_by = &mounter;
	write_some(store);
	ck_assert_int_eq(store_save_mount(store, &other, NULL), 0);
	/* And so it stays when the mounts are saved again. */
	ck_assert_int_eq(store_save_mount(store, &world.mount, NULL), 0);
	store_close(store);
	ck_assert_int_eq(integer("SELECT count(*) FROM owners"), 1);
	ck_assert_int_eq(integer("SELECT count(DISTINCT attached_by) * 10 + count(*) FROM mounts"), 12);
}
END_TEST

static struct mount *restored(struct store *store, struct model **ret_model)
{
	const struct root_rules *rules = &world.root.rules;
	struct model *model = model_new();

	ck_assert_ptr_nonnull(model);
	ck_assert_int_eq(model_set_roots(model, &rules, 1), 0);
	ck_assert_int_eq(store_restore(store, model, at_second(60)), 0);
	*ret_model = model;
	return model_mount(model, world.mount.facts.id);
}

START_TEST(a_restart_knows_who_attached_what)
{
	struct store *store = world_open();
	const struct actor *by;
	struct model *model;

	world.mount.facts.attached_by = &mounter;
	world.action.owner = (struct owner){
		.kind = OWNER_ATTESTED, .pid = 4711, .uid = 0, .cgroup = mounter.cgroup, .cgroup_id = mounter.cgroup_id
	};
	write_some(store);
	store_close(store);
	store = world_open();
	by = restored(store, &model)->facts.attached_by;
	ck_assert_ptr_nonnull(by);
	ck_assert(by->attested);
	ck_assert_int_eq(by->pid, 4711);
	ck_assert_uint_eq(by->start_time, 99);
	ck_assert_int_eq(by->uid, 1000);
	ck_assert_str_eq(by->comm, mounter.comm);
	ck_assert_str_eq(by->cgroup, mounter.cgroup);
	ck_assert_uint_eq(by->cgroup_id, mounter.cgroup_id);
	ck_assert_str_eq(by->container, mounter.container);
	ck_assert_uint_eq(root_first_action(model_roots(model))->owner.cgroup_id, mounter.cgroup_id);
	model_free(model);
	store_close(store);
}
END_TEST

START_TEST(a_restart_knows_the_pid_of_who_had_gone)
{
	struct store *store = world_open();
	const struct actor *by;
	struct model *model;

	world.mount.facts.attached_by = &gone;
	write_some(store);
	store_close(store);
	store = world_open();
	by = restored(store, &model)->facts.attached_by;
	ck_assert_ptr_nonnull(by);
	ck_assert(!by->attested && by->pid == 4712 && by->uid == -1 && !by->comm && !by->cgroup && !by->container);
	model_free(model);
	store_close(store);
}
END_TEST

START_TEST(who_attached_a_number_is_not_known_after_a_restart)
{
	struct store *store = world_open();
	struct model *model;

	world.mount.facts.id = MOUNT_ID_SYNTHETIC | 7;
	world.mount.facts.attached_by = &mounter;
	write_some(store);
	store_close(store);
	store = world_open();
	ck_assert_ptr_null(restored(store, &model)->facts.attached_by);
	model_free(model);
	store_close(store);
}
END_TEST

static void make_past(struct store *store)
{
	world.action.state = ACTION_CLEARED;
	world.action.ended = at_second(2);
	world.mount.state = MOUNT_REAPED;
	world.mount.gone = at_second(2);
	ck_assert_int_eq(store_save_action(store, &world.action), 0);
	ck_assert_int_eq(store_save_mount(store, &world.mount, "reaperd"), 0);
	ck_assert_int_eq(store_commit(store), 0);
}

START_TEST(retention_keeps_owners_that_something_names)
{
	struct store *store = world_open();
	struct action other;
	struct mount open;

	world.mount.facts.attached_by = &gone;
	write_some(store);
	world_action(&other, "open", 1);
	world_mount(&open, &other, 3001, ROOT_PATH "/open/x");
	open.facts.attached_by = &mounter;
	ck_assert_int_eq(store_save_mount(store, &open, NULL), 0);
	make_past(store);
	ck_assert_int_eq(integer("SELECT count(*) FROM owners"), 2);
	/* An event, a mount, an action; and the owner that only this mount named. */
	ck_assert_int_eq(store_retain(store, NSEC_PER_SEC, 0, at_second(20)), 3);
	ck_assert_int_eq(store_commit(store), 0);
	ck_assert_int_eq(integer("SELECT count(*) FROM owners"), 1);
	ck_assert_str_eq(attachers(store, ANY), MOUNTER_LINE);
	store_close(store);
}
END_TEST

START_TEST(retention_looks_at_all_owners_in_the_end)
{
	struct store *store = world_open();
	int steps = 0;

	write_some(store);
	store_close(store);
	/* Living ones first, more than a step looks at. */
	run_sql("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) "
		"INSERT INTO owners (boot, kind, pid, start_time, uid, comm, cgroup, container) "
		"SELECT 1, 'attested', i, i, 0, x'61', x'', x'' FROM n");
	run_sql("INSERT INTO actions SELECT id + 100 + p, boot, namespace, root, name, path, generation, instance_dev, instance_path, "
		"state, dir_dev, dir_ino, dir_birth, handle_type, handle, in_trash, registered, seen_full, o, lease, max_age, "
		"evidence, first_seen, ended FROM actions, (SELECT id AS o, pid AS p FROM owners WHERE pid <= 4000)");
	store = world_open();
	/* Each step removes something, or owners are not looked at. */
	for (int i = 0; i < 20 && integer("SELECT count(*) FROM owners") > 4000; i++, steps++) {
		add(store, EVENT_ATTACH, 0);
		ck_assert_int_eq(store_commit(store), 0);
		ck_assert_int_gt(store_retain(store, NSEC_PER_SEC, 0, at_second(20)), 0);
		ck_assert_int_eq(store_commit(store), 0);
	}
	ck_assert_int_eq(integer("SELECT count(*) FROM owners"), 4000);
	ck_assert_int_gt(steps, 1);
	store_close(store);
}
END_TEST

static int is_by_index(void *context, int count, char **values, char **names)
{
	(void)names;
	for (int i = 0; i < count; i++)
		if (values[i] && strstr(values[i], "USING COVERING INDEX mounts_by_attacher"))
			*(bool *)context = true;
	return 0;
}

START_TEST(who_is_named_is_found_by_an_index)
{
	bool found = false;
	sqlite3 *db;

	store_close(world_open());
	ck_assert_int_eq(sqlite3_open(world.path, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, "EXPLAIN QUERY PLAN SELECT 1 FROM mounts WHERE attached_by = 1", is_by_index,
				      &found, NULL),
			 SQLITE_OK);
	ck_assert(found);
	sqlite3_close(db);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store: owners");
	TCase *tests = tcase_create("owners");

	tcase_add_checked_fixture(tests, world_begin, world_end);
	tcase_add_test(tests, each_list_of_mounts_says_who_attached_them);
	tcase_add_test(tests, of_a_process_that_had_gone_the_pid_alone_is_said);
	tcase_add_test(tests, nobody_is_said_of_a_mount_that_was_found);
	tcase_add_test(tests, views_say_who_attached_it);
	tcase_add_test(tests, who_mounts_much_is_one_row);
	tcase_add_test(tests, a_restart_knows_who_attached_what);
	tcase_add_test(tests, a_restart_knows_the_pid_of_who_had_gone);
	tcase_add_test(tests, who_attached_a_number_is_not_known_after_a_restart);
	tcase_add_test(tests, retention_keeps_owners_that_something_names);
	tcase_add_test(tests, retention_looks_at_all_owners_in_the_end);
	tcase_add_test(tests, who_is_named_is_found_by_an_index);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
