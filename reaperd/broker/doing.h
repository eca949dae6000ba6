/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One step in the doing: what step.c (reaching and calling) and travel.c (whom it would reach) share. For those two
 * alone.
 */
#ifndef REAPERD_BROKER_DOING_H
#define REAPERD_BROKER_DOING_H

#include "broker/step_batch.h"
#include "kernel/at.h"

struct doing {
	struct step_batch *batch;
	const struct step_item *item;
	struct step_result *ret;
	char *action;		   /* absolute path of the action's directory */
	char *target;		   /* absolute path of the mount point */
	int root, parent;	   /* fds: of the root directory; of the directory that holds the mount point */
	const char *name;	   /* of the mount point in it */
	struct kernel_mount which; /* the request's mount, with its unique id where the kernel has one */
	struct mount_entry mount;  /* what is to go; filled */
	uint64_t peer_group;	   /* of its parent, as it was judged */
	uint64_t *below;	   /* ids of the tree below it, as it was judged, where a detach takes that along */
	size_t below_count;
};

void doing_clear(struct doing *doing);

/* The step is for the mount that is the root itself, and not for one below it. */
bool doing_is_for_the_root(const struct doing *doing);

/* What came of it, with a sentence. */
void doing_conclude(struct doing *doing, enum outcome outcome, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
