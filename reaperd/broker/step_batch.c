/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/step_batch.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "kernel/mounts.h"
#include "kernel/others.h"

/* And four times as long as it took to read, for with hundreds of namespaces nothing else would be done. */
#define TABLE_AGE (200 * NSEC_PER_MSEC)

void step_batch_clear(struct step_batch *batch)
{
	kernel_table_clear(&batch->table);
	free(batch->ids);
	batch->ids = NULL;
}

static uint64_t id_of(const struct step_item *item)
{
	return item->mount.id ? item->mount.id : item->mount.id32;
}

int step_batch_note_ids(struct step_batch *batch)
{
	if (batch->ids)
		return 0;
	batch->ids = calloc(batch->count, sizeof(*batch->ids));
	for (uint32_t i = 0; batch->ids && i < batch->count; i++)
		batch->ids[i] = id_of(&batch->items[i]);
	return batch->ids ? 0 : -ENOMEM;
}

int step_batch_note_newest(struct step_batch *batch)
{
	return batch->newest ? 0 : kernel_newest_mount(&batch->newest);
}

static void drop_table(struct step_batch *batch)
{
	kernel_table_clear(&batch->table);
	batch->others = false;
	batch->table_cost = 0;
}

static int read_table(struct step_batch *batch, int (*read)(struct mount_table *table))
{
	int64_t start = clock_now().mono;
	int r = read(&batch->table);

	batch->table_time = clock_now().mono;
	batch->table_cost += batch->table_time - start;
	return r;
}

static struct mount_entry *find_own(const struct step_batch *batch, uint64_t id)
{
	struct mount_entry *entry = kernel_table_find(&batch->table, id);

	return entry && !entry->ns_inode ? entry : NULL;
}

static bool travels(const struct step_batch *batch, const struct mount_entry *entry)
{
	const struct mount_entry *parent = kernel_table_find(&batch->table, entry->parent);

	return parent && parent->peer_group;
}

int step_batch_find(struct step_batch *batch, uint64_t id, struct mount_entry **ret)
{
	int r;

	*ret = NULL;
	for (int tries = 0; tries < 2 && !*ret; tries++) {
		if (tries)
			drop_table(batch);
		r = batch->table.count ? 0 : read_table(batch, kernel_table_read);
		if (r < 0)
			return r;
		*ret = find_own(batch, id);
	}
	if (!*ret || batch->others || !travels(batch, *ret))
		return 0;
	r = read_table(batch, kernel_table_add_others);
	batch->others = r == 0;
	*ret = find_own(batch, id);
	return r;
}

void step_batch_drop_old_table(struct step_batch *batch)
{
	if (batch->table.count && clock_now().mono - batch->table_time > TABLE_AGE + 4 * batch->table_cost)
		drop_table(batch);
}
