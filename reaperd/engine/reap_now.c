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

static int plan_add(struct plan *plan, struct decision decision)
{
	struct decision *items = reallocarray(plan->items, plan->count + 1, sizeof(*items));

	if (!items)
		return -ENOMEM;
	decision.verdict = VERDICT_REAP;
	plan->items = items;
	plan->items[plan->count++] = decision;
	return 0;
}

/* With reap_now set: the action as a whole, or else those of its mounts that are over by themselves. */
static int preview_one(struct plan *plan, const struct action *action, bool active, const struct engine *engine)
{
	struct decision decision = policy_decide_action(action, &engine->facts, engine->now);
	int r = 0;

	if (active && decision.verdict <= VERDICT_SUSPECT) {
		decision.because = EVIDENCE_ENDED;
		decision.hold = engine->facts.observe || action->root->rules.mode == ROOT_MODE_OBSERVE ? HOLD_OBSERVE :
													 HOLD_NONE;
		return plan_add(plan, decision);
	}
	if (decision.verdict > VERDICT_SUSPECT)
		return plan_add(plan, decision);
	for (const struct mount *mount = action->mounts; mount && r == 0; mount = mount->action_next) {
		decision = policy_decide_mount(mount, &engine->facts, engine->now);
		if (decision.verdict > VERDICT_SUSPECT)
			r = plan_add(plan, decision);
	}
	return r;
}

static bool has_mount(const struct reap_list *list, size_t count, const struct mount *mount)
{
	for (size_t i = 0; i < count; i++)
		if (list->items[i].mount == mount)
			return true;
	return false;
}

static int list_add(struct reap_list *list, struct reap_item item)
{
	struct reap_item *items = reallocarray(list->items, list->count + 1, sizeof(*items));

	if (!items)
		return -ENOMEM;
	list->items = items;
	list->items[list->count++] = item;
	list->allocated = list->count;
	return 0;
}

/* A suspect's mounts that stay though somebody asks: who is told of none takes it that there are none. */
static int list_what_stays(const struct action *action, const struct decision *decision, struct reap_list *list)
{
	const enum hold hold = decision->because == EVIDENCE_DEAD ? HOLD_DEAD : HOLD_STALE_COPY;
	const size_t go = list->count;
	int r = 0;

	for (struct mount *mount = action->mounts; mount && r == 0; mount = mount->action_next)
		if (!has_mount(list, go, mount))
			r = list_add(list, (struct reap_item){ .mount = mount,
							       .step = STEP_UMOUNT,
							       .evidence = decision->because,
							       .hold = hold });
	return r;
}

/* `action` as if it were asked for. */
static struct decision decide_asked(struct action *action, const struct engine *engine)
{
	const bool was = action->reap_now;
	struct decision decision;

	action->reap_now = true;
	decision = policy_decide_action(action, &engine->facts, engine->now);
	action->reap_now = was;
	return decision;
}

int reap_now_preview(struct engine *engine, struct action *const *actions, size_t count, bool active,
		     struct reap_list *ret)
{
	struct plan plan = { .next = INT64_MAX };
	int r = 0;

	engine->now = clock_now();
	*ret = (struct reap_list){ 0 };
	for (size_t i = 0; i < count && r == 0; i++) {
		const bool was = actions[i]->reap_now;

		actions[i]->reap_now = true;
		r = preview_one(&plan, actions[i], active, engine);
		actions[i]->reap_now = was;
	}
	if (r == 0)
		r = policy_order(engine->model, &plan, engine->now, ret);
	for (size_t i = 0; i < count && r == 0 && !active; i++) {
		struct decision decision = decide_asked(actions[i], engine);

		if (decision.verdict == VERDICT_SUSPECT)
			r = list_what_stays(actions[i], &decision, ret);
	}
	plan_clear(&plan);
	return r;
}
