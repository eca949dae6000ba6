/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One step in the doing: what step.c (reaching and calling) and travel.c (whom it would reach) share. For those two
 * alone.
 */
#ifndef REAPERD_BROKER_DOING_H
#define REAPERD_BROKER_DOING_H

#include "broker/step.h"
#include "kernel/at.h"

/* Another mount stands at the place; no errno of the kernel's means that here. */
#define E_OTHER_MOUNT EIDRM

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
};

void doing_conclude(struct doing *doing, enum outcome outcome, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Invariant 5, and for a detach that nothing in the tree below lies elsewhere or is protected. May make a parent mount
 * private, where it belongs to the action. False: concluded.
 */
bool travel_stays_inside(struct doing *doing);

#endif
