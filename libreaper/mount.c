/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/segments.h"
#include "base/text.h"
#include "kernel/mountat.h"
#include "kernel/mounts.h"
#include "kernel/table.h"
#include "kernel/unmount.h"
#include "reaper.h"
#include "why.h"

int reaper_mountat(int dirfd, const char *target, const char *type, const char *source, const char *const *options,
		   char *why, size_t why_size)
{
	char text[REAPER_WHY_SIZE];
	int r = kernel_mountat(dirfd, target,
			       &(struct mountat_request){ .type = type, .source = source, .options = options }, text,
			       sizeof(text));

	return r < 0 ? why_say((struct why){ why, why_size }, r, "%s", text) : 0;
}

/* ---- the mount at a place ---- */

/* A mount point, by the directory that holds it. */
struct place {
	int parent;
	const char *name;
	struct place_status status;
};

static void place_clear(struct place *place)
{
	cleanup_close(&place->parent);
}

static int reach(int dirfd, const char *path, struct place *ret, struct why why)
{
	const char *slash = strrchr(path, '/');
	CLEANUP_FREE char *parent = strndup(path, slash ? (size_t)(slash - path) : 0);
	int r;

	if (!parent)
		return why_say(why, -ENOMEM, "out of memory");
	if (!path_is_plain_relative(path))
		return why_say_of(why, -EINVAL, "no plain relative path:", path);
	ret->name = slash ? slash + 1 : path;
	ret->parent = kernel_open_beneath(dirfd, parent, 0);
	r = ret->parent < 0 ? ret->parent : kernel_status_at(ret->parent, ret->name, false, &ret->status);
	if (r < 0)
		return why_say_of(why, r, "the mount point", path);
	if (!ret->status.is_mount_root)
		return why_say_of(why, -EINVAL, "nothing is mounted on", path);
	return 0;
}

int reaper_mount_id(int dirfd, const char *path, uint64_t *ret_id, char *why, size_t why_size)
{
	CLEANUP(place_clear) struct place place = { .parent = -1 };
	int r = reach(dirfd, path, &place, (struct why){ why, why_size });

	if (r < 0)
		return r;
	if (!place.status.mount_id)
		return why_say((struct why){ why, why_size }, -EOPNOTSUPP,
			       "this kernel has no ids of mounts that last");
	if (ret_id)
		*ret_id = place.status.mount_id;
	return 0;
}

/* ---- unmounting ---- */

static int detach(const struct place *place, const struct kernel_mount *mount)
{
	CLEANUP_CLOSE int fd = kernel_open_mount_at(place->parent, place->name);
	uint64_t stranger;
	int r = fd < 0 ? fd : kernel_check_mount(fd, "", mount, &stranger);

	return r < 0 ? r : kernel_unmount(fd, MNT_DETACH);
}

/* `newest`: from before the place was looked at. */
static int unmount(const struct place *place, const struct kernel_mount *mount, uint64_t newest)
{
	struct kernel_exactly exactly = { .mount = *mount, .newest = newest };
	char buffer[16384];
	struct mount_status status;
	uint64_t stranger;
	int r = mount->id ? kernel_statmount_place(mount->id, buffer, sizeof(buffer), &status) : -ENOSYS;

	if (r == 0) {
		exactly.parent = status.parent;
		exactly.target = status.target;
	} else {
		/* A kernel with ids in statx but without statmount, or a path of a monster. */
		exactly.newest = 0;
	}
	return r == -ENOENT ? r : kernel_unmount_exactly(place->parent, place->name, &exactly, &stranger);
}

static int conclude(struct why why, int r, const char *path, const struct kernel_mount *mount)
{
	/* By its id, not by the call, which takes what was stacked upon it meanwhile. */
	if (mount->id ? kernel_mount_has_gone(mount) : r == 0)
		return 0;
	if (r == -E_OTHER_MOUNT || r == 0)
		return why_say_of(why, -ESTALE, "another mount stands at", path);
	if (r == -E_LOOKED_AT)
		return why_say_of(why, -EBUSY, "looked at all the time:", path);
	return why_say_of(why, r, "not unmounted:", path);
}

static int unmountat(int dirfd, const char *path, unsigned flags, uint64_t id, struct why why)
{
	CLEANUP(place_clear) struct place place = { .parent = -1 };
	struct kernel_mount mount;
	uint64_t newest = 0;
	int r;

	if (flags & ~REAPER_UMOUNT_LAZY)
		return why_say(why, -EINVAL, "flags that do not exist: %#x", flags);
	/* Before the comparison: what is stacked there after it is newer. */
	if (kernel_newest_mount(&newest) < 0)
		newest = 0;
	r = reach(dirfd, path, &place, why);
	if (r < 0)
		return r;
	mount = (struct kernel_mount){ place.status.mount_id, place.status.mount_id32, place.status.dev };
	if (id && id != mount.id)
		return why_say_of(why, -ESTALE, "another mount stands at", path);
	r = flags & REAPER_UMOUNT_LAZY ? detach(&place, &mount) : unmount(&place, &mount, newest);
	return conclude(why, r, path, &mount);
}

int reaper_unmountat(int dirfd, const char *path, unsigned flags, uint64_t id, char *why, size_t why_size)
{
	return unmountat(dirfd, path, flags, id, (struct why){ why, why_size });
}

/* ---- the search ---- */

static int search(const struct mount_table *table, const char *below, const char *segments, struct why why,
		  const struct mount_entry **ret)
{
	CLEANUP(segments_clear) struct segments end = { 0 };
	const struct mount_entry *found = NULL;
	int r = segments_parse(segments, &end);

	if (r < 0)
		return why_say(why, r, "'%s' is not the end of a path", segments);
	for (size_t i = 0; i < table->count; i++) {
		const struct mount_entry *entry = &table->entries[i];
		CLEANUP_FREE char *one = NULL, *other = NULL;

		if (!entry->target || !path_is_below(entry->target, below) || !segments_end(&end, entry->target))
			continue;
		if (found && strcmp(found->target, entry->target)) {
			one = text_escape(found->target);
			other = text_escape(entry->target);
			return why_say(why, -ENOTUNIQ, "several mounts end in %s: %s, %s …", segments, one ? one : "?",
				       other ? other : "?");
		}
		found = entry;
	}
	if (!found)
		return why_say(why, -ENOENT, "no mount below it ends in %s", segments);
	*ret = found;
	return 0;
}

static int unmount_found(const char *below, const char *segments, unsigned flags, char **ret_path, struct why why)
{
	CLEANUP(kernel_table_clear) struct mount_table table = { 0 };
	CLEANUP_FREE char *directory = NULL, *path = NULL;
	CLEANUP_CLOSE int dirfd = -1;
	const struct mount_entry *found = NULL;
	int r = path_normalize(below, &directory);

	if (r < 0)
		return why_say_of(why, r, "no absolute path:", below);
	r = kernel_table_read_filled(&table);
	if (r < 0)
		return why_say_of(why, r, "the mount table", "cannot be read");
	r = search(&table, directory, segments, why, &found);
	if (r < 0)
		return r;
	path = strdup(found->target);
	if (!path)
		return why_say(why, -ENOMEM, "out of memory");
	dirfd = kernel_open_root(directory);
	if (dirfd < 0)
		return why_say_of(why, dirfd, "the directory", directory);
	r = unmountat(dirfd, path_relative(path, directory), flags, 0, why);
	if (r == 0 && ret_path)
		*ret_path = take_ptr(path);
	return r;
}

int reaper_unmount_found(const char *below, const char *segments, unsigned flags, char **ret_path, char *why,
			 size_t why_size)
{
	return unmount_found(below, segments, flags, ret_path, (struct why){ why, why_size });
}
