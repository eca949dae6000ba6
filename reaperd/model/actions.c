/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "model/internal.h"

static const char *const owner_kind_names[] = {
	[OWNER_INFERRED] = "inferred",
	[OWNER_REGISTERED] = "registered",
	[OWNER_ATTESTED] = "attested",
};

const char *owner_kind_name(enum owner_kind kind)
{
	return (size_t)kind < ARRAY_SIZE(owner_kind_names) ? owner_kind_names[kind] : "unknown";
}

/* ---- where ---- */

struct spot spot_of(const struct root *root, const char *relative)
{
	struct spot spot = { .path = relative };

	spot.place = layout_place(&root->rules, relative, &spot.name, &spot.name_length, &spot.path_length);
	if (spot.place == PLACE_UNOWNED) {
		spot.name = relative;
		spot.name_length = spot.path_length = strlen(relative);
	}
	return spot;
}

static bool text_is(const char *text, const char *bytes, size_t length)
{
	return strncmp(text, bytes, length) == 0 && text[length] == '\0';
}

bool action_is_at(const struct action *action, const struct root_instance *instance, const struct spot *spot)
{
	return action->instance == instance && action->in_trash == (spot->place == PLACE_TRASH) &&
	       text_is(action->path, spot->path, spot->path_length) &&
	       text_is(action->name, spot->name, spot->name_length);
}

bool action_is_named(const struct action *action)
{
	struct spot spot = spot_of(action->root, action->path);

	return spot.place != PLACE_UNOWNED && action_is_at(action, action->instance, &spot);
}

/* ---- found by name ---- */

static uint64_t name_hash(const struct root *root, const char *name, size_t length)
{
	return hash_bytes((uintptr_t)root, name, length);
}

struct action *action_find(struct model *model, struct root_instance *instance, const struct spot *spot)
{
	struct table_link *link = table_find(&model->actions, name_hash(instance->root, spot->name, spot->name_length));
	struct action *found = NULL;

	for (; link; link = table_find_next(link)) {
		struct action *action = &container_of(link, struct action_node, by_name)->action;

		if (action_is_at(action, instance, spot) && (!found || action->generation > found->generation))
			found = action;
	}
	return found;
}

static void insert_newest_first(struct action **ret, size_t size, size_t count, struct action *action)
{
	size_t i = count < size ? count : size;

	if (i == size && (size == 0 || ret[size - 1]->generation >= action->generation))
		return;
	if (i == size)
		i--;
	for (; i > 0 && ret[i - 1]->generation < action->generation; i--)
		ret[i] = ret[i - 1];
	ret[i] = action;
}

size_t model_find_actions(struct model *model, const struct root *root, const char *name, struct action **ret,
			  size_t size)
{
	struct table_link *link = table_find(&model->actions, name_hash(root, name, strlen(name)));
	size_t count = 0;

	for (; link; link = table_find_next(link)) {
		struct action *action = &container_of(link, struct action_node, by_name)->action;

		if (action->root == root && strcmp(action->name, name) == 0)
			insert_newest_first(ret, size, count++, action);
	}
	return count;
}

static uint32_t next_generation(struct model *model, const struct root *root, const char *name)
{
	struct action *newest;
	uint32_t last = 0;

	if (model_find_actions(model, root, name, &newest, 1) > 0)
		last = newest->generation;
	if (model->generation) {
		uint32_t recorded = model->generation(model->generation_context, root, name);

		if (recorded > last)
			last = recorded;
	}
	return last + 1;
}

/* ---- one after the other ---- */

static struct action *first_from_instance(const struct root_instance *instance)
{
	while (instance && !instance->actions)
		instance = instance->next;
	return instance ? instance->actions : NULL;
}

static struct action *first_from_root(const struct root *root)
{
	struct action *action = NULL;

	for (; root && !action; root = root->next)
		action = root_first_action(root);
	return action;
}

struct action *root_first_action(const struct root *root)
{
	return first_from_instance(root->instances);
}

struct action *root_next_action(const struct action *action)
{
	return action->next ? action->next : first_from_instance(action->instance->next);
}

struct action *model_first_action(const struct model *model)
{
	return first_from_root(model->roots);
}

struct action *model_next_action(const struct action *action)
{
	struct action *next = root_next_action(action);

	return next ? next : first_from_root(action->root->next);
}

/* ---- made, renamed, forgotten ---- */

static struct action_node *new_node(const struct spot *spot)
{
	struct action_node *node = calloc(1, sizeof(*node));

	if (!node)
		return NULL;
	node->action.name = strndup(spot->name, spot->name_length);
	node->action.path = strndup(spot->path, spot->path_length);
	if (!node->action.name || !node->action.path) {
		action_free(node);
		return NULL;
	}
	node->action.in_trash = spot->place == PLACE_TRASH;
	return node;
}

struct action *action_add(struct model *model, struct root_instance *instance, const struct spot *spot,
			  uint32_t generation)
{
	struct action_node *node = new_node(spot);
	struct action *action;

	if (!node)
		return NULL;
	action = &node->action;
	action->root = instance->root;
	action->instance = instance;
	action->generation = generation ? generation : next_generation(model, instance->root, action->name);
	action->state = ACTION_ACTIVE;
	action->owner.uid = -1;
	action->dirty = true;
	action->next = instance->actions;
	if (action->next)
		action_node(action->next)->before = node;
	instance->actions = action;
	table_insert(&model->actions, &node->by_name, name_hash(action->root, action->name, strlen(action->name)));
	return action;
}

/*
 * One that is cleared comes back for another mount (a runner may mount, unmount and mount again), but not where
 * something said that it is over: its evidence would fall upon what is new.
 */
struct action *action_obtain(struct model *model, struct root_instance *instance, const struct spot *spot,
			     struct now now)
{
	struct action *action = action_find(model, instance, spot);

	if (action && (action->state != ACTION_CLEARED || !(action->evidence & ~EVIDENCE_SAYS_NOTHING)))
		return action;
	action = action_add(model, instance, spot, 0);
	if (action)
		action->first_seen = now;
	else
		model->error = -ENOMEM;
	return action;
}

bool action_rename(struct model *model, struct action *action, const struct spot *spot)
{
	struct action_node *node = action_node(action);
	CLEANUP_FREE char *name = strndup(spot->name, spot->name_length);
	CLEANUP_FREE char *path = strndup(spot->path, spot->path_length);

	if (!name || !path)
		return false;
	action->generation = next_generation(model, action->root, name);
	table_remove(&model->actions, &node->by_name);
	free(action->name);
	free(action->path);
	action->name = take_ptr(name);
	action->path = take_ptr(path);
	action->in_trash = false;
	action->dirty = true;
	table_insert(&model->actions, &node->by_name, name_hash(action->root, action->name, strlen(action->name)));
	for (struct mount *mount = action->mounts; mount; mount = mount->action_next)
		mounts_update_cover(mount_node(mount));
	return true;
}

void action_unlink(struct model *model, struct action *action)
{
	struct action_node *node = action_node(action);

	if (node->before)
		node->before->action.next = action->next;
	else
		action->instance->actions = action->next;
	if (action->next)
		action_node(action->next)->before = node->before;
	action->next = NULL;
	node->before = NULL;
	table_remove(&model->actions, &node->by_name);
	node->grave_next = model->dead_actions;
	model->dead_actions = node;
}

void action_free(struct action_node *node)
{
	free(node->action.name);
	free(node->action.path);
	free(node->action.owner.comm);
	free(node->action.owner.cgroup);
	free(node->action.owner.container);
	free(node->action.owner.begun_name);
	free(node);
}

/* ---- for the engine ---- */

void model_forget_action(struct model *model, struct action *action)
{
	if (action->mount_count == 0)
		action_unlink(model, action);
}

void model_give_mounts(struct model *model, struct action *action, struct mount **mounts, size_t count, struct now now)
{
	model->now = now;
	for (size_t i = 0; i < count; i++)
		mounts_set_action(model, mount_node(mounts[i]), action);
}

struct action *model_next_generation(struct model *model, struct action *action, struct mount **mounts, size_t count,
				     struct now now)
{
	struct spot spot = {
		.place = action->in_trash ? PLACE_TRASH : PLACE_ACTION,
		.path = action->path,
		.path_length = strlen(action->path),
		.name = action->name,
		.name_length = strlen(action->name),
	};
	struct action *next = action_add(model, action->instance, &spot, 0);

	if (!next)
		return NULL;
	next->first_seen = now;
	model_give_mounts(model, next, mounts, count, now);
	return next;
}

char *model_action_path(const struct root *root, const char *name)
{
	const char *layout = root->rules.layout, *found = strstr(layout, "{action}");
	CLEANUP_FREE char *path = NULL;
	struct spot spot;

	if (!found || strchr(layout, '*') || !path_is_plain_relative(name) || strchr(name, '/'))
		return NULL;
	if (asprintf(&path, "%.*s%s%s", (int)(found - layout), layout, name, found + strlen("{action}")) < 0) {
		path = NULL;
		return NULL;
	}
	spot = spot_of(root, path);
	return spot.place == PLACE_ACTION && text_is(name, spot.name, spot.name_length) ? take_ptr(path) : NULL;
}

/* In our own namespace, if there is any. */
static struct root_instance *visible_instance(struct root *root)
{
	struct root_instance *found = NULL;

	for (struct root_instance *instance = root->instances; instance; instance = instance->next)
		if (instance->visible && (!found || instance->carrier->ns->own))
			found = instance;
	return found;
}

/* -EINVAL: the layout names no action so, or "*" leaves the directory open. */
int model_announce(struct model *model, struct root *root, const char *name, struct now now, struct action **ret)
{
	struct root_instance *instance = visible_instance(root);
	CLEANUP_FREE char *path = NULL;
	struct action *action;
	struct spot spot;

	if (!instance)
		return -ENOENT;
	path = model_action_path(root, name);
	if (!path)
		return -EINVAL;
	spot = spot_of(root, path);
	action = action_find(model, instance, &spot);
	if (!action || action->state == ACTION_CLEARED || (action->evidence & ~EVIDENCE_SAYS_NOTHING)) {
		action = action_add(model, instance, &spot, 0);
		if (!action)
			return -ENOMEM;
		action->first_seen = now;
	}
	*ret = action;
	return 0;
}
