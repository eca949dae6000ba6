/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernel/contents.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"

bool kernel_error_is_gone(int r)
{
	return r == -ENOENT || r == -ENOTDIR || r == -ELOOP;
}

/* How `path` lies to the mounts: whether it is one's mount point, or on the way to one. */
static bool leads_to_mount(const struct kernel_probe *probe, const char *path, bool *ret_is_mount_point)
{
	bool leads = false;

	*ret_is_mount_point = false;
	for (size_t i = 0; i < probe->mount_count; i++) {
		const char *mount = probe->mounts[i].path;
		size_t length = strlen(path);

		if (strncmp(mount, path, length) != 0 || (mount[length] != '\0' && mount[length] != '/'))
			continue;
		leads = true;
		if (!mount[length])
			*ret_is_mount_point = true;
	}
	return leads;
}

static bool is_dot(const char *name)
{
	return !strcmp(name, ".") || !strcmp(name, "..");
}

/* The names in the directory of an O_PATH fd. 0 or -errno. */
int kernel_open_listing(int fd, DIR **ret)
{
	int copy = kernel_reopen_directory(fd);

	if (copy < 0)
		return copy;
	*ret = fdopendir(copy);
	if (*ret)
		return 0;
	close(copy);
	return -ENOMEM;
}

#define CONTENTS_DEPTH	 16   /* directories that are gone into to find contents */
#define CONTENTS_ENTRIES 2000 /* entries that are looked at for it */

static bool has_contents(int fd, unsigned depth, unsigned *budget);

/*
 * Something that a build puts into a directory, and nobody makes to mount on it: a directory, or an empty file, may be
 * a mount point that is being made, or on the way to a mount that we do not know yet; so a directory counts by what is
 * in it. Local filesystems only, where asking is harmless.
 */
static bool is_contents(int fd, const char *name, unsigned depth, unsigned *budget)
{
	CLEANUP_CLOSE int next = -1;
	struct stat status;

	if (*budget == 0 || fstatat(fd, name, &status, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0)
		return false;
	--*budget;
	if (S_ISREG(status.st_mode))
		return status.st_size > 0;
	if (!S_ISDIR(status.st_mode))
		return true;
	if (depth == 0)
		return false;
	next = kernel_open_beneath(fd, name, RESOLVE_NO_XDEV);
	return next >= 0 && has_contents(next, depth - 1, budget);
}

static bool has_contents(int fd, unsigned depth, unsigned *budget)
{
	CLEANUP_CLOSEDIR DIR *dir = NULL;
	struct dirent *entry;

	if (kernel_open_listing(fd, &dir) < 0)
		return false;
	while (*budget > 0 && (entry = readdir(dir)))
		if (!is_dot(entry->d_name) && is_contents(fd, entry->d_name, depth, budget))
			return true;
	return false;
}

static int look_below(const struct kernel_probe *probe, int fd, const char *path, struct kernel_probe_result *ret);

static int look_at(const struct kernel_probe *probe, int fd, const char *name, const char *path,
		   struct kernel_probe_result *ret)
{
	CLEANUP_FREE char *below = *path ? path_join(path, name) : strdup(name);
	CLEANUP_CLOSE int next = -1;
	unsigned budget = CONTENTS_ENTRIES;
	bool is_mount_point;

	if (!below)
		return -ENOMEM;
	if (!leads_to_mount(probe, below, &is_mount_point)) {
		ret->hollow = false;
		ret->full = is_contents(fd, name, CONTENTS_DEPTH, &budget);
		return 0;
	}
	if (is_mount_point)
		return 0;
	next = kernel_open_beneath(fd, name, RESOLVE_NO_XDEV);
	if (next >= 0)
		return look_below(probe, next, below, ret);
	/* A mount that is not among ours, or gone meanwhile. */
	ret->hollow = false;
	return next == -EXDEV || kernel_error_is_gone(next) ? 0 : next;
}

/*
 * `fd` stands at `path` of the action's directory. Never looks into a mount; stops at the first contents. 0 or -errno.
 */
static int look_below(const struct kernel_probe *probe, int fd, const char *path, struct kernel_probe_result *ret)
{
	CLEANUP_CLOSEDIR DIR *dir = NULL;
	struct dirent *entry;
	int r = kernel_open_listing(fd, &dir);

	if (r < 0)
		return r;
	while (!ret->full && (errno = 0, entry = readdir(dir))) {
		r = is_dot(entry->d_name) ? 0 : look_at(probe, fd, entry->d_name, path, ret);

		if (r < 0)
			return r;
	}
	return ret->full ? 0 : -errno;
}

void kernel_look_inside(const struct kernel_probe *probe, int fd, struct kernel_probe_result *ret)
{
	ret->hollow = true;
	if (look_below(probe, fd, "", ret) < 0)
		ret->hollow = ret->full = false;
}
