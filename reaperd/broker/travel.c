/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/travel.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "kernel/at.h"
#include "kernel/depth.h"
#include "kernel/mounts.h"
#include "kernel/receivers.h"
#include "kernel/unmount.h"

/* The parent belongs to the action, and what is unmounted in it would travel out: nothing but this cuts it off. */
static int cut(struct doing *doing, const struct mount_entry *mount)
{
	struct mount_entry *parent = kernel_table_find(&doing->batch->table, mount->parent);
	const char *relative = parent ? path_relative(parent->target, doing->batch->rules->path) : NULL;
	CLEANUP_CLOSE int fd = -1;
	struct place_status place;
	int r;

	if (!relative || !path_relative(parent->target, doing->action))
		return -ESTALE;
	fd = kernel_open_beneath(doing->root, relative, 0);
	if (fd < 0)
		return fd;
	r = kernel_status_at(fd, "", false, &place);
	if (r < 0)
		return r;
	if (!place.is_mount_root || (doing->batch->table.unique_ids ? place.mount_id : place.mount_id32) != parent->id)
		return -ESTALE;
	r = kernel_make_private(fd);
	if (r == 0) {
		doing->ret->made_private = true;
		parent->peer_group = parent->master = 0;
	}
	return r;
}

/* " in mount namespace N", as lsns(8) has it; "" for ours. */
static const char *where(const struct mount_entry *entry, char *buffer, size_t size)
{
	*buffer = '\0';
	if (entry->ns_inode)
		snprintf(buffer, size, " in mount namespace %llu", (unsigned long long)entry->ns_inode);
	return buffer;
}

static bool cut_or_refuse(struct doing *doing, const struct mount_entry *mount, const struct mount_entry *stranger)
{
	int r = cut(doing, mount);
	char place[64];

	if (r == 0)
		return true;
	doing->ret->error = -r;
	doing->ret->stranger = stranger->id;
	doing_conclude(doing, OUTCOME_REFUSED,
		       "propagation would also unmount %s%s, and the parent cannot be made private", stranger->target,
		       where(stranger, place, sizeof(place)));
	return false;
}

static bool refuse(struct doing *doing, const struct mount_entry *stranger)
{
	char place[64];

	doing->ret->stranger = stranger ? stranger->id : 0;
	if (stranger)
		doing_conclude(doing, OUTCOME_REFUSED, "propagation would also unmount %s%s", stranger->target,
			       where(stranger, place, sizeof(place)));
	else
		doing_conclude(doing, OUTCOME_REFUSED,
			       "its parent mount is out of sight, and so is whom the unmount would reach");
	return false;
}

static bool fail(struct doing *doing, int r)
{
	doing->ret->error = -r;
	doing_conclude(doing, OUTCOME_FAILED, "whom the unmount would reach cannot be told");
	return false;
}

/* Whether it is the one that the step is for. */
static bool is_meant(const struct doing *doing, const struct mount_entry *mount)
{
	return mount->id == (doing->batch->table.unique_ids ? doing->which.id : doing->which.id32);
}

/*
 * Invariant 5 for one mount that is about to go. What has gone meanwhile reaches nobody; where that was its parent, and
 * not itself, the parent is another one when the call comes.
 */
static bool stays_inside(struct doing *doing, const struct mount_entry *mount)
{
	struct receivers_question question = {
		.table = &doing->batch->table,
		.mount = mount,
		.rules = doing->batch->rules,
		.action = doing->action,
		.batch = doing->batch->ids,
		.batch_count = doing->batch->count,
	};
	const struct mount_entry *stranger;
	enum receivers receivers;
	const struct depth_place place = {
		.root = doing->root,
		.root_path = doing->batch->rules->path,
		.parent = doing->parent,
		.name = doing->name,
	};
	int r = kernel_depth_find(question.table, &place, (struct mount_entry *)mount, is_meant(doing, mount),
				  &question.has_depth, &question.depth);

	if (r == 0)
		r = receivers_judge(&question, &receivers, &stranger);
	if (r == -ENOENT)
		return true;
	if (r == -ESTALE) {
		doing_conclude(doing, OUTCOME_MISMATCH, "it was moved meanwhile, or a directory above it renamed");
		return false;
	}
	if (r < 0)
		return fail(doing, r);
	switch (receivers) {
	case RECEIVERS_CUT:
		return cut_or_refuse(doing, mount, stranger);
	case RECEIVERS_REFUSED:
		return refuse(doing, stranger);
	case RECEIVERS_NONE:
		break;
	}
	return true;
}

/* The table may be older than what the step has read. What was judged is what must still be so when the call comes. */
static bool it_stays_inside(struct doing *doing)
{
	struct mount_entry *entry, *parent;
	int r = step_batch_find(doing->batch, doing->mount.id, &entry);

	if (r < 0)
		return fail(doing, r);
	if (!entry)
		return true;
	if (!stays_inside(doing, entry))
		return false;
	doing->mount.parent = entry->parent;
	parent = kernel_table_find(&doing->batch->table, entry->parent);
	doing->peer_group = parent ? parent->peer_group : 0;
	return true;
}

/* Of the tree below the mount, which a detach takes along. */
static bool below_may_go(struct doing *doing, uint64_t id)
{
	struct mount_entry *entry;
	const char *relative;
	int r = step_batch_find(doing->batch, id, &entry);

	if (r == 0 && entry)
		r = kernel_table_fill(&doing->batch->table, entry);
	if (r == -ENOENT || (r == 0 && !entry))
		return true;
	if (r < 0)
		return fail(doing, r);
	relative = path_relative(entry->target, doing->batch->rules->path);
	if (!relative || !path_relative(entry->target, doing->action) || rules_protect(doing->batch->rules, relative)) {
		doing->ret->stranger = id;
		doing_conclude(doing, OUTCOME_REFUSED, "it would take %s along, which must stay", entry->target);
		return false;
	}
	return stays_inside(doing, entry);
}

/* All ids below the mount: *ret is the caller's to free. */
static int list_below(struct doing *doing, uint64_t **ret, size_t *ret_count)
{
	size_t allocated = 0;

	for (;;) {
		uint64_t *ids = reallocarray(*ret, allocated + 512, sizeof(*ids));
		ssize_t count;

		if (!ids)
			return -ENOMEM;
		*ret = ids;
		allocated += 512;
		count = kernel_listmount(doing->mount.id, *ret_count ? ids[*ret_count - 1] : 0, ids + *ret_count,
					 allocated - *ret_count);
		if (count < 0)
			return (int)count;
		*ret_count += (size_t)count;
		if (*ret_count < allocated)
			return 0;
	}
}

/* The same without unique ids, from the table, which was read for this item. */
static int list_below_in_table(struct doing *doing, uint64_t **ret, size_t *ret_count)
{
	const struct mount_table *table = &doing->batch->table;

	*ret = malloc((table->count + 1) * sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	(*ret)[0] = doing->mount.id;
	for (size_t known = 0; known <= *ret_count; known++)
		for (size_t i = 0; i < table->count && *ret_count < table->count; i++)
			if (table->entries[i].parent == (*ret)[known] && table->entries[i].id != (*ret)[known])
				(*ret)[++*ret_count] = table->entries[i].id;
	memmove(*ret, *ret + 1, *ret_count * sizeof(**ret));
	return 0;
}

static bool tree_may_go(struct doing *doing)
{
	uint64_t **ids = &doing->below;
	size_t *count = &doing->below_count;
	int r = doing->which.id ? list_below(doing, ids, count) : list_below_in_table(doing, ids, count);

	if (r < 0 && r != -ENOENT)
		return fail(doing, r);
	for (size_t i = 0; i < *count; i++)
		if (!below_may_go(doing, (*ids)[i]))
			return false;
	return true;
}

static int check_as_judged(struct doing *doing, uint64_t id)
{
	const struct mount_entry *entry = kernel_table_find(&doing->batch->table, id);
	int r = entry ? kernel_check_as_judged(&doing->batch->table, entry) : 0;

	if (r == -ESTALE)
		doing->ret->stranger = id;
	return r;
}

/* Both lists ascend. What has gone meanwhile is not missed. */
int travel_check_tree(struct doing *doing)
{
	CLEANUP_FREE uint64_t *ids = NULL;
	size_t count = 0, judged = 0;
	int r = 0;

	if (!doing->which.id)
		return 0;
	r = kernel_check_parent(doing->which.id, doing->mount.parent, doing->peer_group);
	if (r == 0)
		r = list_below(doing, &ids, &count);
	for (size_t i = 0; i < count && r == 0; i++) {
		while (judged < doing->below_count && doing->below[judged] < ids[i])
			judged++;
		if (judged == doing->below_count || doing->below[judged] != ids[i]) {
			doing->ret->stranger = ids[i];
			return -ENOTUNIQ;
		}
		r = check_as_judged(doing, ids[i]);
	}
	return r;
}

static bool is_shared(uint64_t id)
{
	struct mount_status status;

	return kernel_statmount(id, &status) != 0 || status.peer_group;
}

bool travel_stays_inside(struct doing *doing)
{
	step_batch_drop_old_table(doing->batch);
	/* The common case costs one question instead of the whole table. */
	if ((!doing->which.id || is_shared(doing->mount.parent)) && !it_stays_inside(doing))
		return false;
	return doing->item->step != STEP_DETACH || tree_may_go(doing);
}
