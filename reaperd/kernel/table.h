/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The mount table as one list of plain entries, for those who must know what else is mounted before they act: from
 * listmount and statmount, or from a mountinfo file where the kernel lacks these or the namespace is another. It never
 * touches a filesystem but procfs. struct mount_table owns everything below it; kernel_table_clear() releases that.
 */
#ifndef REAPERD_KERNEL_TABLE_H
#define REAPERD_KERNEL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mount_entry {
	uint64_t id;	     /* unique; where the table has no unique ids, the number that mountinfo shows */
	uint64_t parent;     /* likewise */
	uint32_t id32;	     /* the number that mountinfo shows */
	uint64_t dev;	     /* the superblock's */
	uint64_t peer_group; /* 0: not shared */
	uint64_t master;     /* the peer group that it is a slave of; 0: none */
	/*
	 * a slave whose master's group is out of sight: the nearest one in sight that it receives from; else 0
	 */
	uint64_t from;
	/* Of a mount in another namespace its id, if it has one, and its inode; 0: it is in ours. */
	uint64_t ns, ns_inode;
	/* NULL until kernel_table_fill() */
	char *root, *target, *fstype;
};

struct mount_table {
	bool unique_ids;
	bool sorted; /* by id */
	struct mount_entry *entries;
	size_t count;
};

/* All mounts of our namespace: 0, -ENOMEM or -errno. Mounts that go meanwhile are absent. */
int kernel_table_read(struct mount_table *ret);

/*
 * All mounts of such a file ("/proc/PID/mountinfo"), without unique ids, filled. 0, -EBADMSG (a line that is not one of
 * mountinfo, or a last one without its end), -ENOMEM or -errno.
 */
int kernel_table_read_mountinfo(const char *file, struct mount_table *ret);
int kernel_table_read_own_mountinfo(struct mount_table *ret); /* of our namespace */

/* All mounts of the namespace with that id (Linux 6.11): 0, -ENOMEM or -errno; -ENOENT where there is none such. */
int kernel_table_read_in(uint64_t ns, struct mount_table *ret);

/* Takes the entries of `more` over, behind its own, which are elsewhere in memory then. 0 or -ENOMEM. */
int kernel_table_append(struct mount_table *table, struct mount_table *more);

/* By id, so that one is found quickly: of a table that is long, or searched often. Entries are elsewhere then. */
void kernel_table_sort(struct mount_table *table);

/* Makes root, target and fstype known: 0, -ENOENT (the mount has gone), -ENOMEM or -errno. */
int kernel_table_fill(const struct mount_table *table, struct mount_entry *entry);

/* kernel_table_read() with each entry filled; one that has gone meanwhile stays without. 0 or -errno. */
int kernel_table_read_filled(struct mount_table *table);

struct mount_entry *kernel_table_find(const struct mount_table *table, uint64_t id);

/* By the number that mountinfo shows, with the superblock's device, for numbers come again at once. */
struct mount_entry *kernel_table_find_number(const struct mount_table *table, uint32_t id32, uint64_t dev);

void kernel_table_clear(struct mount_table *table);

/* The superblock's device of the mount with that number in our namespace's mountinfo; 0: there is none. */
uint64_t kernel_mountinfo_device(uint32_t id32);

#endif
