/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/unit_owner.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "engine/group_watch.h"
#include "engine/owner_exit.h"
#include "kernel/cgroup_tree.h"

/* Where systemd keeps its units: in version 2, also beside version 1, else in a hierarchy of its own. */
static const char *const hierarchies[] = { "", "name=systemd" };

struct unit {
	struct group_watch *watch; /* of the group in which it ran last; NULL: none, or that is gone */
	uint64_t id;		   /* of that group */
	const char *hierarchy;	   /* which it is in */
	bool left;		   /* it is there, and nobody lives in it */
	int64_t lived;		   /* mono: when somebody was last known to live in it */
	int64_t next;		   /* mono: when it is looked for again */
	bool looked;		   /* once, since the configuration */
	bool warned;		   /* that it cannot be looked for */
	bool ended;		   /* the actions that were there are to lose their owner */
	int64_t said;		   /* mono: when they did */
	uint64_t former;	   /* the group in which it ended */
	int64_t former_lived;
};

struct unit_owners {
	struct engine *engine;
	struct group_watches *watches;
	struct cgroup_trees trees;
	struct unit *units; /* by the root's index; NULL: not configured yet */
};

struct unit_owners *unit_owners_new(struct engine *engine)
{
	struct unit_owners *owners = calloc(1, sizeof(*owners));

	if (!owners)
		return NULL;
	owners->engine = engine;
	owners->watches = group_watches_new(engine);
	if (!owners->watches) {
		free(owners);
		return NULL;
	}
	return owners;
}

void unit_owners_free(struct unit_owners *owners)
{
	if (!owners)
		return;
	group_watches_free(owners->watches);
	kernel_cgroup_trees_close(&owners->trees);
	free(owners->units);
	free(owners);
}

/* ---- which group it is ---- */

/* -ENOENT: it stands empty. */
static int runs_in(const struct cgroup_tree *tree, const char *path, uint64_t *ret_id)
{
	CLEANUP_CLOSE int group = kernel_cgroup_open(tree, path);
	struct cgroup_status status;
	int r = group < 0 ? group : kernel_cgroup_status(tree, group, &status);

	if (r == 0)
		*ret_id = status.id;
	return r < 0 || status.populated ? r : -ENOENT;
}

static int find_in(const struct cgroup_tree *tree, const char *hierarchy, const char *unit, char **ret_group,
		   uint64_t *ret_id)
{
	CLEANUP_FREE char *path = NULL;
	int r = kernel_cgroup_find_unit(tree, unit, &path);

	if (r == 0)
		r = runs_in(tree, path, ret_id);
	if (r == 0 && asprintf(ret_group, "%s%s%s", hierarchy, *hierarchy ? ":" : "", path) < 0)
		r = -ENOMEM;
	return r;
}

/* 0; -ENOENT: it runs in none of the hierarchies that are there; or -errno: nobody knows. */
static int find(struct unit_owners *owners, const char *name, struct unit *unit)
{
	CLEANUP_FREE char *group = NULL;
	const struct cgroup_tree *tree;
	struct group_watch *watch;
	int r = -ENOENT;
	size_t i;
	uint64_t id = 0;

	for (i = 0; r == -ENOENT && i < ARRAY_SIZE(hierarchies); i++)
		if (kernel_cgroup_trees_get(&owners->trees, hierarchies[i], &tree) == 0)
			r = find_in(tree, hierarchies[i], name, &group, &id);
	if (r < 0)
		return r;
	watch = group_watch_get(owners->watches, group, id);
	if (!watch)
		return -ENOMEM;
	/* It may be one that was over when it was asked last. */
	if (group_watch_ask(watch) != GROUP_LIVES)
		return group_watch_life(watch) == GROUP_OVER ? -ENOENT : -EAGAIN;
	unit->watch = watch;
	unit->id = id;
	unit->hierarchy = hierarchies[i - 1];
	unit->left = false;
	return 0;
}

/* ---- what outlives a start: "BOOT NUMBER UNIT", and the view of the hierarchy in which that was seen ---- */

static void setting_of(const struct root *root, char *ret, size_t size)
{
	snprintf(ret, size, "unit %" PRId64, root->row);
}

static void forget(struct unit_owners *owners, const struct root *root)
{
	char key[64];

	setting_of(root, key, sizeof(key));
	store_set(owners->engine->store, key, NULL);
}

/* "UNIT VIEW"; NULL where that hierarchy is not there. */
static char *what_is_seen(struct unit_owners *owners, const struct root *root, const char *hierarchy)
{
	CLEANUP_FREE char *view = NULL;
	const struct cgroup_tree *tree;
	char *seen;

	if (kernel_cgroup_trees_get(&owners->trees, hierarchy, &tree) == 0)
		view = kernel_cgroup_tree_view(tree);
	return view && asprintf(&seen, "%s %s", root->rules.owner_argument, view) >= 0 ? seen : NULL;
}

static void remember(struct unit_owners *owners, const struct root *root, const struct unit *unit)
{
	CLEANUP_FREE char *seen = what_is_seen(owners, root, unit->hierarchy), *value = NULL;
	char key[64];

	setting_of(root, key, sizeof(key));
	if (!seen || asprintf(&value, "%s %" PRIu64 " %s", owners->engine->boot_id, unit->id, seen) < 0)
		forget(owners, root);
	else
		store_set(owners->engine->store, key, value);
}

/* 0: none of this boot, or of another view: not to find it there says nothing. */
static uint64_t remembered(struct unit_owners *owners, const struct root *root)
{
	CLEANUP_FREE char *value = NULL;
	char key[64], boot[64];
	int rest = 0;
	uint64_t id;

	setting_of(root, key, sizeof(key));
	value = store_get(owners->engine->store, key);
	if (!value || sscanf(value, "%63s %" SCNu64 " %n", boot, &id, &rest) != 2 || !rest ||
	    strcmp(boot, owners->engine->boot_id) != 0)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(hierarchies); i++) {
		CLEANUP_FREE char *seen = what_is_seen(owners, root, hierarchies[i]);

		if (seen && strcmp(value + rest, seen) == 0)
			return id;
	}
	return 0;
}

/* ---- coming and going ---- */

static bool runs(const struct unit *unit)
{
	return unit->watch && !unit->left;
}

/*
 * Where the unit runs again by now, an action that is new since its former group was known to live may be the next
 * start's: then only one of which a mounter was in the former group is surely that one's.
 */
static bool was_made_by(const struct action *action, const struct unit *unit)
{
	if (!runs(unit) || action->first_seen.mono <= unit->former_lived)
		return true;
	for (const struct mount *mount = action->mounts; mount; mount = mount->action_next) {
		const struct actor *by = mount->facts.attached_by;

		if (by && by->attested && by->cgroup_id == unit->former)
			return true;
	}
	return false;
}

static void end(struct unit *unit, uint64_t former)
{
	unit->ended = true;
	unit->said = INT64_MAX;
	unit->former = former;
	unit->former_lived = unit->lived;
}

/* Not before all that was read is where it belongs: what comes after the word is the next one's. */
static void take_end(struct unit_owners *owners, struct root *root, struct unit *unit)
{
	unit->ended = false;
	unit->said = owners->engine->now.mono;
	log_notice("%s: its owner %s has ended", root->rules.path, root->rules.owner_argument);
	for (struct action *action = root_first_action(root); action; action = root_next_action(action))
		if (action->mounts && !action->registered && was_made_by(action, unit))
			owner_exited(owners->engine, action, "unit");
	/* Said once: what is mounted from now on is not the unit's. */
	if (!runs(unit))
		forget(owners, root);
}

/* Somebody lives in the very group that was left: the unit was between two of its processes. */
static void take_back(struct unit_owners *owners, struct root *root, struct unit *unit)
{
	unit->left = unit->ended = false;
	remember(owners, root, unit);
	log_notice("%s: its owner %s had not ended", root->rules.path, root->rules.owner_argument);
	for (struct action *action = root_first_action(root); action; action = root_next_action(action))
		if (!action->registered && action->evidence_state[EVIDENCE_OWNER_EXITED].since.mono >= unit->said)
			owner_is_there(owners->engine, action, "unit");
}

/* As find(). The group in which it was left is kept until there is another. */
static int look_for(struct unit_owners *owners, struct root *root, struct unit *unit)
{
	const struct group_watch *left = unit->left ? unit->watch : NULL;
	int r = find(owners, root->rules.owner_argument, unit);

	unit->next = owners->engine->now.mono + root->rules.probe_interval;
	if (r == 0 && unit->watch == left) {
		take_back(owners, root, unit);
	} else if (r == 0) {
		remember(owners, root, unit);
		log_info("%s: its owner %s runs", root->rules.path, root->rules.owner_argument);
	} else if (r != -ENOENT && !unit->warned) {
		unit->warned = true;
		log_warning("%s: its owner %s cannot be looked for: %s", root->rules.path, root->rules.owner_argument,
			    strerror(-r));
	}
	return r;
}

/* For the first time: it may have gone, or begun anew, while nobody looked. What came since then is the next one's. */
static void look_first(struct unit_owners *owners, struct root *root, struct unit *unit)
{
	uint64_t former = remembered(owners, root);
	int r = look_for(owners, root, unit);

	if (r < 0 && r != -ENOENT)
		return;
	unit->looked = true;
	unit->lived = owners->engine->started.mono - 1;
	if (former && (r < 0 || unit->id != former))
		end(unit, former);
	else if (r < 0)
		log_notice("%s: its owner %s does not run, or is called otherwise: it is looked for", root->rules.path,
			   root->rules.owner_argument);
}

static void look_at(struct unit_owners *owners, struct root *root, struct unit *unit)
{
	uint64_t former = unit->id;

	if (!unit->looked && owners->engine->now.mono >= unit->next)
		look_first(owners, root, unit);
	if (!unit->watch)
		return;
	switch (group_watch_life(unit->watch)) {
	case GROUP_LIVES:
		unit->lived = group_watch_asked(unit->watch);
		if (unit->left)
			take_back(owners, root, unit);
		break;
	case GROUP_OVER:
		if (!unit->left)
			end(unit, former);
		unit->left = true;
		if (group_watch_is_removed(unit->watch)) {
			unit->watch = NULL;
			look_for(owners, root, unit);
		}
		break;
	case GROUP_UNKNOWN:
		break;
	}
}

static struct unit *unit_of(const struct unit_owners *owners, const struct root *root)
{
	return owners->units && root->rules.owner == OWNER_RULE_UNIT ? &owners->units[root->index] : NULL;
}

static bool is_over(const struct action *action, const struct unit *unit)
{
	return unit->ended || action->evidence & EVIDENCE_BIT(EVIDENCE_OWNER_EXITED);
}

void unit_owners_noticed_attach(struct unit_owners *owners, struct mount *mount)
{
	struct engine *engine = owners->engine;
	struct action *action = mount->action;
	struct unit *unit = unit_of(owners, action->root);

	if (!unit)
		return;
	/* Once for all that was read together. */
	if (unit->watch && group_watch_asked(unit->watch) < engine->now.mono)
		group_watch_ask(unit->watch);
	look_at(owners, action->root, unit);
	/* What was found together is judged together. */
	if (action->registered || action->first_seen.mono == engine->now.mono || !is_over(action, unit))
		return;
	if (!runs(unit))
		look_for(owners, action->root, unit);
	if (runs(unit) && is_over(action, unit))
		owner_take_newcomers(engine, action, NULL);
}

/* The kernel tells with some milliseconds' delay: at the end of the grace a group that was left is asked once more. */
static void confirm(struct unit_owners *owners, const struct root *root, struct unit *unit)
{
	int64_t due;

	if (!unit->watch || !unit->left || unit->ended)
		return;
	due = time_after(unit->said, root->rules.grace);
	if (group_watch_asked(unit->watch) >= due)
		return;
	if (owners->engine->now.mono >= due)
		group_watch_ask(unit->watch);
	else
		engine_wake_at(owners->engine, due);
}

static void take_turn_of(struct unit_owners *owners, struct root *root, struct unit *unit)
{
	struct engine *engine = owners->engine;

	confirm(owners, root, unit);
	look_at(owners, root, unit);
	if (unit->ended)
		take_end(owners, root, unit);
	if (unit->looked && !runs(unit) && engine->now.mono >= unit->next)
		look_for(owners, root, unit);
	if (!runs(unit))
		engine_wake_at(engine, unit->next);
}

/* Several roots may have the same one. */
static void forget_unused(struct unit_owners *owners)
{
	group_watches_begin_use(owners->watches);
	for (const struct root *root = model_roots(owners->engine->model); root; root = root->next) {
		const struct unit *unit = unit_of(owners, root);

		if (unit && unit->watch)
			group_watch_keep(unit->watch);
	}
	group_watches_end_use(owners->watches);
}

void unit_owners_turn(struct unit_owners *owners)
{
	group_watches_turn(owners->watches);
	for (struct root *root = model_roots(owners->engine->model); root; root = root->next) {
		struct unit *unit = unit_of(owners, root);

		if (unit)
			take_turn_of(owners, root, unit);
	}
	forget_unused(owners);
}

void unit_owners_configure(struct unit_owners *owners)
{
	size_t count = model_root_count(owners->engine->model);

	group_watches_begin_use(owners->watches);
	group_watches_end_use(owners->watches);
	free(owners->units);
	owners->units = calloc(count ? count : 1, sizeof(*owners->units));
}
