/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Calls relative to a directory fd. They may block on the filesystem that they touch: only children with a deadline (base/batch.h) use them.
 */
#ifndef REAPERD_KERNEL_AT_H
#define REAPERD_KERNEL_AT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct place_status {
	uint64_t mount_id; /* unique; 0 where the kernel has none */
	uint32_t mount_id32;
	uint64_t dev;
	uint64_t ino;
	int64_t birth; /* ns; 0: the filesystem has none */
	uint32_t mode;
	uint64_t fs_magic; /* only from kernel_fs_magic() */
	bool is_mount_root;
};

/* An O_PATH fd of the directory `path` (absolute, no symlink anywhere: openat2 RESOLVE_NO_SYMLINKS from "/"), or -errno. */
int kernel_open_root(const char *path);

/* An O_PATH|O_DIRECTORY fd of `relative` ("" or "." is dirfd itself) beneath dirfd: openat2 with RESOLVE_BENEATH|NO_SYMLINKS|NO_MAGICLINKS, and
 * `resolve` more (RESOLVE_NO_XDEV, RESOLVE_CACHED). -errno: -ENOENT, -ELOOP (a symlink), -EXDEV, -EAGAIN (not cached), -ENOTCONN … */
int kernel_open_beneath(int dirfd, const char *relative, uint64_t resolve);

/* Where name (or, with "", dirfd itself) stands: the top of a stack of mounts, never through a symlink or automount. `sync`: AT_STATX_FORCE_SYNC, else DONT_SYNC. */
int kernel_status_at(int dirfd, const char *name, bool sync, struct place_status *ret);

/*
 * unmountat: umount2("/proc/self/fd/<dirfd>/<name>", UMOUNT_NOFOLLOW | flags), `name` one segment. `dirfd` is the directory that holds the
 * mount point, so no symlink and no "..", and nothing above it, is looked at again. flags: MNT_DETACH, MNT_FORCE, MNT_EXPIRE.
 */
int kernel_unmountat(int dirfd, const char *name, int flags);

/* mount_setattr(fd, "", AT_EMPTY_PATH, propagation = MS_PRIVATE) on the mount that `fd` stands on (Linux 5.12). */
int kernel_make_private(int fd);

/* A file handle of dirfd itself (name_to_handle_at with AT_EMPTY_PATH and, where known, AT_HANDLE_FID). Length of the bytes in
 * *length (in: room). -EOPNOTSUPP where the filesystem has none. */
int kernel_handle_of(int dirfd, int32_t *ret_type, uint8_t *bytes, uint32_t *length);

/* Opens by handle (O_PATH) on the filesystem of mount_fd, which must not be O_PATH. -ESTALE: gone. Needs CAP_DAC_READ_SEARCH. */
int kernel_open_by_handle(int mount_fd, int32_t type, const uint8_t *bytes, uint32_t length);

int kernel_fs_magic(int fd, uint64_t *ret);

/* True for filesystems whose names can change behind the kernel's back (FUSE, NFS, CIFS, 9p, ceph, AFS, …) and for all that are not known to be local. */
bool kernel_fs_is_remote(uint64_t magic);
/* True for the types that have a forced unmount: FUSE, NFS, CIFS, 9p, ceph and their like. By the name in mountinfo. */
bool kernel_fstype_has_force(const char *fstype);

#endif
