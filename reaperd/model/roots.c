/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "model/internal.h"

static const char *const health_names[] = {
	[ROOT_HEALTH_OK] = "ok",     [ROOT_HEALTH_ABSENT] = "absent", [ROOT_HEALTH_COVERED] = "covered",
	[ROOT_HEALTH_DEAD] = "dead", [ROOT_HEALTH_HUNG] = "hung",     [ROOT_HEALTH_UNKNOWN] = "unknown",
};

const char *root_health_name(enum root_health health)
{
	return (size_t)health < ARRAY_SIZE(health_names) ? health_names[health] : "unknown";
}

struct root *model_roots(struct model *model)
{
	return model->roots;
}

size_t model_root_count(const struct model *model)
{
	size_t count = 0;

	for (const struct root *root = model->roots; root; root = root->next)
		count++;
	return count;
}

struct root *model_root_at(struct model *model, size_t index)
{
	struct root *root = model->roots;

	while (root && root->index != index)
		root = root->next;
	return root;
}

struct root *model_root_by_path(struct model *model, const char *path)
{
	struct root *root = model->roots;

	while (root && strcmp(root->rules.path, path) != 0)
		root = root->next;
	return root;
}

struct root *roots_above(const struct model *model, const char *target)
{
	struct root *root = model->roots;

	while (root && !path_is_below(target, root->rules.path))
		root = root->next;
	return root;
}

static struct root_instance *find_instance(struct root *root, uint64_t dev, const char *fs_path)
{
	struct root_instance *instance = root->instances;

	while (instance && (instance->dev != dev || strcmp(instance->fs_path, fs_path) != 0))
		instance = instance->next;
	return instance;
}

struct root_instance *roots_instance(struct root *root, uint64_t dev, const char *fs_path)
{
	struct root_instance *found = find_instance(root, dev, fs_path);
	struct instance_node *node;

	if (found)
		return found;
	node = calloc(1, sizeof(*node));
	if (!node)
		return NULL;
	node->instance.fs_path = strdup(fs_path);
	if (!node->instance.fs_path) {
		free(node);
		return NULL;
	}
	node->instance.root = root;
	node->instance.dev = dev;
	node->instance.next = root->instances;
	root->instances = &node->instance;
	return &node->instance;
}

void roots_kill_instance(struct model *model, struct root_instance *instance)
{
	struct root_instance **at = &instance->root->instances;

	while (*at != instance)
		at = &(*at)->next;
	*at = instance->next;
	instance->carrier = NULL;
	instance->visible = false;
	instance_node(instance)->grave_next = model->dead_instances;
	model->dead_instances = instance_node(instance);
}

/*
 * Where the root's directory lies within the carrier's filesystem: NULL where the carrier is not above it, or without
 * memory.
 */
static char *path_within(const struct root *root, const struct mount *carrier)
{
	const char *rest = path_relative(root->rules.path, carrier->facts.target);

	return rest ? path_join(carrier->facts.root, rest) : NULL;
}

void roots_follow_carrier(struct model *model, const struct mount_node *node)
{
	for (struct root *root = model->roots; root; root = root->next) {
		for (struct root_instance *instance = root->instances; instance; instance = instance->next) {
			char *fs_path;

			if (instance->carrier != &node->mount)
				continue;
			fs_path = path_within(root, &node->mount);
			if (!fs_path || find_instance(root, instance->dev, fs_path)) {
				free(fs_path);
				continue;
			}
			free(instance->fs_path);
			instance->fs_path = fs_path;
			for (struct action *action = instance->actions; action; action = action->next)
				action->dirty = true;
		}
	}
}

static bool carries(const struct root_instance *instance)
{
	CLEANUP_FREE char *fs_path = NULL;

	if (!instance->carrier || !mount_node(instance->carrier)->in_table ||
	    instance->carrier->facts.dev != instance->dev)
		return false;
	fs_path = path_within(instance->root, instance->carrier);
	return fs_path && strcmp(fs_path, instance->fs_path) == 0;
}

static struct root_instance *visible_instance(struct model *model, struct root *root)
{
	struct mount *top = model_mount_for_path(model, root->rules.path);
	CLEANUP_FREE char *fs_path = NULL;
	struct root_instance *instance = NULL;

	if (!top)
		return NULL;
	fs_path = path_within(root, top);
	if (fs_path)
		instance = roots_instance(root, top->facts.dev, fs_path);
	if (instance)
		instance->carrier = top;
	else
		model->error = -ENOMEM;
	return instance;
}

static void refresh_root(struct model *model, struct root *root)
{
	struct root_instance *visible = visible_instance(model, root), *next;

	for (struct root_instance *instance = root->instances; instance; instance = next) {
		next = instance->next;
		instance->visible = instance == visible;
		if (!instance->visible && !carries(instance))
			instance->carrier = NULL;
		if (!instance->visible && !instance->actions && instance_node(instance)->mounts == 0)
			roots_kill_instance(model, instance);
	}
}

void roots_refresh(struct model *model)
{
	for (struct root *root = model->roots; root; root = root->next)
		refresh_root(model, root);
}
