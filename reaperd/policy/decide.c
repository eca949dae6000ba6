/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "policy/internal.h"

/* What can never be enough, whatever reap-when says. */
#define NEVER_ACTS (EVIDENCE_BIT(EVIDENCE_STALE_COPY) | EVIDENCE_SAYS_NOTHING)

/*
 * What a filesystem or the mount table must confirm once more after the grace. The rest was said by somebody and stays
 * said.
 */
#define NEEDS_CONFIRMING                                                                                               \
	(EVIDENCE_BIT(EVIDENCE_MISSING) | EVIDENCE_BIT(EVIDENCE_REPLACED) | EVIDENCE_BIT(EVIDENCE_MOVED) |             \
	 EVIDENCE_BIT(EVIDENCE_SOURCE_DELETED) | EVIDENCE_BIT(EVIDENCE_HOLLOW) | EVIDENCE_BIT(EVIDENCE_DEAD))

static const char *const verdict_names[] = {
	[VERDICT_KEEP] = "keep",       [VERDICT_SUSPECT] = "suspect", [VERDICT_WAIT] = "wait",
	[VERDICT_RECHECK] = "recheck", [VERDICT_REAP] = "reap",
};

const char *verdict_name(enum verdict verdict)
{
	return (size_t)verdict < ARRAY_SIZE(verdict_names) ? verdict_names[verdict] : "?";
}

static const char *const hold_names[] = {
	[HOLD_NONE] = "none",
	[HOLD_OBSERVE] = "observe",
	[HOLD_PAUSED] = "paused",
	[HOLD_BRAKE] = "brake",
	[HOLD_PROTECTED] = "protected",
	[HOLD_UNOWNED] = "unowned",
	[HOLD_LIVE_CHILD] = "live-child",
	[HOLD_COVERED] = "covered",
	[HOLD_LOCKED] = "locked",
	[HOLD_BACKOFF] = "back-off",
	[HOLD_IN_FLIGHT] = "in-flight",
	[HOLD_UNCONFIRMED] = "unconfirmed",
	[HOLD_DEAD_ROOT] = "dead-root",
	[HOLD_DEAD] = "dead",
	[HOLD_STALE_COPY] = "stale-copy",
};

const char *hold_name(enum hold hold)
{
	return (size_t)hold < ARRAY_SIZE(hold_names) ? hold_names[hold] : "?";
}

void plan_clear(struct plan *plan)
{
	free(plan->items);
	*plan = (struct plan){ 0 };
}

uint32_t policy_acting(const struct action *action)
{
	const struct root_rules *rules = &action->root->rules;
	uint32_t acting = action->evidence & rules->reap_when;

	if (action->reap_now)
		acting = action->evidence;
	if (action->owner.max_age > 0)
		acting |= action->evidence & EVIDENCE_BIT(EVIDENCE_EXPIRED);
	/*
	 * What lies below a dead filesystem is out of reach of every path; only taking the root away with it helps. Any
	 * other one, of which the root is a directory, may be back before a step is taken, and what is on it lives on.
	 */
	if (!policy_lies_below_dead_root(action))
		acting &= ~EVIDENCE_BIT(EVIDENCE_DEAD);
	return acting & ~NEVER_ACTS;
}

bool policy_has_evidence(const struct action *action)
{
	bool has = action->evidence & ~EVIDENCE_SAYS_NOTHING;

	for (const struct mount *mount = action->mounts; mount && !has; mount = mount->action_next)
		has = mount->evidence;
	return has;
}

bool policy_is_asked_of_the_filesystem(enum evidence evidence)
{
	return EVIDENCE_BIT(evidence) & NEEDS_CONFIRMING;
}

static int64_t grace_of(const struct root_rules *rules, enum evidence evidence)
{
	if (evidence == EVIDENCE_ENDED)
		return 0;
	return evidence == EVIDENCE_HOLLOW ? rules->grace_hollow : rules->grace;
}

struct decision policy_weigh(const struct root_rules *rules, enum evidence evidence, const struct evidence_state *state,
			     bool without_grace, struct now now)
{
	struct decision decision = { .because = evidence };
	int64_t grace = without_grace ? 0 : grace_of(rules, evidence);

	decision.due = time_after(state->since.mono, grace);
	if (now.mono < decision.due)
		decision.verdict = VERDICT_WAIT;
	else if (policy_is_asked_of_the_filesystem(evidence) && state->checked.mono < decision.due)
		decision.verdict = VERDICT_RECHECK;
	else
		decision.verdict = VERDICT_REAP;
	return decision;
}

bool policy_is_over_by(const struct action *action, enum evidence evidence, struct now now)
{
	return policy_acting(action) & EVIDENCE_BIT(evidence) &&
	       policy_weigh(&action->root->rules, evidence, &action->evidence_state[evidence], action->reap_now, now)
			       .verdict == VERDICT_REAP;
}

/* The decision that is nearer to acting; of two that wait, the one that waits less. */
static struct decision nearer(struct decision a, struct decision b)
{
	if (a.verdict != b.verdict)
		return a.verdict > b.verdict ? a : b;
	if (a.verdict == VERDICT_WAIT)
		return a.due <= b.due ? a : b;
	return a;
}

enum hold policy_hold_of_root(const struct root *root, const struct policy_facts *facts, struct now now)
{
	if (facts->observe || root->rules.mode == ROOT_MODE_OBSERVE)
		return HOLD_OBSERVE;
	if (facts->paused || root->paused)
		return HOLD_PAUSED;
	if (facts->brake_until > now.mono)
		return HOLD_BRAKE;
	return HOLD_NONE;
}

static enum evidence first_evidence(uint32_t bits)
{
	return (enum evidence)__builtin_ctz(bits);
}

/* Of an action all of whose mounts stay by the operator's will nothing is ever reaped. */
static bool is_protected_whole(const struct action *action)
{
	const struct mount *mount = action->mounts;

	while (mount && mount_is_protected(mount))
		mount = mount->action_next;
	return action->mounts && !mount;
}

struct decision policy_decide_action(const struct action *action, const struct policy_facts *facts, struct now now)
{
	uint32_t acting = policy_acting(action);
	uint32_t telling = action->evidence & ~EVIDENCE_SAYS_NOTHING;
	struct decision decision = { .verdict = VERDICT_KEEP };

	if (telling)
		decision = (struct decision){ .verdict = VERDICT_SUSPECT, .because = first_evidence(telling) };
	for (unsigned bit = 0; bit < EVIDENCE_COUNT; bit++)
		if (acting & EVIDENCE_BIT(bit))
			decision = nearer(decision, policy_weigh(&action->root->rules, bit,
								 &action->evidence_state[bit], action->reap_now, now));
	if (decision.verdict == VERDICT_REAP)
		decision.hold = policy_hold_of_root(action->root, facts, now);
	if (decision.verdict == VERDICT_REAP && decision.hold == HOLD_NONE && is_protected_whole(action))
		decision.hold = HOLD_PROTECTED;
	decision.action = (struct action *)action;
	return decision;
}

struct decision policy_decide_mount(const struct mount *mount, const struct policy_facts *facts, struct now now)
{
	struct decision decision = { .verdict = VERDICT_KEEP };
	const struct root_rules *rules;
	bool reap_now;

	if (!mount->action)
		return decision;
	rules = &mount->action->root->rules;
	reap_now = mount->action->reap_now;
	if (mount->evidence)
		decision = (struct decision){ .verdict = VERDICT_SUSPECT, .because = first_evidence(mount->evidence) };
	if (mount->evidence & EVIDENCE_BIT(EVIDENCE_MOVED) &&
	    (reap_now || rules->reap_when & EVIDENCE_BIT(EVIDENCE_MOVED)))
		decision = nearer(decision, policy_weigh(rules, EVIDENCE_MOVED, &mount->moved, reap_now, now));
	if (mount->evidence & EVIDENCE_BIT(EVIDENCE_SOURCE_DELETED) &&
	    (reap_now || rules->reap_when & EVIDENCE_BIT(EVIDENCE_SOURCE_DELETED)))
		decision = nearer(decision,
				  policy_weigh(rules, EVIDENCE_SOURCE_DELETED, &mount->source_deleted, reap_now, now));
	if (decision.verdict == VERDICT_REAP)
		decision.hold = policy_hold_of_root(mount->action->root, facts, now);
	decision.action = mount->action;
	decision.mount = (struct mount *)mount;
	return decision;
}

struct decision policy_decide_what_goes(const struct mount *mount, const struct policy_facts *facts, struct now now)
{
	struct decision decision = policy_decide_action(mount->action, facts, now);

	return decision.verdict != VERDICT_REAP && mount->evidence ? policy_decide_mount(mount, facts, now) : decision;
}

static int plan_add(struct plan *plan, const struct decision *decision)
{
	if (plan->count == plan->allocated) {
		size_t allocated = plan->allocated ? plan->allocated * 2 : 64;
		struct decision *items = reallocarray(plan->items, allocated, sizeof(*items));

		if (!items)
			return -ENOMEM;
		plan->items = items;
		plan->allocated = allocated;
	}
	plan->items[plan->count++] = *decision;
	if (decision->verdict == VERDICT_WAIT && decision->due < plan->next)
		plan->next = decision->due;
	return 0;
}

static int plan_action(struct action *action, const struct policy_facts *facts, struct now now, struct plan *plan)
{
	struct decision decision = policy_decide_action(action, facts, now);
	int r = 0;

	/* A past action keeps its evidence as its history; nothing comes of it, and nobody could confirm it. */
	if (action->mounts || action->registered)
		r = plan_add(plan, &decision);
	/* Where the action as a whole goes, its mounts need no reason of their own. */
	if (decision.verdict == VERDICT_REAP)
		return r;
	for (struct mount *mount = action->mounts; mount && r == 0; mount = mount->action_next) {
		if (!mount->evidence)
			continue;
		decision = policy_decide_mount(mount, facts, now);
		r = plan_add(plan, &decision);
	}
	return r;
}

int policy_plan(struct model *model, const struct policy_facts *facts, struct now now, struct plan *ret)
{
	*ret = (struct plan){ .next = INT64_MAX };
	for (struct action *action = model_first_action(model); action; action = model_next_action(action)) {
		int r = plan_action(action, facts, now, ret);

		if (r < 0) {
			plan_clear(ret);
			return r;
		}
	}
	if (facts->brake_until > now.mono && facts->brake_until < ret->next)
		ret->next = facts->brake_until;
	return 0;
}
