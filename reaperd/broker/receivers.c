/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/receivers.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/path.h"

/* A growing set of numbers; small, so it is searched from its start. */
struct numbers {
	uint64_t *items;
	size_t count, allocated;
};

static void numbers_clear(struct numbers *numbers)
{
	free(numbers->items);
}

static bool numbers_have(const struct numbers *numbers, uint64_t number)
{
	for (size_t i = 0; i < numbers->count; i++)
		if (numbers->items[i] == number)
			return true;
	return false;
}

static int numbers_add(struct numbers *numbers, uint64_t number)
{
	if (numbers->count == numbers->allocated) {
		size_t more = numbers->allocated ? 2 * numbers->allocated : 16;
		uint64_t *items = reallocarray(numbers->items, more, sizeof(*items));

		if (!items)
			return -ENOMEM;
		numbers->items = items;
		numbers->allocated = more;
	}
	numbers->items[numbers->count++] = number;
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

/* The ids of the peers and slaves of `parent`, without itself. */
static int receivers_of(const struct mount_table *table, const struct mount_entry *parent, struct numbers *ret)
{
	CLEANUP(numbers_clear) struct numbers groups = { 0 };
	int r = reached_groups(table, parent->peer_group, &groups);

	for (size_t i = 0; i < table->count && r == 0; i++) {
		const struct mount_entry *entry = &table->entries[i];
		if (entry != parent && is_reached(entry, &groups))
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

/* Whether an event at `parent` reaches `other`: 1, 0 or -ENOMEM. */
static int is_receiver(const struct mount_table *table, const struct mount_entry *parent,
		       const struct mount_entry *other)
{
	CLEANUP(numbers_clear) struct numbers groups = { 0 };
	int r = parent->peer_group ? reached_groups(table, parent->peer_group, &groups) : 0;

	if (r < 0)
		return r;
	return is_reached(other, &groups);
}

/*
 * Whether `other`, which stands at `mount`'s place of a receiver, is its copy all the way up to where the action is
 * mounted: then its parent is a copy, too, that goes with the action, and not what the action bound from outside. 1, 0
 * or -errno.
 */
static int goes_along(const struct receivers_question *question, struct mount_entry *mount, struct mount_entry *other)
{
	const struct mount_table *table = question->table;

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
			r = is_receiver(table, parent, other_parent);
		if (r <= 0)
			return r;
		if (!is_copy(mount, other) || !place || !other_place || strcmp(place, other_place) != 0)
			return 0;
		if (!path_relative(parent->target, question->action))
			return 1;
		mount = parent;
		other = other_parent;
	}
	return 0;
}

static bool is_protected(const struct root_rules *rules, const struct mount_entry *other)
{
	const char *relative = path_relative(other->target, rules->path);

	return relative && rules_protect(rules, relative);
}

/* 1, 0 or -errno. */
static int may_go(const struct receivers_question *question, struct mount_entry *other, bool copies_may_go)
{
	if (is_protected(question->rules, other))
		return 0;
	if (path_relative(other->target, question->action))
		return 1;
	if (!copies_may_go)
		return goes_along(question, (struct mount_entry *)question->mount, other);
	for (size_t i = 0; i < question->batch_count; i++)
		if (question->batch[i] == other->id)
			return 1;
	return is_copy(question->mount, other);
}

/* The first mount that an unmount would take although it may not go. */
static int find_stranger(const struct receivers_question *question, struct mount_entry *parent, bool copies_may_go,
			 const struct mount_entry **ret)
{
	CLEANUP(numbers_clear) struct numbers receivers = { 0 };
	CLEANUP_FREE char *place = NULL;
	const struct mount_table *table = question->table;
	int r = receivers_of(table, parent, &receivers);

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
			r = may_go(question, entry, copies_may_go);
			*ret = r == 0 ? entry : NULL;
		}
		if (r == -ENOENT || r > 0)
			r = 0; /* it may go, or it or its parent has gone meanwhile */
	}
	return r;
}

int receivers_judge(const struct receivers_question *question, enum receivers *ret,
		    const struct mount_entry **ret_stranger)
{
	struct mount_entry *parent = kernel_table_find(question->table, question->mount->parent);
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
	if (r < 0)
		return r;
	is_own = path_relative(parent->target, question->action);
	r = find_stranger(question, parent, !is_own, ret_stranger);
	if (r < 0)
		return r;
	if (*ret_stranger)
		*ret = is_own ? RECEIVERS_CUT : RECEIVERS_REFUSED;
	return 0;
}
