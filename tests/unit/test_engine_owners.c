/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whose an action is where the kernel named who mounted. */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/skip.h"
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

static int claim(struct claim claim)
{
	uint32_t generation;
	int r = registry_begin(engine, the_root(), "a", &claim, &generation);

	return r < 0 ? r : (int)generation;
}

#define BARE                                                                                                           \
	(struct claim)                                                                                                 \
	{                                                                                                              \
		.uid = 7                                                                                               \
	}
#define OF_ANOTHER                                                                                                     \
	(struct claim)                                                                                                 \
	{                                                                                                              \
		.uid = 8                                                                                               \
	}
#define OF_ROOT                                                                                                        \
	(struct claim)                                                                                                 \
	{                                                                                                              \
		.uid = 0                                                                                               \
	}
#define AGED                                                                                                           \
	(struct claim)                                                                                                 \
	{                                                                                                              \
		.uid = 7, .max_age = 10 * NSEC_PER_SEC                                                                 \
	}
#define OWNED                                                                                                          \
	(struct claim)                                                                                                 \
	{                                                                                                              \
		.uid = 7, .pid = getpid()                                                                              \
	}
#define OWNED_BY(who)                                                                                                  \
	(struct claim)                                                                                                 \
	{                                                                                                              \
		.uid = 7, .pid = (who)                                                                                 \
	}
#define LEASED(number)                                                                                                 \
	(struct claim)                                                                                                 \
	{                                                                                                              \
		.uid = 7, .lease = true, .generation = (number)                                                        \
	}
#define UNSAID CLAIM_GENERATION_UNSAID

START_TEST(a_lease_is_held_against_all_but_who_held_it)
{
	ck_assert_int_eq(claim(LEASED(0)), 1);
	ck_assert_int_eq(claim(LEASED(0)), -EBUSY);
	ck_assert_int_eq(claim(LEASED(UNSAID)), -EBUSY);
	ck_assert_int_eq(claim(LEASED(2)), -EBUSY);
	ck_assert_int_eq(claim(OWNED), -EBUSY);
	ck_assert_int_eq(claim(OF_ANOTHER), -EBUSY);
	ck_assert_int_eq(claim(OF_ROOT), -EBUSY);
	ck_assert(action("a")->owner.lease);
	ck_assert_int_eq(action("a")->owner.uid, 7);
	ck_assert_int_eq(claim(BARE), 1);
	ck_assert_int_eq(claim(LEASED(1)), 1);
	ck_assert(action("a")->owner.lease);
	/* Lost, it may come back, or be another runner's of the same user. */
	registry_lease_ended(engine, the_root()->rules.path, "a", 1);
	ck_assert_int_eq(claim(OF_ANOTHER), -EBUSY);
	ck_assert_int_eq(claim(LEASED(UNSAID)), 1);
	registry_lease_ended(engine, the_root()->rules.path, "a", 1);
	ck_assert_int_eq(claim(LEASED(0)), 1);
}
END_TEST

START_TEST(a_lease_that_a_new_start_lost_is_whose_it_was)
{
	attach("a/proc");
	pass(1);
	ck_assert_int_eq(claim(LEASED(0)), 1);
	pass(1);
	engine_restart();
	pass(1);
	ck_assert_uint_eq(action("a")->evidence, EVIDENCE_BIT(EVIDENCE_OWNER_EXITED));
	ck_assert_int_eq(claim(LEASED(0)), -EBUSY);
	ck_assert_int_eq(claim(OWNED), -EBUSY);
	ck_assert_uint_eq(action("a")->evidence, EVIDENCE_BIT(EVIDENCE_OWNER_EXITED));
	ck_assert_int_eq(claim(LEASED(1)), 1);
	ck_assert_uint_eq(action("a")->evidence, 0);
	engine_restart();
	pass(1);
	/* A runner that says nothing of it can be the same. */
	ck_assert_int_eq(claim(LEASED(UNSAID)), 1);
}
END_TEST

START_TEST(a_lease_is_held_though_its_directory_is_missed)
{
	pause_begin(engine, NULL, 0);
	attach("a/proc");
	pass(1);
	ck_assert_int_eq(claim(LEASED(0)), 1);
	policy_evidence_set(action("a"), EVIDENCE_MISSING, engine->now);
	ck_assert_int_eq(claim(LEASED(0)), -EBUSY);
	ck_assert_int_eq(claim(OWNED), -EBUSY);
	/* Of who holds it, what comes then is the next. */
	ck_assert_int_eq(claim(LEASED(1)), 2);
}
END_TEST

START_TEST(a_registration_without_an_owner_is_its_users)
{
	pause_begin(engine, NULL, 0);
	attach("a/proc");
	pass(1);
	ck_assert_int_eq(claim(BARE), 1);
	ck_assert_int_eq(claim(OF_ANOTHER), -EBUSY);
	ck_assert_int_eq(claim(OF_ROOT), -EBUSY);
	ck_assert_int_eq(claim(AGED), 1);
	ck_assert_int_eq(claim(LEASED(UNSAID)), -EBUSY);
	ck_assert_int_eq(claim(OF_ANOTHER), -EBUSY);
	ck_assert_int_eq(claim(AGED), 1);
	pass(12);
	ck_assert_uint_eq(action("a")->evidence, EVIDENCE_BIT(EVIDENCE_EXPIRED));
	ck_assert_int_eq(claim(OF_ANOTHER), 1);
	end("a");
	ck_assert_int_eq(claim(BARE), 2);
	ck_assert_int_eq(claim(LEASED(UNSAID)), 2);
	ck_assert(action("a")->owner.lease);
}
END_TEST

START_TEST(a_process_owns_its_action_until_the_kernel_says_that_it_has_gone)
{
	pid_t child;

	if (BELOW_VALGRIND)
		SKIP_TEST("valgrind knows no pidfd_open");
	child = fork();
	if (child == 0) {
		pause();
		_exit(0);
	}
	ck_assert_int_eq(claim(OWNED_BY(child)), 1);
	ck_assert_int_eq(claim(OWNED_BY(child)), 1);
	ck_assert_int_eq(claim(BARE), 1);
	ck_assert_int_eq(action("a")->owner.pid, child);
	ck_assert_int_eq(claim(OWNED), -EBUSY);
	ck_assert_int_eq(claim(LEASED(0)), -EBUSY);
	ck_assert_int_eq(claim(OF_ROOT), -EBUSY);
	kill(child, SIGKILL);
	ck_assert_int_eq(waitpid(child, NULL, 0), child);
	/* Nobody has told us yet. */
	ck_assert_uint_eq(action("a")->evidence, 0);
	ck_assert_int_eq(claim(OWNED), 1);
	pass(1);
	ck_assert_uint_eq(action("a")->evidence, 0);
	ck_assert_int_eq(action("a")->owner.pid, getpid());
}
END_TEST

START_TEST(who_names_a_process_that_is_not_there_begins_nothing)
{
	pid_t child;

	if (BELOW_VALGRIND)
		SKIP_TEST("valgrind knows no pidfd_open");
	child = fork();
	if (child == 0)
		_exit(0);
	ck_assert_int_eq(waitpid(child, NULL, 0), child);
	ck_assert_int_eq(claim(OWNED_BY(child)), -ESRCH);
	ck_assert_ptr_null(action("a"));
}
END_TEST

START_TEST(who_holds_it_is_said)
{
	char *text;

	claim(LEASED(0));
	text = claim_holder_text(action("a"));
	ck_assert_str_eq(text, "by a lease of uid 7, which is open");
	free(text);
	registry_lease_ended(engine, the_root()->rules.path, "a", 1);
	text = claim_holder_text(action("a"));
	ck_assert_str_eq(text, "for uid 7, whose lease was lost and may come back within the grace");
	free(text);
	claim(AGED);
	text = claim_holder_text(action("a"));
	ck_assert_str_eq(text, "by uid 7 until it is ended or its age is over");
	free(text);
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

static bool undo(uint32_t generation)
{
	bool over;

	ck_assert_int_eq(registry_undo_begin(engine, the_root(), "a", generation, &over), 0);
	turn();
	return over;
}

START_TEST(what_is_taken_back_by_all_who_began_or_joined_it_is_not_registered)
{
	uint32_t generation;
	bool over;

	ck_assert_int_eq(claim(BARE), 1);
	ck_assert(undo(1));
	ck_assert(!action("a")->registered);
	ck_assert_int_eq(action("a")->state, ACTION_CLEARED);
	ck_assert_uint_eq(action("a")->evidence, 0);
	ck_assert_str_eq(ledger_value("SELECT group_concat(type || coalesce(detail, ''), ' ') FROM "
				      "(SELECT * FROM events WHERE type IN ('begin', 'end') ORDER BY seq)"),
			 "begin end{\"because\":\"taken back\"}");
	ck_assert(undo(1));
	ck_assert_int_eq(claim(BARE), 2);
	ck_assert_int_eq(join("a", &generation), 0);
	ck_assert_int_eq(claim(BARE), 2);
	/* The first one's is past. */
	ck_assert(undo(1));
	ck_assert(!undo(2));
	ck_assert(!undo(2));
	ck_assert(action("a")->registered);
	ck_assert(undo(2));
	ck_assert(!action("a")->registered);
	ck_assert_int_eq(registry_undo_begin(engine, the_root(), "a", 3, &over), -ENOENT);
	ck_assert_int_eq(registry_undo_begin(engine, the_root(), "never", 1, &over), -ENOENT);
}
END_TEST

START_TEST(what_somebody_else_uses_is_not_taken_back)
{
	uint64_t id;

	ck_assert_int_eq(claim(BARE), 1);
	id = attach("a/proc");
	pass(1);
	ck_assert(!undo(1));
	ck_assert(!undo(1));
	ck_assert(action("a")->registered);
	ck_assert_int_eq(claim(LEASED(0)), 1);
	detach(id);
	pass(1);
	ck_assert(!undo(1));
	ck_assert(action("a")->owner.lease);
	/* It is the lease's end that ends it. */
	registry_lease_ended(engine, the_root()->rules.path, "a", 1);
	ck_assert(action("a")->evidence & EVIDENCE_BIT(EVIDENCE_OWNER_EXITED));
}
END_TEST

/* Somebody may have joined it, and not have mounted yet. */
START_TEST(what_an_earlier_start_registered_is_not_taken_back)
{
	uint64_t id = attach("a/proc");

	pass(1);
	ck_assert_int_eq(claim(BARE), 1);
	pass(1);
	engine_restart();
	pass(1);
	ck_assert(action("a")->registered && action("a")->owner.restored);
	detach(id);
	pass(1);
	ck_assert(!undo(1));
	ck_assert_int_eq(claim(BARE), 1);
	ck_assert(!action("a")->owner.restored);
	ck_assert(!undo(1));
	ck_assert(action("a")->registered);
}
END_TEST

START_TEST(a_mount_that_is_on_its_way_is_no_leftover_of_what_is_taken_back)
{
	uint64_t id;

	ck_assert_int_eq(claim(AGED), 1);
	id = attach("a/proc");
	ck_assert(undo(1));
	pass(12);
	ck_assert_ptr_nonnull(model_mount(engine->model, id));
	ck_assert_int_eq(action("a")->state, ACTION_ACTIVE);
	ck_assert_uint_eq(action("a")->evidence, 0);
	ck_assert_int_eq(action("a")->owner.kind, OWNER_INFERRED);
	ck_assert_int_eq(action("a")->owner.max_age, 0);
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
	tcase_add_test(tests, a_lease_is_held_against_all_but_who_held_it);
	tcase_add_test(tests, a_lease_that_a_new_start_lost_is_whose_it_was);
	tcase_add_test(tests, a_lease_is_held_though_its_directory_is_missed);
	tcase_add_test(tests, a_registration_without_an_owner_is_its_users);
	tcase_add_test(tests, a_process_owns_its_action_until_the_kernel_says_that_it_has_gone);
	tcase_add_test(tests, who_names_a_process_that_is_not_there_begins_nothing);
	tcase_add_test(tests, who_holds_it_is_said);
	tcase_add_test(tests, of_who_registers_nothing_is_said_that_was_seen_of_who_mounted);
	tcase_add_test(tests, who_attached_what_outlives_a_start);
	tcase_add_test(tests, what_came_is_counted_by_whether_it_is_attested);
	tcase_add_test(tests, what_is_taken_back_by_all_who_began_or_joined_it_is_not_registered);
	tcase_add_test(tests, what_somebody_else_uses_is_not_taken_back);
	tcase_add_test(tests, what_an_earlier_start_registered_is_not_taken_back);
	tcase_add_test(tests, a_mount_that_is_on_its_way_is_no_leftover_of_what_is_taken_back);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
