/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What has become of a directory, as the broker's children would find it: see kernel/probe.c. */
#include <errno.h>
#include <string.h>

#include "wire/messages.h"
#include "world.h"

static void describe(const struct world_dir *dir, struct probe_result *ret)
{
	ret->identity_known = true;
	ret->dev = 7;
	ret->ino = 100 + dir->serial % 5; /* inode numbers come again */
	ret->birth = dir->serial;
	ret->handle_length = 4;
	memcpy(ret->handle, &dir->serial, 4);
}

static bool is_same(const struct probe_item *item, const struct world_dir *dir)
{
	return item->known && item->birth == dir->serial;
}

static uint64_t reachable(const struct probe_item *item, const struct world_dir *dir)
{
	uint64_t bits = 0;

	for (uint32_t i = 0; i < item->mount_count; i++) {
		const struct world_mount *mount = world_referred(&item->mounts[i].mount);

		if (mount && mount->dir == dir->serial)
			bits |= UINT64_C(1) << i;
	}
	return bits;
}

static bool covers_itself(const struct probe_item *item)
{
	for (uint32_t i = 0; i < item->mount_count; i++)
		if (!*item->mounts[i].path)
			return true;
	return false;
}

static void found(const struct probe_item *item, struct world_dir *dir, struct probe_result *ret)
{
	describe(dir, ret);
	/* What the engine does not know (yet, or any more: a new generation) cannot be held against it. */
	dir->told = is_same(item, dir);
	for (uint32_t i = 0; i < item->mount_count; i++) {
		struct world_mount *mount = world_referred(&item->mounts[i].mount);

		if (mount && mount->dir == dir->serial)
			mount->told = dir->told;
	}
}

/* A mount on the directory itself hides which directory it is. */
static void probe_local(const struct probe_item *item, uint32_t root, struct probe_result *ret)
{
	struct world_dir *dir = world_dir_at(world_carrier_in(world.asked_in, root), root, item->path);

	ret->local = true;
	if (!dir) {
		ret->state = PROBE_MISSING;
		ret->error = ENOENT;
		return;
	}
	if (covers_itself(item))
		return;
	found(item, dir, ret);
	ret->full = !dir->hollow;
	dir->told_full = (dir->told_full || ret->full) && dir->told;
	ret->hollow = dir->hollow && item->want_hollow;
	if (!item->known || is_same(item, dir))
		return;
	ret->state = PROBE_REPLACED;
	ret->reachable = reachable(item, dir);
}

/* A handle finds its directory under any name: then nothing is said of what stands at the one that was asked about. */
static void probe_remote(const struct probe_item *item, uint32_t root, struct probe_result *ret)
{
	struct world_dir *at_path = world_dir_at(world_carrier_in(world.asked_in, root), root, item->path);
	struct world_dir *dir = item->known ? world_dir((uint32_t)item->birth) : at_path;

	if (dir && *dir->path) {
		found(item, dir, ret);
		if (dir != at_path)
			ret->state = PROBE_ELSEWHERE;
		return;
	}
	ret->state = item->known && at_path ? PROBE_REPLACED : PROBE_MISSING;
	ret->error = ENOENT;
}

/*
 * The first answer after a registration decides of which directory that was: where the one that the engine knew has
 * gone, of the next. Where it says nothing, the registration stays with the one that had gone: later it could be anybody's.
 */
void world_has_answered(const struct probe_item *item, uint32_t root, const struct probe_result *result, uint64_t polls)
{
	bool by_number = result->state == PROBE_REPLACED && world.by_handle && world.no_ids;
	bool gone =
		result->state == PROBE_MISSING || result->state == PROBE_REPLACED || result->state == PROBE_ELSEWHERE;

	for (size_t i = 0; i < WORLD_DIRS; i++) {
		struct world_dir *dir = &world.dirs[i];

		if (!dir->serial || !dir->taken || dir->root != root ||
		    (strcmp(dir->begun_name, item->path) != 0 && strcmp(dir->path, item->path) != 0))
			continue;
		if (gone && !by_number) {
			dir->taken = false;
			world_note(KIND_PASSED_ON, dir->serial);
		} else if (polls > dir->begun_polls) {
			dir->taken = false;
			dir->maybe = true;
		}
	}
}

void world_probe(const struct probe_item *item, uint32_t index, struct probe_result *ret)
{
	const struct world_root *root = &world.roots[index];
	const struct world_mount *standing = world_mount(world_standing_in(world.asked_in, index));
	const struct world_mount *carrier = world_referred(&item->carrier);

	*ret = (struct probe_result){ .state = PROBE_PRESENT };
	if (!carrier || carrier != standing)
		ret->state = PROBE_COVERED;
	else if ((root->hangs || standing->hangs) && world_chance(50))
		ret->state = PROBE_HUNG;
	else if (root->fails)
		ret->state = PROBE_UNKNOWN, ret->error = EIO;
	else if (standing->serves ? standing->dead : root->dead && standing->dev == 7)
		ret->state = PROBE_DEAD, ret->error = ENOTCONN;
	else if (!*item->path)
		return;
	else if (world.by_handle)
		probe_remote(item, index, ret);
	else
		probe_local(item, index, ret);
}
