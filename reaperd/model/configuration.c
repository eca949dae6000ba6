/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The configured roots: those that stay keep what is known of them, those that go take it along. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/internal.h"

static void forget_root_mount(struct model *model, struct mount_node *node, void *context)
{
	const struct root *root = context;

	if (node->mount.instance && node->mount.instance->root == root)
		mounts_set_instance(model, node, NULL);
	if (node->mount.action && node->mount.action->root == root)
		mounts_set_action(model, node, NULL);
	if (!node->mount.action)
		node->mount.evidence = 0;
}

static void forget_root(struct model *model, struct root *root)
{
	mounts_each(model, forget_root_mount, root);
	while (root->instances) {
		while (root->instances->actions)
			action_unlink(model, root->instances->actions);
		roots_kill_instance(model, root->instances);
	}
	root->next = model->dead_roots;
	model->dead_roots = root;
}

static struct root *new_root(const struct root_rules *rules)
{
	struct root *root = calloc(1, sizeof(*root));

	if (!root)
		return NULL;
	if (rules_copy(rules, &root->rules) < 0) {
		free(root);
		return NULL;
	}
	root->health = ROOT_HEALTH_UNKNOWN;
	return root;
}

static void free_roots(struct root *root)
{
	while (root) {
		struct root *next = root->next;

		rules_clear(&root->rules);
		free(root);
		root = next;
	}
}

/* Copies all rules first, so that without memory nothing has changed. */
static int copy_roots(const struct root_rules *const *rules, size_t count, struct root **ret)
{
	struct root *first = NULL, **end = &first;

	for (size_t i = 0; i < count; i++) {
		*end = new_root(rules[i]);
		if (!*end) {
			free_roots(first);
			return -ENOMEM;
		}
		(*end)->index = i;
		end = &(*end)->next;
	}
	*ret = first;
	return 0;
}

static struct root *take_known(struct model *model, const char *path)
{
	for (struct root **at = &model->roots; *at; at = &(*at)->next) {
		struct root *root = *at;

		if (strcmp(root->rules.path, path) != 0)
			continue;
		*at = root->next;
		return root;
	}
	return NULL;
}

static struct root *keep_known(struct root *known, struct root *fresh)
{
	struct root_rules rules = known->rules;

	known->rules = fresh->rules;
	known->index = fresh->index;
	known->next = fresh->next;
	fresh->rules = rules;
	fresh->next = NULL;
	free_roots(fresh);
	return known;
}

int model_set_roots(struct model *model, const struct root_rules *const *rules, size_t count)
{
	struct root *fresh, **at;
	int r = copy_roots(rules, count, &fresh);

	if (r < 0)
		return r;
	for (at = &fresh; *at; at = &(*at)->next) {
		struct root *known = take_known(model, (*at)->rules.path);

		if (known)
			*at = keep_known(known, *at);
	}
	while (model->roots) {
		struct root *root = model->roots;

		model->roots = root->next;
		forget_root(model, root);
	}
	model->roots = fresh;
	model->error = 0;
	place_all(model);
	roots_refresh(model);
	model->place_all = true;
	return model->error;
}
