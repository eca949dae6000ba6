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

struct root *roots_above(const struct model *model, const struct mount_namespace *ns, const char *target)
{
	struct root *root = model->roots;

	while (root && !path_is_below(target, root_path_in(root, ns)))
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

void roots_free_instance(struct instance_node *node)
{
	while (node->views) {
		struct root_view *view = node->views;

		node->views = view->next;
		free(view);
	}
	free(node->instance.fs_path);
	free(node);
}

/* ---- how an instance stands in each namespace ---- */

static struct root_view *find_view(const struct root_instance *instance, const struct mount_namespace *ns)
{
	struct root_view *view = instance_node(instance)->views;

	while (view && view->ns != ns)
		view = view->next;
	return view;
}

static struct root_view *obtain_view(struct root_instance *instance, struct mount_namespace *ns)
{
	struct root_view *view = find_view(instance, ns);

	if (view)
		return view;
	view = calloc(1, sizeof(*view));
	if (!view)
		return NULL;
	view->ns = ns;
	view->next = instance_node(instance)->views;
	instance_node(instance)->views = view;
	return view;
}

/* What is nearer to us can be asked with less ado. */
static bool is_better(const struct root_view *view, const struct root_view *than)
{
	if (!than)
		return true;
	if (view->ns->own != than->ns->own)
		return view->ns->own;
	return view->visible && !than->visible;
}

static void choose_view(struct root_instance *instance)
{
	const struct root_view *best = NULL;

	for (const struct root_view *view = instance_node(instance)->views; view; view = view->next)
		if (view->carrier && is_better(view, best))
			best = view;
	instance->carrier = best ? best->carrier : NULL;
	instance->visible = best && best->visible;
}

int roots_see(struct root_instance *instance, struct mount *carrier)
{
	struct root_view *view = obtain_view(instance, carrier->ns);

	if (!view)
		return -ENOMEM;
	if (!view->carrier)
		view->carrier = carrier;
	choose_view(instance);
	return 0;
}

void roots_kill_instance(struct model *model, struct root_instance *instance)
{
	struct root_instance **at = &instance->root->instances;

	while (*at != instance)
		at = &(*at)->next;
	*at = instance->next;
	for (struct root_view *view = instance_node(instance)->views; view; view = view->next) {
		view->carrier = NULL;
		view->visible = false;
	}
	choose_view(instance);
	instance_node(instance)->grave_next = model->dead_instances;
	model->dead_instances = instance_node(instance);
}

/*
 * Where the root's directory lies within the carrier's filesystem: NULL where the carrier is not above it, or without
 * memory.
 */
static char *path_within(const struct root *root, const struct mount *carrier)
{
	const char *rest = path_relative(root_path_in(root, carrier->ns), carrier->facts.target);

	return rest ? path_join(carrier->facts.root, rest) : NULL;
}

static bool is_carried_by(const struct root_instance *instance, const struct mount *mount)
{
	const struct root_view *view = find_view(instance, mount->ns);

	return view && view->carrier == mount;
}

void roots_follow_carrier(struct model *model, const struct mount_node *node)
{
	for (struct root *root = model->roots; root; root = root->next) {
		for (struct root_instance *instance = root->instances; instance; instance = instance->next) {
			char *fs_path;

			if (!is_carried_by(instance, &node->mount))
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

static bool carries(const struct root_instance *instance, const struct mount *carrier)
{
	CLEANUP_FREE char *fs_path = NULL;

	if (!carrier || !mount_node(carrier)->in_table || carrier->facts.dev != instance->dev)
		return false;
	fs_path = path_within(instance->root, carrier);
	return fs_path && strcmp(fs_path, instance->fs_path) == 0;
}

/* Of what a walk to the root's path shows in a namespace. */
static struct root_view *look(struct model *model, struct root *root, struct mount_namespace *ns)
{
	struct mount *top = model_mount_in(model, ns, root_path_in(root, ns));
	CLEANUP_FREE char *fs_path = NULL;
	struct root_instance *instance = NULL;
	struct root_view *view = NULL;

	if (!top)
		return NULL;
	fs_path = path_within(root, top);
	if (fs_path)
		instance = roots_instance(root, top->facts.dev, fs_path);
	if (instance)
		view = obtain_view(instance, ns);
	if (view)
		view->carrier = top;
	else
		model->error = -ENOMEM;
	return view;
}

static void refresh_root_in(struct model *model, struct root *root, struct mount_namespace *ns)
{
	const struct root_view *visible = look(model, root, ns);

	for (struct root_instance *instance = root->instances; instance; instance = instance->next) {
		struct root_view *view = find_view(instance, ns);

		if (!view)
			continue;
		view->visible = view == visible;
		if (!view->visible && !carries(instance, view->carrier))
			view->carrier = NULL;
	}
}

static bool is_of_use(const struct root_instance *instance)
{
	for (const struct root_view *view = instance_node(instance)->views; view; view = view->next)
		if (view->visible)
			return true;
	return instance->actions || instance_node(instance)->mounts > 0;
}

static void refresh_root(struct model *model, struct root *root)
{
	struct root_instance *next;

	for (struct mount_namespace *ns = &model->own.ns; ns; ns = ns->next)
		refresh_root_in(model, root, ns);
	for (struct root_instance *instance = root->instances; instance; instance = next) {
		next = instance->next;
		choose_view(instance);
		if (!is_of_use(instance))
			roots_kill_instance(model, instance);
	}
}

void roots_refresh(struct model *model)
{
	for (struct root *root = model->roots; root; root = root->next)
		refresh_root(model, root);
}

static void forget_view(struct root_instance *instance, const struct mount_namespace *ns)
{
	for (struct root_view **at = &instance_node(instance)->views; *at; at = &(*at)->next) {
		struct root_view *view = *at;

		if (view->ns != ns)
			continue;
		*at = view->next;
		free(view);
		break;
	}
	choose_view(instance);
}

void roots_forget_namespace(struct model *model, const struct mount_namespace *ns)
{
	for (struct root *root = model->roots; root; root = root->next)
		for (struct root_instance *instance = root->instances; instance; instance = instance->next)
			forget_view(instance, ns);
}
