/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What happens on a farm, one thing at a time. */
#include <stdio.h>
#include <string.h>

#include "world.h"

#define NAMES 24

static void any_name(char *ret, size_t size)
{
	snprintf(ret, size, "a%u", world_random(NAMES));
}

static struct world_dir *any_live_dir(void)
{
	for (int tries = 0; tries < 40; tries++) {
		struct world_dir *dir = &world.dirs[world_random(WORLD_DIRS)];

		if (dir->serial && dir->live && *dir->path)
			return dir;
	}
	return NULL;
}

/*
 * A walk to a place whose directory was replaced behind the kernel's back makes the kernel detach what hung below the
 * old one.
 */
void world_walk_to(const char *path)
{
	for (size_t i = 0; i < WORLD_MOUNTS; i++) {
		const struct world_dir *dir = world.mounts[i].id ? world_dir(world.mounts[i].dir) : NULL;

		if (dir && !*dir->path && strcmp(dir->last_path, path) == 0)
			world_detach(&world.mounts[i]);
	}
}

/* Where a mount stands on the directory itself, nobody can tell what has become of that below it. */
static bool is_covered_by_own(const struct world_dir *dir)
{
	for (size_t i = 0; i < WORLD_MOUNTS; i++)
		if (world.mounts[i].id && world.mounts[i].dir == dir->serial && !*world.mounts[i].below)
			return true;
	return false;
}

static void mount_in(const struct world_dir *dir)
{
	static const char *const places[] = { "root/proc", "root/sys", "root/dev", "tmp", "" };
	static const char *const types[] = { "proc", "sysfs", "tmpfs", "fuse.x" };
	struct world_mount *mount;

	world_walk_to(dir->path);
	mount = world_attach(world.cover ? world.cover : world.root_mount, dir->serial, places[world_random(5)],
			     types[world_random(4)]);
	if (mount && world_chance(20))
		world_attach(mount->id, dir->serial, mount->below, "tmpfs"); /* stacked */
	if (mount)
		mount->busy = world_chance(10);
}

static void action_begins(void)
{
	struct world_dir *dir;
	char name[32];

	any_name(name, sizeof(name));
	if (world_dir_at(name) || world.cover)
		return;
	world_walk_to(name);
	dir = world_make_dir(name);
	if (!dir)
		return;
	for (uint32_t mounts = world_random(4); mounts > 0; mounts--)
		mount_in(dir);
}

static void action_mounts_more(void)
{
	struct world_dir *dir = any_live_dir();

	if (dir && !world.cover)
		mount_in(dir);
}

static void unmount_all_of(const struct world_dir *dir)
{
	struct world_mount *mount;

	while ((mount = world_any_mount_of(dir)))
		world_detach(mount);
}

static void action_ends_cleanly(void)
{
	struct world_dir *dir = any_live_dir();

	if (!dir || world.cover)
		return;
	unmount_all_of(dir);
	world_kill(dir);
	dir->path[0] = '\0';
}

static void directory_vanishes(void)
{
	struct world_dir *dir = any_live_dir();

	if (!dir)
		return;
	world_kill(dir);
	dir->path[0] = '\0';
}

static void directory_is_replaced(void)
{
	struct world_dir *dir = any_live_dir(), *next;
	char path[96];

	if (!dir || world.cover || !dir->told || is_covered_by_own(dir))
		return;
	snprintf(path, sizeof(path), "%s", dir->path);
	world_kill(dir);
	dir->path[0] = '\0';
	next = world_make_dir(path);
	if (next && world_chance(60))
		mount_in(next);
}

static void directory_is_moved_to_trash(void)
{
	struct world_dir *dir = any_live_dir();

	if (!dir)
		return;
	world_kill(dir);
	snprintf(dir->path, sizeof(dir->path), ".trash/%u", dir->serial);
	snprintf(dir->last_path, sizeof(dir->last_path), "%s", dir->path);
}

static void directory_is_published(void)
{
	struct world_dir *dir = any_live_dir();
	char name[32];

	any_name(name, sizeof(name));
	if (!dir || world_dir_at(name))
		return;
	world_walk_to(name);
	dir->told_full = false; /* where the name was in use, it is another action's from now on */
	snprintf(dir->path, sizeof(dir->path), "%s", name);
	snprintf(dir->last_path, sizeof(dir->last_path), "%s", name);
}

static void directory_is_emptied(void)
{
	struct world_dir *dir = any_live_dir();

	if (!dir || dir->registered || !dir->told_full || is_covered_by_own(dir))
		return;
	world_kill(dir);
	dir->hollow = true;
}

static void somebody_mounts_elsewhere(void)
{
	world_attach(world.root_mount, 0, world_chance(50) ? "b/.hidden/x" : "srv/other", "tmpfs");
}

static void root_is_covered_or_uncovered(void)
{
	if (world.cover) {
		world_detach(world_mount(world.cover));
		world.cover = 0;
	} else {
		world.cover = world_attach(world.root_mount, 0, "b", "tmpfs")->id;
	}
}

static void something_goes_wrong(void)
{
	switch (world_random(6)) {
	case 0:
		world.storage_fails = !world.storage_fails;
		break;
	case 1:
		world.storage_hangs = !world.storage_hangs;
		break;
	case 2:
		world.fail_reads = 1 + (int)world_random(3);
		break;
	case 3:
		root_is_covered_or_uncovered();
		break;
	case 4:
		/* The clock on the wall is set; ours goes on. */
		world.now.real += ((int64_t)world_random(7200) - 3600) * NSEC_PER_SEC;
		break;
	default:
		world_pass((int64_t)world_random(120) * NSEC_PER_SEC);
	}
}

void world_happen(void)
{
	static void (*const things[])(void) = {
		action_begins,
		action_begins,
		action_begins,
		action_mounts_more,
		action_mounts_more,
		action_ends_cleanly,
		directory_vanishes,
		directory_vanishes,
		directory_is_replaced,
		directory_is_moved_to_trash,
		directory_is_published,
		directory_is_emptied,
		somebody_mounts_elsewhere,
	};

	if (world_chance(4))
		something_goes_wrong();
	else
		things[world_random(sizeof(things) / sizeof(things[0]))]();
}
