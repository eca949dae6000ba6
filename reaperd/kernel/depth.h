/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How deep in its parent mount a mount sits, found by the place where it stands. The paths of two mounts are read one
 * after the other, and what is renamed above them in between makes the difference of the two a lie; what lies between
 * the root of the parent and the mount point, such a rename does not change. May block, as kernel/at.h.
 */
#ifndef REAPERD_KERNEL_DEPTH_H
#define REAPERD_KERNEL_DEPTH_H

#include "kernel/table.h"

/*
 * How many names lead from the root of the mount's parent to where it is mounted, which is `name`, one segment, in
 * dirfd; 0: on that root. `mount` is one of the table's, of our namespace, and may be covered by others there. `passive`:
 * nothing is looked up that is not cached. 0, -EAGAIN (not cached), -ESTALE (it does not stand there) or -errno.
 */
int kernel_depth_of_mount(const struct mount_table *table, int dirfd, const char *name, const struct mount_entry *mount,
			  bool passive, unsigned *ret);

/* Where mounts are looked for; all is borrowed. */
struct depth_place {
	int root;	       /* an fd of the build root */
	const char *root_path; /* absolute */
	int parent;	       /* of the mount that is meant: an fd of the directory that holds the mount point */
	const char *name;      /* of the mount point in it */
};

/*
 * For who judges whom the unmount of `mount` reaches: how deep it sits in its parent, where that is shared, and so matters.
 * The one that is meant is looked for in its directory, others by their paths and passively. 0, with *ret_known false where
 * it does not matter or only a filesystem could tell, of others; -ESTALE: it does not stand there any more; -ENOMEM; or
 * -errno of reading its path.
 */
int kernel_depth_find(const struct mount_table *table, const struct depth_place *place, struct mount_entry *mount,
		      bool is_meant, bool *ret_known, unsigned *ret);

#endif
