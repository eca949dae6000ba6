/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "model/model.h"
#include "policy/policy.h"

#define GRACE	     (5 * NSEC_PER_SEC)
#define GRACE_HOLLOW (60 * NSEC_PER_SEC)

static struct model *model;
static struct policy_facts facts;
static uint64_t last_id;

static struct now at(int64_t seconds)
{
	return (struct now){ .mono = (1000 + seconds) * NSEC_PER_SEC, .real = (1000000 + seconds) * NSEC_PER_SEC };
}

static struct root_rules rules_for(const char *path)
{
	struct root_rules rules;

	ck_assert_int_eq(rules_init(&rules, path), 0);
	return rules;
}

static void set_rules(struct root_rules *rules)
{
	const struct root_rules *const all[] = { rules };

	ck_assert_int_eq(model_set_roots(model, all, 1), 0);
}

/* One mount more in the table, on the given parent. */
static struct mount *attach_type(uint64_t parent, const char *target, const char *fstype, struct now now)
{
	struct scan scan = { .unique_ids = true };
	struct mount_facts *one = scan_add(&scan);
	struct changes changes = { 0 };

	ck_assert_ptr_nonnull(one);
	*one = (struct mount_facts){
		.id = ++last_id,
		.parent = parent,
		.id32 = (uint32_t)last_id,
		.parent32 = (uint32_t)parent,
		.dev = 100 + last_id,
		.root = strdup("/"),
		.target = strdup(target),
		.fstype = strdup(fstype),
		.source = strdup("none"),
		.options = strdup("rw"),
		.super_options = strdup("rw"),
	};
	ck_assert_int_eq(model_apply(model, &scan, now, &changes), 0);
	changes_clear(&changes);
	scan_clear(&scan);
	return model_mount(model, last_id);
}

static struct mount *attach(const char *target)
{
	return attach_type(1, target, "tmpfs", at(0));
}

static void setup(void)
{
	struct root_rules rules = rules_for("/b");

	model = model_new();
	facts = (struct policy_facts){ 0 };
	last_id = 0;
	set_rules(&rules);
	rules_clear(&rules);
	attach_type(0, "/", "ext4", at(0));
}

static void teardown(void)
{
	model_free(model);
}

static int64_t grace_for(enum evidence evidence)
{
	return evidence == EVIDENCE_ENDED ? 0 : evidence == EVIDENCE_HOLLOW ? GRACE_HOLLOW : GRACE;
}

static bool can_act(enum evidence evidence)
{
	switch (evidence) {
	case EVIDENCE_ENDED:
	case EVIDENCE_MISSING:
	case EVIDENCE_REPLACED:
	case EVIDENCE_MOVED:
	case EVIDENCE_SOURCE_DELETED:
	case EVIDENCE_OWNER_EXITED:
	case EVIDENCE_HOLLOW:
	case EVIDENCE_EXPIRED:
		return true;
	case EVIDENCE_DEAD: /* only with the root itself */
	case EVIDENCE_STALE_COPY:
	case EVIDENCE_HUNG:
	case EVIDENCE_UNKNOWN:
	case EVIDENCE_COUNT:
		break;
	}
	return false;
}

static bool is_confirmed_by_asking(enum evidence evidence)
{
	return evidence != EVIDENCE_ENDED && evidence != EVIDENCE_OWNER_EXITED && evidence != EVIDENCE_EXPIRED;
}

static void check_cell(struct action *action, enum evidence evidence, bool included, enum hold hold)
{
	struct now since = at(10);
	struct now end = { .mono = since.mono + grace_for(evidence), .real = since.real + grace_for(evidence) };
	struct now before = { .mono = end.mono - 1, .real = end.real - 1 };
	struct decision decision;

	action->root->rules.reap_when = included ? EVIDENCE_BIT(evidence) : ~EVIDENCE_BIT(evidence);
	ck_assert(policy_evidence_set(action, evidence, since));
	decision = policy_decide_action(action, &facts, end);
	if (evidence == EVIDENCE_HUNG || evidence == EVIDENCE_UNKNOWN) {
		ck_assert_int_eq(decision.verdict, VERDICT_KEEP);
	} else if (!included || !can_act(evidence)) {
		ck_assert_int_eq(decision.verdict, VERDICT_SUSPECT);
		ck_assert_int_eq(decision.because, evidence);
	} else {
		if (grace_for(evidence) > 0) {
			decision = policy_decide_action(action, &facts, before);
			ck_assert_int_eq(decision.verdict, VERDICT_WAIT);
			ck_assert_int_eq(decision.due, end.mono);
			decision = policy_decide_action(action, &facts, end);
			ck_assert_int_eq(decision.verdict,
					 is_confirmed_by_asking(evidence) ? VERDICT_RECHECK : VERDICT_REAP);
		}
		ck_assert(!policy_evidence_set(action, evidence, end));
		decision = policy_decide_action(action, &facts, end);
		ck_assert_int_eq(decision.verdict, VERDICT_REAP);
		ck_assert_int_eq(decision.hold, hold);
		ck_assert_int_eq(decision.because, evidence);
	}
	ck_assert(policy_evidence_clear(action, evidence));
	ck_assert_int_eq(policy_decide_action(action, &facts, end).verdict, VERDICT_KEEP);
}

START_TEST(every_evidence_in_every_mode_is_decided_by_the_table)
{
	struct action *action = attach("/b/a/proc")->action;

	for (unsigned evidence = 0; evidence < EVIDENCE_COUNT; evidence++)
		for (int included = 0; included < 2; included++) {
			check_cell(action, evidence, included, HOLD_NONE);
			facts.paused = true;
			check_cell(action, evidence, included, HOLD_PAUSED);
			facts.observe = true;
			check_cell(action, evidence, included, HOLD_OBSERVE);
			facts = (struct policy_facts){ 0 };
			action->root->rules.mode = ROOT_MODE_OBSERVE;
			check_cell(action, evidence, included, HOLD_OBSERVE);
			action->root->rules.mode = ROOT_MODE_ENFORCE;
			action->root->paused = true;
			check_cell(action, evidence, included, HOLD_PAUSED);
			action->root->paused = false;
			facts.brake_until = INT64_MAX;
			check_cell(action, evidence, included, HOLD_BRAKE);
			facts.brake_until = 0;
		}
}
END_TEST

START_TEST(evidence_that_comes_back_begins_its_grace_anew)
{
	struct action *action = attach("/b/a/proc")->action;

	policy_evidence_set(action, EVIDENCE_MISSING, at(10));
	policy_evidence_clear(action, EVIDENCE_MISSING);
	policy_evidence_set(action, EVIDENCE_MISSING, at(20));
	policy_evidence_set(action, EVIDENCE_MISSING, at(24));
	ck_assert_int_eq(policy_decide_action(action, &facts, at(24)).verdict, VERDICT_WAIT);
	ck_assert_int_eq(policy_decide_action(action, &facts, at(24)).due, at(25).mono);
	policy_evidence_set(action, EVIDENCE_MISSING, at(25));
	ck_assert_int_eq(policy_decide_action(action, &facts, at(25)).verdict, VERDICT_REAP);
}
END_TEST

START_TEST(a_registrations_own_age_acts_though_reap_when_leaves_it_out)
{
	struct action *action = attach("/b/a/proc")->action;

	action->root->rules.reap_when = EVIDENCE_BIT(EVIDENCE_ENDED);
	policy_evidence_set(action, EVIDENCE_EXPIRED, at(10));
	ck_assert_int_eq(policy_decide_action(action, &facts, at(60)).verdict, VERDICT_SUSPECT);
	action->owner.max_age = NSEC_PER_SEC;
	ck_assert_int_eq(policy_decide_action(action, &facts, at(60)).verdict, VERDICT_REAP);
}
END_TEST

/* All mounts of the action, as ids in the order of the list, '!' behind those that are held. */
static const char *order(struct action *action, struct now now)
{
	static char text[512];
	struct plan plan = { 0 };
	struct reap_list list = { 0 };
	size_t used = 0;

	policy_evidence_set(action, EVIDENCE_ENDED, at(10));
	ck_assert_int_eq(policy_plan(model, &facts, now, &plan), 0);
	ck_assert_int_eq(policy_order(model, &plan, true, now, &list), 0);
	text[0] = '\0';
	for (size_t i = 0; i < list.count; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%llu%s%s", i ? " " : "",
					 (unsigned long long)list.items[i].mount->facts.id,
					 list.items[i].hold ? "!" : "",
					 list.items[i].hold ? hold_name(list.items[i].hold) : "");
	reap_list_clear(&list);
	plan_clear(&plan);
	return text;
}

START_TEST(children_go_before_parents_and_newer_siblings_first)
{
	struct mount *root = attach("/b/a/root");

	attach_type(2, "/b/a/root/proc", "proc", at(0));
	attach_type(2, "/b/a/root/sys", "sysfs", at(0));
	attach_type(4, "/b/a/root/sys/fs", "tmpfs", at(0));
	ck_assert_str_eq(order(root->action, at(20)), "5 4 3 2");
}
END_TEST

START_TEST(a_stack_goes_from_the_top)
{
	struct mount *first = attach("/b/a/x");

	for (uint64_t below = 2; below < 5; below++)
		attach_type(below, "/b/a/x", "tmpfs", at(0));
	ck_assert_str_eq(order(first->action, at(20)), "5 4 3 2");
}
END_TEST

START_TEST(a_stack_as_deep_as_the_table_is_ordered_without_recursion)
{
	struct mount *first = attach("/b/a/x");
	struct plan plan = { 0 };
	struct reap_list list = { 0 };

	for (uint64_t below = 2; below < 20000; below++)
		attach_type(below, "/b/a/x", "tmpfs", at(0));
	policy_evidence_set(first->action, EVIDENCE_ENDED, at(10));
	ck_assert_int_eq(policy_plan(model, &facts, at(20), &plan), 0);
	ck_assert_int_eq(policy_order(model, &plan, false, at(20), &list), 0);
	ck_assert_uint_eq(list.count, 19999);
	ck_assert_uint_eq(list.items[0].mount->facts.id, 20000);
	reap_list_clear(&list);
	plan_clear(&plan);
}
END_TEST

START_TEST(a_cover_of_the_same_action_goes_before_what_it_covers)
{
	struct mount *covered = attach("/b/a/root/proc");

	attach("/b/a/root");
	ck_assert_str_eq(order(covered->action, at(20)), "3 2");
}
END_TEST

START_TEST(a_mount_below_anothers_cover_waits)
{
	struct mount *covered = attach("/b/a/root/proc");

	attach("/b");
	ck_assert_str_eq(order(covered->action, at(20)), "2!covered");
}
END_TEST

START_TEST(a_mount_with_something_live_below_is_left_alone_with_all_above_it)
{
	struct mount *top = attach("/b/a/root");
	struct root_rules rules = rules_for("/b");

	attach_type(2, "/b/a/root/dev", "tmpfs", at(0));
	attach_type(3, "/b/a/root/dev/keep", "tmpfs", at(0));
	attach_type(2, "/b/a/root/sys", "sysfs", at(0));
	string_list_add(&rules.protect, "a/root/dev/keep");
	set_rules(&rules);
	rules_clear(&rules);
	ck_assert_str_eq(order(top->action, at(20)), "5 4!protected 3!live-child 2!live-child");
}
END_TEST

START_TEST(what_is_mounted_below_something_protected_is_protected_too)
{
	struct mount *top = attach("/b/a/root");
	struct root_rules rules = rules_for("/b");

	attach_type(2, "/b/a/root/keep/x", "tmpfs", at(0));
	attach_type(2, "/b/a/root/keeper", "tmpfs", at(0));
	string_list_add(&rules.protect, "a/root/keep");
	set_rules(&rules);
	rules_clear(&rules);
	ck_assert_str_eq(order(top->action, at(20)), "4 3!protected 2!live-child");
}
END_TEST

START_TEST(a_ladder_of_detach_alone_takes_a_tree_in_one_call)
{
	struct root_rules rules = rules_for("/b");
	struct mount *top;

	rules.ladder = (struct ladder){ 1, { STEP_DETACH } };
	set_rules(&rules);
	rules_clear(&rules);
	top = attach("/b/a/root");
	attach_type(2, "/b/a/root/proc", "proc", at(0));
	attach_type(3, "/b/a/root/proc/x", "tmpfs", at(0));
	ck_assert_str_eq(order(top->action, at(20)), "2");
}
END_TEST

START_TEST(one_other_ladder_in_the_tree_makes_it_one_call_each)
{
	struct mount *top;
	struct root_rules rules = rules_for("/b");

	rules.ladder = (struct ladder){ 1, { STEP_DETACH } };
	set_rules(&rules);
	rules_clear(&rules);
	top = attach("/b/a/root");
	attach_type(2, "/b/a/root/in", "fuse.x", at(0));
	ck_assert_str_eq(order(top->action, at(20)), "3 2");
}
END_TEST

START_TEST(a_mount_that_came_after_the_evidence_waits_for_its_directorys_identity)
{
	struct action *action = attach("/b/a/proc")->action;

	policy_evidence_set(action, EVIDENCE_ENDED, at(10));
	attach_type(1, "/b/a/sys", "sysfs", at(15));
	ck_assert_str_eq(order(action, at(20)), "3!unconfirmed 2");
	action->identity_checked = at(18);
	ck_assert_str_eq(order(action, at(20)), "3 2");
}
END_TEST

START_TEST(a_mount_that_came_after_a_missing_directory_waits_until_it_is_found_missing_again)
{
	struct action *action = attach("/b/a/proc")->action;
	struct plan plan = { 0 };
	struct reap_list list = { 0 };

	policy_evidence_set(action, EVIDENCE_MISSING, at(10));
	attach_type(1, "/b/a/sys", "sysfs", at(15));
	policy_evidence_set(action, EVIDENCE_MISSING, at(15));
	policy_plan(model, &facts, at(20), &plan);
	policy_order(model, &plan, true, at(20), &list);
	ck_assert_uint_eq(list.count, 2);
	ck_assert_int_eq(list.items[0].hold, HOLD_UNCONFIRMED);
	reap_list_clear(&list);
	policy_evidence_set(action, EVIDENCE_MISSING, at(16));
	policy_order(model, &plan, true, at(20), &list);
	ck_assert_int_eq(list.items[0].hold, HOLD_NONE);
	reap_list_clear(&list);
	plan_clear(&plan);
}
END_TEST

START_TEST(the_ladder_is_climbed_then_the_mount_is_stuck_and_tried_again_later)
{
	struct mount *mount = attach("/b/a/proc");

	ck_assert(!policy_take_outcome(mount, STEP_UMOUNT, OUTCOME_BUSY, at(20)));
	ck_assert_int_eq(mount->next_step, 1);
	ck_assert(policy_take_outcome(mount, STEP_DETACH, OUTCOME_FAILED, at(20)));
	ck_assert_int_eq(mount->state, MOUNT_STUCK);
	ck_assert_int_eq(mount->next_step, 0);
	ck_assert_str_eq(order(mount->action, at(20)), "2!back-off");
	ck_assert_str_eq(order(mount->action, at(21)), "2");
	ck_assert_int_eq(mount->retry_mono, at(21).mono);
	policy_take_outcome(mount, STEP_UMOUNT, OUTCOME_BUSY, at(21));
	ck_assert(!policy_take_outcome(mount, STEP_DETACH, OUTCOME_BUSY, at(21)));
	ck_assert_int_eq(mount->retry_mono, at(23).mono);
}
END_TEST

START_TEST(a_locked_mount_is_never_tried_again)
{
	struct mount *mount = attach("/b/a/proc");

	ck_assert(policy_take_outcome(mount, STEP_UMOUNT, OUTCOME_LOCKED, at(20)));
	ck_assert_str_eq(order(mount->action, at(20000)), "2!locked");
}
END_TEST

START_TEST(a_mismatch_is_no_step_of_the_ladder)
{
	struct mount *mount = attach("/b/a/proc");

	ck_assert(!policy_take_outcome(mount, STEP_UMOUNT, OUTCOME_MISMATCH, at(20)));
	ck_assert_int_eq(mount->next_step, 0);
	ck_assert_int_eq(mount->state, MOUNT_ATTACHED);
	ck_assert_str_eq(order(mount->action, at(20)), "2!back-off");
}
END_TEST

START_TEST(a_refused_step_is_skipped)
{
	struct mount *mount = attach_type(1, "/b/a/in", "fuse.x", at(0));

	ck_assert(!policy_take_outcome(mount, STEP_UMOUNT, OUTCOME_BUSY, at(20)));
	ck_assert(!policy_take_outcome(mount, STEP_FORCE, OUTCOME_REFUSED, at(20)));
	ck_assert_int_eq(mount->next_step, 2);
}
END_TEST

START_TEST(the_back_off_doubles_to_five_minutes)
{
	ck_assert_int_eq(policy_backoff(0), 0);
	ck_assert_int_eq(policy_backoff(1), NSEC_PER_SEC);
	ck_assert_int_eq(policy_backoff(2), 2 * NSEC_PER_SEC);
	ck_assert_int_eq(policy_backoff(9), 256 * NSEC_PER_SEC);
	ck_assert_int_eq(policy_backoff(10), 300 * NSEC_PER_SEC);
	ck_assert_int_eq(policy_backoff(UINT32_MAX), 300 * NSEC_PER_SEC);
}
END_TEST

START_TEST(moved_mounts_make_their_action_over_only_when_all_of_them_moved)
{
	struct mount *one = attach("/b/a/proc"), *two = attach("/b/a/sys");
	struct action *action = one->action;

	one->evidence = EVIDENCE_BIT(EVIDENCE_MOVED);
	one->moved = (struct evidence_state){ at(10), at(11) };
	ck_assert_uint_eq(policy_hoist(action, at(12)), 0);
	two->evidence = EVIDENCE_BIT(EVIDENCE_MOVED);
	two->moved = (struct evidence_state){ at(11), at(12) };
	ck_assert_uint_eq(policy_hoist(action, at(12)), EVIDENCE_BIT(EVIDENCE_MOVED));
	ck_assert_int_eq(action->evidence_state[EVIDENCE_MOVED].since.mono, at(11).mono);
	ck_assert_int_eq(action->evidence_state[EVIDENCE_MOVED].checked.mono, at(11).mono);
	one->evidence = 0;
	ck_assert_uint_eq(policy_hoist(action, at(13)), EVIDENCE_BIT(EVIDENCE_MOVED));
	ck_assert_uint_eq(action->evidence, 0);
}
END_TEST

START_TEST(states_follow_from_decision_and_mounts)
{
	struct mount *mount = attach("/b/a/proc");
	struct action *action = mount->action;
	struct decision decision = { .verdict = VERDICT_KEEP };

	ck_assert_int_eq(policy_state(action, &decision), ACTION_ACTIVE);
	decision.verdict = VERDICT_SUSPECT;
	ck_assert_int_eq(policy_state(action, &decision), ACTION_SUSPECT);
	decision.verdict = VERDICT_WAIT;
	ck_assert_int_eq(policy_state(action, &decision), ACTION_OVER);
	decision.verdict = VERDICT_RECHECK;
	ck_assert_int_eq(policy_state(action, &decision), ACTION_OVER);
	decision.verdict = VERDICT_REAP;
	ck_assert_int_eq(policy_state(action, &decision), ACTION_REAPING);
	decision.hold = HOLD_OBSERVE;
	ck_assert_int_eq(policy_state(action, &decision), ACTION_OVER);
	mount->state = MOUNT_STUCK;
	ck_assert_int_eq(policy_state(action, &decision), ACTION_STUCK);
}
END_TEST

START_TEST(what_is_not_in_the_table_of_states_is_refused)
{
	struct action *action = attach("/b/a/proc")->action;

	action->state = ACTION_CLEARED;
	ck_assert_int_eq(policy_set_state(action, ACTION_STUCK), -EINVAL);
	ck_assert_int_eq(policy_set_state(action, ACTION_STATE_COUNT), -EINVAL);
	ck_assert_int_eq(policy_set_state(action, ACTION_ACTIVE), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("policy");
	TCase *tcase = tcase_create("policy");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 30);
	tcase_add_test(tcase, every_evidence_in_every_mode_is_decided_by_the_table);
	tcase_add_test(tcase, evidence_that_comes_back_begins_its_grace_anew);
	tcase_add_test(tcase, a_registrations_own_age_acts_though_reap_when_leaves_it_out);
	tcase_add_test(tcase, children_go_before_parents_and_newer_siblings_first);
	tcase_add_test(tcase, a_stack_goes_from_the_top);
	tcase_add_test(tcase, a_stack_as_deep_as_the_table_is_ordered_without_recursion);
	tcase_add_test(tcase, a_cover_of_the_same_action_goes_before_what_it_covers);
	tcase_add_test(tcase, a_mount_below_anothers_cover_waits);
	tcase_add_test(tcase, a_mount_with_something_live_below_is_left_alone_with_all_above_it);
	tcase_add_test(tcase, what_is_mounted_below_something_protected_is_protected_too);
	tcase_add_test(tcase, a_ladder_of_detach_alone_takes_a_tree_in_one_call);
	tcase_add_test(tcase, one_other_ladder_in_the_tree_makes_it_one_call_each);
	tcase_add_test(tcase, a_mount_that_came_after_the_evidence_waits_for_its_directorys_identity);
	tcase_add_test(tcase, a_mount_that_came_after_a_missing_directory_waits_until_it_is_found_missing_again);
	tcase_add_test(tcase, the_ladder_is_climbed_then_the_mount_is_stuck_and_tried_again_later);
	tcase_add_test(tcase, a_locked_mount_is_never_tried_again);
	tcase_add_test(tcase, a_mismatch_is_no_step_of_the_ladder);
	tcase_add_test(tcase, a_refused_step_is_skipped);
	tcase_add_test(tcase, the_back_off_doubles_to_five_minutes);
	tcase_add_test(tcase, moved_mounts_make_their_action_over_only_when_all_of_them_moved);
	tcase_add_test(tcase, states_follow_from_decision_and_mounts);
	tcase_add_test(tcase, what_is_not_in_the_table_of_states_is_refused);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
