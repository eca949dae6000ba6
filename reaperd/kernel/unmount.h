/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * unmountat of exactly the mount that is meant. What a name leads to can change at any moment, and no call of the
 * kernel's takes an id: here the two are tied together as far as that goes. May block, as kernel/at.h.
 */
#ifndef REAPERD_KERNEL_UNMOUNT_H
#define REAPERD_KERNEL_UNMOUNT_H

#include "kernel/at.h"
#include "kernel/table.h"

/* Errors that no call of the kernel's means here. */
#define E_OTHER_MOUNT EIDRM    /* another mount stands at the place, or none */
#define E_LOOKED_AT   EALREADY /* the mark did not last long enough for a second call */

/*
 * The mount itself stands at the name in dirfd, or with "" that is its root: 0, -E_OTHER_MOUNT, or -errno of asking.
 * *ret_stranger: the other one's id, or its number where the kernel has no ids; 0: no mount's root is there.
 */
int kernel_check_mount(int dirfd, const char *name, const struct kernel_mount *mount, uint64_t *ret_stranger);

/*
 * The mount, by its unique id, is mounted in that one, which still is in that peer group (0: none): 0 or -ESTALE. A
 * mount that has gone is none to be sure of: -ENOENT.
 */
int kernel_check_parent(uint64_t id, uint64_t parent, uint64_t peer_group);

/* The same of one of the table's, as that has it; of what has gone meanwhile, or has no parent there, 0. */
int kernel_check_as_judged(const struct mount_table *table, const struct mount_entry *mount);

/* The mount table has it no more. Where it cannot be asked, nothing is gone. */
bool kernel_mount_has_gone(const struct kernel_mount *mount);

struct kernel_exactly {
	struct kernel_mount mount;
	/* As it was seen, which must still be so; where the mount has an id. */
	uint64_t parent;
	const char *target;
	/* Its parent's peer group when it was judged whom the unmount reaches; NULL: nobody judged that. */
	const uint64_t *peer_group;
	uint64_t newest; /* noted by kernel_newest_mount() before; 0: there are no unique ids to be exact by */
};

/*
 * A plain unmount of that mount at `name`, one segment, in dirfd: 0, -EBUSY, -E_OTHER_MOUNT, -E_LOOKED_AT or -errno. The
 * mount table, not this, says what became of it: another one may have taken it at the same moment.
 */
int kernel_unmount_exactly(int dirfd, const char *name, const struct kernel_exactly *exactly, uint64_t *ret_stranger);

#endif
