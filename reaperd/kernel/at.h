/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Calls relative to a directory fd. They may block on the filesystem that they touch: only children with a deadline
 * (base/batch.h) use them.
 */
#ifndef REAPERD_KERNEL_AT_H
#define REAPERD_KERNEL_AT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct place_status {
	uint64_t mount_id;   /* unique; 0 where the kernel has none */
	uint32_t mount_id32; /* as in mountinfo */
	uint64_t dev;	     /* st_dev: on btrfs the subvolume's, not the superblock's */
	uint64_t ino;
	int64_t birth; /* ns; 0: the filesystem has none */
	uint32_t mode;
	bool is_mount_root;
};

/* Which mount is meant. Where the kernel, or who recorded it, has no unique ids, id is 0 and the other two decide. */
struct kernel_mount {
	uint64_t id;
	uint32_t id32;
	uint64_t dev; /* the superblock's */
};

/*
 * An O_PATH fd of the directory `path` (absolute, no symlink anywhere: openat2 RESOLVE_NO_SYMLINKS from "/"), or
 * -errno.
 */
int kernel_open_root(const char *path);

/*
 * The same without asking a remote filesystem for any name: where the path leads through one, only what the kernel has
 * cached is followed, else -EAGAIN. A lookup past a FUSE's entry timeout can make the kernel detach what is mounted
 * below the name.
 */
int kernel_open_root_passively(const char *path);

/*
 * An O_PATH|O_DIRECTORY fd of `relative` ("" or "." is dirfd itself) beneath dirfd: openat2 with
 * RESOLVE_BENEATH|NO_SYMLINKS|NO_MAGICLINKS, and `resolve` more (RESOLVE_NO_XDEV, RESOLVE_CACHED). -errno: -ENOENT,
 * -ELOOP (a symlink), -EXDEV, -EAGAIN (not cached), -ENOTCONN …
 */
int kernel_open_beneath(int dirfd, const char *relative, uint64_t resolve);

/* The same of whatever stands there, a file too; nothing more to resolve. */
int kernel_open_place_beneath(int dirfd, const char *relative);

/*
 * Where name (or, with "", dirfd itself) stands: the top of a stack of mounts, never through a symlink or automount.
 * `sync`: AT_STATX_FORCE_SYNC, else DONT_SYNC.
 */
int kernel_status_at(int dirfd, const char *name, bool sync, struct place_status *ret);

/*
 * True where the place lies on that mount. Without unique ids: the same number and device, for numbers come again at
 * once.
 */
bool kernel_place_is_on(const struct place_status *place, const struct kernel_mount *mount);

/*
 * unmountat: umount2("/proc/self/fd/<dirfd>/<name>", UMOUNT_NOFOLLOW | flags), `name` one segment; in a mount namespace
 * that was entered, by kernel/procfs.h. `dirfd` is the directory that holds the mount point, so no symlink and no "..",
 * and nothing above it, is looked at again. flags: MNT_DETACH, MNT_FORCE, MNT_EXPIRE.
 */
int kernel_unmountat(int dirfd, const char *name, int flags);

/*
 * An O_PATH fd of what stands at `name`, one segment, in dirfd: of the root, directory or file, of the topmost mount
 * there. -ELOOP: a symlink.
 */
int kernel_open_mount_at(int dirfd, const char *name);

/* The same, of what the kernel has cached alone: -EAGAIN where it would have to ask the filesystem. */
int kernel_open_mount_passively_at(int dirfd, const char *name);

/* An O_PATH fd of the directory above that one, on the same mount: -EXDEV where it is that one's root. */
int kernel_open_above(int dirfd);

/*
 * umount2("/proc/self/fd/<fd>", flags) with the fd of a mount's root: of that mount, wherever it lies by now, unless
 * something was mounted upon it, which goes instead. The fd keeps the mount busy: so MNT_DETACH works, and MNT_FORCE does what
 * it does to the filesystem, and then is -EBUSY.
 */
int kernel_unmount(int fd, int flags);

/* mount_setattr(fd, "", AT_EMPTY_PATH, propagation = MS_PRIVATE) on the mount that `fd` stands on (Linux 5.12). */
int kernel_make_private(int fd);

/*
 * A file handle of dirfd itself: one that kernel_open_by_handle() takes, or else one that only identifies
 * (AT_HANDLE_FID, Linux 6.5). Length of the bytes in *length (in: room). -EOPNOTSUPP where the filesystem has none.
 */
int kernel_handle_of(int dirfd, int32_t *ret_type, uint8_t *bytes, uint32_t *length);

/* A readable fd of the directory that `fd`, perhaps an O_PATH one, stands on; no name is looked up for it. -errno. */
int kernel_reopen_directory(int fd);

/*
 * Opens by handle (O_PATH) on the filesystem of mount_fd, which must not be O_PATH. -ESTALE: gone. Needs
 * CAP_DAC_READ_SEARCH.
 */
int kernel_open_by_handle(int mount_fd, int32_t type, const uint8_t *bytes, uint32_t length);

/* The filesystem's f_type. Asks the filesystem: -ENOTCONN from a FUSE without a server. */
int kernel_fs_magic(int fd, uint64_t *ret);

/*
 * True for filesystems whose names can change behind the kernel's back (FUSE, NFS, CIFS, 9p, ceph, AFS, …) and for all
 * that are not known to be local.
 */
bool kernel_fs_is_remote(uint64_t magic);
/* True for the types that have a forced unmount: FUSE, NFS, CIFS, 9p, ceph and their like. By the name in mountinfo. */
bool kernel_fstype_has_force(const char *fstype);

#endif
