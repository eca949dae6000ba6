/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernel/depth.h"

#include <errno.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "kernel/at.h"

static uint64_t number_of(const struct mount_table *table, const struct place_status *place)
{
	return table->unique_ids ? place->mount_id : place->mount_id32;
}

/* From the directory up to the root of the mount that it lies on, whatever that is called. */
static int climb(int dirfd, unsigned *ret)
{
	CLEANUP_CLOSE int above = -1;
	int fd = dirfd;

	for (unsigned depth = 0; depth < PATH_MAX / 2; depth++) {
		struct place_status place;
		int r = kernel_status_at(fd, "", false, &place);

		if (r < 0)
			return r;
		if (place.is_mount_root) {
			*ret = depth;
			return 0;
		}
		fd = kernel_open_above(fd);
		if (fd < 0)
			return fd;
		cleanup_close(&above);
		above = fd;
	}
	return -ESTALE; /* a directory that was moved out of what is mounted */
}

int kernel_depth_of_mount(const struct mount_table *table, int dirfd, const char *name, const struct mount_entry *mount,
			  bool passive, unsigned *ret)
{
	CLEANUP_CLOSE int fd =
		passive ? kernel_open_mount_passively_at(dirfd, name) : kernel_open_mount_at(dirfd, name);
	const struct mount_entry *at;
	struct place_status below = { 0 }, top = { 0 };
	size_t seen = 0;
	int r = fd < 0 ? fd : kernel_status_at(fd, "", false, &top);

	if (r == 0)
		r = kernel_status_at(dirfd, "", false, &below);
	if (r < 0)
		return r;
	/* Down the stack: whatever is in it, but for the first, is mounted upon another one's root. */
	at = top.is_mount_root ? kernel_table_find(table, number_of(table, &top)) : NULL;
	while (at && at != mount && at->id != number_of(table, &below) && seen++ < table->count)
		at = kernel_table_find(table, at->parent);
	if (!at || at != mount || at->id == number_of(table, &below))
		return -ESTALE;
	*ret = 0;
	if (mount->parent != number_of(table, &below))
		return 0;
	r = climb(dirfd, ret);
	*ret += 1;
	return r;
}

/* The same of the mount at that path, not "", from dirfd on: passive, and so is the way to it. */
static int depth_beneath(const struct mount_table *table, int dirfd, const char *relative,
			 const struct mount_entry *mount, unsigned *ret)
{
	const char *slash = strrchr(relative, '/');
	CLEANUP_FREE char *directory = strndup(relative, slash ? (size_t)(slash - relative) : 0);
	CLEANUP_CLOSE int fd = directory ? kernel_open_beneath(dirfd, directory, RESOLVE_CACHED) : -ENOMEM;

	return fd < 0 ? fd : kernel_depth_of_mount(table, fd, slash ? slash + 1 : relative, mount, true, ret);
}

int kernel_depth_find(const struct mount_table *table, const struct depth_place *place, struct mount_entry *mount,
		      bool is_meant, bool *ret_known, unsigned *ret)
{
	const struct mount_entry *parent = kernel_table_find(table, mount->parent);
	const char *relative;
	int r;

	*ret_known = false;
	if (!parent || !parent->peer_group)
		return 0;
	r = kernel_table_fill(table, mount);
	if (r < 0)
		return r;
	relative = path_relative(mount->target, place->root_path);
	if (is_meant)
		r = kernel_depth_of_mount(table, place->parent, place->name, mount, false, ret);
	else
		r = relative && *relative ? depth_beneath(table, place->root, relative, mount, ret) : -ESTALE;
	*ret_known = r == 0;
	if (r == 0 || r == -ENOMEM)
		return r;
	return r == -EAGAIN && !is_meant ? 0 : -ESTALE;
}
