/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Time, order, the ladder. What each evidence amounts to is in test_policy_table.c. */
#include "policy_fixture.h"
#include "run_suite.h"

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
	ck_assert_int_eq(policy_order(model, &plan, now, &list), 0);
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
	ck_assert_int_eq(policy_order(model, &plan, at(20), &list), 0);
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

START_TEST(an_action_of_which_all_is_protected_is_over_and_never_being_reaped)
{
	struct mount *kept = attach("/b/a/keep");
	struct root_rules rules = rules_for("/b");
	struct decision decision;

	string_list_add(&rules.protect, "*/keep");
	set_rules(&rules);
	rules_clear(&rules);
	ck_assert_str_eq(order(kept->action, at(20)), "2!protected");
	decision = policy_decide_action(kept->action, &facts, at(20));
	ck_assert_int_eq(decision.hold, HOLD_PROTECTED);
	ck_assert_int_eq(policy_state(kept->action, &decision), ACTION_OVER);
	attach("/b/a/other");
	ck_assert_str_eq(order(kept->action, at(20)), "3 2!protected");
	decision = policy_decide_action(kept->action, &facts, at(20));
	ck_assert_int_eq(policy_state(kept->action, &decision), ACTION_REAPING);
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

START_TEST(a_mount_that_came_after_the_end_goes_with_its_directory)
{
	struct action *action = attach("/b/a/proc")->action;

	policy_evidence_set(action, EVIDENCE_ENDED, at(10));
	attach_type(1, "/b/a/sys", "sysfs", at(15));
	policy_evidence_set(action, EVIDENCE_MISSING, at(16));
	ck_assert_str_eq(order(action, at(20)), "3!unconfirmed 2");
	ck_assert_str_eq(order(action, at(40)), "3!unconfirmed 2");
	policy_evidence_set(action, EVIDENCE_MISSING, at(35));
	ck_assert_str_eq(order(action, at(40)), "3 2");
	policy_evidence_clear(action, EVIDENCE_MISSING);
	ck_assert_str_eq(order(action, at(40)), "3!unconfirmed 2");
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
	policy_order(model, &plan, at(20), &list);
	ck_assert_uint_eq(list.count, 2);
	ck_assert_int_eq(list.items[0].hold, HOLD_UNCONFIRMED);
	reap_list_clear(&list);
	policy_evidence_set(action, EVIDENCE_MISSING, at(16));
	policy_order(model, &plan, at(20), &list);
	ck_assert_int_eq(list.items[0].hold, HOLD_NONE);
	reap_list_clear(&list);
	plan_clear(&plan);
}
END_TEST

START_TEST(a_mount_that_left_for_nobody_knows_where_stays)
{
	struct mount *mount = attach("/b/a/proc");

	policy_evidence_set(mount->action, EVIDENCE_ENDED, at(10));
	ck_assert_str_eq(order(mount->action, at(20)), "2");
	mount->astray = true;
	ck_assert_str_eq(order(mount->action, at(20)), "2!unconfirmed");
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

/* Nobody could confirm what it is over by, and to ask for that would not end. */
START_TEST(a_past_action_is_not_planned_for)
{
	struct mount *mount = attach("/b/a/proc");
	struct action *action = mount->action;
	struct mount *mounts = action->mounts;
	struct plan plan = { 0 };

	policy_evidence_set(action, EVIDENCE_MOVED, at(10));
	ck_assert_int_eq(policy_plan(model, &facts, at(20), &plan), 0);
	ck_assert_uint_eq(plan.count, 1);
	ck_assert_int_eq(plan.items[0].verdict, VERDICT_RECHECK);
	plan_clear(&plan);
	action->mounts = NULL;
	ck_assert_int_eq(policy_plan(model, &facts, at(20), &plan), 0);
	ck_assert_uint_eq(plan.count, 0);
	plan_clear(&plan);
	action->mounts = mounts;
}
END_TEST

START_TEST(an_unanswered_question_is_no_evidence_that_says_anything)
{
	struct mount *mount = attach("/b/a/proc");
	struct action *action = mount->action;

	policy_evidence_set(action, EVIDENCE_HUNG, at(10));
	policy_evidence_set(action, EVIDENCE_UNKNOWN, at(10));
	ck_assert(!policy_has_evidence(action));
	mount->evidence = EVIDENCE_BIT(EVIDENCE_STALE_COPY);
	ck_assert(policy_has_evidence(action));
	mount->evidence = 0;
	policy_evidence_set(action, EVIDENCE_DEAD, at(10));
	ck_assert(policy_has_evidence(action));
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

int main(void)
{
	Suite *suite = suite_create("policy");
	TCase *tcase = tcase_create("policy");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 30);
	tcase_add_test(tcase, evidence_that_comes_back_begins_its_grace_anew);
	tcase_add_test(tcase, a_registrations_own_age_acts_though_reap_when_leaves_it_out);
	tcase_add_test(tcase, children_go_before_parents_and_newer_siblings_first);
	tcase_add_test(tcase, a_stack_goes_from_the_top);
	tcase_add_test(tcase, a_stack_as_deep_as_the_table_is_ordered_without_recursion);
	tcase_add_test(tcase, a_cover_of_the_same_action_goes_before_what_it_covers);
	tcase_add_test(tcase, a_mount_below_anothers_cover_waits);
	tcase_add_test(tcase, a_mount_with_something_live_below_is_left_alone_with_all_above_it);
	tcase_add_test(tcase, an_action_of_which_all_is_protected_is_over_and_never_being_reaped);
	tcase_add_test(tcase, what_is_mounted_below_something_protected_is_protected_too);
	tcase_add_test(tcase, a_ladder_of_detach_alone_takes_a_tree_in_one_call);
	tcase_add_test(tcase, one_other_ladder_in_the_tree_makes_it_one_call_each);
	tcase_add_test(tcase, a_mount_that_came_after_the_evidence_waits_for_its_directorys_identity);
	tcase_add_test(tcase, a_mount_that_came_after_the_end_goes_with_its_directory);
	tcase_add_test(tcase, a_mount_that_came_after_a_missing_directory_waits_until_it_is_found_missing_again);
	tcase_add_test(tcase, a_mount_that_left_for_nobody_knows_where_stays);
	tcase_add_test(tcase, the_ladder_is_climbed_then_the_mount_is_stuck_and_tried_again_later);
	tcase_add_test(tcase, a_locked_mount_is_never_tried_again);
	tcase_add_test(tcase, a_mismatch_is_no_step_of_the_ladder);
	tcase_add_test(tcase, a_refused_step_is_skipped);
	tcase_add_test(tcase, the_back_off_doubles_to_five_minutes);
	tcase_add_test(tcase, a_past_action_is_not_planned_for);
	tcase_add_test(tcase, an_unanswered_question_is_no_evidence_that_says_anything);
	tcase_add_test(tcase, moved_mounts_make_their_action_over_only_when_all_of_them_moved);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
