/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernel/receivers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/path.h"

/* A growing set of numbers, sorted: with all namespaces they may be many. */
struct numbers {
	uint64_t *items;
	size_t count, allocated;
};

static void numbers_clear(struct numbers *numbers)
{
	free(numbers->items);
}

/* The index of the first that is not smaller. */
static size_t numbers_find(const struct numbers *numbers, uint64_t number)
{
	size_t from = 0, to = numbers->count;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (numbers->items[middle] < number)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

static bool numbers_have(const struct numbers *numbers, uint64_t number)
{
	size_t i = numbers_find(numbers, number);

	return i < numbers->count && numbers->items[i] == number;
}

static int numbers_add(struct numbers *numbers, uint64_t number)
{
	size_t i = numbers_find(numbers, number);

	if (numbers->count == numbers->allocated) {
		size_t more = numbers->allocated ? 2 * numbers->allocated : 16;
		uint64_t *items = reallocarray(numbers->items, more, sizeof(*items));

		if (!items)
			return -ENOMEM;
		numbers->items = items;
		numbers->allocated = more;
	}
	memmove(numbers->items + i + 1, numbers->items + i, (numbers->count - i) * sizeof(*numbers->items));
	numbers->items[i] = number;
	numbers->count++;
	return 0;
}

/* A slave, of a group in sight or, by way of others' namespaces, of one that is. */
static bool receives_from(const struct mount_entry *entry, const struct numbers *groups)
{
	return (entry->master && numbers_have(groups, entry->master)) ||
	       (entry->from && numbers_have(groups, entry->from));
}

static bool is_reached(const struct mount_entry *entry, const struct numbers *groups)
{
	return (entry->peer_group && numbers_have(groups, entry->peer_group)) || receives_from(entry, groups);
}

/* The peer groups that an event in `first` reaches: itself, those of its slaves, of their slaves, and so on. */
static int reached_groups(const struct mount_table *table, uint64_t first, struct numbers *ret)
{
	int r = numbers_add(ret, first);
	bool more = true;

	while (r == 0 && more) {
		more = false;
		for (size_t i = 0; i < table->count && r == 0; i++) {
			const struct mount_entry *entry = &table->entries[i];

			if (!entry->peer_group || numbers_have(ret, entry->peer_group) || !receives_from(entry, ret))
				continue;
			r = numbers_add(ret, entry->peer_group);
			more = true;
		}
	}
	return r;
}

/* What one peer group reaches is asked for each copy, of which there may be one in each namespace. */
struct closure {
	uint64_t group;
	struct numbers reached;
};

struct judging {
	const struct receivers_question *question;
	struct closure closures[8];
	size_t count;
};

static void judging_clear(struct judging *judging)
{
	for (size_t i = 0; i < judging->count; i++)
		numbers_clear(&judging->closures[i].reached);
}

/* NULL: memory is out. Good until the next call. */
static const struct numbers *groups_from(struct judging *judging, uint64_t group)
{
	struct closure *closure = judging->closures;

	for (size_t i = 0; i < judging->count; i++)
		if (judging->closures[i].group == group)
			return &judging->closures[i].reached;
	if (judging->count < ARRAY_SIZE(judging->closures))
		closure = &judging->closures[judging->count++];
	else
		numbers_clear(&closure->reached);
	*closure = (struct closure){ .group = group };
	return reached_groups(judging->question->table, group, &closure->reached) < 0 ? NULL : &closure->reached;
}

/* Whether an event at `parent` reaches `other`: 1, 0 or -ENOMEM. */
static int is_receiver(struct judging *judging, const struct mount_entry *parent, const struct mount_entry *other)
{
	const struct numbers *groups;

	if (!parent->peer_group)
		return 0;
	groups = groups_from(judging, parent->peer_group);
	return groups ? is_reached(other, groups) : -ENOMEM;
}

/* The ids of the peers and slaves of `parent`, without itself. */
static int receivers_of(struct judging *judging, const struct mount_entry *parent, struct numbers *ret)
{
	const struct mount_table *table = judging->question->table;
	const struct numbers *groups = groups_from(judging, parent->peer_group);
	int r = groups ? 0 : -ENOMEM;

	for (size_t i = 0; i < table->count && r == 0; i++) {
		const struct mount_entry *entry = &table->entries[i];
		if (entry != parent && is_reached(entry, groups))
			r = numbers_add(ret, entry->id);
	}
	return r;
}

/*
 * Where `mount` sits, as a path within its parent's filesystem: 0 with NULL where the two paths do not fit each other,
 * which is then taken for the place that is asked about.
 */
static int place_in_filesystem(const struct mount_table *table, struct mount_entry *mount, struct mount_entry *parent,
			       char **ret)
{
	const char *relative;
	int r = kernel_table_fill(table, mount);

	*ret = NULL;
	if (r == 0)
		r = kernel_table_fill(table, parent);
	if (r < 0)
		return r;
	relative = path_relative(mount->target, parent->target);
	if (!relative)
		return 0;
	*ret = path_join(parent->root, relative);
	return *ret ? 0 : -ENOMEM;
}

static bool is_copy(const struct mount_entry *mount, const struct mount_entry *other)
{
	return other->dev == mount->dev && !strcmp(other->root, mount->root);
}

/*
 * Whether `other`, which stands at `mount`'s place of a receiver, is its copy all the way up to where the action is
 * mounted: then its parent is a copy, too, that goes with the action, and not what the action bound from outside. 1, 0
 * or -errno.
 */
static int goes_along(struct judging *judging, struct mount_entry *mount, struct mount_entry *other)
{
	const struct mount_table *table = judging->question->table;

	for (size_t depth = 0; depth <= table->count; depth++) {
		struct mount_entry *parent = kernel_table_find(table, mount->parent);
		struct mount_entry *other_parent = kernel_table_find(table, other->parent);
		CLEANUP_FREE char *place = NULL;
		CLEANUP_FREE char *other_place = NULL;
		int r;

		if (!parent || !other_parent || parent == other_parent)
			return 0;
		r = place_in_filesystem(table, mount, parent, &place);
		if (r == 0)
			r = place_in_filesystem(table, other, other_parent, &other_place);
		if (r == 0)
			r = is_receiver(judging, parent, other_parent);
		if (r <= 0)
			return r;
		if (!is_copy(mount, other) || !place || !other_place || strcmp(place, other_place) != 0)
			return 0;
		if (!path_relative(parent->target, judging->question->action))
			return 1;
		mount = parent;
		other = other_parent;
	}
	return 0;
}

/* In another namespace even the same directory of the same filesystem may be what somebody there mounted himself. */
static int is_copy_elsewhere(struct judging *judging, const struct mount_entry *other)
{
	const struct mount_entry *mount = judging->question->mount;

	return is_copy(mount, other) ? is_receiver(judging, mount, other) : 0;
}

static bool is_protected(const struct root_rules *rules, const struct mount_entry *other)
{
	const char *relative = path_relative(other->target, rules->path);

	return relative && rules_protect(rules, relative);
}

/* 1, 0 or -errno. */
static int may_go(struct judging *judging, struct mount_entry *other, bool copies_may_go)
{
	const struct receivers_question *question = judging->question;

	/* Paths elsewhere are not from our root. */
	if (!other->ns_inode && is_protected(question->rules, other))
		return 0;
	if (!other->ns_inode && path_relative(other->target, question->action))
		return 1;
	if (!copies_may_go)
		return goes_along(judging, (struct mount_entry *)question->mount, other);
	for (size_t i = 0; i < question->batch_count; i++)
		if (question->batch[i] == other->id)
			return 1;
	if (other->ns_inode)
		return is_copy_elsewhere(judging, other);
	return is_copy(question->mount, other);
}

/* The first mount that an unmount would take although it may not go. */
static int find_stranger(struct judging *judging, struct mount_entry *parent, bool copies_may_go,
			 const struct mount_entry **ret)
{
	const struct receivers_question *question = judging->question;
	CLEANUP(numbers_clear) struct numbers receivers = { 0 };
	CLEANUP_FREE char *place = NULL;
	const struct mount_table *table = question->table;
	int r = receivers_of(judging, parent, &receivers);

	*ret = NULL;
	if (r < 0 || !receivers.count)
		return r;
	r = place_in_filesystem(table, (struct mount_entry *)question->mount, parent, &place);
	for (size_t i = 0; i < table->count && r == 0 && !*ret; i++) {
		CLEANUP_FREE char *other = NULL;
		struct mount_entry *entry = &table->entries[i];

		if (entry == question->mount || !numbers_have(&receivers, entry->parent))
			continue;
		r = place_in_filesystem(table, entry, kernel_table_find(table, entry->parent), &other);
		if (r == 0 && (!place || !other || !strcmp(place, other))) {
			r = may_go(judging, entry, copies_may_go);
			*ret = r == 0 ? entry : NULL;
		}
		if (r == -ENOENT || r > 0)
			r = 0; /* it may go, or it or its parent has gone meanwhile */
	}
	return r;
}

static unsigned count_names(const char *path)
{
	unsigned count = 0;
	size_t length;

	while (path_next_segment(&path, &length))
		count++;
	return count;
}

/*
 * Paths are read one after the other. Where a directory above was renamed meanwhile, the action's own parent would seem to
 * lie outside, and what the action had bound from there to be a copy that may go; or the mount would seem to be at another
 * place of its parent, where nobody has anything to lose. A path that is as many names shorter as the mount is deep, and
 * otherwise the same, is the parent's of the moment in which the mount's was read.
 */
static bool paths_fit(const struct receivers_question *question, const struct mount_entry *parent)
{
	const char *relative = path_relative(question->mount->target, parent->target);

	return relative && path_relative(question->mount->target, question->action) &&
	       (!question->has_depth || count_names(relative) == question->depth);
}

int receivers_judge(const struct receivers_question *question, enum receivers *ret,
		    const struct mount_entry **ret_stranger)
{
	struct mount_entry *parent = kernel_table_find(question->table, question->mount->parent);
	CLEANUP(judging_clear) struct judging judging = { .question = question };
	bool is_own;
	int r;

	*ret = RECEIVERS_REFUSED;
	*ret_stranger = NULL;
	if (!parent)
		return 0;
	*ret = RECEIVERS_NONE;
	if (!parent->peer_group)
		return 0;
	r = kernel_table_fill(question->table, parent);
	if (r == 0)
		r = kernel_table_fill(question->table, (struct mount_entry *)question->mount);
	if (r < 0)
		return r;
	if (!paths_fit(question, parent)) {
		*ret = RECEIVERS_REFUSED;
		return -ESTALE;
	}
	is_own = path_relative(parent->target, question->action);
	r = find_stranger(&judging, parent, !is_own, ret_stranger);
	if (r < 0)
		return r;
	if (*ret_stranger)
		*ret = is_own ? RECEIVERS_CUT : RECEIVERS_REFUSED;
	return 0;
}
