/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/step_batch.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "kernel/mounts.h"

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

int step_batch_find(struct step_batch *batch, uint64_t id, struct mount_entry **ret)
{
	*ret = NULL;
	for (int tries = 0; tries < 2 && !*ret; tries++) {
		int r = 0;

		if (tries)
			kernel_table_clear(&batch->table);
		if (!batch->table.count)
			r = kernel_table_read(&batch->table);
		if (r < 0)
			return r;
		*ret = kernel_table_find(&batch->table, id);
	}
	return 0;
}

void step_batch_drop_old_table(struct step_batch *batch)
{
	int64_t now = clock_now().mono;

	if (batch->table.count && now - batch->table_time > TABLE_AGE)
		kernel_table_clear(&batch->table);
	if (!batch->table.count)
		batch->table_time = now;
}
