/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where an unmount would travel to. Unmounting M, which sits at a place of its parent mount, also takes whatever is
 * mounted at that place in every peer and slave of the *parent*. Pure: a table in, a judgement out. It knows the
 * namespaces that the table has.
 *
 * What stands in another namespace may go only if it came there, or was cloned, from the mount itself. That it stands in
 * the directory of an action that is over is not enough: whether it is over as well the engine knows, and if so it goes
 * first, by a step of its own.
 */
#ifndef REAPERD_KERNEL_RECEIVERS_H
#define REAPERD_KERNEL_RECEIVERS_H

#include "base/rules.h"
#include "kernel/table.h"

enum receivers {
	/*
	 * nothing else is taken, or only what may go: copies of the mount, leftovers of the same batch or action
	 */
	RECEIVERS_NONE,
	/*
	 * the parent belongs to the action, and the unmount would leave the action: make the parent private first
	 */
	RECEIVERS_CUT,
	RECEIVERS_REFUSED, /* it would take *ret_stranger; NULL: the parent is not in the table, so nobody can tell */
};

struct receivers_question {
	const struct mount_table *table; /* entries are filled in as they are needed */
	const struct mount_entry *mount; /* one of them */
	const struct root_rules *rules;	 /* of its root */
	const char *action;		 /* absolute path of the action's directory */
	/*
	 * How many names lead from the root of its parent to the mount, where that is known (kernel/depth.h); else the
	 * difference of two paths is taken for it.
	 */
	bool has_depth;
	unsigned depth;
	const uint64_t *batch; /* ids of the mounts that go in the same batch */
	size_t batch_count;
};

/*
 * 0; -ESTALE where the mount is not below the action, or not below its parent, or not as deep in it as it is, by their
 * paths: a directory above was renamed meanwhile; -ENOENT where it or its parent has gone; or -errno of reading them.
 */
int receivers_judge(const struct receivers_question *question, enum receivers *ret,
		    const struct mount_entry **ret_stranger);

#endif
