/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/detached.h"

#include <stdlib.h>

#include "base/path.h"
#include "base/words.h"
#include "kernel/mounts.h"

static bool lies_below(const char *root, uint64_t id)
{
	struct mount_status status;
	char buffer[16384];

	return kernel_statmount_place(id, buffer, sizeof(buffer), &status) == 0 && path_is_below(status.target, root);
}

static void add_to_tree(struct detached_tree *tree, uint64_t id)
{
	struct mount_status status;

	if (kernel_statmount(id, &status) == 0)
		tree->mounts[tree->count++] = (struct detached_mount){ id, status.dev };
}

struct detached_tree detached_tree_read(const char *root, const struct namespace_reference *ns,
					const struct step_item *step)
{
	struct detached_tree tree = { 0 };
	uint64_t ids[DETACHED_TREE_MAX];
	ssize_t count;

	if (step->step != STEP_DETACH || !step->mount.id || !namespace_is_own(ns) || !lies_below(root, step->mount.id))
		return tree;
	tree.mounts = calloc(DETACHED_TREE_MAX + 1, sizeof(*tree.mounts));
	if (!tree.mounts)
		return tree;
	add_to_tree(&tree, step->mount.id);
	count = kernel_listmount(step->mount.id, 0, ids, DETACHED_TREE_MAX);
	for (ssize_t i = 0; i < count; i++)
		add_to_tree(&tree, ids[i]);
	return tree;
}

void detached_tree_clear(struct detached_tree *tree)
{
	free(tree->mounts);
	*tree = (struct detached_tree){ 0 };
}

void detached_add(struct detached *detached, const struct detached_tree *tree)
{
	for (size_t i = 0; i < tree->count; i++) {
		detached->mounts[detached->next] = tree->mounts[i];
		detached->next = (detached->next + 1) % DETACHED_MAX;
	}
}

const struct detached_mount *detached_find(const struct detached *detached, uint64_t id)
{
	for (size_t i = 0; id && i < DETACHED_MAX; i++)
		if (detached->mounts[i].id == id)
			return &detached->mounts[i];
	return NULL;
}
