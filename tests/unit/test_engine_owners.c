/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whose an action is where the kernel named who mounted. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/metrics.h"
#include "engine/pause.h"
#include "engine/registry.h"
#include "engine_fixture.h"
#include "run_suite.h"

static const struct directory live = { .name = "a", .state = PROBE_PRESENT, .ino = 5, .full = true };

static void setup(void)
{
	engine_root_lines = "";
	engine_begin_world("", true);
	set_directory(&live);
}

static struct actor *mounter(int32_t pid, const char *comm, const char *cgroup)
{
	const struct actor actor = { .pid = pid,
				     .attested = true,
				     .start_time = (uint64_t)pid + 1000,
				     .uid = 7,
				     .comm = (char *)comm,
				     .cgroup = (char *)cgroup,
				     .cgroup_id = (uint64_t)pid + 2000 };

	return actor_new(&actor);
}

START_TEST(who_made_the_first_mount_owns_the_action)
{
	const struct owner *owner;

	attach_by(mounter(11, "first", "/g/a"), "a/proc");
	pass(1);
	attach_by(mounter(12, "second", "/g/b"), "a/sys");
	pass(1);
	owner = &action("a")->owner;
	ck_assert_int_eq(owner->kind, OWNER_ATTESTED);
	ck_assert_int_eq(owner->pid, 11);
	ck_assert_uint_eq(owner->start_time, 1011);
	ck_assert_int_eq(owner->uid, 7);
	ck_assert_str_eq(owner->comm, "first");
	ck_assert_str_eq(owner->cgroup, "/g/a");
	ck_assert_uint_eq(owner->cgroup_id, 2011);
	ck_assert_str_eq(
		ledger_value(
			"SELECT group_concat(comm || pid, ' ') FROM (SELECT comm, pid FROM active_mounts ORDER BY id)"),
		"first11 second12");
	ck_assert_str_eq(ledger_value("SELECT group_concat(comm || pid, ' ') FROM "
				      "(SELECT comm, pid FROM events WHERE type = 'attach' ORDER BY seq)"),
			 "first11 second12");
	ck_assert_str_eq(ledger_value("SELECT owner_kind || comm || cgroup FROM action_history"), "attestedfirst/g/a");
}
END_TEST

START_TEST(a_pid_alone_owns_nothing)
{
	const struct actor gone = { .pid = 13, .uid = -1 };

	attach_by(actor_new(&gone), "a/proc");
	pass(1);
	ck_assert_int_eq(action("a")->owner.kind, OWNER_INFERRED);
	ck_assert_int_eq(action("a")->owner.pid, 0);
	ck_assert_str_eq(ledger_value("SELECT attested || ' ' || pid FROM active_mounts"), "0 13");
	attach_by(mounter(14, "later", "/g"), "a/sys");
	pass(1);
	ck_assert_int_eq(action("a")->owner.pid, 14);
}
END_TEST

static int join(const char *name, uint32_t *ret_generation)
{
	return registry_join(engine, the_root(), name, ret_generation);
}

START_TEST(who_joins_a_registered_action_leaves_it_its_owner_and_its_age)
{
	uint32_t generation = 0;

	ck_assert_int_eq(join("a", &generation), -ENOENT);
	begin("a", 3600 * NSEC_PER_SEC, true);
	ck_assert_int_eq(join("a", &generation), 0);
	ck_assert_uint_eq(generation, 1);
	ck_assert(action("a")->owner.lease);
	ck_assert_int_eq(action("a")->owner.max_age, 3600 * NSEC_PER_SEC);
	registry_lease_ended(engine, the_root()->rules.path, "a", 1);
	attach("a/proc");
	pass(0.1);
	ck_assert_int_eq(join("a", &generation), -EOWNERDEAD);
	ck_assert_uint_eq(action("a")->evidence, EVIDENCE_BIT(EVIDENCE_OWNER_EXITED));
}
END_TEST

START_TEST(nobody_joins_what_has_ended_until_all_of_it_has_gone)
{
	uint32_t generation = 0;

	attach("a/proc");
	pass(0.1);
	/* Nobody's word: it may be begun. */
	ck_assert_int_eq(join("a", &generation), -ENOENT);
	begin("a", 0, false);
	pause_begin(engine, NULL, 0);
	end("a");
	ck_assert_int_eq(join("a", &generation), -EOWNERDEAD);
	pause_end(engine, NULL);
	pass(1);
	answer_steps(OUTCOME_GONE);
	pass(1);
	ck_assert_int_eq(action("a")->state, ACTION_CLEARED);
	ck_assert_int_eq(join("a", &generation), -ENOENT);
}
END_TEST

START_TEST(who_joins_an_action_that_its_control_group_owns_leaves_it_that)
{
	uint32_t generation = 0;

	attach_by(mounter(11, "first", "/g/a"), "a/proc");
	pass(0.1);
	ck_assert_int_eq(action("a")->owner.kind, OWNER_ATTESTED);
	ck_assert_int_eq(join("a", &generation), -ENOENT);
	the_root()->rules.owner = OWNER_RULE_CGROUP;
	ck_assert_int_eq(join("a", &generation), 0);
	ck_assert_int_eq(action("a")->owner.kind, OWNER_ATTESTED);
	the_root()->rules.owner = OWNER_RULE_NONE;
}
END_TEST

START_TEST(of_who_registers_nothing_is_said_that_was_seen_of_who_mounted)
{
	const struct owner *owner;

	attach_by(mounter(11, "first", "/g/a"), "a/proc");
	pass(1);
	begin("a", 0, false);
	pass(1);
	owner = &action("a")->owner;
	ck_assert_int_eq(owner->kind, OWNER_REGISTERED);
	ck_assert_int_eq(owner->pid, 0);
	ck_assert_ptr_null(owner->comm);
	ck_assert_ptr_null(owner->cgroup);
	ck_assert_uint_eq(owner->cgroup_id, 0);
	attach_by(mounter(12, "second", "/g/b"), "a/sys");
	pass(1);
	ck_assert_int_eq(owner->kind, OWNER_REGISTERED);
	ck_assert_str_eq(ledger_value("SELECT comm FROM active_mounts WHERE target LIKE '%sys'"), "second");
}
END_TEST

START_TEST(who_attached_what_outlives_a_start)
{
	uint64_t id = attach_by(mounter(11, "first", "/g/a"), "a/proc");
	const struct actor *by;

	pass(1);
	engine_restart();
	pass(1);
	by = model_mount(engine->model, id)->facts.attached_by;
	ck_assert_ptr_nonnull(by);
	ck_assert(by->attested);
	ck_assert_str_eq(by->comm, "first");
	ck_assert_int_eq(action("a")->owner.kind, OWNER_ATTESTED);
	ck_assert_str_eq(action("a")->owner.cgroup, "/g/a");
	ck_assert_uint_eq(action("a")->owner.cgroup_id, 2011);
}
END_TEST

START_TEST(what_came_is_counted_by_whether_it_is_attested)
{
	const struct actor gone = { .pid = 13, .uid = -1 };

	attach("a/found");
	pass(1);
	engine_restart();
	pass(1);
	/* Found at the start, it did not come. */
	ck_assert_uint_eq(engine->metrics->attached, 0);
	attach_by(mounter(11, "first", "/g/a"), "a/proc");
	attach_by(mounter(12, "second", "/g/a"), "a/sys");
	attach_by(actor_new(&gone), "a/dev");
	attach("a/tmp");
	pass(1);
	ck_assert_uint_eq(engine->metrics->attached, 4);
	ck_assert_uint_eq(engine->metrics->attested, 2);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("engine: owners");
	TCase *tests = tcase_create("owners");

	tcase_add_checked_fixture(tests, setup, engine_end_world);
	tcase_set_timeout(tests, 30);
	tcase_add_test(tests, who_made_the_first_mount_owns_the_action);
	tcase_add_test(tests, a_pid_alone_owns_nothing);
	tcase_add_test(tests, who_joins_a_registered_action_leaves_it_its_owner_and_its_age);
	tcase_add_test(tests, nobody_joins_what_has_ended_until_all_of_it_has_gone);
	tcase_add_test(tests, who_joins_an_action_that_its_control_group_owns_leaves_it_that);
	tcase_add_test(tests, of_who_registers_nothing_is_said_that_was_seen_of_who_mounted);
	tcase_add_test(tests, who_attached_what_outlives_a_start);
	tcase_add_test(tests, what_came_is_counted_by_whether_it_is_attested);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
