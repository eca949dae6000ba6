/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What people ask for: to reap now, what that would do, and who holds a mount. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "engine/broker_client.h"
#include "engine/engine.h"
#include "engine/ledger.h"
#include "engine/tracker.h"

static bool has_evidence(const struct action *action)
{
	const uint32_t says_nothing = EVIDENCE_BIT(EVIDENCE_HUNG) | EVIDENCE_BIT(EVIDENCE_UNKNOWN);

	if (action->evidence & ~says_nothing)
		return true;
	for (const struct mount *mount = action->mounts; mount; mount = mount->action_next)
		if (mount->evidence)
			return true;
	return false;
}

int engine_reap(struct engine *engine, struct action *action, bool active)
{
	if (!has_evidence(action) && !active)
		return -EPERM;
	engine->now = clock_now();
	if (active && policy_evidence_set(action, EVIDENCE_ENDED, engine->now)) {
		action->registered = false;
		ledger_journal_evidence(engine, action, EVIDENCE_ENDED, true, "an operator");
		/* Without unique ids nothing that ended is taken before the table was read once more. */
		tracker_want_read(engine->tracker);
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

int engine_reap_preview(struct engine *engine, struct action *const *actions, size_t count, bool active,
			struct reap_list *ret)
{
	struct plan plan = { .next = INT64_MAX };
	int r = 0;

	engine->now = clock_now();
	for (size_t i = 0; i < count && r == 0; i++)
		r = preview_one(&plan, actions[i], active, engine);
	if (r == 0)
		r = policy_order(engine->model, &plan, true, engine->now, ret);
	plan_clear(&plan);
	return r;
}

struct holders_job {
	engine_holders_function *function;
	void *context;
};

static void on_holders(void *context, struct engine *engine, const struct message_result *result)
{
	struct holders_job *job = context;

	(void)engine;
	if (result->error)
		job->function(job->context, NULL, -1);
	else
		job->function(job->context, result->holders, (int)result->count);
	free(job);
}

void engine_holders(struct engine *engine, const struct mount *mount, engine_holders_function *function, void *context)
{
	struct message_request request = { .type = MESSAGE_HOLDERS, .count = 1 };
	const char *relative = mount_root_relative(mount);
	struct holders_job *job = calloc(1, sizeof(*job));
	int r = -ENOMEM;

	request.holders = calloc(1, sizeof(*request.holders));
	if (!relative || !*relative || !mount->instance) {
		r = -ENOENT;
	} else if (job && request.holders) {
		*job = (struct holders_job){ function, context };
		request.root = (uint32_t)mount->instance->root->index;
		*request.holders = (struct step_item){
			.path = strdup(relative),
			.action_length = (uint32_t)strlen(relative),
			.step = STEP_UMOUNT,
			.mount = broker_reference(mount),
		};
		if (request.holders->path)
			r = broker_request(engine->broker, &request, on_holders, job);
	}
	message_request_clear(&request);
	if (r < 0) {
		free(job);
		function(context, NULL, -1);
	}
}
