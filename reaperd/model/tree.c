/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "base/path.h"
#include "model/internal.h"

/* From the path's own hash: who walks down a path of many segments hashes each of its bytes once. */
static uint64_t place_hash(const struct mount_node *parent, uint64_t path_hash)
{
	return hash_number(path_hash ^ hash_number(parent->mount.facts.id));
}

/*
 * The mount that stands on `target` of `parent`. The kernel has at most one; a table that changed while it was read may
 * show more: then the newest is taken.
 */
static struct mount_node *place_find(const struct model *model, const struct mount_node *parent, const char *target,
				     size_t length, uint64_t path_hash)
{
	struct table_link *link = table_find(&model->places, place_hash(parent, path_hash));
	struct mount_node *found = NULL;

	for (; link; link = table_find_next(link)) {
		struct mount_node *node = container_of(link, struct mount_node, by_place);
		const struct mount_facts *facts = &node->mount.facts;

		if (node->mount.parent != &parent->mount)
			continue;
		if (strncmp(facts->target, target, length) != 0 || facts->target[length] != '\0')
			continue;
		if (!found || facts->id > found->mount.facts.id)
			found = node;
	}
	return found;
}

struct mount_node *tree_find(const struct model *model, const struct mount_node *parent, const char *target)
{
	size_t length = strlen(target);

	return place_find(model, parent, target, length, hash_more(hash_begin(0), target, length));
}

void tree_link(struct model *model, struct mount_node *node, struct mount_node *parent)
{
	struct mount_node **orphans = &namespace_node(node->mount.ns)->orphans;
	struct mount *next = parent ? parent->mount.children : *orphans ? &(*orphans)->mount : NULL;
	const char *target = node->mount.facts.target;

	node->mount.parent = parent ? &parent->mount : NULL;
	node->sibling_before = NULL;
	node->mount.sibling = next;
	if (next)
		mount_node(next)->sibling_before = node;
	if (!parent) {
		*orphans = node;
		return;
	}
	parent->mount.children = &node->mount;
	table_insert(&model->places, &node->by_place,
		     place_hash(parent, hash_more(hash_begin(0), target, strlen(target))));
}

void tree_unlink(struct model *model, struct mount_node *node)
{
	struct mount *next = node->mount.sibling;

	if (node->sibling_before)
		node->sibling_before->mount.sibling = next;
	else if (node->mount.parent)
		node->mount.parent->children = next;
	else
		namespace_node(node->mount.ns)->orphans = next ? mount_node(next) : NULL;
	if (next)
		mount_node(next)->sibling_before = node->sibling_before;
	if (node->mount.parent)
		table_remove(&model->places, &node->by_place);
}

/*
 * A table that changed while it was read can show two mounts as each other's parent, and everything here climbs to a
 * top: such a ring is cut until the next reading. Mounts that were climbed past in this apply are not climbed again, so
 * a whole table costs one visit each.
 */
void tree_cut_cycles(struct model *model, struct mount_node *node)
{
	uint32_t climbing = model->serial * 2, done = climbing + 1;
	struct mount_node *at = node;

	if (!node->mount.children)
		return;
	while (at->climbed != done) {
		struct mount *parent = at->mount.parent;

		at->climbed = climbing;
		if (!parent)
			break;
		if (mount_node(parent)->climbed == climbing) {
			tree_unlink(model, at);
			tree_link(model, at, NULL);
			model->look_for_parents = true;
			break;
		}
		at = mount_node(parent);
	}
	for (at = node; at->climbed == climbing; at = mount_node(at->mount.parent)) {
		at->climbed = done;
		if (!at->mount.parent)
			break;
	}
}

static struct mount_node *top_of_stack(const struct model *model, struct mount_node *node, const char *target,
				       size_t length, uint64_t path_hash)
{
	struct mount_node *upper;

	while ((upper = place_find(model, node, target, length, path_hash)))
		node = upper;
	return node;
}

/* The namespace's root: the one orphan on "/", or the newest where the table was torn. */
static struct mount_node *bottom(const struct mount_namespace *ns)
{
	struct mount_node *found = NULL, *orphans = namespace_node(ns)->orphans;

	for (struct mount *mount = orphans ? &orphans->mount : NULL; mount; mount = mount->sibling) {
		if (strcmp(mount->facts.target, "/") == 0 && (!found || mount->facts.id > found->mount.facts.id))
			found = mount_node(mount);
	}
	return found;
}

struct mount *model_mount_for_path(const struct model *model, const char *path)
{
	return model_mount_in(model, &model->own.ns, path);
}

struct mount *model_mount_in(const struct model *model, const struct mount_namespace *ns, const char *path)
{
	struct mount_node *node = bottom(ns);
	const char *cursor = path, *hashed = path;
	uint64_t hash = hash_begin(0);
	size_t length;

	if (node)
		node = top_of_stack(model, node, "/", 1, hash_more(hash, "/", 1));
	while (node && path_next_segment(&cursor, &length)) {
		hash = hash_more(hash, hashed, (size_t)(cursor - hashed));
		hashed = cursor;
		node = top_of_stack(model, node, path, (size_t)(cursor - path), hash);
	}
	return node ? &node->mount : NULL;
}

bool model_mount_is_reachable(const struct model *model, const struct mount *mount)
{
	return model_mount_in(model, mount->ns, mount->facts.target) == mount;
}

struct mount *mount_next_below(const struct mount *top, struct mount *at)
{
	if (at->children)
		return at->children;
	while (at != top && !at->sibling)
		at = at->parent;
	return at == top ? NULL : at->sibling;
}
