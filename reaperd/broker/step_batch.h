/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The steps of one request, and what the child that does them keeps from one to the next: the mount table, which is
 * read when it is first needed, and ids.
 */
#ifndef REAPERD_BROKER_STEP_BATCH_H
#define REAPERD_BROKER_STEP_BATCH_H

#include "base/rules.h"
#include "kernel/table.h"
#include "wire/messages.h"

struct step_batch {
	const struct root_rules *rules;
	const struct step_item *items;
	uint32_t count;
	bool observe; /* nothing is ever done */
	/* Kept. */
	struct mount_table table; /* of our namespace, and once they matter of all others */
	bool others;		  /* they are in it */
	int64_t table_time;	  /* mono: when it was read */
	int64_t table_cost;	  /* ns: how long that took */
	uint64_t *ids;		  /* of all items */
	uint64_t newest;	  /* the newest id there was */
};

void step_batch_clear(struct step_batch *batch); /* what it kept, not the request */

/* The ids of all its mounts: 0 or -ENOMEM. */
int step_batch_note_ids(struct step_batch *batch);

/* So that a mount which came after this can be told: 0 or -errno. */
int step_batch_note_newest(struct step_batch *batch);

/*
 * The entry in the table, which is read again where it is older than the mount. 0 with NULL: the mount has gone. Where
 * its parent is shared, whom an unmount reaches is a matter of all namespaces, which are in the table then.
 */
int step_batch_find(struct step_batch *batch, uint64_t id, struct mount_entry **ret);

/* A batch usually takes milliseconds; where an item hung, who shares what with whom is asked again. */
void step_batch_drop_old_table(struct step_batch *batch);

#endif
