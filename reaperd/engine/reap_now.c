/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/reap_now.h"

#include <errno.h>
#include <stdlib.h>

#include "engine/journal.h"

int reap_now(struct engine *engine, struct action *action, bool active)
{
	if (!policy_has_evidence(action) && !active)
		return -EPERM;
	engine->now = clock_now();
	if (active && policy_evidence_set(action, EVIDENCE_ENDED, engine->now)) {
		action->registered = false;
		journal_evidence(engine, action, EVIDENCE_ENDED, true, "an operator");
		/* Without unique ids nothing that ended is taken before the table was read once more. */
		engine_want_read(engine);
	}
	/* Asked for anew, what resisted before is tried from the first step, without waiting. */
	for (struct mount *mount = action->mounts; mount; mount = mount->action_next)
		if (!mount->in_flight)
			policy_forget_attempts(mount);
	action->reap_now = true;
	engine_wake(engine);
	return 0;
}

static int preview_one(struct plan *plan, struct action *action, bool active, const struct engine *engine)
{
	struct decision *items;
	struct decision decision;
	const bool was = action->reap_now;

	action->reap_now = true;
	decision = policy_decide_action(action, &engine->facts, engine->now);
	action->reap_now = was;
	if (active && decision.verdict <= VERDICT_SUSPECT) {
		decision.because = EVIDENCE_ENDED;
		decision.hold = engine->facts.observe || action->root->rules.mode == ROOT_MODE_OBSERVE ? HOLD_OBSERVE :
													 HOLD_NONE;
	} else if (decision.verdict <= VERDICT_SUSPECT) {
		return 0;
	}
	decision.verdict = VERDICT_REAP;
	items = reallocarray(plan->items, plan->count + 1, sizeof(*items));
	if (!items)
		return -ENOMEM;
	plan->items = items;
	plan->items[plan->count++] = decision;
	return 0;
}

int reap_now_preview(struct engine *engine, struct action *const *actions, size_t count, bool active,
		     struct reap_list *ret)
{
	struct plan plan = { .next = INT64_MAX };
	int r = 0;

	engine->now = clock_now();
	for (size_t i = 0; i < count && r == 0; i++)
		r = preview_one(&plan, actions[i], active, engine);
	if (r == 0)
		r = policy_order(engine->model, &plan, engine->now, ret);
	plan_clear(&plan);
	return r;
}
