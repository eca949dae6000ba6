/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which root instance a mount is below, which action it belongs to, and what its place says against it. Everything here
 * can be done again with the same result; the order is: the whole pending list is placed, then actions that moved are
 * settled, then evidence of deleted sources is reviewed.
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "model/internal.h"

#define MOVED	       EVIDENCE_BIT(EVIDENCE_MOVED)
#define SOURCE_DELETED EVIDENCE_BIT(EVIDENCE_SOURCE_DELETED)

void place_later(struct model *model, struct mount_node *node)
{
	node->unplaced = true;
	if (node->pending)
		return;
	node->pending = true;
	node->pending_next = model->pending;
	model->pending = node;
}

/* ---- evidence ---- */

/*
 * Confirmed by a reading of the mount itself, not where it is placed again for another's sake or for a new
 * configuration's.
 */
static void evidence_holds(struct model *model, struct mount *mount, uint32_t bit, struct evidence_state *state)
{
	if (!model->applying)
		return;
	if (!(mount->evidence & bit)) {
		mount->evidence |= bit;
		mount->dirty = true;
		state->since = state->checked = model->now;
	}
	if (mount_node(mount)->seen == model->serial)
		state->checked = model->now;
}

static void evidence_ends(struct mount *mount, uint32_t bits)
{
	if (!(mount->evidence & bits))
		return;
	mount->evidence &= ~bits;
	mount->dirty = true;
}

/* ---- the root instance ---- */

enum above {
	ABOVE_NOTHING, /* below no root */
	ABOVE_UNKNOWN, /* a parent is missing from the table: what was known stays */
	ABOVE_INSTANCE,
};

static enum above above_carrier(struct model *model, struct root *root, struct mount *carrier,
				struct root_instance **ret)
{
	const char *rest = path_relative(root_path_in(root, carrier->ns), carrier->facts.target);
	CLEANUP_FREE char *fs_path = NULL;

	if (!rest)
		return ABOVE_UNKNOWN;
	fs_path = path_join(carrier->facts.root, rest);
	if (fs_path)
		*ret = roots_instance(root, carrier->facts.dev, fs_path);
	if (!*ret) {
		model->error = -ENOMEM;
		return ABOVE_UNKNOWN;
	}
	if (roots_see(*ret, carrier) < 0)
		model->error = -ENOMEM;
	return ABOVE_INSTANCE;
}

/* A parent that lies below the root as well was placed before, and knows. */
static enum above find_above(struct model *model, const struct mount *mount, struct root_instance **ret)
{
	struct root *root = roots_above(model, mount->ns, mount->facts.target);
	struct mount *parent = mount->parent;

	*ret = NULL;
	if (!root)
		return ABOVE_NOTHING;
	if (!parent)
		return ABOVE_UNKNOWN;
	if (!path_is_below(parent->facts.target, root_path_in(root, mount->ns)))
		return above_carrier(model, root, parent, ret);
	if (!parent->instance || parent->instance->root != root)
		return ABOVE_UNKNOWN;
	*ret = parent->instance;
	return ABOVE_INSTANCE;
}

/* ---- the action ---- */

static void assign(struct model *model, struct mount_node *node, const struct spot *spot)
{
	struct action *action = action_obtain(model, node->mount.instance, spot, model->now);

	if (action)
		mounts_set_action(model, node, action);
}

static void place_in_action(struct mount_node *node, const struct spot *spot)
{
	struct mount *mount = &node->mount;

	evidence_ends(mount, MOVED);
	if (!mount->action || !action_is_at(mount->action, mount->instance, spot))
		node->deferred = true;
}

static void place_in_trash(struct model *model, struct mount_node *node, const struct spot *spot)
{
	if (!node->mount.action)
		assign(model, node, spot);
	evidence_holds(model, &node->mount, MOVED, &node->mount.moved);
}

/*
 * A mount whose action's own path is still a name was moved here. Otherwise the configuration changed under it, which
 * says nothing against it; or it was taken in for its deleted source, which review_source() decides again.
 */
static void place_unowned(struct model *model, struct mount_node *node)
{
	struct mount *mount = &node->mount;

	if (!mount->action)
		return;
	if (action_is_named(mount->action)) {
		evidence_holds(model, mount, MOVED, &mount->moved);
		return;
	}
	evidence_ends(mount, MOVED);
	if (!mount->facts.root_deleted)
		mounts_set_action(model, node, NULL);
}

static void leave_roots(struct model *model, struct mount_node *node)
{
	mounts_set_instance(model, node, NULL);
	mounts_set_action(model, node, NULL);
	evidence_ends(&node->mount, MOVED | SOURCE_DELETED);
	node->deferred = false;
}

static void place_below_root(struct model *model, struct mount_node *node)
{
	struct spot spot = spot_of(node->mount.instance->root, mount_root_relative(&node->mount));

	node->deferred = false;
	switch (spot.place) {
	case PLACE_ACTION:
		place_in_action(node, &spot);
		break;
	case PLACE_TRASH:
		place_in_trash(model, node, &spot);
		break;
	case PLACE_UNOWNED:
		place_unowned(model, node);
		break;
	}
	mounts_update_cover(node);
}

/* True where the children have to be placed again too. */
static bool place_one(struct model *model, struct mount_node *node)
{
	struct root_instance *before = node->mount.instance, *instance;
	bool relinked = node->relinked, astray = node->mount.astray;

	node->unplaced = node->relinked = node->mount.astray = false;
	switch (find_above(model, &node->mount, &instance)) {
	case ABOVE_NOTHING:
		leave_roots(model, node);
		break;
	case ABOVE_INSTANCE:
		mounts_set_instance(model, node, instance);
		place_below_root(model, node);
		break;
	case ABOVE_UNKNOWN:
		if (before && !mount_root_relative(&node->mount))
			leave_roots(model, node);
		/*
		 * A long table is read in pieces: a parent may be told as it was, its child as it is. Then nothing says
		 * whose place the child went to, and whose it was so far is no longer certain.
		 */
		node->mount.astray = node->mount.instance && (astray || node->moved == model->serial);
		break;
	}
	return relinked || node->mount.instance != before;
}

/* Parents first. A child that is visited only for its parent's sake joins the pending list for what comes after. */
static void place_tree(struct model *model, struct mount_node *top)
{
	struct mount *at = &top->mount;

	while (at) {
		bool down;

		place_later(model, mount_node(at));
		down = place_one(model, mount_node(at));
		if (down && at->children) {
			at = at->children;
			continue;
		}
		while (at != &top->mount && !at->sibling)
			at = at->parent;
		at = at == &top->mount ? NULL : at->sibling;
	}
}

/* A parent that finds itself where it was does not go down to its children: then the next one below is the top. */
static void place_from_above(struct model *model, struct mount_node *node)
{
	while (node->unplaced) {
		struct mount_node *top = node;

		while (top->mount.parent && mount_node(top->mount.parent)->unplaced)
			top = mount_node(top->mount.parent);
		place_tree(model, top);
	}
}

/* ---- actions that moved ---- */

static bool moved_to(const struct model *model, const struct mount_node *node, const struct root_instance *instance,
		     const struct spot *spot)
{
	struct spot own;

	if (!node->deferred || node->moved != model->serial || node->mount.instance != instance)
		return false;
	own = spot_of(instance->root, mount_root_relative(&node->mount));
	return own.path_length == spot->path_length && memcmp(own.path, spot->path, own.path_length) == 0;
}

/* Registered, or with a mount that has not moved away from there. */
static bool uses_its_name(const struct action *action)
{
	bool uses = action->registered;

	for (const struct mount *mount = action->mounts; mount && !uses; mount = mount->action_next)
		uses = !(mount->evidence & MOVED);
	return uses;
}

/*
 * All that an action has in this namespace went to one name which nothing else uses: its directory was renamed, to
 * publish it. What it has in other namespaces went there too, or not, which their tables tell when they are read.
 */
static bool was_renamed(struct model *model, const struct action *action, const struct mount_namespace *ns,
			struct root_instance *instance, const struct spot *spot)
{
	struct action *other;

	if (action->instance != instance)
		return false;
	for (const struct mount *mount = action->mounts; mount; mount = mount->action_next) {
		if (mount->ns == ns && !moved_to(model, mount_node(mount), instance, spot))
			return false;
	}
	other = action_find(model, instance, spot);
	return !other || !uses_its_name(other);
}

static void rename_action(struct model *model, struct action *action, const struct mount_namespace *ns,
			  const struct spot *spot)
{
	if (!action_rename(model, action, spot))
		model->error = -ENOMEM;
	for (struct mount *mount = action->mounts; mount; mount = mount->action_next)
		mount->astray |= mount->ns != ns;
}

static void place_settle(struct model *model, struct mount_node *node)
{
	struct action *action = node->mount.action;
	struct root_instance *instance = node->mount.instance;
	struct spot spot = spot_of(instance->root, mount_root_relative(&node->mount));

	if (action && action_node(action)->settled != model->serial && model->applying) {
		action_node(action)->settled = model->serial;
		if (was_renamed(model, action, node->mount.ns, instance, &spot))
			rename_action(model, action, node->mount.ns, &spot);
	}
	node->deferred = false;
	if (!action || !action_is_at(action, instance, &spot))
		assign(model, node, &spot);
}

/* Those that moved before those that are new: what is mounted in a directory that was renamed goes where that went. */
static void settle_all(struct model *model, bool moved)
{
	for (struct mount_node *node = model->pending; node; node = node->pending_next) {
		if (node->in_table && node->deferred && (node->mount.action != NULL) == moved)
			place_settle(model, node);
	}
}

/* ---- deleted sources ---- */

static bool lies_in_action(const struct root_instance *instance, const struct mount *mount, const char *relative)
{
	struct spot spot = spot_of(instance->root, relative);

	if (spot.place == PLACE_UNOWNED)
		return false;
	return !mount->action || instance != mount->instance || !action_is_at(mount->action, instance, &spot);
}

/*
 * Only instances that a mount of the table still carries count: the device number of a dead one may be another
 * filesystem's by now. What lay in the trash when it was deleted lay in an action before.
 */
static bool source_is_deleted(const struct model *model, const struct mount *mount)
{
	if (!mount->facts.root_deleted)
		return false;
	for (const struct root *root = model->roots; root; root = root->next) {
		for (const struct root_instance *instance = root->instances; instance; instance = instance->next) {
			const char *relative;

			if (!instance->carrier || instance->dev != mount->facts.dev)
				continue;
			relative = path_relative(mount->facts.root, instance->fs_path);
			if (relative && *relative && lies_in_action(instance, mount, relative))
				return true;
		}
	}
	return false;
}

/*
 * A mount at a place that no layout names gets an action of its own, named by its path, so that it can be reaped like
 * others.
 */
static void review_source(struct model *model, struct mount_node *node)
{
	struct mount *mount = &node->mount;

	if (source_is_deleted(model, mount)) {
		if (!mount->action) {
			struct spot spot = spot_of(mount->instance->root, mount_root_relative(mount));

			assign(model, node, &spot);
		}
		evidence_holds(model, mount, SOURCE_DELETED, &mount->source_deleted);
		return;
	}
	evidence_ends(mount, SOURCE_DELETED);
	if (mount->action && !action_is_named(mount->action) && !(mount->evidence & MOVED))
		mounts_set_action(model, node, NULL);
}

static bool has_source_to_review(const struct mount *mount)
{
	return mount->instance && (mount->facts.root_deleted || (mount->evidence & SOURCE_DELETED));
}

/* ---- all together ---- */

void place_pending(struct model *model)
{
	for (struct mount_node *node = model->pending; node; node = node->pending_next) {
		if (node->in_table && node->unplaced)
			place_from_above(model, node);
	}
	settle_all(model, true);
	settle_all(model, false);
	while (model->pending) {
		struct mount_node *node = model->pending;

		model->pending = node->pending_next;
		node->pending_next = NULL;
		node->pending = false;
		if (node->in_table && has_source_to_review(&node->mount))
			review_source(model, node);
	}
}

static void place_again(struct model *model, struct mount_node *node, void *context)
{
	(void)context;
	place_later(model, node);
}

void place_all(struct model *model)
{
	mounts_each(model, place_again, NULL);
	place_pending(model);
}
