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

/* The same of the mount at that path, not "", from dirfd on: passive, and so is the way to it. */
int kernel_depth_beneath(const struct mount_table *table, int dirfd, const char *relative,
			 const struct mount_entry *mount, unsigned *ret);

#endif
