/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Nothing goes wrong any more: what is over goes, what lives stays, the model is the table, the journal says what was,
 * and then the engine sleeps.
 */
#include <stdio.h>
#include <string.h>

#include "engine/pause.h"
#include "world.h"

#define IDLE_TURNS_MOST 1500 /* in a minute: probes of two roots, answers, reads */

void world_must_be_consistent(void)
{
	char why[256];

	if (world.engine->ready && model_verify(world.engine->model, why, sizeof(why)) < 0)
		world_violated("the model contradicts itself: %s", why);
}

static void describe_known(const struct mount *mount)
{
	const struct action *action = mount ? mount->action : NULL;
	struct decision decision;

	if (!action) {
		printf("not known as an action's\n");
		return;
	}
	decision = policy_decide_action(action, &world.engine->facts, world.engine->now);
	printf("action %s@%u %s, evidence %x, its own %x, %s %s because of %s, rounds %u%s%s\n", action->name,
	       action->generation, action_state_name(action->state), action->evidence, mount->evidence,
	       verdict_name(decision.verdict), hold_name(decision.hold), evidence_name(decision.because), mount->rounds,
	       mount->in_flight ? ", in flight" : "", action->registered ? ", registered" : "");
}

static void describe_leftovers(void)
{
	for (size_t i = 0; i < WORLD_MOUNTS; i++) {
		const struct world_mount *mount = &world.mounts[i];
		const struct world_dir *dir = mount->id ? world_dir(mount->dir) : NULL;
		const struct mount *known = mount->id ? world_known_as(mount) : NULL;
		char target[256];

		if (!world_is_leftover(mount))
			continue;
		world_mount_target(mount, target, sizeof(target));
		printf("  left over: mount %llu at %s, directory %u at '%s', ", (unsigned long long)mount->id, target,
		       dir->serial, dir->path);
		describe_known(known);
	}
}

static void model_must_be_the_table(void)
{
	size_t mounts = 0;

	for (size_t i = 0; i < WORLD_MOUNTS; i++) {
		if (!world.mounts[i].id)
			continue;
		mounts += world.mounts[i].ns == 0;
		if (!world_known_as(&world.mounts[i]))
			world_violated("mount %llu is not in the model", (unsigned long long)world.mounts[i].id);
	}
	if (mounts != model_mount_count(world.engine->model))
		world_violated("the table has %zu mounts, the model %zu", mounts,
			       model_mount_count(world.engine->model));
}

static void journal_must_tell_what_went(void)
{
	for (uint64_t id = 1; id <= world.last_id && !world.no_ids; id++)
		if (world.past[id].taken && !world.past[id].told && !world.past[id].forgotten)
			world_violated("mount %llu was taken, and the journal does not know", (unsigned long long)id);
}

/* Asked for by a person, of what they saw then. */
static void nobody_may_be_condemned(void)
{
	for (struct root *root = model_roots(world.engine->model); root; root = root->next)
		for (struct root_instance *instance = root->instances; instance; instance = instance->next)
			for (struct action *action = instance->actions; action; action = action->next)
				if (action->reap_now && !policy_has_evidence(action))
					world_violated("%s lives, and would be reaped without grace", action->path);
}

/* Time goes from one wish of the engine's to the next, as its timer would have it. */
static void must_sleep(bool answered)
{
	uint64_t before = world.engine->wakeups;
	int64_t end = world.now.mono + 60 * NSEC_PER_SEC;

	while (world.now.mono < end) {
		int64_t at;

		if (answered)
			world_turn(false);
		else
			world_poll();
		at = engine_next_turn(world.engine);
		if (at > end)
			at = end;
		world_pass(at > world.now.mono ? at - world.now.mono : NSEC_PER_MSEC);
	}
	if (world.engine->wakeups - before > IDLE_TURNS_MOST)
		world_violated("%llu turns in a minute with nothing to do",
			       (unsigned long long)(world.engine->wakeups - before));
}

static void let_pass(int turns)
{
	for (int i = 0; i < turns && !*world.violation; i++) {
		world_turn(false);
		world_pass(500 * NSEC_PER_MSEC);
	}
}

static void end_all_trouble(void)
{
	world_trouble_ends();
	world_config_plain();
	let_pass(60);
	/* --observe is given at the start: one more. */
	for (int i = 0; i < 40 && world.observe_all && !*world.violation; i++) {
		world_engine_restart();
		let_pass(20);
	}
	world_broker_configure(ledger_dir);
	let_pass(30);
	if (!world.engine->ready) {
		world_violated("the engine is not ready");
		return;
	}
	pause_end(world.engine, NULL);
	/* What lives is used. */
	for (size_t i = 0; i < WORLD_DIRS; i++)
		if (world.dirs[i].serial && world.dirs[i].live && *world.dirs[i].path)
			world_walk_to(world.dirs[i].root, world.dirs[i].path);
}

void world_settle(void)
{
	end_all_trouble();
	/* The last registrations run out. */
	let_pass(200);
	for (int i = 0; i < 80 && world_leftovers() > 0; i++)
		let_pass(50);
	let_pass(60);
	if (world_leftovers() > 0) {
		describe_leftovers();
		world_violated("%zu leftovers are left half an hour after the last trouble", world_leftovers());
	}
	if (*world.violation)
		return;
	model_must_be_the_table();
	journal_must_tell_what_went();
	ledger_must_tell();
	nobody_may_be_condemned();
	must_sleep(true);
	must_sleep(false);
}
