/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What lies below a filesystem without a server is out of reach of every path: it goes with the mount of that, or stays. */
#include <string.h>

#include "policy/internal.h"

/* What was mounted over it, a successor, would go along: then a walk to the path ends on that. */
static struct mount *dead_mount(struct model *model, const struct root *root)
{
	struct mount *mount = root->dead_mount ? model_mount_for_path(model, root->rules.path) : NULL;

	return mount && mount->facts.id == root->dead_mount && !strcmp(mount->facts.target, root->rules.path) ? mount :
														NULL;
}

static enum hold hold_of_one_below(const struct mount *mount, const struct policy_facts *facts, struct now now)
{
	struct decision decision;
	enum evidence evidence;

	if (!mount->action)
		return HOLD_UNOWNED;
	decision = policy_decide_what_goes(mount, facts, now);
	if (decision.verdict != VERDICT_REAP)
		return HOLD_LIVE_CHILD;
	return policy_hold_of_mount(mount, &decision, now, &evidence);
}

/* That it could not be unmounted by itself is why it goes with the root. */
static bool keeps_root(enum hold hold)
{
	return hold != HOLD_NONE && hold != HOLD_BACKOFF && hold != HOLD_LOCKED;
}

static enum hold hold_of_tree(struct root_decision *decision, const struct policy_facts *facts, struct now now)
{
	struct mount *top = decision->mount;

	for (struct mount *at = mount_next_below(top, top); at; at = mount_next_below(top, at)) {
		enum hold hold = hold_of_one_below(at, facts, now);

		if (!keeps_root(hold))
			continue;
		decision->because = at;
		return hold;
	}
	return HOLD_NONE;
}

struct root_decision policy_decide_root(struct model *model, const struct root *root, const struct policy_facts *facts,
					struct now now)
{
	struct root_decision decision = { .mount = dead_mount(model, root) };
	const struct root_rules *rules = &root->rules;
	struct decision weighed;

	if (!decision.mount)
		return decision;
	decision.verdict = VERDICT_SUSPECT;
	if (!rules->reap_root || !(rules->reap_when & EVIDENCE_BIT(EVIDENCE_DEAD)))
		return decision;
	weighed = policy_weigh(rules, EVIDENCE_DEAD, &root->dead, false, now);
	decision.due = weighed.due;
	decision.verdict = weighed.verdict;
	if (decision.verdict != VERDICT_REAP)
		return decision;
	decision.hold = policy_hold_of_root(root, facts, now);
	if (decision.hold == HOLD_NONE)
		decision.hold = hold_of_tree(&decision, facts, now);
	if (decision.hold == HOLD_NONE && decision.mount->in_flight)
		decision.hold = HOLD_IN_FLIGHT;
	if (decision.hold == HOLD_NONE && decision.mount->retry_mono > now.mono) {
		decision.hold = HOLD_BACKOFF;
		decision.due = decision.mount->retry_mono;
	}
	return decision;
}
