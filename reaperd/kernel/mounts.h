/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Linux's calls that ask about mounts, wrapped one by one; Debian 12's headers have none of them. No policy, no memory
 * of its own. All return -ENOSYS where the kernel lacks the call (statmount, listmount: Linux 6.8; unique ids in
 * statx: 6.8).
 *
 * None of them touches a filesystem: they answer while a FUSE server is stopped (measured on 6.18).
 */
#ifndef REAPERD_KERNEL_MOUNTS_H
#define REAPERD_KERNEL_MOUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Fields of statmount(2), for *ret_known below. */
#ifndef STATMOUNT_SB_BASIC
#define STATMOUNT_SB_BASIC	 UINT64_C(0x0001)
#define STATMOUNT_MNT_BASIC	 UINT64_C(0x0002)
#define STATMOUNT_PROPAGATE_FROM UINT64_C(0x0004)
#define STATMOUNT_MNT_ROOT	 UINT64_C(0x0008)
#define STATMOUNT_MNT_POINT	 UINT64_C(0x0010)
#define STATMOUNT_FS_TYPE	 UINT64_C(0x0020)
#endif
#ifndef STATMOUNT_MNT_OPTS
#define STATMOUNT_MNT_OPTS UINT64_C(0x0080)
#endif
#ifndef STATMOUNT_FS_SUBTYPE
#define STATMOUNT_FS_SUBTYPE UINT64_C(0x0100)
#define STATMOUNT_SB_SOURCE  UINT64_C(0x0200)
#endif
#ifndef STATMOUNT_SUPPORTED_MASK
#define STATMOUNT_SUPPORTED_MASK UINT64_C(0x1000)
#endif

struct mount_status {
	uint64_t id, parent;
	uint32_t id32, parent32;
	uint64_t dev;	      /* makedev() */
	uint64_t magic;	      /* the superblock's, as statfs(2) has it */
	uint32_t super_flags; /* MS_RDONLY, MS_SYNCHRONOUS, MS_DIRSYNC, MS_LAZYTIME of the superblock */
	uint64_t attributes;  /* MOUNT_ATTR_* */
	uint64_t propagation; /* MS_SHARED, MS_SLAVE, MS_PRIVATE, MS_UNBINDABLE */
	uint64_t peer_group, master;
	/*
	 * Strings point into the buffer that the caller passed; "" where none was asked for or given. Unescaped, but
	 * for super_options, which have octal escapes. A deleted root ends with "//deleted".
	 */
	const char *root, *target, *fstype, *subtype, *source, *super_options;
};

/* Numbers only. 0, -ENOENT (no such mount in our namespace), -EPERM, -ENOSYS. */
int kernel_statmount(uint64_t id, struct mount_status *ret);

/*
 * The nearest peer group in our sight that a slave receives from, which is not its master's where that is in another
 * namespace; 0: none. The kernel walks the peers for it. 0 or -errno.
 */
int kernel_statmount_propagate_from(uint64_t id, uint64_t *ret_group);

/*
 * With strings, in `buffer` (16 KiB holds all but monsters). -EOVERFLOW where it is too small. super_options need
 * Linux 6.11, source and subtype 6.13: where the kernel does not know them the bits are absent from *ret_known
 * (STATMOUNT_*), and the caller asks mountinfo.
 */
int kernel_statmount_full(uint64_t id, void *buffer, size_t size, struct mount_status *ret, uint64_t *ret_known);

/* Numbers, root and target: a third cheaper than everything, for mounts that are known already. Errors as above. */
int kernel_statmount_place(uint64_t id, void *buffer, size_t size, struct mount_status *ret);

/*
 * Ids in ascending order after `after` (0: from the first), of everything below `under` (0: the namespace's root): how
 * many, or -errno.
 */
ssize_t kernel_listmount(uint64_t under, uint64_t after, uint64_t *ids, size_t size);

/* All ids; the caller frees *ret_ids. 0 or -errno. */
int kernel_listmount_all(uint64_t **ret_ids, size_t *ret_count);

/*
 * The newest id of all: whatever is mounted after this has a greater one. Before Linux 6.11 that takes the whole list.
 * 0 or -errno.
 */
int kernel_newest_mount(uint64_t *ret_id);

/*
 * The same of another namespace, by its id (namespaces.h), from Linux 6.11 on (f608cabaeda4); 0: ours. Paths are from
 * its root. -ENOENT also says that there is no such namespace, and that we lack SYS_ADMIN over it.
 */
int kernel_statmount_in(uint64_t ns, uint64_t id, struct mount_status *ret);
int kernel_statmount_full_in(uint64_t ns, uint64_t id, void *buffer, size_t size, struct mount_status *ret,
			     uint64_t *ret_known);
int kernel_listmount_all_in(uint64_t ns, uint64_t **ret_ids, size_t *ret_count);

/*
 * The unique id that a 32-bit one stands for is not asked here: statx() is what ties a place to an id, see kernel/at.h.
 */

/* "rw,nosuid,nodev,relatime" as mountinfo spells the attributes; at least 128 bytes. Returns buf. */
char *kernel_mount_options(uint64_t attributes, char *buf, size_t size);

/* As mountinfo has them: "fuse.bindfs", "rw,size=64k". The caller frees; NULL: memory is out. */
char *kernel_mount_type(const struct mount_status *status);
char *kernel_mount_super_options(const struct mount_status *status);

/* Inode of our mount namespace (/proc/self/ns/mnt), 0 on failure; and this boot's id (36 characters and NUL). */
uint64_t kernel_mount_namespace(void);
int kernel_boot_id(char ret[static 37]);

/* fs.mount-max: how many mounts a namespace may have; 0: not known. */
uint64_t kernel_mount_max(void);

#endif
