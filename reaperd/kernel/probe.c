/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernel/probe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "kernel/contents.h"
#include "kernel/mounts.h"
#include "kernel/procfs.h"
#include "kernel/table.h"

/* The directory part of a plain relative path in `parent` ("" for none), and its last segment. */
static const char *split(const char *path, char parent[static PATH_MAX])
{
	const char *slash = strrchr(path, '/');
	size_t length = slash ? (size_t)(slash - path) : 0;

	if (length >= PATH_MAX)
		length = 0;
	memcpy(parent, path, length);
	parent[length] = '\0';
	return slash ? slash + 1 : path;
}

static void conclude(struct kernel_probe_result *ret, enum kernel_probe_state state, int r)
{
	ret->state = state;
	ret->error = r < 0 ? -r : 0;
}

static int identify(int fd, bool sync, struct kernel_identity *ret, struct place_status *ret_place)
{
	int r = kernel_status_at(fd, "", sync, ret_place);

	if (r < 0)
		return r;
	*ret = (struct kernel_identity){ .dev = ret_place->dev, .ino = ret_place->ino, .birth = ret_place->birth };
	ret->handle_length = sizeof(ret->handle);
	if (kernel_handle_of(fd, &ret->handle_type, ret->handle, &ret->handle_length) < 0)
		ret->handle_length = 0;
	return 0;
}

/* Inode numbers come again at once, so whatever else is known on both sides must agree, too. */
static bool is_same(const struct kernel_identity *a, const struct kernel_identity *b)
{
	if (a->ino != b->ino || a->dev != b->dev)
		return false;
	if (a->birth && b->birth && a->birth != b->birth)
		return false;
	if (!a->handle_length || !b->handle_length)
		return true;
	return a->handle_type == b->handle_type && a->handle_length == b->handle_length &&
	       !memcmp(a->handle, b->handle, a->handle_length);
}

static bool covers_itself(const struct kernel_probe *probe)
{
	for (size_t i = 0; i < probe->mount_count; i++)
		if (!*probe->mounts[i].path)
			return true;
	return false;
}

/* The mounts[] index of the topmost of ours on the way to mounts[n], or n itself. */
static size_t outermost(const struct kernel_probe *probe, size_t n)
{
	size_t best = n;

	for (size_t i = 0; i < probe->mount_count; i++) {
		size_t length = strlen(probe->mounts[i].path);
		const char *inner = probe->mounts[n].path;

		if (length < strlen(probe->mounts[best].path) && !strncmp(inner, probe->mounts[i].path, length) &&
		    inner[length] == '/')
			best = i;
	}
	return best;
}

/* From a place on a mount to one on the mount's parent, in a table without unique ids. */
static int go_down_by_number(struct place_status *at)
{
	CLEANUP(kernel_table_clear) struct mount_table table;
	const struct mount_entry *entry;
	int r = kernel_table_read_own_mountinfo(&table);

	if (r < 0)
		return r;
	entry = kernel_table_find(&table, at->mount_id32);
	entry = entry ? kernel_table_find(&table, entry->parent) : NULL;
	if (!entry)
		return -ENOENT;
	*at = (struct place_status){ .mount_id32 = entry->id32, .dev = entry->dev };
	return 0;
}

static int go_down(struct place_status *at)
{
	struct mount_status status;
	int r;

	if (!at->mount_id)
		return go_down_by_number(at);
	r = kernel_statmount(at->mount_id, &status);
	if (r == 0)
		r = kernel_statmount(status.parent, &status);
	if (r < 0)
		return r;
	*at = (struct place_status){ .mount_id = status.id, .mount_id32 = status.id32, .dev = status.dev };
	return 0;
}

/* Whether the mount on which `place` lies is, or is stacked upon, one of ours that was mounted at `path`. */
static bool stands_on_ours(const struct kernel_probe *probe, const struct place_status *place, const char *path)
{
	struct place_status at = *place;

	for (;;) {
		uint32_t above = at.mount_id32;

		for (size_t i = 0; i < probe->mount_count; i++)
			if (!strcmp(probe->mounts[i].path, path) && kernel_place_is_on(&at, &probe->mounts[i].mount))
				return true;
		if (kernel_place_is_on(&at, &probe->carrier))
			return false;
		if (go_down(&at) < 0)
			return true;
		if (at.mount_id32 == above)
			return false;
	}
}

/*
 * The walk stays on the carrier, so that nothing remote is asked; what is nested is reached where the outermost mount
 * is. Whatever cannot be told counts as reachable, which keeps the mount.
 */
static bool is_reachable(const struct kernel_probe *probe, int fd, size_t n)
{
	const char *path = probe->mounts[outermost(probe, n)].path, *name;
	CLEANUP_CLOSE int parent = -1;
	char directory[PATH_MAX];
	struct place_status place;
	int r;

	name = split(path, directory);
	parent = kernel_open_beneath(fd, directory, RESOLVE_NO_XDEV);
	if (parent < 0)
		return !kernel_error_is_gone(parent);
	r = kernel_status_at(parent, name, false, &place);
	if (r < 0)
		return !kernel_error_is_gone(r);
	return stands_on_ours(probe, &place, path);
}

static void compare(const struct kernel_probe *probe, int fd, struct kernel_probe_result *ret)
{
	ret->state = KERNEL_PROBE_PRESENT;
	if (!probe->known || is_same(&probe->identity, &ret->identity))
		return;
	ret->state = KERNEL_PROBE_REPLACED;
	for (size_t i = 0; i < probe->mount_count && i < 64; i++)
		if (is_reachable(probe, fd, i))
			ret->reachable |= UINT64_C(1) << i;
}

static void probe_local(int root, const struct kernel_probe *probe, struct kernel_probe_result *ret)
{
	CLEANUP_CLOSE int parent = -1, fd = -1;
	char directory[PATH_MAX];
	struct place_status place;
	const char *name = split(probe->path, directory);
	int r;

	ret->local = true;
	/*
	 * A mount on the directory itself hides which directory it is, and a name that is mounted on cannot be removed.
	 * To look it up would hold the mount for an instant, in which its owner's plain unmount fails with EBUSY.
	 */
	if (covers_itself(probe)) {
		conclude(ret, KERNEL_PROBE_PRESENT, 0);
		return;
	}
	parent = kernel_open_beneath(root, directory, RESOLVE_NO_XDEV);
	if (parent < 0) {
		conclude(ret,
			 parent == -EXDEV	      ? KERNEL_PROBE_COVERED :
			 kernel_error_is_gone(parent) ? KERNEL_PROBE_MISSING :
							KERNEL_PROBE_UNKNOWN,
			 parent);
		return;
	}
	fd = kernel_open_beneath(parent, name, RESOLVE_NO_XDEV);
	if (fd == -EXDEV) {
		conclude(ret, KERNEL_PROBE_PRESENT, 0);
		return;
	}
	if (fd < 0) {
		conclude(ret, kernel_error_is_gone(fd) ? KERNEL_PROBE_MISSING : KERNEL_PROBE_UNKNOWN, fd);
		return;
	}
	r = identify(fd, false, &ret->identity, &place);
	if (r < 0) {
		conclude(ret, KERNEL_PROBE_UNKNOWN, r);
		return;
	}
	ret->identity_known = true;
	compare(probe, fd, ret);
	if (probe->want_hollow && ret->state == KERNEL_PROBE_PRESENT)
		kernel_look_inside(probe, fd, ret);
}

/*
 * An error of the filesystem itself. Only ENOTCONN says that a FUSE is dead: a storage outage answers EIO for every
 * live action.
 */
static void conclude_error(struct kernel_probe_result *ret, uint64_t magic, int r)
{
	bool dead = r == -ENOTCONN || (magic != FUSE_SUPER_MAGIC && (r == -ESTALE || r == -EHOSTDOWN));

	conclude(ret, dead ? KERNEL_PROBE_DEAD : KERNEL_PROBE_UNKNOWN, r);
}

/*
 * Whether the directory lists the first segment of `path`: 1, 0 or -errno. Reading a directory looks no name up; a
 * server that answers with READDIRPLUS and another node for a name makes the kernel drop that name all the same, which
 * is why this is asked last.
 */
static int lists(int fd, const char *path)
{
	CLEANUP_CLOSEDIR DIR *dir = NULL;
	size_t length = strcspn(path, "/");
	struct dirent *entry;
	int r = kernel_open_listing(fd, &dir);

	if (r < 0)
		return r;
	while ((errno = 0, entry = readdir(dir)))
		if (strlen(entry->d_name) == length && !memcmp(entry->d_name, path, length))
			return 1;
	return -errno;
}

/*
 * Without looking names up a mount is known to be out of reach only where its path's first segment is not even listed.
 */
static void compare_remote(const struct kernel_probe *probe, int fd, struct kernel_probe_result *ret)
{
	ret->state = KERNEL_PROBE_PRESENT;
	if (!probe->known || is_same(&probe->identity, &ret->identity))
		return;
	for (size_t i = 0; i < probe->mount_count; i++)
		if (!*probe->mounts[i].path || lists(fd, probe->mounts[i].path) != 0)
			return;
	ret->state = KERNEL_PROBE_REPLACED;
}

/* The path of an open directory, as the kernel knows it without asking anybody: 0 or -errno. */
static int known_path(int fd, char ret[static PATH_MAX])
{
	char link[PROCFS_NAME_SIZE];
	ssize_t length;

	length = readlink(procfs_name(link, sizeof(link), "self/fd/%d", fd), ret, PATH_MAX);
	if (length < 0)
		return -errno;
	if (length == PATH_MAX)
		return -ENAMETOOLONG;
	ret[length] = '\0';
	return 0;
}

/*
 * A handle leads to its directory under whatever name. The kernel gives a directory one place in its tree of names, and
 * moves it when the directory is renamed; what it found gone from its place (by a walk there, for the server renamed it)
 * has " (deleted)" behind its path. Where nobody walked yet, the old name is the kernel's truth, and the mounts below
 * it are still reached by it.
 */
static void compare_place(int root, int fd, const struct kernel_probe *probe, struct kernel_probe_result *ret)
{
	char above[PATH_MAX], path[PATH_MAX];
	const char *relative;

	if (known_path(root, above) < 0 || known_path(fd, path) < 0) {
		ret->identity_known = false; /* nothing is said of what stands at the name */
		return;
	}
	relative = path_relative(path, above);
	if (!relative || strcmp(relative, probe->path) != 0)
		conclude(ret, KERNEL_PROBE_ELSEWHERE, 0);
}

static void probe_directory(int fd, uint64_t magic, const struct kernel_probe *probe, struct kernel_probe_result *ret)
{
	struct place_status place;
	int r = identify(fd, true, &ret->identity, &place);

	if (r == -ENOENT || (r == -ESTALE && magic == FUSE_SUPER_MAGIC)) {
		conclude(ret, KERNEL_PROBE_MISSING, r);
	} else if (r < 0) {
		conclude_error(ret, magic, r);
	} else {
		ret->identity_known = true;
		compare_remote(probe, fd, ret);
	}
}

/* No handle, or one that no longer says anything: the cache, and where that is silent the list of names. */
static void probe_by_cache(int root, uint64_t magic, const struct kernel_probe *probe, struct kernel_probe_result *ret)
{
	CLEANUP_CLOSE int fd = -1, parent = -1;
	char directory[PATH_MAX];
	const char *name = split(probe->path, directory);
	int r;

	fd = kernel_open_beneath(root, probe->path, RESOLVE_CACHED | RESOLVE_NO_XDEV);
	if (fd >= 0) {
		probe_directory(fd, magic, probe, ret);
		return;
	}
	parent = kernel_open_beneath(root, directory, RESOLVE_CACHED | RESOLVE_NO_XDEV);
	if (parent < 0) {
		conclude_error(ret, magic, parent);
		return;
	}
	r = lists(parent, name);
	if (r < 0)
		conclude_error(ret, magic, r);
	else
		conclude(ret, r ? KERNEL_PROBE_PRESENT : KERNEL_PROBE_MISSING, r ? 0 : -ENOENT);
}

/*
 * The known directory has gone: does its name still stand there, for another? Where the parent is not cached nobody
 * asks.
 */
static bool name_is_listed(int root, const char *path)
{
	CLEANUP_CLOSE int parent = -1;
	char directory[PATH_MAX];
	const char *name = split(path, directory);

	parent = kernel_open_beneath(root, directory, RESOLVE_CACHED | RESOLVE_NO_XDEV);
	return parent >= 0 && lists(parent, name) == 1;
}

static void probe_remote(int root, uint64_t magic, const struct kernel_probe *probe, struct kernel_probe_result *ret)
{
	CLEANUP_CLOSE int readable = -1, fd = -1;
	struct place_status place;
	int r = kernel_status_at(root, "", true, &place);

	if (r < 0) {
		conclude_error(ret, magic, r);
		return;
	}
	if (!probe->known || !probe->identity.handle_length) {
		probe_by_cache(root, magic, probe, ret);
		return;
	}
	readable = kernel_reopen_directory(root);
	if (readable < 0) {
		conclude_error(ret, magic, readable);
		return;
	}
	fd = kernel_open_by_handle(readable, probe->identity.handle_type, probe->identity.handle,
				   probe->identity.handle_length);
	/*
	 * A FUSE without export support finds a handle only among the inodes that the kernel holds. A mount inside
	 * holds its directory there; without one ESTALE may mean no more than that the inode was dropped.
	 */
	if (fd == -EOPNOTSUPP || fd == -EPERM || (fd == -ESTALE && magic == FUSE_SUPER_MAGIC && !probe->mount_count))
		probe_by_cache(root, magic, probe, ret);
	else if (fd == -ESTALE || fd == -ENOENT)
		conclude(ret, KERNEL_PROBE_MISSING, fd);
	else if (fd < 0)
		conclude_error(ret, magic, fd);
	else
		probe_directory(fd, magic, probe, ret);
	if (fd >= 0 && ret->state == KERNEL_PROBE_PRESENT)
		compare_place(root, fd, probe, ret);
	if (ret->state == KERNEL_PROBE_MISSING && name_is_listed(root, probe->path))
		conclude(ret, KERNEL_PROBE_REPLACED, 0);
}

static bool is_attached(const struct kernel_mount *mount)
{
	struct mount_status status;

	if (mount->id)
		return kernel_statmount(mount->id, &status) != -ENOENT;
	return kernel_mountinfo_device(mount->id32) == mount->dev;
}

/*
 * A local filesystem never loses the directory of a mount that is still there: it refuses, or the mount goes with it. So
 * what is mounted in the directory and is not reached by its name says that the name leads elsewhere: the directory was
 * renamed, or the root was, for a moment perhaps.
 */
static void doubt_absence(const struct kernel_probe *probe, struct kernel_probe_result *ret)
{
	if (ret->state != KERNEL_PROBE_MISSING && ret->state != KERNEL_PROBE_REPLACED)
		return;
	for (size_t i = 0; i < probe->mount_count && i < 64; i++)
		if (!(ret->reachable & UINT64_C(1) << i) && is_attached(&probe->mounts[i].mount)) {
			ret->identity_known = false;
			conclude(ret, KERNEL_PROBE_ELSEWHERE, 0);
			return;
		}
}

/* By the mount where the kernel can say, for fstatfs() asks the filesystem itself. */
static int magic_of(int fd, const struct place_status *place, uint64_t *ret)
{
	struct mount_status status;

	if (place->mount_id && kernel_statmount(place->mount_id, &status) == 0) {
		*ret = status.magic;
		return 0;
	}
	return kernel_fs_magic(fd, ret);
}

/* The root directory itself: whether it answers. */
static void probe_root(int root, uint64_t magic, struct kernel_probe_result *ret)
{
	struct place_status place;
	int r = kernel_status_at(root, "", true, &place);

	if (r < 0)
		conclude_error(ret, magic, r);
	else
		conclude(ret, KERNEL_PROBE_PRESENT, 0);
}

int kernel_probe_action(const char *root_path, const struct kernel_probe *probe, struct kernel_probe_result *ret)
{
	CLEANUP_CLOSE int root = kernel_open_root_passively(root_path);
	struct place_status place;
	uint64_t magic = 0;
	int r;

	*ret = (struct kernel_probe_result){ 0 };
	if (root < 0) {
		conclude(ret, KERNEL_PROBE_UNKNOWN, root);
		return root;
	}
	r = kernel_status_at(root, "", false, &place);
	if (r < 0) {
		conclude_error(ret, FUSE_SUPER_MAGIC, r);
		return 0;
	}
	if (!kernel_place_is_on(&place, &probe->carrier)) {
		conclude(ret, KERNEL_PROBE_COVERED, 0);
		return 0;
	}
	r = magic_of(root, &place, &magic);
	if (r < 0)
		conclude_error(ret, FUSE_SUPER_MAGIC, r);
	else if (!*probe->path)
		probe_root(root, magic, ret);
	else if (kernel_fs_is_remote(magic))
		probe_remote(root, magic, probe, ret);
	else {
		probe_local(root, probe, ret);
		doubt_absence(probe, ret);
	}
	return 0;
}
