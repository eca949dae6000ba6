/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What happens on a farm, one thing at a time. */
#include <stdio.h>
#include <string.h>

#include "world.h"

#define NAMES 24

static void any_name(char *ret, size_t size)
{
	uint32_t number = world_random(NAMES);

	snprintf(ret, size, world_chance(10) ? "keep%u" : "a%u", number);
}

/*
 * A walk to a place whose directory was replaced behind the kernel's back makes the kernel detach what hung below the
 * old one.
 */
void world_walk_to(uint32_t root, const char *path)
{
	for (size_t i = 0; i < WORLD_MOUNTS; i++) {
		const struct world_dir *dir = world.mounts[i].id ? world_dir(world.mounts[i].dir) : NULL;

		if (dir && dir->root == root && dir->carrier == world_standing(root) && !*dir->path &&
		    strcmp(dir->last_path, path) == 0)
			world_detach(&world.mounts[i]);
	}
}

static void mount_in(struct world_dir *dir)
{
	static const char *const places[] = { "root/proc", "root/sys", "root/dev", "tmp", "" };
	static const char *const types[] = { "proc", "sysfs", "tmpfs", "fuse.x" };
	struct world_mount *mount;
	uint32_t type, place;

	if (world.other.inode && world_chance(20)) {
		world_other_mounts(dir);
		return;
	}

	world_walk_to(dir->root, dir->path);
	type = world_random(4);
	place = world_random(5);
	mount = world_attach(dir->carrier, dir->serial, places[place], types[type]);
	if (!mount)
		return;
	world_note(KIND_MOUNT, mount->id);
	/* An earlier start knew of which directory the registration was; this one cannot compare. */
	dir->maybe |= !*mount->below && dir->registered && dir->begun_start != world.starts;
	mount->busy = world_chance(10);
	mount->locked = world_chance(2);
	if (world_chance(20) && world_attach(mount->id, dir->serial, mount->below, "tmpfs"))
		world_note(KIND_STACK, mount->id);
}

static void action_begins(void)
{
	uint32_t root = world_random(WORLD_ROOTS);
	struct world_dir *dir;
	char name[32];

	any_name(name, sizeof(name));
	if (!world_is_open(root) || world_dir_at(world_standing(root), root, name) || world_is_spoken_for(root, name))
		return;
	world_walk_to(root, name);
	dir = world_make_dir(root, name);
	if (!dir)
		return;
	world_note(KIND_BEGIN, dir->serial);
	for (uint32_t mounts = world_random(4); mounts > 0; mounts--)
		mount_in(dir);
}

static void action_mounts_more(void)
{
	struct world_dir *dir = world_any_dir(true);

	if (dir && world_is_reached(dir))
		mount_in(dir);
}

static void remove_directory(struct world_dir *dir)
{
	world_kill(dir);
	dir->path[0] = '\0';
}

/* Of what stands in another namespace who ends does not know. */
static struct world_mount *own_mount_of(const struct world_dir *dir)
{
	for (size_t i = 0; i < WORLD_MOUNTS; i++)
		if (world.mounts[i].id && world.mounts[i].ns == 0 && world.mounts[i].dir == dir->serial)
			return &world.mounts[i];
	return NULL;
}

static void action_ends_cleanly(void)
{
	struct world_dir *dir = world_any_dir(true);
	struct world_mount *mount;

	if (!dir || !world_is_reached(dir))
		return;
	world_note(KIND_END_CLEAN, dir->serial);
	while ((mount = own_mount_of(dir)))
		world_detach(mount);
	remove_directory(dir);
}

static void directory_vanishes(void)
{
	struct world_dir *dir = world_any_dir(true);

	if (!dir)
		return;
	world_note(KIND_VANISH, dir->serial);
	remove_directory(dir);
}

static void directory_is_replaced(void)
{
	struct world_dir *dir = world_any_dir(true), *next;
	char path[64];

	if (!dir || !world_is_reached(dir) || !dir->told || world_is_covered_by_own(dir) ||
	    world_is_spoken_for(dir->root, dir->path))
		return;
	world_note(KIND_REPLACE, dir->serial);
	snprintf(path, sizeof(path), "%s", dir->path);
	remove_directory(dir);
	dir->replaced = true;
	/* Nobody has asked since they came, and to ask by the name finds the next directory. */
	for (size_t i = 0; world.by_handle && i < WORLD_MOUNTS; i++)
		if (world.mounts[i].id && world.mounts[i].dir == dir->serial)
			world.mounts[i].doubt |= !world.mounts[i].told;
	next = world_make_dir(dir->root, path);
	if (!next)
		return;
	if (world_chance(40))
		world_runner_registers(next);
	if (world_chance(60))
		mount_in(next);
}

static void directory_is_moved_to_trash(void)
{
	struct world_dir *dir = world_any_dir(world_chance(80));
	const struct world_mount *asked = world_chance(70) ? world_broker_step() : NULL;

	if (asked && world_dir(asked->dir) && *world_dir(asked->dir)->path)
		dir = world_dir(asked->dir);
	if (!dir || strncmp(dir->path, ".trash", 6) == 0 || world_is_out_of_reach(dir))
		return;
	world_note(KIND_TRASH, dir->serial);
	world_kill(dir);
	dir->hollow = false; /* it goes by another evidence, which needs less grace */
	memcpy(dir->former_path, dir->path, sizeof(dir->path));
	snprintf(dir->path, sizeof(dir->path), ".trash/%u", dir->serial);
	snprintf(dir->last_path, sizeof(dir->last_path), "%s", dir->path);
}

static void directory_is_published(void)
{
	struct world_dir *dir = world_any_dir(true);
	char name[32];

	any_name(name, sizeof(name));
	if (!dir || world_dir_at(dir->carrier, dir->root, name) || world_is_spoken_for(dir->root, name))
		return;
	world_note(KIND_PUBLISH, dir->serial);
	world_walk_to(dir->root, name);
	dir->told_full = false; /* where the name was in use, it is another action's from now on */
	/* Its mounts may count as others, or be seen at the new name alone: what was said of them is lost. */
	dir->maybe |= world.no_ids || (dir->registered && !world_is_seen(dir));
	memcpy(dir->former_path, dir->path, sizeof(dir->path));
	snprintf(dir->path, sizeof(dir->path), "%s", name);
	snprintf(dir->last_path, sizeof(dir->last_path), "%s", name);
}

static void directory_is_emptied(void)
{
	struct world_dir *dir = world_any_dir(true);

	if (!dir || dir->registered || !dir->told_full || world_is_covered_by_own(dir))
		return;
	world_note(KIND_EMPTY, dir->serial);
	world_other_doubt(dir, false);
	world_kill(dir);
	dir->hollow = true;
}

/* The names must come again. */
static void past_directory_is_removed(void)
{
	struct world_dir *dir = world_any_dir(false);

	if (!dir || world_any_mount_of(dir))
		return;
	world_note(KIND_CLEAN_UP, dir->serial);
	dir->path[0] = '\0';
}

static void somebody_mounts_elsewhere(void)
{
	static const char *const places[] = { "b/.hidden/x", "srv/other", "srv/c/.hidden/y", "srv/c.old/a1" };

	world_note(KIND_UNOWNED, 0);
	world_attach(world.root_mount, 0, places[world_random(4)], "tmpfs");
}

static void somebody_unmounts_a_leftover(void)
{
	for (size_t i = 0; i < WORLD_MOUNTS; i++) {
		struct world_mount *mount = &world.mounts[i];
		const struct world_dir *dir = mount->id ? world_dir(mount->dir) : NULL;

		if (!dir || dir->live || !world_chance(20))
			continue;
		world_note(KIND_OTHER_HAND, mount->id);
		world_detach(mount);
		return;
	}
}

void world_farm_happens(void)
{
	static void (*const things[])(void) = {
		action_begins,
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
		past_directory_is_removed,
		past_directory_is_removed,
		somebody_mounts_elsewhere,
		somebody_unmounts_a_leftover,
	};

	things[world_random(sizeof(things) / sizeof(things[0]))]();
}
