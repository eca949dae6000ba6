/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "model/internal.h"

/* Takes `old_target`. */
static void add_change(struct model *model, struct changes *changes, enum event_type type, struct mount *mount,
		       char *old_target)
{
	if (changes->count == changes->allocated) {
		size_t wanted = changes->allocated ? changes->allocated * 2 : 16;
		struct change *grown = reallocarray(changes->items, wanted, sizeof(*grown));

		if (!grown) {
			model->error = -ENOMEM;
			free(old_target);
			return;
		}
		changes->items = grown;
		changes->allocated = wanted;
	}
	changes->items[changes->count++] = (struct change){
		.type = type,
		.mount = mount,
		.old_target = old_target,
		.old_action = type == EVENT_MOVE ? mount->action : NULL,
	};
}

void changes_clear(struct changes *changes)
{
	for (size_t i = 0; i < changes->count; i++)
		free(changes->items[i].old_target);
	free(changes->items);
	memset(changes, 0, sizeof(*changes));
}

/* ---- one entry ---- */

static bool take_text(struct model *model, char **own, const char *text)
{
	int r = mounts_take_text(model, own, text);

	if (r < 0)
		model->error = r;
	return r > 0;
}

static void place_anew(struct model *model, struct mount_node *node)
{
	node->relinked = true;
	place_later(model, node);
}

/* A parent that was not known before, or is missing for once, is no move. */
static void apply_place(struct model *model, struct mount_node *node, struct mount_facts *facts,
			struct changes *changes)
{
	struct mount_facts *own = &node->mount.facts;
	bool moved = facts->target && strcmp(own->target, facts->target) != 0;
	bool hung_over = own->parent && facts->parent && own->parent != facts->parent;

	if (!moved && own->parent == facts->parent)
		return;
	if (moved || hung_over) {
		char *old_target = moved ? own->target : strdup(own->target);

		if (moved) {
			own->target = facts->target;
			facts->target = NULL;
			node->moved = model->serial;
		}
		if (old_target)
			add_change(model, changes, EVENT_MOVE, &node->mount, old_target);
		else
			model->error = -ENOMEM;
	}
	own->parent = facts->parent;
	node->mount.dirty = true;
	place_anew(model, node);
}

static void apply_directory(struct model *model, struct mount_node *node, const struct mount_facts *facts)
{
	struct mount_facts *own = &node->mount.facts;
	bool renamed = take_text(model, &own->root, facts->root), other = own->dev != facts->dev;

	own->dev = facts->dev;
	if (renamed && !other && node->moved != model->serial)
		roots_follow_carrier(model, node);
	if (renamed || other || own->root_deleted != facts->root_deleted) {
		own->root_deleted = facts->root_deleted;
		node->mount.dirty = true;
		place_anew(model, node);
	}
}

/* What a ledger did not record is empty in a restored mount, and filled in without a word. */
static void apply_options(struct model *model, struct mount_node *node, const struct mount_facts *facts,
			  struct changes *changes)
{
	struct mount_facts *own = &node->mount.facts;
	bool had = *own->options, had_super = *own->super_options;
	bool changed = take_text(model, &own->options, facts->options);
	bool changed_super = take_text(model, &own->super_options, facts->super_options);

	if (changed || changed_super)
		node->mount.dirty = true;
	if ((changed && had) || (changed_super && had_super))
		add_change(model, changes, EVENT_REMOUNT, &node->mount, NULL);
}

static void apply_rest(struct model *model, struct mount_node *node, struct mount_facts *facts)
{
	struct mount_facts *own = &node->mount.facts;
	bool type = take_text(model, &own->fstype, facts->fstype),
	     source = take_text(model, &own->source, facts->source);

	if (type || source)
		node->mount.dirty = true;
	if (own->id32 != facts->id32) {
		table_remove(&model->id32s, &node->by_id32);
		own->id32 = facts->id32;
		table_insert(&model->id32s, &node->by_id32, hash_number(own->id32));
	}
	own->parent32 = facts->parent32;
	if (!own->attached_by && facts->attached_by) {
		own->attached_by = take_ptr(facts->attached_by);
		node->mount.dirty = true;
	}
	own->peer_group = facts->peer_group;
	own->master = facts->master;
	if (node->mount.evidence || own->root_deleted || node->mount.astray)
		place_later(model, node);
}

static struct mount_node *apply_new(struct model *model, struct mount_namespace *ns, struct mount_facts *facts,
				    struct changes *changes)
{
	struct mount_node *node = mounts_new(model, ns, facts, model->now);

	if (!node) {
		model->error = -ENOMEM;
		return NULL;
	}
	place_anew(model, node);
	model->look_for_parents = true;
	add_change(model, changes, EVENT_ATTACH, &node->mount, NULL);
	return node;
}

static struct mount_node *apply_entry(struct model *model, struct mount_namespace *ns, struct mount_facts *facts,
				      struct changes *changes)
{
	struct mount_node *node = mounts_find(model, facts->id);

	if (!node)
		return apply_new(model, ns, facts, changes);
	apply_place(model, node, facts, changes);
	apply_directory(model, node, facts);
	apply_options(model, node, facts, changes);
	apply_rest(model, node, facts);
	return node;
}

/* ---- the whole ---- */

/*
 * Without a unique id nothing proves that a restored mount is the one that the ledger knew: what speaks against it has
 * to hold from now on, what was tried was perhaps tried on another, and its action is its own only once a probe has
 * found that action's directory at the path.
 */
static void meet_again(struct model *model, struct mount *mount)
{
	mount->evidence = 0;
	mount->next_step = 0;
	mount->rounds = mount->attempts = 0;
	mount->joined = model->now;
	mount->confirmed = false;
	mount->dirty = true;
	actor_unref(take_ptr(mount->facts.attached_by));
	if (mount->action && mount->action->owner.kind == OWNER_ATTESTED) {
		mount->action->owner.kind = OWNER_INFERRED;
		mount->action->dirty = true;
	}
}

static void meet_by_age(struct model *model, struct mount_node *node, uint32_t position)
{
	if (node->mount.restored && !node->position)
		meet_again(model, &node->mount);
	node->position = position;
}

static void apply_entries(struct model *model, struct scan *scan, struct changes *changes)
{
	for (size_t i = 0; i < scan->count && !model->error; i++) {
		struct mount_node *node;

		if (!scan->mounts[i].id)
			continue;
		node = apply_entry(model, scan->ns, &scan->mounts[i], changes);
		if (!node)
			return;
		node->seen = model->serial;
		if (scan->complete && !scan->unique_ids)
			meet_by_age(model, node, (uint32_t)i + 1);
	}
}

static void apply_gone(struct model *model, struct mount_node *node, struct changes *changes)
{
	mounts_remove(model, node);
	node->mount.state = MOUNT_DETACHED;
	node->mount.gone = model->now;
	node->mount.state_dirty = true;
	add_change(model, changes, EVENT_DETACH, &node->mount, NULL);
}

struct unseen {
	const struct mount_namespace *ns;
	struct changes *changes;
};

static void apply_gone_unseen(struct model *model, struct mount_node *node, void *context)
{
	const struct unseen *unseen = context;

	if (node->mount.ns == unseen->ns && node->seen != model->serial)
		apply_gone(model, node, unseen->changes);
}

/* A reading that could not be taken in whole says nothing about what it does not show. */
static void apply_all_gone(struct model *model, const struct scan *scan, struct changes *changes)
{
	if (model->error)
		return;
	for (size_t i = 0; i < scan->gone_count; i++) {
		struct mount_node *node = mounts_find(model, scan->gone[i].id);

		if (!node || (scan->complete && node->seen == model->serial))
			continue;
		node->mount.detached_by = actor_ref(scan->gone[i].by);
		apply_gone(model, node, changes);
	}
	if (scan->complete)
		mounts_each(model, apply_gone_unseen, &(struct unseen){ scan->ns, changes });
}

/* Below the parent that its facts name. */
static void relink(struct model *model, struct mount_node *node)
{
	struct mount_node *parent = mounts_find(model, node->mount.facts.parent);

	tree_unlink(model, node);
	tree_link(model, node, parent == node ? NULL : parent);
	place_anew(model, node);
}

/* Usually there is one orphan, the namespace's root, whose parent no table shows. */
static void adopt_orphans(struct model *model, const struct mount_namespace *ns)
{
	struct mount_node *node = namespace_node(ns)->orphans;

	while (node) {
		struct mount_node *next = node->mount.sibling ? mount_node(node->mount.sibling) : NULL;
		struct mount_node *parent = mounts_find(model, node->mount.facts.parent);

		if (parent && parent != node)
			relink(model, node);
		node = next;
	}
}

static void link_pending(struct model *model)
{
	for (struct mount_node *node = model->pending; node; node = node->pending_next) {
		if (node->in_table && node->relinked)
			relink(model, node);
	}
	for (const struct mount_namespace *ns = &model->own.ns; ns && model->look_for_parents; ns = ns->next)
		adopt_orphans(model, ns);
	model->look_for_parents = false;
	for (struct mount_node *node = model->pending; node; node = node->pending_next) {
		if (node->in_table && node->relinked)
			tree_cut_cycles(model, node);
	}
}

int model_apply(struct model *model, struct scan *scan, struct now now, struct changes *ret_changes)
{
	if (!scan->ns)
		scan->ns = &model->own.ns;
	model_bury(model);
	model->serial++;
	model->now = now;
	model->error = scan->unique_ids ? 0 : identity_resolve(model, scan);
	if (model->error)
		return model->error;
	model->applying = true;
	apply_entries(model, scan, ret_changes);
	apply_all_gone(model, scan, ret_changes);
	link_pending(model);
	if (model->place_all)
		place_all(model);
	else
		place_pending(model);
	model->place_all = false;
	roots_refresh(model);
	stale_review(model);
	model->applying = false;
	return model->error;
}

int model_drop_namespace(struct model *model, struct mount_namespace *ns, struct now now, struct changes *ret_changes)
{
	struct scan nothing = { .ns = ns, .complete = true, .unique_ids = true };
	int r = model_apply(model, &nothing, now, ret_changes);

	if (r == 0)
		namespaces_kill(model, ns);
	return r;
}
