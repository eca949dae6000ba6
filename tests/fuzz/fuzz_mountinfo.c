/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Mount tables as text. The two readers of the tree, libmount's for the model and the broker's own, must agree: the one
 * decides what is to go, the other what may go.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "fuzz.h"
#include "kernel/table.h"
#include "source/mountinfo.h"

static size_t count_lines(const uint8_t *data, size_t size)
{
	size_t lines = 0;

	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n';
	return lines;
}

static void check_facts(const struct mount_facts *facts)
{
	FUZZ_HOLDS(facts->id == 0 && facts->parent == 0);
	FUZZ_HOLDS(facts->id32 > 0);
	FUZZ_HOLDS(*facts->target == '/');
	FUZZ_HOLDS(*facts->root || facts->root_deleted);
	FUZZ_HOLDS(facts->fstype && facts->source && facts->options && facts->super_options);
}

static void check_scan(const struct scan *scan, size_t lines)
{
	FUZZ_HOLDS(scan->complete && !scan->unique_ids);
	FUZZ_HOLDS(scan->count <= lines && (scan->count > 0) == (lines > 0));
	for (size_t i = 0; i < scan->count; i++)
		check_facts(&scan->mounts[i]);
}

static void compare(const struct mount_facts *facts, struct mount_entry *entry)
{
	bool deleted = mountinfo_strip_deleted(entry->root);

	FUZZ_HOLDS(facts->id32 == entry->id32 && facts->id32 == entry->id);
	FUZZ_HOLDS(facts->parent32 == entry->parent);
	FUZZ_HOLDS(facts->dev == entry->dev);
	FUZZ_HOLDS(facts->peer_group == entry->peer_group && facts->master == entry->master);
	FUZZ_HOLDS(strcmp(facts->root, entry->root) == 0 && facts->root_deleted == deleted);
	FUZZ_HOLDS(strcmp(facts->target, entry->target) == 0);
	FUZZ_HOLDS(strcmp(facts->fstype, entry->fstype) == 0);
}

/* A number that stands twice is one mount for the model: the last. */
static bool comes_again(const struct mount_table *table, size_t index)
{
	for (size_t i = index + 1; i < table->count; i++)
		if (table->entries[i].id == table->entries[index].id)
			return true;
	return false;
}

static void compare_tables(const struct scan *scan, struct mount_table *table)
{
	size_t at = 0;

	for (size_t i = 0; i < table->count; i++) {
		if (comes_again(table, i))
			continue;
		FUZZ_HOLDS(at < scan->count);
		compare(&scan->mounts[at++], &table->entries[i]);
	}
	FUZZ_HOLDS(at == scan->count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(kernel_table_clear) struct mount_table table = { 0 };
	CLEANUP(scan_clear) struct scan scan = { 0 };
	const char *file = fuzz_file(data, size);
	int r = mountinfo_read(file, &scan);
	int by_broker = kernel_table_read_mountinfo(file, &table);

	FUZZ_HOLDS(r == 0 || r == -EBADMSG);
	FUZZ_HOLDS(by_broker == 0 || (by_broker == -EBADMSG && table.count == 0));
	fuzz_accepted = r == 0 && by_broker == 0;
	if (r == 0)
		check_scan(&scan, count_lines(data, size));
	if (fuzz_accepted)
		compare_tables(&scan, &table);
	return 0;
}
