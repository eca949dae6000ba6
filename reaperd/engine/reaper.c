/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/reaper.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "engine/brake.h"
#include "engine/dead_root.h"
#include "engine/journal.h"
#include "engine/ledger.h"
#include "engine/namespaces.h"
#include "engine/reap_batch.h"
#include "engine/tracker.h"

#define OTHERS_WAIT  (10 * NSEC_PER_SEC)  /* for the tables of other namespaces */
#define FORGET_AFTER (300 * NSEC_PER_SEC) /* how long a cleared action is kept, should its directory be used again */

struct reaper {
	struct engine *engine;
	struct brake brake;
	bool decision_waits;
};

struct reaper *reaper_new(struct engine *engine)
{
	struct reaper *reaper = calloc(1, sizeof(*reaper));

	if (!reaper)
		return NULL;
	reaper->engine = engine;
	brake_init(&reaper->brake, engine->config->max_reaps_per_minute, engine->now.mono);
	return reaper;
}

void reaper_free(struct reaper *reaper)
{
	free(reaper);
}

bool reaper_is_busy(const struct reaper *reaper)
{
	return reaper->engine->batches_in_flight > 0 || reaper->decision_waits;
}

/* --- states --- */

static void set_state(struct engine *engine, struct action *action, enum action_state state)
{
	enum action_state was = action->state;

	if (was == state && (state != ACTION_CLEARED || action->ended.real))
		return;
	if (policy_set_state(action, state) < 0) {
		log_error("bug of ours: action %s cannot come from %s to %s", action->name, action_state_name(was),
			  action_state_name(state));
		return;
	}
	if (state == ACTION_CLEARED) {
		action->ended = engine->now;
		action->dirty = true;
	} else if (was == ACTION_CLEARED)
		action->ended = (struct now){ 0 };
	log_debug("%s %s@%u: %s", action->root->rules.path, action->name, action->generation, action_state_name(state));
}

static void journal_hoisted(struct engine *engine, const struct action *action, uint32_t changed)
{
	for (unsigned bit = 0; bit < EVIDENCE_COUNT; bit++)
		if (changed & EVIDENCE_BIT(bit))
			journal_evidence(engine, action, bit, action->evidence & EVIDENCE_BIT(bit), NULL);
}

/* Too old, by the root's rule or the registration's own. */
static void check_age(struct engine *engine, struct action *action)
{
	int64_t most = action->owner.max_age ? action->owner.max_age : action->root->rules.max_age;
	/* Registered again, it is as old as its last registration. */
	int64_t born =
		action->owner.max_age && action->owner.begun.mono ? action->owner.begun.mono : action->first_seen.mono;

	if (most == 0 || action->evidence & EVIDENCE_BIT(EVIDENCE_EXPIRED))
		return;
	if (engine->now.mono - born < most) {
		engine_plan_at(engine, born + most);
		return;
	}
	policy_evidence_set(action, EVIDENCE_EXPIRED, engine->now);
	journal_evidence(engine, action, EVIDENCE_EXPIRED, true, NULL);
	/* What it mounted last may not have been seen yet; what comes to its name later is another's. */
	engine_want_read(engine);
}

/* Once for each time that it comes to it: what is reaped, and in observe mode what would be. */
static void say_what_goes(struct action *action, const struct decision *decision)
{
	bool goes = decision->verdict == VERDICT_REAP && action->mounts &&
		    (decision->hold == HOLD_NONE || decision->hold == HOLD_OBSERVE);

	if (goes && !action->told)
		log_info("%s%s@%u below %s, %zu mounts: %s",
			 decision->hold == HOLD_OBSERVE ? "would reap " : "reaping ", action->name, action->generation,
			 action->root->rules.path, action->mount_count, evidence_name(decision->because));
	action->told = goes;
}

/* A past action is kept for a while, for its directory may be used again; then its name is the ledger's. */
static bool forget_if_past(struct engine *engine, struct action *action)
{
	if (action->state != ACTION_CLEARED || action->mounts || action->registered)
		return false;
	if (engine->now.mono - action->ended.mono < FORGET_AFTER)
		return false;
	ledger_save_action(engine, action);
	model_forget_action(engine->model, action);
	return true;
}

/* Begun, over, and nothing to take away that was mounted until then: the registration is all that there is of it. */
static bool nothing_is_left(const struct engine *engine, const struct action *action, const struct decision *decision)
{
	enum evidence because = decision->because;

	if (action->mounts || !action->registered)
		return false;
	/* There is nothing for the grace to spare, and what comes to the name next must not inherit the end. */
	if (decision->verdict != VERDICT_REAP && action->evidence & EVIDENCE_BIT(EVIDENCE_OWNER_EXITED))
		because = EVIDENCE_OWNER_EXITED;
	else if (decision->verdict != VERDICT_REAP && action->evidence & EVIDENCE_BIT(EVIDENCE_EXPIRED))
		because = EVIDENCE_EXPIRED;
	else if (decision->verdict != VERDICT_REAP)
		return false;
	return tracker_has_read_since(engine->tracker, action->evidence_state[because].since.mono) &&
	       namespaces_have_read_since(engine->namespaces, NULL, action->evidence_state[because].since.mono);
}

/*
 * What it has in another namespace, whose table was not read since it was said to be over, would be found as the next
 * generation's were it past by then: a leftover that nothing says so of. A table that cannot be read is not waited for.
 */
static bool may_have_more(struct engine *engine, const struct action *action)
{
	int64_t said = policy_said_over(action);

	if (said == INT64_MAX || engine->now.mono - said >= OTHERS_WAIT ||
	    (!namespaces_are_busy(engine->namespaces) && namespaces_have_read_since(engine->namespaces, NULL, said)))
		return false;
	engine_plan_at(engine, said + OTHERS_WAIT);
	return true;
}

/* What is not over, or what a reload protects, is stuck no more. */
static void forget_what_stays(struct action *action, const struct decision *decision)
{
	for (struct mount *mount = action->mounts; mount; mount = mount->action_next)
		if ((decision->verdict != VERDICT_REAP && !mount->evidence) ||
		    (mount->state == MOUNT_STUCK && mount_is_protected(mount)))
			policy_forget_attempts(mount);
}

static void examine(struct engine *engine, struct action *action)
{
	struct decision decision;
	enum action_state state;

	for (struct mount *mount = action->mounts; mount; mount = mount->action_next)
		journal_mount_evidence(engine, mount);
	journal_hoisted(engine, action, policy_hoist(action, engine->now));
	check_age(engine, action);
	decision = policy_decide_action(action, &engine->facts, engine->now);
	if (nothing_is_left(engine, action, &decision))
		action->registered = false;
	say_what_goes(action, &decision);
	forget_what_stays(action, &decision);
	state = policy_state(action, &decision);
	if (state != ACTION_CLEARED || action->state == state || !may_have_more(engine, action))
		set_state(engine, action, state);
	/* What was asked for was meant of the evidence that there was, not of any that may come. */
	if (action->state == ACTION_CLEARED || !policy_has_evidence(action))
		action->reap_now = false;
	if (forget_if_past(engine, action))
		return;
	ledger_save_action(engine, action);
	/*
	 * What is said to have gone is written down once, as what the table says of it; but before, if it is another
	 * action's by now: the former one may be past.
	 */
	for (struct mount *mount = action->mounts; mount; mount = mount->action_next)
		if (mount->dirty || (mount->state_dirty && !reap_batch_waits_for_the_table(engine, mount)))
			ledger_save_mount(engine, mount, NULL);
}

static void examine_all(struct engine *engine)
{
	struct action *next;

	for (struct action *action = model_first_action(engine->model); action; action = next) {
		next = model_next_action(action);
		examine(engine, action);
	}
}

/* --- the turn --- */

static void recheck(struct engine *engine, const struct decision *decision)
{
	bool by_mounts = decision->because == EVIDENCE_MOVED || decision->because == EVIDENCE_SOURCE_DELETED;

	/* Mounts that have gone confirm nothing: to read the table for them would not end. */
	if (by_mounts && decision->action->mounts)
		engine_want_refresh(engine);
	else if (!by_mounts)
		engine_want_probe(engine, decision->action);
}

/*
 * What is to be reaped, but attached after the evidence, needs the directory's identity first. An answer that did not
 * tell it would not tell it at once, either: then the next round asks.
 */
static void confirm_newcomers(struct engine *engine, const struct reap_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct mount *mount = list->items[i].mount;

		if (list->items[i].hold == HOLD_UNCONFIRMED && !mount->action->probing &&
		    mount->action->probed.mono <= mount->first_seen.mono)
			engine_want_probe(engine, mount->action);
	}
}

static int64_t next_retry(const struct reap_list *list)
{
	int64_t next = INT64_MAX;

	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].hold == HOLD_BACKOFF && list->items[i].mount->retry_mono < next)
			next = list->items[i].mount->retry_mono;
	return next;
}

/* While all is held (paused, observed, braked), which goes first is nobody's question. */
static bool has_free_decision(const struct plan *plan)
{
	for (size_t i = 0; i < plan->count; i++)
		if (plan->items[i].verdict == VERDICT_REAP && plan->items[i].hold == HOLD_NONE)
			return true;
	return false;
}

static void act(struct reaper *reaper, const struct plan *plan)
{
	struct engine *engine = reaper->engine;
	struct reap_list list = { 0 };

	if (!has_free_decision(plan))
		return;
	/* Mounts that are held by themselves, too: they say when to come again, and what must be confirmed. */
	if (policy_order(engine->model, plan, engine->now, &list) < 0) {
		log_error("out of memory: nothing is reaped in this turn");
		return;
	}
	confirm_newcomers(engine, &list);
	engine_plan_at(engine, next_retry(&list));
	if (!engine->stopping)
		reap_batches(engine, &reaper->brake, &list);
	reap_list_clear(&list);
}

void reaper_turn(struct reaper *reaper)
{
	struct engine *engine = reaper->engine;
	struct plan plan = { 0 };

	engine->facts.brake_until = brake_turn(&reaper->brake, engine->config->max_reaps_per_minute, engine->now.mono);
	examine_all(engine);
	if (policy_plan(engine->model, &engine->facts, engine->now, &plan) < 0) {
		log_error("out of memory: nothing is planned in this turn");
		return;
	}
	reaper->decision_waits = false;
	for (size_t i = 0; i < plan.count; i++) {
		const struct decision *decision = &plan.items[i];

		if (decision->verdict == VERDICT_RECHECK)
			recheck(engine, decision);
		if (decision->verdict == VERDICT_WAIT || decision->verdict == VERDICT_RECHECK)
			reaper->decision_waits = true;
	}
	engine_plan_at(engine, plan.next);
	act(reaper, &plan);
	reaper->decision_waits |= dead_roots_turn(engine, &reaper->brake);
	plan_clear(&plan);
}
