/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernel/unmount.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "base/cleanup.h"
#include "kernel/mounts.h"
#include "kernel/table.h"

int kernel_check_mount(int dirfd, const char *name, const struct kernel_mount *mount, uint64_t *ret_stranger)
{
	struct place_status place;
	int r = kernel_status_at(dirfd, name, false, &place);

	if (r < 0)
		return r;
	if (place.is_mount_root && kernel_place_is_on(&place, mount))
		return 0;
	*ret_stranger = place.is_mount_root ? place.mount_id ? place.mount_id : place.mount_id32 : 0;
	return -E_OTHER_MOUNT;
}

bool kernel_mount_has_gone(const struct kernel_mount *mount)
{
	CLEANUP(kernel_table_clear) struct mount_table table = { 0 };
	struct mount_status status;

	if (mount->id)
		return kernel_statmount(mount->id, &status) == -ENOENT;
	return kernel_table_read(&table) == 0 && !kernel_table_find_number(&table, mount->id32, mount->dev);
}

int kernel_check_parent(uint64_t id, uint64_t parent, uint64_t peer_group)
{
	struct mount_status status;
	int r = kernel_statmount(id, &status);

	if (r < 0)
		return r;
	if (status.parent != parent || kernel_statmount(parent, &status) < 0 || status.peer_group != peer_group)
		return -ESTALE;
	return 0;
}

int kernel_check_as_judged(const struct mount_table *table, const struct mount_entry *mount)
{
	const struct mount_entry *parent = kernel_table_find(table, mount->parent);
	int r = parent ? kernel_check_parent(mount->id, parent->id, parent->peer_group) : 0;

	return r == -ENOENT ? 0 : r;
}

static bool is_still_there(const struct kernel_exactly *exactly)
{
	struct mount_table one = { .unique_ids = true };
	struct mount_entry entry = { .id = exactly->mount.id };
	struct mount_status status;
	bool same;

	if (kernel_statmount(exactly->mount.id, &status) < 0 || status.parent != exactly->parent)
		return false;
	same = kernel_table_fill(&one, &entry) == 0 && !strcmp(entry.target, exactly->target);
	free(entry.root);
	free(entry.target);
	free(entry.fstype);
	return same;
}

/*
 * MNT_EXPIRE marks whatever is on top at the name, and a second call takes only what is marked. In between the name must
 * not be looked at, which would clear the mark; but by its id the mount is seen to be where it was with nothing new upon
 * it, so that it is the one that was marked. Where others keep looking at the name it counts as busy, which they could as
 * well make it. Without unique ids there is nothing to be sure by: then a plain unmount right after the comparison.
 */
int kernel_unmount_exactly(int dirfd, const char *name, const struct kernel_exactly *exactly, uint64_t *ret_stranger)
{
	const struct kernel_mount *mount = &exactly->mount;

	for (int tries = 0; tries < 3; tries++) {
		uint64_t newer;
		int r = kernel_check_mount(dirfd, name, mount, ret_stranger);

		if (r < 0)
			return r;
		if (!mount->id || !exactly->newest)
			return kernel_unmountat(dirfd, name, 0);
		r = kernel_unmountat(dirfd, name, MNT_EXPIRE);
		if (r != -EAGAIN)
			return r;
		if (exactly->peer_group &&
		    kernel_check_parent(mount->id, exactly->parent, *exactly->peer_group) == -ESTALE)
			return -ESTALE;
		if (!is_still_there(exactly) || kernel_listmount(mount->id, exactly->newest, &newer, 1) != 0)
			continue;
		r = kernel_unmountat(dirfd, name, MNT_EXPIRE);
		if (r != -EAGAIN)
			return r;
	}
	return -E_LOOKED_AT;
}
