/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What no step may do, held against the world as it is and not as the engine believes it to be. */
#include <stdio.h>
#include <string.h>

#include "base/path.h"
#include "base/words.h"
#include "engine/engine.h"
#include "wire/messages.h"
#include "world.h"

#define BRAKE_SLACK 1

struct world_mount *world_referred(const struct mount_reference *reference)
{
	struct world_mount *found = world.no_ids ? NULL : world_mount(reference->id);

	for (size_t i = 0; world.no_ids && i < WORLD_MOUNTS; i++) {
		struct world_mount *mount = &world.mounts[i];

		if (mount->id && mount->ns == world.asked_in && mount->id32 == reference->id32 &&
		    mount->dev == reference->dev)
			found = mount;
	}
	if (found && found->ns != world.asked_in) {
		world_violated("mount %llu is another namespace's than the one that it is looked for in",
			       (unsigned long long)found->id);
		return NULL;
	}
	return found;
}

/* It lies where the request says. */
bool world_is_asked_for(const struct world_mount *mount, uint32_t root, const struct step_item *item)
{
	char target[256], asked[512];

	world_mount_target(mount, target, sizeof(target));
	snprintf(asked, sizeof(asked), "%s%s%s", world.roots[root].path, *item->path ? "/" : "", item->path);
	return strcmp(target, asked) == 0;
}

static int64_t grace_of(const struct world_dir *dir, const struct world_rules *rules)
{
	if (dir->at_once)
		return 0;
	return dir->hollow ? WORLD_GRACE_HOLLOW : rules->grace;
}

static void must_be_dead(const struct world_mount *mount, const struct step_item *item, const struct world_rules *rules)
{
	const struct world_dir *dir = mount->dir ? world_dir(mount->dir) : NULL;
	char target[256];

	world_mount_target(mount, target, sizeof(target));
	if (!dir)
		world_violated("%s of %s, which is no action's", step_name(item->step), target);
	else if (dir->doubt)
		return;
	else if (dir->live)
		world_violated("%s of %s (directory %u), which lives", step_name(item->step), target, dir->serial);
	else if (world.now.mono - dir->dead_since < grace_of(dir, rules))
		world_violated("%s of %s (directory %u) only %lld ms after its end", step_name(item->step), target,
			       dir->serial, (long long)((world.now.mono - dir->dead_since) / NSEC_PER_MSEC));
	else if (world_is_protected(dir, rules))
		world_violated("%s of %s, which is protected", step_name(item->step), target);
	else if (dir->lost && *item->path)
		world_violated("%s of %s (directory %u), which only goes with its root", step_name(item->step), target,
			       dir->serial);
}

/*
 * Without unique ids a mount that was made anew at the same place, with the same number, cannot be told from the former
 * one until the table is read again, which the engine must do before it asks for anything more. That is in the manual.
 */
bool world_looks_like_its_former(const struct world_mount *mount)
{
	return world.no_ids && mount->id > world.last_shown && world.polls <= mount->polls + 1;
}

void judge_step(const struct world_mount *mount, const struct step_item *item, const struct world_rules *rules)
{
	must_be_dead(mount, item, rules);
	for (size_t i = 0; item->step == STEP_DETACH && i < WORLD_MOUNTS; i++)
		if (world.mounts[i].id && world.mounts[i].parent == mount->id)
			judge_step(&world.mounts[i], item, rules);
}

void judge_root_step(const struct world_mount *mount, const struct step_item *item, const struct world_rules *rules)
{
	const char *step = step_name(item->step);

	if (!mount->serves)
		world_violated("%s of a root, whose mount %llu serves none", step, (unsigned long long)mount->id);
	else if (!mount->dead)
		world_violated("%s of a live root", step);
	else if (!rules->reap_root || rules->narrow)
		world_violated("%s of a dead root, which is not configured", step);
	else if (world.now.mono - mount->died < rules->grace)
		world_violated("%s of a root only %lld ms after its death", step,
			       (long long)((world.now.mono - mount->died) / NSEC_PER_MSEC));
	/* What lies over it is for the broker to see, and the engine where it has been told. */
	else if (world_standing(mount->root) == mount->id)
		for (size_t i = 0; item->step == STEP_DETACH && i < WORLD_MOUNTS; i++)
			if (world.mounts[i].id && world.mounts[i].parent == mount->id)
				judge_step(&world.mounts[i], item, rules);
}

static void mark_asked(uint64_t id, bool tree)
{
	if (id >= WORLD_MOUNTS_EVER)
		return;
	world.past[id].asked = true;
	world.past[id].asked_tree |= tree;
}

/* What goes by another hand before the engine hears that it was refused goes as asked for: it cannot know better. */
void judge_refused(const struct message_request *request)
{
	for (uint32_t i = 0; i < request->count; i++)
		mark_asked(request->steps[i].mount.id, request->steps[i].step == STEP_DETACH);
}

static bool was_asked_for(uint64_t id)
{
	bool asked = world.past[id].asked;

	for (uint64_t at = world.past[id].parent; at && !asked; at = world.past[at].parent)
		asked = world.past[at].asked_tree;
	return asked;
}

/* The mounts that go with the step, as far as the engine can know. */
static uint32_t mounts_of(const struct step_item *item)
{
	const struct mount *top = item->mount.id ? model_mount(world.engine->model, item->mount.id) : NULL, *at = top;
	uint32_t count = 1;

	while (at && item->step == STEP_DETACH) {
		if (at->children) {
			at = at->children;
		} else {
			while (at != top && !at->sibling)
				at = at->parent;
			at = at == top ? NULL : at->sibling;
		}
		count += at != NULL;
	}
	return count;
}

/* A bucket that holds a minute's worth; a tree that is larger goes where the bucket is full. */
static void judge_brake(const struct message_request *request, const struct world_config *config)
{
	double seconds = (double)(world.now.mono - world.brake_time) / (double)NSEC_PER_SEC;

	if (config->most_reaps == 0)
		return;
	world.brake_level -= seconds * config->most_reaps / 60;
	if (world.brake_level < 0)
		world.brake_level = 0;
	world.brake_time = world.now.mono;
	for (uint32_t i = 0; i < request->count; i++) {
		uint32_t mounts = mounts_of(&request->steps[i]);
		double counted = mounts < config->most_reaps ? mounts : config->most_reaps;

		if (world.brake_level + counted > config->most_reaps + BRAKE_SLACK)
			world_violated("%u mounts asked for after %.1f, where %u a minute are the most", mounts,
				       world.brake_level, config->most_reaps);
		world.brake_level += mounts;
	}
}

static void judge_item(const struct step_item *item, uint32_t root, const struct world_rules *rules)
{
	const struct world_mount *mount = world_referred(&item->mount);
	char target[512];

	snprintf(target, sizeof(target), "%s%s%s", world.roots[root].path, *item->path ? "/" : "", item->path);
	world_say("asked: %s of %s, mount %llu", step_name(item->step), target, (unsigned long long)item->mount.id);
	world_trace(target, strlen(target));
	world_trace(&item->step, sizeof(item->step));
	if (*item->path && (!path_is_plain_relative(item->path) || item->action_length == 0 ||
			    item->action_length > strlen(item->path)))
		world_violated("a step with the path '%s', of which %u bytes are the action's", item->path,
			       item->action_length);
	if (world_chance(25))
		ledger_must_intend(target, step_name(item->step));
	mark_asked(item->mount.id, item->step == STEP_DETACH);
	if (!mount || world_looks_like_its_former(mount))
		return;
	/* By another path than that at which it lies nothing comes of it, for the broker looks there. All the same. */
	if (!*item->path)
		judge_root_step(mount, item, rules);
	else if (world_is_asked_for(mount, root, item))
		judge_step(mount, item, rules);
	else if (!world.no_ids)
		must_be_dead(mount, item, &(struct world_rules){ .grace = rules->grace });
}

void judge_request(const struct message_request *request, const struct world_config *config)
{
	uint32_t root = (uint32_t)world_config_root(config, request->root);
	const struct world_rules *rules = &config->rules[root];

	world.steps += request->count;
	if (world.observe_all || rules->observe)
		world_violated("a step is asked for below %s, which is only observed", world.roots[root].path);
	if ((world.all.paused || world.roots[root].paused) && !world.pauses_unread)
		world_violated("a step is asked for below %s, which is paused", world.roots[root].path);
	if (world.stopping)
		world_violated("a step is asked for after the engine was told to end");
	for (uint32_t i = 0; i < request->count; i++) {
		if (!*request->steps[i].path && request->count > 1)
			world_violated("a root is one of %u steps", request->count);
		judge_item(&request->steps[i], root, rules);
	}
	judge_brake(request, config);
}

/* Of what the journal says: each mount goes once, and what is reaped was asked for. */
void judge_event(int type, uint64_t mount_id)
{
	struct world_past *past = mount_id < WORLD_MOUNTS_EVER ? &world.past[mount_id] : NULL;

	world_trace(&type, sizeof(type));
	world_trace(&world.now.real, sizeof(world.now.real));
	if (type == EVENT_STOP)
		world.stopped = true;
	if (type == EVENT_REAPED)
		world.told_reaped++;
	if (world.no_ids || !past || (type != EVENT_REAPED && type != EVENT_DETACH))
		return;
	if (world_mount(mount_id))
		world_violated("mount %llu is said to have gone, and is there", (unsigned long long)mount_id);
	if (past->told && !past->forgotten)
		world_violated("mount %llu is said to have gone twice", (unsigned long long)mount_id);
	if (type == EVENT_REAPED && !was_asked_for(mount_id))
		world_violated("mount %llu is said to be reaped, and nobody asked for it",
			       (unsigned long long)mount_id);
	past->told = true;
}
