/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernel/at.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "kernel/procfs.h"
#include "kernel/table.h"

#ifndef STATX_MNT_ID_UNIQUE
#define STATX_MNT_ID_UNIQUE 0x00004000U
#endif
#ifndef AT_HANDLE_FID
#define AT_HANDLE_FID AT_REMOVEDIR
#endif

static int open_path_as(int dirfd, const char *path, uint64_t flags, uint64_t resolve)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC | flags,
		.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | resolve,
	};
	long fd;

	/*
	 * EAGAIN without RESOLVE_CACHED: something was renamed or mounted during the walk, so that the kernel could not
	 * tell whether it had left the directory.
	 */
	for (int tries = 0; tries < 64; tries++) {
		fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
		if (fd >= 0 || errno != EAGAIN || (resolve & RESOLVE_CACHED))
			break;
	}
	return fd < 0 ? -errno : (int)fd;
}

static int open_path(int dirfd, const char *path, uint64_t resolve)
{
	return open_path_as(dirfd, path, O_DIRECTORY, resolve);
}

int kernel_open_root(const char *path)
{
	return *path == '/' ? open_path(AT_FDCWD, path, 0) : -EINVAL;
}

/* One segment further, and only from the cache where the directory is on a remote filesystem. */
static int step_passively(int fd, const char *segment)
{
	uint64_t magic = 0;
	int next = open_path(fd, segment, RESOLVE_CACHED);
	int r;

	if (next != -EAGAIN)
		return next;
	r = kernel_fs_magic(fd, &magic);
	if (r < 0)
		return r;
	return kernel_fs_is_remote(magic) ? -EAGAIN : open_path(fd, segment, 0);
}

int kernel_open_root_passively(const char *path)
{
	CLEANUP_CLOSE int fd = -1;
	const char *cursor = path, *segment;
	size_t length;
	int next;

	if (*path != '/')
		return -EINVAL;
	next = open_path(AT_FDCWD, path, RESOLVE_CACHED);
	if (next != -EAGAIN)
		return next;
	fd = open_path(AT_FDCWD, "/", 0);
	while (fd >= 0 && (segment = path_next_segment(&cursor, &length))) {
		char name[NAME_MAX + 1];

		if (length > NAME_MAX)
			return -ENAMETOOLONG;
		memcpy(name, segment, length);
		name[length] = '\0';
		next = step_passively(fd, name);
		if (next < 0)
			return next;
		close(fd);
		fd = next;
	}
	return take_fd(&fd);
}

int kernel_open_beneath(int dirfd, const char *relative, uint64_t resolve)
{
	return open_path(dirfd, *relative ? relative : ".", RESOLVE_BENEATH | resolve);
}

int kernel_open_place_beneath(int dirfd, const char *relative)
{
	return open_path_as(dirfd, *relative ? relative : ".", 0, RESOLVE_BENEATH);
}

int kernel_status_at(int dirfd, const char *name, bool sync, struct place_status *ret)
{
	int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | (*name ? 0 : AT_EMPTY_PATH);
	struct statx stx, id32;

	if (statx(dirfd, name, flags | (sync ? AT_STATX_FORCE_SYNC : AT_STATX_DONT_SYNC),
		  STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID_UNIQUE, &stx) < 0)
		return -errno;
	*ret = (struct place_status){
		.mount_id = stx.stx_mask & STATX_MNT_ID_UNIQUE ? stx.stx_mnt_id : 0,
		.dev = makedev(stx.stx_dev_major, stx.stx_dev_minor),
		.ino = stx.stx_ino,
		.mode = stx.stx_mode,
		.is_mount_root = stx.stx_attributes & STATX_ATTR_MOUNT_ROOT,
	};
	if (stx.stx_mask & STATX_BTIME)
		ret->birth = (int64_t)stx.stx_btime.tv_sec * 1000000000 + stx.stx_btime.tv_nsec;
	if (statx(dirfd, name, flags | AT_STATX_DONT_SYNC, STATX_MNT_ID, &id32) < 0)
		return -errno;
	ret->mount_id32 = (uint32_t)id32.stx_mnt_id;
	return 0;
}

bool kernel_place_is_on(const struct place_status *place, const struct kernel_mount *mount)
{
	if (place->mount_id && mount->id)
		return place->mount_id == mount->id;
	if (place->mount_id32 != mount->id32)
		return false;
	return place->dev == mount->dev || kernel_mountinfo_device(mount->id32) == mount->dev;
}

static int check_segment(const char *name)
{
	if (!*name || strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, ".."))
		return -EINVAL;
	return strlen(name) > NAME_MAX ? -ENAMETOOLONG : 0;
}

int kernel_open_mount_at(int dirfd, const char *name)
{
	int r = check_segment(name);

	return r < 0 ? r : open_path_as(dirfd, name, 0, RESOLVE_BENEATH);
}

/* A rename or a mount anywhere in the same moment is enough for the kernel to say that it would have to look. */
int kernel_open_mount_passively_at(int dirfd, const char *name)
{
	int r = check_segment(name), tries = 0;

	if (r < 0)
		return r;
	do
		r = open_path_as(dirfd, name, 0, RESOLVE_BENEATH | RESOLVE_CACHED);
	while (r == -EAGAIN && ++tries < 8);
	return r;
}

int kernel_open_above(int dirfd)
{
	return open_path(dirfd, "..", RESOLVE_NO_XDEV);
}

int kernel_unmount(int fd, int flags)
{
	char path[PROCFS_NAME_SIZE];

	procfs_name(path, sizeof(path), "self/fd/%d", fd);
	return umount2(path, flags) < 0 ? -errno : 0;
}

int kernel_unmountat(int dirfd, const char *name, int flags)
{
	char path[PATH_MAX];
	int r = check_segment(name);

	if (r < 0)
		return r;
	procfs_name(path, sizeof(path), "self/fd/%d/%s", dirfd, name);
	return umount2(path, UMOUNT_NOFOLLOW | flags) < 0 ? -errno : 0;
}

int kernel_make_private(int fd)
{
	struct mount_attr attributes = { .propagation = MS_PRIVATE };

	return mount_setattr(fd, "", AT_EMPTY_PATH, &attributes, sizeof(attributes)) < 0 ? -errno : 0;
}

union handle {
	struct file_handle head;
	uint8_t bytes[sizeof(struct file_handle) + MAX_HANDLE_SZ];
};

int kernel_handle_of(int dirfd, int32_t *ret_type, uint8_t *bytes, uint32_t *length)
{
	static const int kinds[] = { AT_EMPTY_PATH, AT_EMPTY_PATH | AT_HANDLE_FID };
	union handle handle;
	int mount_id, error = EOPNOTSUPP;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		handle.head.handle_bytes = MAX_HANDLE_SZ;
		if (name_to_handle_at(dirfd, "", &handle.head, &mount_id, kinds[i]) == 0) {
			if (handle.head.handle_bytes > *length)
				return -EOVERFLOW;
			*ret_type = handle.head.handle_type;
			*length = handle.head.handle_bytes;
			memcpy(bytes, handle.head.f_handle, handle.head.handle_bytes);
			return 0;
		}
		if (errno != EOPNOTSUPP && errno != EINVAL)
			error = errno;
	}
	return -error;
}

int kernel_reopen_directory(int fd)
{
	int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_NOATIME | O_CLOEXEC);

	if (again < 0 && errno == EPERM)
		again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return again < 0 ? -errno : again;
}

int kernel_open_by_handle(int mount_fd, int32_t type, const uint8_t *bytes, uint32_t length)
{
	union handle handle;
	int fd;

	if (length > MAX_HANDLE_SZ)
		return -EINVAL;
	handle.head.handle_type = type;
	handle.head.handle_bytes = length;
	memcpy(handle.head.f_handle, bytes, length);
	fd = open_by_handle_at(mount_fd, &handle.head, O_PATH | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int kernel_fs_magic(int fd, uint64_t *ret)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return -errno;
	*ret = (uint32_t)fs.f_type;
	return 0;
}

/* Filesystems whose names change only through this kernel. */
static const uint32_t local_filesystems[] = {
	0x0000EF53 /* ext2, 3, 4 */, 0x58465342 /* XFS */,    BTRFS_SUPER_MAGIC,	  0xF2F52010 /* F2FS */,
	0xCA451A4E /* bcachefs */,   0x2FC12FC1 /* ZFS */,    0x3153464A /* JFS */,	  0x52654973 /* reiserfs */,
	0x00004D44 /* FAT */,	     0x2011BAB0 /* exFAT */,  0x73717368 /* squashfs */,  0xE0F5E1E2 /* EROFS */,
	0x00009660 /* ISO 9660 */,   0x15013346 /* UDF */,    0x01021994 /* tmpfs */,	  0x858458F6 /* ramfs */,
	0x794C7630 /* overlay */,    0x00009FA0 /* proc */,   0x62656572 /* sysfs */,	  0x0027E0EB /* cgroup */,
	0x63677270 /* cgroup2 */,    0x00001CD1 /* devpts */, 0x64626720 /* debugfs */,	  0x74726163 /* tracefs */,
	0x73636673 /* securityfs */, 0x19800202 /* mqueue */, 0x958458F6 /* hugetlbfs */, 0xCAFE4A11 /* bpf */,
	0x62656570 /* configfs */,   0x6165676C /* pstore */, 0xDE5E81E4 /* efivarfs */,
};

bool kernel_fs_is_remote(uint64_t magic)
{
	for (size_t i = 0; i < ARRAY_SIZE(local_filesystems); i++)
		if (magic == local_filesystems[i])
			return false;
	return true;
}

bool kernel_fstype_has_force(const char *fstype)
{
	static const char *const types[] = { "fuse", "fuseblk", "nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "lustre" };
	size_t length = strcspn(fstype, ".");

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (strlen(types[i]) == length && !strncmp(fstype, types[i], length))
			return true;
	return false;
}
