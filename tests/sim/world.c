/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct world world;

struct now clock_now(void)
{
	return world.now;
}

uint32_t world_random(uint32_t below)
{
	world.random ^= world.random << 13;
	world.random ^= world.random >> 7;
	world.random ^= world.random << 17;
	return (uint32_t)(world.random >> 16) % below;
}

bool world_chance(uint32_t percent)
{
	return world_random(100) < percent;
}

void world_pass(int64_t ns)
{
	world.now.mono += ns;
	world.now.real += ns;
}

void world_violated(const char *format, ...)
{
	va_list arguments;

	if (*world.violation)
		return;
	va_start(arguments, format);
	vsnprintf(world.violation, sizeof(world.violation), format, arguments);
	va_end(arguments);
}

void world_begin(uint64_t seed)
{
	world = (struct world){ .random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1 };
	world.by_handle = seed % 2;
	world.now = (struct now){ .mono = 1000 * NSEC_PER_SEC, .real = 1700000000 * NSEC_PER_SEC };
	world.root_mount = world_attach(0, 0, "", "ext4")->id;
	world_attach(world.root_mount, 0, "proc", "proc");
}

/* --- directories --- */

struct world_dir *world_dir(uint32_t serial)
{
	for (size_t i = 0; i < WORLD_DIRS; i++)
		if (world.dirs[i].serial && world.dirs[i].serial == serial)
			return &world.dirs[i];
	return NULL;
}

struct world_dir *world_dir_at(const char *path)
{
	for (size_t i = 0; i < WORLD_DIRS; i++)
		if (world.dirs[i].serial && strcmp(world.dirs[i].path, path) == 0)
			return &world.dirs[i];
	return NULL;
}

struct world_mount *world_any_mount_of(const struct world_dir *dir)
{
	for (size_t i = 0; i < WORLD_MOUNTS; i++)
		if (world.mounts[i].id && world.mounts[i].dir == dir->serial)
			return &world.mounts[i];
	return NULL;
}

struct world_dir *world_make_dir(const char *path)
{
	for (size_t i = 0; i < WORLD_DIRS; i++) {
		struct world_dir *dir = &world.dirs[i];

		if (dir->serial && (*dir->path || world_any_mount_of(dir)))
			continue;
		*dir = (struct world_dir){ .serial = ++world.last_serial, .live = true };
		snprintf(dir->path, sizeof(dir->path), "%s", path);
		snprintf(dir->last_path, sizeof(dir->last_path), "%s", path);
		return dir;
	}
	return NULL;
}

void world_kill(struct world_dir *dir)
{
	if (!dir->live)
		return;
	dir->live = false;
	dir->dead_since = world.now.mono;
}

/* --- mounts --- */

struct world_mount *world_mount(uint64_t id)
{
	for (size_t i = 0; i < WORLD_MOUNTS; i++)
		if (id && world.mounts[i].id == id)
			return &world.mounts[i];
	return NULL;
}

void world_mount_target(const struct world_mount *mount, char *ret, size_t size)
{
	const struct world_dir *dir = mount->dir ? world_dir(mount->dir) : NULL;

	if (!dir)
		snprintf(ret, size, "/%s", mount->below);
	else
		snprintf(ret, size, WORLD_ROOT "/%s%s%s", *dir->path ? dir->path : dir->last_path,
			 *mount->below ? "/" : "", mount->below);
}

struct world_mount *world_attach(uint64_t parent, uint32_t dir, const char *below, const char *fstype)
{
	for (size_t i = 0; i < WORLD_MOUNTS; i++) {
		struct world_mount *mount = &world.mounts[i];

		if (mount->id)
			continue;
		*mount = (struct world_mount){ .id = ++world.last_id, .parent = parent, .dir = dir };
		snprintf(mount->below, sizeof(mount->below), "%s", below);
		snprintf(mount->fstype, sizeof(mount->fstype), "%s", fstype);
		world.table_changed = true;
		return mount;
	}
	return NULL;
}

void world_detach(struct world_mount *mount)
{
	uint64_t id = mount->id;

	for (size_t i = 0; i < WORLD_MOUNTS; i++)
		if (world.mounts[i].id && world.mounts[i].parent == id)
			world_detach(&world.mounts[i]);
	mount->id = 0;
	world.table_changed = true;
}

size_t world_leftovers(void)
{
	size_t count = 0;

	for (size_t i = 0; i < WORLD_MOUNTS; i++) {
		const struct world_dir *dir = world.mounts[i].id ? world_dir(world.mounts[i].dir) : NULL;

		if (dir && !dir->live)
			count++;
	}
	return count;
}
