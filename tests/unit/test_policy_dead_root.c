/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether a dead root is unmounted with what is below it: only where all of that is over. */
#include "policy_fixture.h"
#include "run_suite.h"

static struct root *root;
static struct mount *carrier;

/* The root is a mount of its own, which was asked about until `checked`, and dead since second 10. */
static void dead_setup(void)
{
	setup();
	carrier = attach_type(1, "/b", "fuse.x", at(0));
	root = model_roots(model);
	root->rules.reap_root = true;
	root->dead_mount = carrier->facts.id;
	root->dead = (struct evidence_state){ .since = at(10), .checked = at(10) };
}

static struct mount *below(const char *target)
{
	return attach_type(carrier->facts.id, target, "tmpfs", at(1));
}

static void is_dead(struct mount *mount, int64_t checked)
{
	policy_evidence_set(mount->action, EVIDENCE_DEAD, at(10));
	mount->action->evidence_state[EVIDENCE_DEAD].checked = at(checked);
}

static struct root_decision decide(int64_t second)
{
	return policy_decide_root(model, root, &facts, at(second));
}

static void goes(int64_t second, bool does)
{
	struct root_decision decision = decide(second);

	ck_assert_int_eq(decision.verdict == VERDICT_REAP && decision.hold == HOLD_NONE, does);
}

static void is_held(enum hold hold, const struct mount *because)
{
	struct root_decision decision = decide(30);

	ck_assert_int_eq(decision.verdict, VERDICT_REAP);
	ck_assert_str_eq(hold_name(decision.hold), hold_name(hold));
	ck_assert_ptr_eq(decision.because, because);
}

START_TEST(it_goes_after_the_grace_once_it_was_asked_again)
{
	struct root_decision decision = decide(12);

	ck_assert_ptr_eq(decision.mount, carrier);
	ck_assert_int_eq(decision.verdict, VERDICT_WAIT);
	ck_assert_int_eq(decision.due, at(15).mono);
	ck_assert_int_eq(decide(20).verdict, VERDICT_RECHECK);
	root->dead.checked = at(19);
	goes(20, true);
}
END_TEST

START_TEST(it_goes_only_where_that_is_configured)
{
	root->dead.checked = at(29);
	goes(30, true);
	root->rules.reap_root = false;
	ck_assert_int_eq(decide(30).verdict, VERDICT_SUSPECT);
	root->rules.reap_root = true;
	root->rules.reap_when &= ~EVIDENCE_BIT(EVIDENCE_DEAD);
	ck_assert_int_eq(decide(30).verdict, VERDICT_SUSPECT);
}
END_TEST

/* A disk or a share that the root is a directory of may be back before the step, and who works on it never noticed. */
START_TEST(an_action_on_what_is_not_the_roots_own_mount_is_a_suspect)
{
	struct mount *mount = below("/b/a/x");

	is_dead(mount, 29);
	ck_assert_int_eq(policy_decide_action(mount->action, &facts, at(30)).verdict, VERDICT_REAP);
	root->dead_mount = 0;
	ck_assert_int_eq(policy_decide_action(mount->action, &facts, at(30)).verdict, VERDICT_SUSPECT);
	root->dead_mount = carrier->facts.id + 1;
	ck_assert_int_eq(policy_decide_action(mount->action, &facts, at(30)).verdict, VERDICT_SUSPECT);
}
END_TEST

START_TEST(one_that_answers_is_kept)
{
	root->dead.checked = at(29);
	root->dead_mount = 0;
	ck_assert_int_eq(decide(30).verdict, VERDICT_KEEP);
}
END_TEST

START_TEST(one_under_a_successor_is_kept)
{
	root->dead.checked = at(29);
	below("/b");
	ck_assert_int_eq(decide(30).verdict, VERDICT_KEEP);
}
END_TEST

START_TEST(one_that_carries_more_than_the_root_is_kept)
{
	struct root_rules rules = rules_for("/b/deep/build");

	rules.reap_root = true;
	set_rules(&rules);
	rules_clear(&rules);
	root = model_roots(model);
	root->dead_mount = carrier->facts.id;
	root->dead = (struct evidence_state){ .since = at(10), .checked = at(29) };
	ck_assert_int_eq(decide(30).verdict, VERDICT_KEEP);
}
END_TEST

START_TEST(all_that_is_below_must_be_over)
{
	struct mount *first = below("/b/a/x"), *second = below("/b/c/y");

	root->dead.checked = at(29);
	is_held(HOLD_LIVE_CHILD, decide(30).because);
	ck_assert_ptr_nonnull(decide(30).because);
	is_dead(first, 29);
	is_held(HOLD_LIVE_CHILD, second);
	is_dead(second, 12);
	is_held(HOLD_LIVE_CHILD, second);
	is_dead(second, 29);
	goes(30, true);
}
END_TEST

START_TEST(what_came_after_the_last_answer_keeps_it)
{
	struct mount *mount = below("/b/a/x"), *newcomer;

	root->dead.checked = at(29);
	is_dead(mount, 29);
	newcomer = attach_type(carrier->facts.id, "/b/a/y", "tmpfs", at(30));
	is_held(HOLD_UNCONFIRMED, newcomer);
}
END_TEST

START_TEST(what_nobody_owns_keeps_it)
{
	struct root_rules rules = rules_for("/b");
	struct mount *mount;

	rules.reap_root = true;
	free(rules.layout);
	rules.layout = strdup("x/{action}");
	set_rules(&rules);
	rules_clear(&rules);
	mount = below("/b/a");
	root->dead.checked = at(29);
	is_held(HOLD_UNOWNED, mount);
}
END_TEST

START_TEST(what_is_protected_keeps_it)
{
	struct mount *mount = below("/b/a/x");

	ck_assert_int_eq(string_list_add(&root->rules.protect, "a/x"), 0);
	root->dead.checked = at(29);
	is_dead(mount, 29);
	is_held(HOLD_PROTECTED, mount);
}
END_TEST

START_TEST(a_pause_and_an_observer_keep_it)
{
	root->dead.checked = at(29);
	facts.paused = true;
	is_held(HOLD_PAUSED, NULL);
	facts = (struct policy_facts){ .observe = true };
	is_held(HOLD_OBSERVE, NULL);
	facts = (struct policy_facts){ .brake_until = at(31).mono };
	is_held(HOLD_BRAKE, NULL);
}
END_TEST

START_TEST(it_is_not_asked_for_twice_nor_at_once_after_it_resisted)
{
	root->dead.checked = at(29);
	carrier->in_flight = true;
	is_held(HOLD_IN_FLIGHT, NULL);
	carrier->in_flight = false;
	carrier->retry_mono = at(31).mono;
	is_held(HOLD_BACKOFF, NULL);
	ck_assert_int_eq(decide(30).due, at(31).mono);
}
END_TEST

START_TEST(what_is_below_is_not_tried_by_itself)
{
	struct mount *mount = below("/b/a/x");
	struct plan plan = { 0 };
	struct reap_list list = { 0 };

	is_dead(mount, 29);
	ck_assert_int_eq(policy_plan(model, &facts, at(30), &plan), 0);
	ck_assert_int_eq(policy_order(model, &plan, at(30), &list), 0);
	ck_assert_uint_eq(list.count, 1);
	ck_assert_str_eq(hold_name(list.items[0].hold), "dead-root");
	reap_list_clear(&list);
	root->dead_mount = 0; /* answers again, since it was planned */
	ck_assert_int_eq(policy_order(model, &plan, at(30), &list), 0);
	ck_assert_str_eq(hold_name(list.items[0].hold), "dead-root");
	reap_list_clear(&list);
	plan_clear(&plan);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("policy/dead_root");
	TCase *tests = tcase_create("dead_root");

	tcase_add_checked_fixture(tests, dead_setup, teardown);
	tcase_add_test(tests, it_goes_after_the_grace_once_it_was_asked_again);
	tcase_add_test(tests, it_goes_only_where_that_is_configured);
	tcase_add_test(tests, an_action_on_what_is_not_the_roots_own_mount_is_a_suspect);
	tcase_add_test(tests, one_that_answers_is_kept);
	tcase_add_test(tests, one_under_a_successor_is_kept);
	tcase_add_test(tests, one_that_carries_more_than_the_root_is_kept);
	tcase_add_test(tests, all_that_is_below_must_be_over);
	tcase_add_test(tests, what_came_after_the_last_answer_keeps_it);
	tcase_add_test(tests, what_nobody_owns_keeps_it);
	tcase_add_test(tests, what_is_protected_keeps_it);
	tcase_add_test(tests, a_pause_and_an_observer_keep_it);
	tcase_add_test(tests, it_is_not_asked_for_twice_nor_at_once_after_it_resisted);
	tcase_add_test(tests, what_is_below_is_not_tried_by_itself);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
