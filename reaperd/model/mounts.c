/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "model/internal.h"

struct mount_node *mounts_find(const struct model *model, uint64_t id)
{
	struct table_link *link = table_find(&model->ids, hash_number(id));

	for (; link; link = table_find_next(link)) {
		struct mount_node *node = container_of(link, struct mount_node, by_id);

		if (node->mount.facts.id == id)
			return node;
	}
	return NULL;
}

int mounts_take_text(struct model *model, char **own, const char *text)
{
	char *taken;

	if (!text)
		text = "";
	if (*own && strcmp(*own, text) == 0)
		return 0;
	taken = strings_intern(&model->strings, text);
	if (!taken)
		return -ENOMEM;
	strings_release(&model->strings, *own);
	*own = taken;
	return 1;
}

static bool take_texts(struct model *model, struct mount_facts *own, const struct mount_facts *facts)
{
	return mounts_take_text(model, &own->root, facts->root) >= 0 &&
	       mounts_take_text(model, &own->fstype, facts->fstype) >= 0 &&
	       mounts_take_text(model, &own->source, facts->source) >= 0 &&
	       mounts_take_text(model, &own->options, facts->options) >= 0 &&
	       mounts_take_text(model, &own->super_options, facts->super_options) >= 0;
}

struct mount_node *mounts_new(struct model *model, struct mount_namespace *ns, struct mount_facts *facts,
			      struct now now)
{
	struct mount_node *node = calloc(1, sizeof(*node));
	struct mount_facts *own;

	if (!node)
		return NULL;
	own = &node->mount.facts;
	*own = *facts;
	own->root = own->fstype = own->source = own->options = own->super_options = NULL;
	own->target = facts->target ? facts->target : strdup("");
	facts->target = NULL;
	facts->attached_by = NULL;
	if (!own->target || !take_texts(model, own, facts)) {
		mounts_free(model, node);
		return NULL;
	}
	node->mount.ns = ns;
	ns->mounts++;
	node->mount.state = MOUNT_ATTACHED;
	node->mount.first_seen = now;
	node->mount.dirty = true;
	node->in_table = true;
	table_insert(&model->ids, &node->by_id, hash_number(own->id));
	table_insert(&model->id32s, &node->by_id32, hash_number(own->id32));
	tree_link(model, node, NULL);
	return node;
}

void mounts_free(struct model *model, struct mount_node *node)
{
	struct mount_facts *own = &node->mount.facts;

	free(own->target);
	actor_unref(own->attached_by);
	actor_unref(node->mount.detached_by);
	strings_release(&model->strings, own->root);
	strings_release(&model->strings, own->fstype);
	strings_release(&model->strings, own->source);
	strings_release(&model->strings, own->options);
	strings_release(&model->strings, own->super_options);
	free(node);
}

static void root_list_add(struct model *model, struct mount_node *node)
{
	node->root_before = NULL;
	node->root_next = model->root_mounts;
	if (node->root_next)
		node->root_next->root_before = node;
	model->root_mounts = node;
	node->in_roots = true;
}

static void root_list_remove(struct model *model, struct mount_node *node)
{
	if (node->root_before)
		node->root_before->root_next = node->root_next;
	else
		model->root_mounts = node->root_next;
	if (node->root_next)
		node->root_next->root_before = node->root_before;
	node->in_roots = false;
}

static void root_list_update(struct model *model, struct mount_node *node)
{
	bool wanted = node->mount.instance || node->mount.action;

	if (wanted && !node->in_roots)
		root_list_add(model, node);
	else if (!wanted && node->in_roots)
		root_list_remove(model, node);
}

void mounts_set_instance(struct model *model, struct mount_node *node, struct root_instance *instance)
{
	if (node->mount.instance == instance)
		return;
	if (node->mount.instance)
		instance_node(node->mount.instance)->mounts--;
	if (instance)
		instance_node(instance)->mounts++;
	node->mount.instance = instance;
	root_list_update(model, node);
}

static void action_list_remove(struct mount_node *node)
{
	struct action *action = node->mount.action;
	struct mount *next = node->mount.action_next;

	if (node->action_before)
		node->action_before->mount.action_next = next;
	else
		action->mounts = next;
	if (next)
		mount_node(next)->action_before = node->action_before;
	node->mount.action_next = NULL;
	node->action_before = NULL;
	action->mount_count--;
	if (node->covers) {
		node->covers = false;
		action->covered_by_own = --action_node(action)->covers > 0;
	}
}

static void action_list_add(struct mount_node *node, struct action *action)
{
	node->action_before = NULL;
	node->mount.action_next = action->mounts;
	if (action->mounts)
		mount_node(action->mounts)->action_before = node;
	action->mounts = &node->mount;
	action->mount_count++;
}

void mounts_update_cover(struct mount_node *node)
{
	struct action *action = node->mount.action;
	const char *relative = mount_root_relative(&node->mount);
	bool covers =
		action && relative && node->mount.instance == action->instance && strcmp(relative, action->path) == 0;

	if (covers == node->covers)
		return;
	node->covers = covers;
	if (covers)
		action_node(action)->covers++;
	else
		action_node(action)->covers--;
	action->covered_by_own = action_node(action)->covers > 0;
}

void mounts_set_action(struct model *model, struct mount_node *node, struct action *action)
{
	if (node->mount.action != action) {
		if (node->mount.action)
			action_list_remove(node);
		node->mount.action = action;
		node->mount.joined = model->now;
		node->mount.confirmed = false;				    /* it was of the other's directory */
		node->mount.restored = false;				    /* the ledger knew it as the other's */
		node->mount.evidence &= ~EVIDENCE_BIT(EVIDENCE_STALE_COPY); /* likewise: stale_review() */
		node->mount.dirty = true;
		if (action)
			action_list_add(node, action);
		root_list_update(model, node);
	}
	mounts_update_cover(node);
}

/* Its instance and action stay readable for those who handle the change, in no list any more. */
void mounts_remove(struct model *model, struct mount_node *node)
{
	struct mount *child;

	while ((child = node->mount.children)) {
		tree_unlink(model, mount_node(child));
		tree_link(model, mount_node(child), NULL);
	}
	tree_unlink(model, node);
	table_remove(&model->ids, &node->by_id);
	table_remove(&model->id32s, &node->by_id32);
	if (node->in_roots)
		root_list_remove(model, node);
	if (node->mount.instance)
		instance_node(node->mount.instance)->mounts--;
	if (node->mount.action)
		action_list_remove(node);
	node->mount.ns->mounts--;
	node->in_table = false;
	node->mount.parent = NULL;
	node->mount.sibling = NULL;
	node->root_next = model->dead_mounts;
	model->dead_mounts = node;
}

void mounts_each(struct model *model, mounts_function *function, void *context)
{
	for (size_t i = 0; i < model->ids.size; i++) {
		struct table_link *link, *next;

		for (link = model->ids.slots[i]; link; link = next) {
			next = link->next;
			function(model, container_of(link, struct mount_node, by_id), context);
		}
	}
}

struct mount *model_mount(struct model *model, uint64_t id)
{
	struct mount_node *node = mounts_find(model, id);

	return node ? &node->mount : NULL;
}

const struct mount *model_mount_const(const struct model *model, uint64_t id)
{
	struct mount_node *node = mounts_find(model, id);

	return node ? &node->mount : NULL;
}

const struct mount *model_mount_at(const struct model *model, uint64_t parent, const char *target)
{
	const struct mount_node *node = mounts_find(model, parent);

	node = node ? tree_find(model, node, target) : NULL;
	return node ? &node->mount : NULL;
}

size_t model_mount_count(const struct model *model)
{
	return model->own.ns.mounts;
}

int model_each_mount(struct model *model, model_mount_function *function, void *context)
{
	for (size_t i = 0; i < model->ids.size; i++) {
		for (struct table_link *link = model->ids.slots[i]; link; link = link->next) {
			int r = function(context, &container_of(link, struct mount_node, by_id)->mount);

			if (r)
				return r;
		}
	}
	return 0;
}

int model_each_root_mount(struct model *model, model_mount_function *function, void *context)
{
	for (struct mount_node *node = model->root_mounts; node; node = node->root_next) {
		int r = function(context, &node->mount);

		if (r)
			return r;
	}
	return 0;
}

const char *mount_root_relative(const struct mount *mount)
{
	if (!mount->instance)
		return NULL;
	return path_relative(mount->facts.target, root_path_in(mount->instance->root, mount->ns));
}

bool mount_is_protected(const struct mount *mount)
{
	const char *relative = mount_root_relative(mount);

	return relative && rules_protect(&mount->instance->root->rules, relative);
}
