/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KIND(name, text) [KIND_##name] = (text),
const char *const kind_names[KIND_COUNT] = { KINDS(KIND) };
unsigned long kind_counts[KIND_COUNT];

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

void world_say(const char *format, ...)
{
	va_list arguments;

	if (!getenv("SIM_VERBOSE"))
		return;
	va_start(arguments, format);
	fprintf(stderr, "sim: %.6f ", (double)world.now.mono / 1e9);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
}

/* FNV-1a. */
void world_trace(const void *bytes, size_t length)
{
	const uint8_t *at = bytes;

	for (size_t i = 0; i < length; i++)
		world.trace = (world.trace ^ at[i]) * UINT64_C(0x100000001b3);
}

void world_note(enum kind kind, uint64_t detail)
{
	const uint64_t what[] = { (uint64_t)kind, detail, (uint64_t)world.now.mono };

	kind_counts[kind]++;
	world_trace(what, sizeof(what));
	world_say("%s %llu", kind_names[kind], (unsigned long long)detail);
}

static void expire_directories(void)
{
	for (size_t i = 0; i < WORLD_DIRS; i++) {
		struct world_dir *dir = &world.dirs[i];

		if (!dir->serial || !dir->expires || dir->expires > world.now.mono)
			continue;
		dir->lost = false;
		if (dir->live) {
			world_kill(dir);
			dir->dead_since = dir->expires;
		}
		dir->unread_word = world.now.mono;
		dir->expires = 0;
		dir->spoken_for = false;
		world_note(KIND_END_AGE, dir->serial);
	}
}

static void end_pause(struct world_root *root)
{
	if (!root->paused || world.now.real < root->paused_until)
		return;
	root->paused = false;
	world_note(KIND_PAUSE_ENDS, 0);
}

void world_pass(int64_t ns)
{
	if (!world.time_stands) {
		world.now.mono += ns;
		world.now.real += ns;
	}
	expire_directories();
	end_pause(&world.all);
	for (uint32_t root = 0; root < WORLD_ROOTS; root++)
		end_pause(&world.roots[root]);
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
	world = (struct world){ .seed = seed, .random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1 };
	world.trace = UINT64_C(0xcbf29ce484222325);
	world.by_handle = seed % 2;
	world.no_ids = seed % 3 == 0;
	world.incremental = !world.no_ids && seed % 4 < 2;
	world.reap_root = seed % 5 < 3;
	world.has_others = seed % 7 == 4 || seed % 7 == 5;
	world.now = (struct now){ .mono = 1000 * NSEC_PER_SEC, .real = 1700000000 * NSEC_PER_SEC };
	world.roots[0].path = "/b";
	world.roots[1].path = "/srv/c";
	world.root_mount = world_attach(0, 0, "", "ext4")->id;
	world_attach(world.root_mount, 0, "proc", "proc");
	world_config_plain();
}

/* --- directories --- */

struct world_dir *world_dir(uint32_t serial)
{
	for (size_t i = 0; i < WORLD_DIRS; i++)
		if (world.dirs[i].serial && world.dirs[i].serial == serial)
			return &world.dirs[i];
	return NULL;
}

struct world_dir *world_dir_at(uint64_t carrier, uint32_t root, const char *path)
{
	for (size_t i = 0; i < WORLD_DIRS; i++) {
		struct world_dir *dir = &world.dirs[i];

		if (dir->serial && dir->carrier == carrier && dir->root == root && strcmp(dir->path, path) == 0)
			return dir;
	}
	return NULL;
}

struct world_dir *world_any_dir(bool live)
{
	for (int tries = 0; tries < 40; tries++) {
		struct world_dir *dir = &world.dirs[world_random(WORLD_DIRS)];

		if (dir->serial && dir->live == live && *dir->path)
			return dir;
	}
	return NULL;
}

struct world_mount *world_any_mount_of(const struct world_dir *dir)
{
	for (size_t i = 0; i < WORLD_MOUNTS; i++)
		if (world.mounts[i].id && world.mounts[i].dir == dir->serial)
			return &world.mounts[i];
	return NULL;
}

/* Where a mount stands on the directory itself, nobody can tell what has become of that below it. */
bool world_is_covered_by_own(const struct world_dir *dir)
{
	for (size_t i = 0; i < WORLD_MOUNTS; i++)
		if (world.mounts[i].id && world.mounts[i].dir == dir->serial && !*world.mounts[i].below)
			return true;
	return false;
}

struct world_dir *world_make_dir(uint32_t root, const char *path)
{
	for (size_t i = 0; i < WORLD_DIRS; i++) {
		struct world_dir *dir = &world.dirs[i];

		if (dir->serial && (*dir->path || dir->spoken_for || dir->unread_word || world_any_mount_of(dir)))
			continue;
		*dir = (struct world_dir){ .serial = ++world.last_serial, .root = root, .live = true };
		dir->carrier = world_standing(root);
		snprintf(dir->path, sizeof(dir->path), "%s", path);
		snprintf(dir->last_path, sizeof(dir->last_path), "%s", path);
		return dir;
	}
	return NULL;
}

/*
 * Whoever mounts there does so under that registration, which goes along where the directory is renamed; until the
 * table is read after its end, what is mounted there may have been its last.
 */
bool world_is_spoken_for(uint32_t root, const char *name)
{
	for (size_t i = 0; i < WORLD_DIRS; i++) {
		const struct world_dir *dir = &world.dirs[i];

		if (!dir->serial || dir->root != root)
			continue;
		if ((dir->spoken_for || dir->unread_word) &&
		    (strcmp(dir->begun_name, name) == 0 || strcmp(dir->last_path, name) == 0))
			return true;
	}
	return false;
}

void world_kill(struct world_dir *dir)
{
	if (!dir->live)
		return;
	dir->live = false;
	dir->doubt = dir->maybe || dir->taken;
	dir->dead_since = world.now.mono;
}

/* What was said of it may be forgotten; what can be seen will be seen again. */
void world_doubt(struct world_dir *dir)
{
	bool can_be_seen = (!*dir->path && !world_dir_at(dir->carrier, dir->root, dir->last_path)) ||
			   strncmp(dir->path, ".trash", 6) == 0;

	dir->maybe = dir->lease || dir->pid || dir->expires;
	dir->told = dir->told_full = dir->registered = false;
	if (dir->live)
		return;
	dir->doubt |= !can_be_seen;
	dir->at_once = true;
}

bool world_is_protected(const struct world_dir *dir, const struct world_rules *rules)
{
	return rules->protect && strncmp(*dir->path ? dir->path : dir->last_path, "keep", 4) == 0;
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
		snprintf(ret, size, "%s/%s%s%s", world.roots[dir->root].path, *dir->path ? dir->path : dir->last_path,
			 *mount->below ? "/" : "", mount->below);
}

static uint32_t lowest_free_number(uint32_t ns)
{
	static bool used[WORLD_MOUNTS + 2];
	uint32_t number = 1;

	memset(used, 0, sizeof(used));
	for (size_t i = 0; i < WORLD_MOUNTS; i++)
		if (world.mounts[i].id && world.mounts[i].ns == ns)
			used[world.mounts[i].id32] = true;
	while (used[number])
		number++;
	return number;
}

struct world_mount *world_attach(uint64_t parent, uint32_t dir, const char *below, const char *fstype)
{
	uint32_t ns = parent ? world_mount(parent)->ns : 0;

	for (size_t i = 0; i < WORLD_MOUNTS && world.last_id + 1 < WORLD_MOUNTS_EVER; i++) {
		struct world_mount *mount = &world.mounts[i];

		if (mount->id)
			continue;
		*mount = (struct world_mount){ .parent = parent, .dir = dir, .ns = ns };
		mount->id32 = lowest_free_number(ns);
		mount->id = ++world.last_id;
		mount->dev = parent ? 1000 + mount->id : 7;
		mount->polls = world.polls;
		world.past[mount->id].parent = parent;
		snprintf(mount->below, sizeof(mount->below), "%s", below);
		snprintf(mount->fstype, sizeof(mount->fstype), "%s", fstype);
		world.table_changed = true;
		world_other_receives(mount);
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
	if (mount->serves)
		world_server_has_gone(mount);
	for (uint32_t root = 0; root < WORLD_ROOTS; root++)
		if (world.roots[root].cover == id)
			world.roots[root].cover = 0;
	if (mount->ns == 0)
		world_other_loses(id);
	mount->id = 0;
	world.table_changed = true;
}

/*
 * A mount that has no unique id, of a registration of an earlier start, goes when its directory was found: not where
 * that is gone and another stands there, which without unique ids is no evidence when seen by handle.
 */
static bool cannot_be_found(const struct world_dir *dir)
{
	return world.no_ids && world.by_handle && dir->replaced && dir->begun_start && dir->begun_start != world.starts;
}

bool world_is_leftover(const struct world_mount *mount)
{
	const struct world_dir *dir = mount->id ? world_dir(mount->dir) : NULL;

	return dir && !dir->live && !dir->doubt && !mount->doubt && !mount->locked && !cannot_be_found(dir) &&
	       !world_is_protected(dir, &world.config.rules[dir->root]);
}

size_t world_leftovers(void)
{
	size_t count = 0;

	for (size_t i = 0; i < WORLD_MOUNTS; i++)
		count += world_is_leftover(&world.mounts[i]);
	return count;
}
