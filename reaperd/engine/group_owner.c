/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/group_owner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "engine/group_watch.h"
#include "engine/owner_exit.h"
#include "kernel/cgroup_tree.h"
#include "kernel/process.h"

struct group_owners {
	struct engine *engine;
	struct group_watches *watches;
	bool compared;
	bool elsewhere; /* earlier starts of this boot saw other groups at the same paths, or nobody knows */
	bool wanted;	/* all actions are to be looked at, */
	bool some;	/* or those that say so */
	int64_t again;	/* mono: when all are, whatever happens; INT64_MAX: never */
};

/* One who mounted, and is known for certain. */
struct mounter {
	int32_t pid;
	uint64_t start_time;
	const char *cgroup; /* NULL: not known */
	uint64_t cgroup_id;
};

struct group_owners *group_owners_new(struct engine *engine)
{
	struct group_owners *owners = calloc(1, sizeof(*owners));

	if (!owners)
		return NULL;
	*owners = (struct group_owners){ .engine = engine, .wanted = true, .again = INT64_MAX };
	owners->watches = group_watches_new(engine);
	if (!owners->watches) {
		free(owners);
		return NULL;
	}
	return owners;
}

void group_owners_free(struct group_owners *owners)
{
	if (!owners)
		return;
	group_watches_free(owners->watches);
	free(owners);
}

static bool is_asked_for(const struct action *action)
{
	return action->root->rules.owner == OWNER_RULE_CGROUP && !action->registered &&
	       action->owner.kind == OWNER_ATTESTED;
}

static struct mounter owner_of(const struct action *action)
{
	const struct owner *owner = &action->owner;

	return (struct mounter){ owner->pid, owner->start_time, owner->cgroup, owner->cgroup_id };
}

static bool is_in(const struct mounter *mounter, const char *cgroup, uint64_t id)
{
	return mounter->cgroup && cgroup && mounter->cgroup_id == id && strcmp(mounter->cgroup, cgroup) == 0;
}

/* A zombie has left its group, too, unless it is but the first thread of several. */
static bool process_lives(const struct mounter *mounter)
{
	struct process_stat status;

	return kernel_process_stat(mounter->pid, &status) == 0 && status.start_time == mounter->start_time &&
	       (!status.exiting || status.threads > 1);
}

/* Such a unit's group is left as soon as it has mounted, and the mount is there to stay. */
static bool is_of_a_mount_unit(const char *cgroup)
{
	static const char end[] = ".mount";
	const char *found = strstr(cgroup, end);

	while (found && found[strlen(end)] && found[strlen(end)] != '/')
		found = strstr(found + 1, end);
	return found;
}

/* Of what an earlier start heard, only version 2 is known to be seen as it was. */
static bool means_the_same(const struct group_owners *owners, const struct action *action, const char *cgroup)
{
	return action->first_seen.mono >= owners->engine->started.mono || (!owners->elsewhere && *cgroup == '/');
}

static void look_again_at(struct group_owners *owners, int64_t mono)
{
	if (mono < owners->again)
		owners->again = mono;
}

/* Asked anew where it was not asked after `after`. */
static enum group_life life_of(struct group_owners *owners, const struct action *action, const struct mounter *mounter,
			       int64_t after)
{
	struct group_watch *watch;
	enum group_life life;

	/* Everybody is in the top, whoever lives. */
	if (!mounter->cgroup || strcmp(mounter->cgroup, "/") == 0 || is_of_a_mount_unit(mounter->cgroup) ||
	    !means_the_same(owners, action, mounter->cgroup))
		return GROUP_UNKNOWN;
	watch = group_watch_get(owners->watches, mounter->cgroup, mounter->cgroup_id);
	if (!watch)
		return GROUP_UNKNOWN;
	life = group_watch_asked(watch) < after ? group_watch_ask(watch) : group_watch_life(watch);
	if (life != GROUP_OVER || !process_lives(mounter))
		return life;
	/* It went over to another group before this one was left or removed. When it ends there nobody tells. */
	look_again_at(owners, owners->engine->now.mono + action->root->rules.probe_interval);
	return GROUP_LIVES;
}

/* Of all who mounted below the action, but for those whose mounts joined it at that time or later. */
static bool all_are_over(struct group_owners *owners, const struct action *action, int64_t joined, int64_t after)
{
	const struct mounter owner = owner_of(action);

	if (life_of(owners, action, &owner, after) != GROUP_OVER)
		return false;
	for (const struct mount *mount = action->mounts; mount; mount = mount->action_next) {
		const struct actor *by = mount->facts.attached_by;
		struct mounter other;

		if (mount->joined.mono >= joined)
			continue;
		if (!by || !by->attested)
			return false;
		other = (struct mounter){ by->pid, by->start_time, by->cgroup, by->cgroup_id };
		if (life_of(owners, action, &other, after) != GROUP_OVER)
			return false;
	}
	return true;
}

static void look_at(struct group_owners *owners, struct action *action)
{
	struct engine *engine = owners->engine;
	const struct evidence_state *state = &action->evidence_state[EVIDENCE_OWNER_EXITED];
	bool held = action->evidence & EVIDENCE_BIT(EVIDENCE_OWNER_EXITED);
	int64_t due = held ? state->since.mono + action->root->rules.grace : INT64_MAX;
	/* The kernel tells with some milliseconds' delay: at the end of the grace it is asked once more. */
	bool confirm = held && engine->now.mono >= due && state->checked.mono < due;

	if (!all_are_over(owners, action, INT64_MAX, confirm ? due : INT64_MIN)) {
		owner_is_there(engine, action, "cgroup");
		return;
	}
	if (!held)
		owner_exited(engine, action, "cgroup");
	else if (confirm)
		policy_evidence_set(action, EVIDENCE_OWNER_EXITED, engine->now);
	if (!held || state->checked.mono < due)
		look_again_at(owners, state->since.mono + action->root->rules.grace);
}

static void look_at_all(struct group_owners *owners)
{
	owners->wanted = false;
	owners->again = INT64_MAX;
	group_watches_begin_use(owners->watches);
	for (struct action *action = model_first_action(owners->engine->model); action;
	     action = model_next_action(action))
		if (is_asked_for(action) && action->mounts)
			look_at(owners, action);
	group_watches_end_use(owners->watches);
}

static void look_at_some(struct group_owners *owners)
{
	owners->some = false;
	for (struct action *action = model_first_action(owners->engine->model); action;
	     action = model_next_action(action)) {
		if (action->owner_unasked && is_asked_for(action) && action->mounts)
			look_at(owners, action);
		action->owner_unasked = false;
	}
}

void group_owners_turn(struct group_owners *owners)
{
	struct engine *engine = owners->engine;
	bool changed = group_watches_turn(owners->watches);

	if (changed || owners->wanted || engine->now.mono >= owners->again)
		look_at_all(owners);
	if (owners->some)
		look_at_some(owners);
	if (owners->again < INT64_MAX)
		engine_wake_at(engine, owners->again);
}

void group_owners_noticed_change(struct group_owners *owners, struct action *action)
{
	if (action->root->rules.owner == OWNER_RULE_CGROUP)
		owners->some = action->owner_unasked = true;
}

/* However late it is read, who is in the group mounted it while somebody was. */
static bool is_the_owners(const struct action *action, const struct mount *mount)
{
	const struct mounter owner = owner_of(action);
	const struct actor *by = mount->facts.attached_by;

	return by && by->attested && is_in(&owner, by->cgroup, by->cgroup_id);
}

void group_owners_noticed_attach(struct group_owners *owners, struct mount *mount)
{
	struct engine *engine = owners->engine;
	struct action *action = mount->action;

	if (action->root->rules.owner != OWNER_RULE_CGROUP)
		return;
	/* Of those that were found together, all are the first one's. */
	if (!is_asked_for(action) || action->first_seen.mono == engine->now.mono || is_the_owners(action, mount))
		return;
	if (all_are_over(owners, action, engine->now.mono, engine->now.mono))
		owner_take_newcomers(engine, action, is_the_owners);
}

/*
 * A ledger that comes from another cgroup namespace has paths that are not ours: there a group that is well is not
 * found. Once two views met in a boot, nobody can tell any more which of them a path is from.
 */
static void compare_views(struct group_owners *owners)
{
	static const char key[] = "cgroup view";
	CLEANUP(kernel_cgroup_trees_close) struct cgroup_trees trees = { 0 };
	CLEANUP_FREE char *view = NULL, *now = NULL, *former = store_get(owners->engine->store, key);
	const char *boot = owners->engine->boot_id;
	const struct cgroup_tree *tree;
	bool known = former && strncmp(former, boot, strlen(boot)) == 0;

	if (kernel_cgroup_trees_get(&trees, "", &tree) == 0)
		view = kernel_cgroup_tree_view(tree);
	if (asprintf(&now, "%s %s", boot, view ? view : "none") < 0)
		return;
	owners->elsewhere = !view || !known || strcmp(former, now) != 0;
	if (known && owners->elsewhere)
		now[strlen(boot)] = '\0';
	store_set(owners->engine->store, key, now);
}

/* Once for each configuration. */
static void say_what_is_missing(const struct engine *engine)
{
	for (struct root *root = model_roots(engine->model); root; root = root->next)
		if (root->rules.owner == OWNER_RULE_CGROUP && engine->source.ops->kind != SOURCE_FANOTIFY)
			log_warning("%s: owner = cgroup says nothing with source %s, which does not say who mounts",
				    root->rules.path, source_name(engine->source.ops->kind));
}

void group_owners_configure(struct group_owners *owners)
{
	struct engine *engine = owners->engine;

	if (!owners->compared)
		compare_views(owners);
	owners->compared = true;
	say_what_is_missing(engine);
	for (struct action *action = model_first_action(engine->model); action; action = model_next_action(action))
		if (action->root->rules.owner == OWNER_RULE_NONE && !action->registered && action->mounts)
			owner_is_there(engine, action, "no longer asked for");
	owners->wanted = true;
}
