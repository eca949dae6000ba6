/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "model/internal.h"

struct mount_namespace *model_namespaces(struct model *model)
{
	return &model->own.ns;
}

struct mount_namespace *model_add_namespace(struct model *model, uint64_t inode, uint64_t id)
{
	struct mount_namespace **at = &model->own.ns.next;
	struct namespace_node *node;

	for (; *at; at = &(*at)->next)
		if ((*at)->inode == inode && (*at)->id == id)
			return *at;
	node = calloc(1, sizeof(*node));
	if (!node)
		return NULL;
	node->ns.inode = inode;
	node->ns.id = id;
	*at = &node->ns;
	return &node->ns;
}

void namespaces_kill(struct model *model, struct mount_namespace *ns)
{
	struct mount_namespace **at = &model->own.ns.next;

	while (*at != ns)
		at = &(*at)->next;
	*at = ns->next;
	roots_forget_namespace(model, ns);
	namespace_node(ns)->grave_next = model->dead_namespaces;
	model->dead_namespaces = namespace_node(ns);
}

void namespaces_bury(struct namespace_node *node)
{
	places_clear(node);
	free(node);
}
