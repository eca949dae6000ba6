/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/holding.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "kernel/others.h"
#include "kernel/table.h"

void holding_clear(struct holding *holding)
{
	free(holding->inodes);
	*holding = (struct holding){ 0 };
}

/* ---- where the roots are ---- */

/* A directory, in its filesystem. */
struct place {
	uint64_t dev;
	char *path;
};

struct places {
	struct place *items;
	size_t count;
};

static void places_clear(struct places *places)
{
	for (size_t i = 0; i < places->count; i++)
		free(places->items[i].path);
	free(places->items);
}

/* The mount that a walk from `from` to the path meets next; NULL: it ends there. */
static const struct mount_entry *next_on_the_way(const struct mount_table *table, const struct mount_entry *from,
						 const char *path)
{
	const struct mount_entry *next = NULL;

	for (size_t i = 0; i < table->count; i++) {
		const struct mount_entry *entry = &table->entries[i];

		if (entry != from && entry->parent == from->id && path_is_at_or_below(path, entry->target) &&
		    (!next || strlen(entry->target) < strlen(next->target)))
			next = entry;
	}
	return next;
}

/* Whose parent is not in the table, or is itself. */
static const struct mount_entry *find_top(const struct mount_table *table)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct mount_entry *entry = &table->entries[i];
		const struct mount_entry *parent = kernel_table_find(table, entry->parent);

		if ((!parent || parent == entry) && strcmp(entry->target, "/") == 0)
			return entry;
	}
	return NULL;
}

static int add_place(struct places *places, const struct mount_table *table, const char *path)
{
	const struct mount_entry *mount = NULL;
	struct place *place = &places->items[places->count];

	for (const struct mount_entry *next = find_top(table); next; next = next_on_the_way(table, next, path))
		mount = next;
	if (!mount)
		return 0;
	*place = (struct place){ mount->dev, path_join(mount->root, path_relative(path, mount->target)) };
	if (!place->path)
		return -ENOMEM;
	places->count++;
	return 0;
}

static int read_places(const struct config *config, struct places *ret)
{
	CLEANUP(kernel_table_clear) struct mount_table table = { 0 };
	int r = kernel_table_read_own_mountinfo(&table);

	if (r < 0)
		return r;
	kernel_table_sort(&table);
	ret->items = calloc(config->root_count + 1, sizeof(*ret->items));
	if (!ret->items)
		return -ENOMEM;
	for (size_t i = 0; i < config->root_count && r == 0; i++)
		r = add_place(ret, &table, config->roots[i].path);
	return r;
}

/* ---- who has them ---- */

static bool is_on_one(const struct places *places, uint64_t dev)
{
	for (size_t i = 0; i < places->count; i++)
		if (places->items[i].dev == dev)
			return true;
	return false;
}

static bool shows_one(const struct places *places, const struct mount_entry *mount)
{
	for (size_t i = 0; i < places->count; i++)
		if (places->items[i].dev == mount->dev && paths_are_related(mount->root, places->items[i].path))
			return true;
	return false;
}

static int compare_inodes(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int collect(const struct places *places, struct mount_table *others, struct holding *ret)
{
	ret->inodes = calloc(others->count + 1, sizeof(*ret->inodes));
	if (!ret->inodes)
		return -ENOMEM;
	for (size_t i = 0; i < others->count; i++) {
		struct mount_entry *mount = &others->entries[i];
		int r = is_on_one(places, mount->dev) ? kernel_table_fill(others, mount) : -ENOENT;

		if (r < 0 && r != -ENOENT)
			return r;
		if (r == 0 && shows_one(places, mount))
			ret->inodes[ret->count++] = mount->ns_inode;
	}
	qsort(ret->inodes, ret->count, sizeof(*ret->inodes), compare_inodes);
	return 0;
}

int holding_read(const struct config *config, struct holding *ret)
{
	CLEANUP(places_clear) struct places places = { 0 };
	CLEANUP(kernel_table_clear) struct mount_table others = { .unique_ids = true };
	int r = read_places(config, &places);

	if (r == 0)
		r = kernel_table_add_others(&others);
	return r < 0 ? r : collect(&places, &others, ret);
}

bool holding_has(const struct holding *holding, uint64_t inode)
{
	return holding->count && bsearch(&inode, holding->inodes, holding->count, sizeof(inode), compare_inodes);
}
