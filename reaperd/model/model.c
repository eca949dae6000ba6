/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>

#include "model/internal.h"

struct model *model_new(void)
{
	struct model *model = calloc(1, sizeof(*model));

	if (!model)
		return NULL;
	model->own.ns.own = true;
	if (table_init(&model->ids) < 0 || table_init(&model->id32s) < 0 || table_init(&model->places) < 0 ||
	    table_init(&model->actions) < 0 || table_init(&model->strings) < 0) {
		model_free(model);
		return NULL;
	}
	return model;
}

static void bury_mount(struct model *model, struct mount_node *node, void *context)
{
	(void)context;
	mounts_remove(model, node);
}

void model_free(struct model *model)
{
	if (!model)
		return;
	if (model->ids.slots && model->strings.slots) {
		model_set_roots(model, NULL, 0);
		mounts_each(model, bury_mount, NULL);
		while (model->own.ns.next)
			namespaces_kill(model, model->own.ns.next);
		model_bury(model);
	}
	table_free(&model->ids);
	table_free(&model->id32s);
	table_free(&model->places);
	table_free(&model->actions);
	table_free(&model->strings);
	free(model);
}

static void bury_mounts(struct model *model)
{
	while (model->dead_mounts) {
		struct mount_node *node = model->dead_mounts;

		model->dead_mounts = node->root_next;
		mounts_free(model, node);
	}
}

static void bury_actions(struct model *model)
{
	while (model->dead_actions) {
		struct action_node *node = model->dead_actions;

		model->dead_actions = node->grave_next;
		action_free(node);
	}
}

void model_bury(struct model *model)
{
	bury_mounts(model);
	bury_actions(model);
	while (model->dead_instances) {
		struct instance_node *node = model->dead_instances;

		model->dead_instances = node->grave_next;
		roots_free_instance(node);
	}
	while (model->dead_namespaces) {
		struct namespace_node *node = model->dead_namespaces;

		model->dead_namespaces = node->grave_next;
		namespaces_bury(node);
	}
	while (model->dead_roots) {
		struct root *root = model->dead_roots;

		model->dead_roots = root->next;
		rules_clear(&root->rules);
		free(root);
	}
}

void model_on_generation(struct model *model, model_generation_function *function, void *context)
{
	model->generation = function;
	model->generation_context = context;
}

static void count_actions(const struct root *root, struct model_counts *counts)
{
	for (const struct action *action = root_first_action(root); action; action = root_next_action(action))
		counts->actions[action->state]++;
}

void model_count(struct model *model, const struct root *root_or_null, struct model_counts *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->mounts = model->own.ns.mounts;
	for (const struct mount_node *node = model->root_mounts; node; node = node->root_next) {
		const struct mount *mount = &node->mount;

		if (!mount->instance || (root_or_null && mount->instance->root != root_or_null))
			continue;
		ret->root_mounts++;
		if (!mount->action)
			ret->unowned++;
	}
	for (const struct root *root = model->roots; root; root = root->next) {
		if (!root_or_null || root == root_or_null)
			count_actions(root, ret);
	}
}
