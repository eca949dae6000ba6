/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Another mount namespace, as a runner's container has: it begins with copies of all mounts, receives what comes and goes
 * in ours or does not, has mounts of its own, and ends with all of them. Its mounts have numbers like ours.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "wire/messages.h"
#include "wire/records.h"
#include "world.h"

static struct world_mount *copy_of(uint64_t id)
{
	for (size_t i = 0; i < WORLD_MOUNTS; i++)
		if (id && world.mounts[i].id && world.mounts[i].copy_of == id)
			return &world.mounts[i];
	return NULL;
}

/* It ended, and nothing but that word, or what was seen of it before, says so. */
static bool goes_by_a_word(const struct world_dir *dir)
{
	return !dir->live && *dir->path && strncmp(dir->path, ".trash", 6) != 0;
}

void world_other_doubt(const struct world_dir *dir, bool also_known)
{
	for (size_t i = 0; i < WORLD_MOUNTS; i++) {
		struct world_mount *mount = &world.mounts[i];

		if (mount->id && mount->ns && mount->dir == dir->serial && (also_known || !world_known_as(mount)))
			mount->doubt = true;
	}
}

void world_other_doubt_words(void)
{
	for (size_t i = 0; i < WORLD_DIRS; i++)
		if (world.dirs[i].serial && goes_by_a_word(&world.dirs[i]))
			world_other_doubt(&world.dirs[i], true);
}

static uint64_t copy(const struct world_mount *mount, uint64_t parent)
{
	struct world_mount *made = world_attach(parent, mount->dir, mount->below, mount->fstype);

	if (!made)
		return 0;
	made->copy_of = mount->id;
	made->dev = mount->dev;
	if (parent == 0) {
		made->ns = 1;
		made->id32 = 1; /* as the first of ours */
	}
	/* What is read after the end counts as the next one's, for it may be. */
	made->doubt = made->dir && goes_by_a_word(world_dir(made->dir));
	world.past[made->id].elsewhere = true;
	return made->id;
}

static void begins(void)
{
	uint64_t last = world.last_id;

	world.other = (struct world_other){ .count = world.other.count + 1,
					    .receives = world_chance(50),
					    .told_unselected = world.other.told_unselected };
	world_note(world.other.receives ? KIND_OTHER_SLAVE : KIND_OTHER_PRIVATE, world.other.count);
	world.other.root_mount = copy(world_mount(world.root_mount), 0);
	/* Parents are older than what is on them. */
	for (uint64_t id = 1; id <= last; id++) {
		const struct world_mount *mount = world_mount(id);
		const struct world_mount *parent = mount && mount->ns == 0 ? copy_of(mount->parent) : NULL;

		if (parent)
			copy(mount, parent->id);
	}
	world.other.inode = 7000 + world.other.count;
}

static void ends(void)
{
	world_note(KIND_OTHER_ENDS, world.other.count);
	world.other.inode = 0;
	world_detach(world_mount(world.other.root_mount));
	/* What had been taken there, and was not read since, is said to have gone with it, or to nobody. */
	for (uint64_t id = 1; id <= world.last_id; id++)
		world.past[id].forgotten |= world.past[id].elsewhere;
}

void world_other_changes(void)
{
	if (world.other.inode)
		ends();
	else
		begins();
}

void world_other_mounts(const struct world_dir *dir)
{
	struct world_mount *mount;

	if (world_carrier_in(1, dir->root) != dir->carrier)
		return;
	mount = world_attach(world.other.root_mount, dir->serial, "root/there", "tmpfs");
	if (!mount)
		return;
	world.past[mount->id].elsewhere = true;
	world_note(KIND_MOUNT_THERE, mount->id);
}

void world_other_receives(const struct world_mount *mount)
{
	const struct world_mount *parent = world.other.receives && world.other.inode ? copy_of(mount->parent) : NULL;

	if (parent && mount->ns == 0)
		copy(mount, parent->id);
}

void world_other_loses(uint64_t id)
{
	struct world_mount *mount = world.other.receives && world.other.inode ? copy_of(id) : NULL;

	if (mount)
		world_detach(mount);
}

/* What covers a root there is a copy of what covered it here. */
static const struct world_mount *cover_there(uint32_t root)
{
	const struct world_mount *found = NULL;

	for (size_t i = 0; i < WORLD_MOUNTS; i++) {
		const struct world_mount *mount = &world.mounts[i];

		if (mount->id && mount->ns == 1 && !mount->dir &&
		    strcmp(mount->below, world.roots[root].path + 1) == 0 && (!found || mount->id > found->id))
			found = mount;
	}
	return found;
}

/* What covered a root here when it began, and went here alone. */
void world_other_is_uncovered(void)
{
	const struct world_mount *cover;

	for (uint32_t root = 0; root < WORLD_ROOTS; root++)
		while (world.other.inode && (cover = cover_there(root)))
			world_detach(world_mount(cover->id));
}

uint64_t world_standing_in(uint32_t ns, uint32_t root)
{
	const struct world_mount *cover = ns ? cover_there(root) : NULL;

	return ns == 0 ? world_standing(root) : cover ? cover->id : world.other.root_mount;
}

uint64_t world_carrier_in(uint32_t ns, uint32_t root)
{
	const struct world_mount *cover = ns ? cover_there(root) : NULL;

	return ns == 0 ? world_standing(root) : cover ? cover->copy_of : world.root_mount;
}

bool world_other_is(const struct namespace_reference *reference)
{
	return world.other.inode && reference->inode == world.other.inode;
}

static int memfd_of(const void *bytes, size_t length)
{
	int fd = memfd_create("records", MFD_CLOEXEC);

	if (fd < 0 || write(fd, bytes, length) != (ssize_t)length)
		abort();
	return fd;
}

static void give(struct message_result *ret, struct wire_records *records)
{
	ret->count = ret->fd_count = 1;
	ret->fds[0] = memfd_of(records->bytes, records->used);
	records_clear(records);
}

void world_other_list(bool selected, struct message_result *ret)
{
	static struct namespaces_result list;
	struct wire_records records = { 0 };
	const struct message_namespace ns = {
		.reference = { .inode = world.other.inode, .id = world.no_ids ? 0 : world.other.inode, .pid = 12 },
		.comm = "runner",
		.selected = selected,
	};

	if (world.other.inode && records_add_namespace(&records, &ns) < 0)
		abort();
	list = (struct namespaces_result){ .count = world.other.inode != 0 };
	ret->namespaces = &list;
	give(ret, &records);
}

/* The top of a namespace is its own parent in the list, and nobody's in mountinfo. */
static void add_record(const struct world_mount *mount, const char *target, struct wire_records *records)
{
	const struct world_mount *parent = mount->parent ? world_mount(mount->parent) : mount;
	const struct message_mount record = {
		.id = mount->id,
		.parent = parent->id,
		.id32 = mount->id32,
		.parent32 = parent->id32,
		.dev = mount->dev,
		.root = "/",
		.target = target,
		.fstype = mount->fstype,
		.source = "none",
		.options = "rw",
		.super_options = "rw",
	};

	if (records_add_mount(records, &record) < 0)
		abort();
}

static void add_line(const struct world_mount *mount, const char *target, FILE *text)
{
	const struct world_mount *parent = world_mount(mount->parent);

	fprintf(text, "%u %u %u:%u / %s rw - %s none rw\n", mount->id32, parent ? parent->id32 : 0, major(mount->dev),
		minor(mount->dev), target, mount->fstype);
}

void world_other_table(struct message_result *ret)
{
	static struct table_result table;
	struct wire_records records = { 0 };
	char *bytes = NULL;
	size_t size = 0;
	FILE *text = open_memstream(&bytes, &size);

	if (!text)
		abort();
	table = (struct table_result){ .kind = world.no_ids ? TABLE_MOUNTINFO : TABLE_RECORDS };
	for (uint64_t id = 1; id <= world.last_id; id++) {
		const struct world_mount *mount = world_mount(id);
		char target[256];

		if (!mount || mount->ns != 1)
			continue;
		world_mount_target(mount, target, sizeof(target));
		if (world.no_ids)
			add_line(mount, target, text);
		else
			add_record(mount, target, &records);
		table.count += !world.no_ids;
	}
	fclose(text);
	ret->tables = &table;
	if (world.no_ids) {
		ret->count = ret->fd_count = 1;
		ret->fds[0] = memfd_of(bytes, size);
	} else {
		give(ret, &records);
	}
	free(bytes);
}
