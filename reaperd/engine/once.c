/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/once.h"

#include "base/log.h"
#include "engine/namespaces.h"
#include "engine/prober.h"
#include "engine/reaper.h"
#include "engine/tracker.h"

struct tally {
	size_t leftovers, stuck, unknown;
};

static void count_action(const struct engine *engine, const struct action *action, struct tally *tally)
{
	struct decision decision = policy_decide_action(action, &engine->facts, engine->now);

	if (action->evidence & EVIDENCE_SAYS_NOTHING)
		tally->unknown++;
	for (const struct mount *mount = action->mounts; mount; mount = mount->action_next) {
		struct decision own = policy_decide_mount(mount, &engine->facts, engine->now);

		if (mount->state == MOUNT_STUCK) {
			tally->stuck++;
			log_notice("stuck: %s", mount->facts.target);
		} else if (decision.verdict == VERDICT_REAP || own.verdict == VERDICT_REAP) {
			tally->leftovers++;
			log_notice("left over: %s (%s)", mount->facts.target,
				   evidence_name(decision.verdict == VERDICT_REAP ? decision.because : own.because));
		}
	}
}

static struct tally count_all(struct engine *engine)
{
	struct tally tally = { 0 };

	for (struct root *root = model_roots(engine->model); root; root = root->next) {
		/* Also of one that is absent: a root that is mistyped must not pass for a clean one. */
		if (root->health != ROOT_HEALTH_OK) {
			log_notice("%s: %s", root->rules.path, root_health_name(root->health));
			tally.unknown++;
		}
		for (struct action *action = root_first_action(root); action; action = root_next_action(action))
			count_action(engine, action, &tally);
	}
	return tally;
}

static int exit_status(const struct tally *tally)
{
	if (tally->leftovers || tally->stuck)
		return 1;
	return tally->unknown ? 3 : 0;
}

void once_turn(struct engine *engine)
{
	struct tally tally;

	if (!(engine->flags & CONFIGURATION_ONCE) || engine->stopping)
		return;
	if (engine->plan_wanted || tracker_is_busy(engine->tracker) || prober_is_busy(engine->prober) ||
	    namespaces_are_busy(engine->namespaces) || reaper_is_busy(engine->reaper))
		return;
	tally = count_all(engine);
	log_notice("done: %llu mounts reaped, %zu left over, %zu stuck, %zu unknown",
		   (unsigned long long)engine->reaped, tally.leftovers, tally.stuck, tally.unknown);
	engine->exit_status = exit_status(&tally);
	engine->stopping = true;
}
