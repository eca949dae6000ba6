/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Several pieces of evidence at once: all sets of them, with all that reap-when could include. What one alone comes to
 * is in test_policy_table.c; here is what must hold of them together.
 */
#include "policy_fixture.h"
#include "run_suite.h"

#define SETS		   (1u << EVIDENCE_COUNT)
#define SAYS_NOTHING	   (EVIDENCE_BIT(EVIDENCE_HUNG) | EVIDENCE_BIT(EVIDENCE_UNKNOWN))
#define NEVER_ENOUGH	   (SAYS_NOTHING | EVIDENCE_BIT(EVIDENCE_STALE_COPY))
#define EACH_SUBSET(s, of) (uint32_t s = (of), s##_last = 0; !s##_last; s##_last = !s, s = (s - 1) & (of))

/* All of `evidence` since 10 s, confirmed at 10 + `checked` s. */
static struct action *action_with(struct action *action, uint32_t evidence, int64_t checked)
{
	action->evidence = evidence;
	for (unsigned bit = 0; bit < EVIDENCE_COUNT; bit++)
		action->evidence_state[bit] = evidence & EVIDENCE_BIT(bit) ?
						      (struct evidence_state){ at(10), at(10 + checked) } :
						      (struct evidence_state){ 0 };
	return action;
}

static enum verdict verdict_of(struct action *action, uint32_t reap_when, struct now now)
{
	action->root->rules.reap_when = reap_when;
	return policy_decide_action(action, &facts, now).verdict;
}

START_TEST(what_is_never_enough_alone_is_not_enough_together)
{
	struct action *action = attach("/b/a/proc")->action;

	action->root->rules.reap_root = action->reap_now = true;
	action->owner.max_age = 1;
	for
		EACH_SUBSET(set, NEVER_ENOUGH)
		{
			enum verdict expected = set & ~SAYS_NOTHING ? VERDICT_SUSPECT : VERDICT_KEEP;

			action_with(action, set, 1000);
			must(verdict_of(action, UINT32_MAX, at(1000000)) == expected);
			must(policy_acting(action) == 0);
		}
}
END_TEST

/* They are reported, and evidence that a filesystem did not confirm anew ends by itself: see probe_result.c. */
START_TEST(what_says_nothing_holds_nothing_back_and_adds_nothing)
{
	struct action *action = attach("/b/a/proc")->action;

	for (uint32_t set = 0; set < SETS; set++) {
		struct decision with, without;

		if (set & SAYS_NOTHING)
			continue;
		without = policy_decide_action(action_with(action, set, 1000), &facts, at(1010));
		for
			EACH_SUBSET(nothing, SAYS_NOTHING)
			{
				with = policy_decide_action(action_with(action, set | nothing, 1000), &facts, at(1010));
				must(with.verdict == without.verdict);
				must(with.because == without.because);
			}
	}
}
END_TEST

START_TEST(to_include_more_never_makes_less_of_it)
{
	static uint8_t verdicts[SETS];
	struct action *action = attach("/b/a/proc")->action;

	action->root->rules.reap_root = _i & 1;
	for (uint32_t set = 0; set < SETS; set++) {
		action_with(action, set, _i & 2 ? 1000 : 0);
		for
			EACH_SUBSET(included, set)
		verdicts[included] = (uint8_t)verdict_of(action, included, at(_i & 4 ? 12 : 1010));
		for
			EACH_SUBSET(included, set)
		for (unsigned bit = 0; bit < EVIDENCE_COUNT; bit++)
			if (included & EVIDENCE_BIT(bit))
				must(verdicts[included] >= verdicts[included & ~EVIDENCE_BIT(bit)]);
	}
}
END_TEST

START_TEST(more_evidence_never_makes_less_of_it)
{
	static uint8_t verdicts[SETS];
	struct action *action = attach("/b/a/proc")->action;

	for (unsigned included = 0; included < EVIDENCE_COUNT; included++) {
		for (uint32_t set = 0; set < SETS; set++)
			verdicts[set] =
				(uint8_t)verdict_of(action_with(action, set, 1000), EVIDENCE_BIT(included), at(1010));
		for (uint32_t set = 0; set < SETS; set++)
			for (unsigned bit = 0; bit < EVIDENCE_COUNT; bit++)
				if (set & EVIDENCE_BIT(bit))
					must(verdicts[set] >= verdicts[set & ~EVIDENCE_BIT(bit)]);
	}
}
END_TEST

/* The strongest is that which lets act, else the first that there is; it is always one of those that were seen. */
START_TEST(because_names_evidence_that_there_is_and_that_acts)
{
	struct action *action = attach("/b/a/proc")->action;

	for (uint32_t set = 0; set < SETS; set++)
		for (int64_t now = 10; now <= 1010; now += 1000) {
			struct decision decision =
				policy_decide_action(action_with(action, set, now - 10), &facts, at(now));

			if (decision.verdict == VERDICT_KEEP) {
				must(!(set & ~SAYS_NOTHING));
				continue;
			}
			must(set & EVIDENCE_BIT(decision.because));
			if (decision.verdict != VERDICT_SUSPECT)
				must(policy_acting(action) & EVIDENCE_BIT(decision.because));
			else
				must(policy_acting(action) == 0);
		}
}
END_TEST

START_TEST(nothing_is_reaped_before_the_grace_of_what_acts_is_over_and_it_was_confirmed)
{
	struct action *action = attach("/b/a/proc")->action;
	const uint32_t said = EVIDENCE_BIT(EVIDENCE_OWNER_EXITED) | EVIDENCE_BIT(EVIDENCE_EXPIRED);
	const uint32_t hollow = EVIDENCE_BIT(EVIDENCE_HOLLOW), ended = EVIDENCE_BIT(EVIDENCE_ENDED);

	for (uint32_t set = 0; set < SETS; set++) {
		uint32_t acting;
		bool reaps;

		action->root->rules.reap_when = UINT32_MAX;
		acting = policy_acting(action_with(action, set, 4));
		reaps = acting & ended;
		must(reaps == (verdict_of(action, UINT32_MAX, at(14)) == VERDICT_REAP));
		/* All that needs no question may go after 5 s, what was asked after 4 s may not. */
		reaps = acting & (ended | said);
		must(reaps == (verdict_of(action, UINT32_MAX, at(15)) == VERDICT_REAP));
		action_with(action, set, 5);
		reaps = acting & ~hollow;
		must(reaps == (verdict_of(action, UINT32_MAX, at(15)) == VERDICT_REAP));
		action_with(action, set, 60);
		must((acting != 0) == (verdict_of(action, UINT32_MAX, at(70)) == VERDICT_REAP));
	}
}
END_TEST

START_TEST(of_several_that_wait_the_one_that_waits_least_says_when)
{
	struct action *action = attach("/b/a/proc")->action;
	struct decision decision;

	action_with(action, EVIDENCE_BIT(EVIDENCE_HOLLOW) | EVIDENCE_BIT(EVIDENCE_MISSING), 0);
	decision = policy_decide_action(action, &facts, at(10));
	must(decision.verdict == VERDICT_WAIT);
	must(decision.because == EVIDENCE_MISSING);
	must(decision.due == at(15).mono);
}
END_TEST

START_TEST(whatever_is_over_paused_and_observing_hold_it)
{
	struct action *action = attach("/b/a/proc")->action;

	for (uint32_t set = 0; set < SETS; set++) {
		struct decision decision;

		action_with(action, set, 1000);
		facts = (struct policy_facts){ .paused = true };
		decision = policy_decide_action(action, &facts, at(1010));
		must(decision.hold == (decision.verdict == VERDICT_REAP ? HOLD_PAUSED : HOLD_NONE));
		must(policy_state(action, &decision) != ACTION_REAPING);
		facts = (struct policy_facts){ .observe = true };
		decision = policy_decide_action(action, &facts, at(1010));
		must(decision.hold == (decision.verdict == VERDICT_REAP ? HOLD_OBSERVE : HOLD_NONE));
		must(policy_state(action, &decision) != ACTION_REAPING);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("policy-sets");
	TCase *tcase = tcase_create("policy-sets");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, what_is_never_enough_alone_is_not_enough_together);
	tcase_add_test(tcase, what_says_nothing_holds_nothing_back_and_adds_nothing);
	tcase_add_loop_test(tcase, to_include_more_never_makes_less_of_it, 0, 8);
	tcase_add_test(tcase, more_evidence_never_makes_less_of_it);
	tcase_add_test(tcase, because_names_evidence_that_there_is_and_that_acts);
	tcase_add_test(tcase, nothing_is_reaped_before_the_grace_of_what_acts_is_over_and_it_was_confirmed);
	tcase_add_test(tcase, of_several_that_wait_the_one_that_waits_least_says_when);
	tcase_add_test(tcase, whatever_is_over_paused_and_observing_hold_it);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
