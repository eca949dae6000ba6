/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/namespace_table.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "source/mountinfo.h"

static int take_record(const struct message_mount *mount, struct scan *scan)
{
	struct mount_facts *facts = scan_add(scan);

	if (!facts)
		return -ENOMEM;
	facts->id = mount->id;
	facts->parent = mount->parent;
	facts->id32 = mount->id32;
	facts->parent32 = mount->parent32;
	facts->dev = mount->dev;
	facts->peer_group = mount->peer_group;
	facts->master = mount->master;
	facts->root = strdup(mount->root);
	facts->target = strdup(mount->target);
	facts->fstype = strdup(mount->fstype);
	facts->source = strdup(mount->source);
	facts->options = strdup(mount->options);
	facts->super_options = strdup(mount->super_options);
	if (!facts->root || !facts->target || !facts->fstype || !facts->source || !facts->options ||
	    !facts->super_options)
		return -ENOMEM;
	facts->root_deleted = mountinfo_strip_deleted(facts->root);
	return 0;
}

static int take_records(const void *bytes, size_t length, struct scan *scan)
{
	struct message_mount mount;
	struct wire_reader reader;
	int r;

	wire_reader_init(&reader, bytes, length);
	while ((r = record_next_mount(&reader, &mount)) == 1) {
		/* No path leads to it: mountinfo leaves such mounts out. */
		if (!*mount.target)
			continue;
		r = take_record(&mount, scan);
		if (r < 0)
			return r;
	}
	return r;
}

static int read_records(int fd, struct scan *scan)
{
	struct stat status;
	void *bytes;
	int r;

	if (fstat(fd, &status) < 0)
		return -errno;
	if (status.st_size == 0)
		return 0;
	bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (bytes == MAP_FAILED)
		return -errno;
	r = take_records(bytes, (size_t)status.st_size, scan);
	munmap(bytes, (size_t)status.st_size);
	return r;
}

int namespace_table_read(const struct table_result *result, int fd, struct scan *ret)
{
	int r;

	if (result->kind == TABLE_MOUNTINFO)
		return mountinfo_read_open(fd, ret);
	r = read_records(fd, ret);
	ret->complete = ret->unique_ids = true;
	return r;
}

static bool shows(const struct scan *scan, const struct root_instance *instance)
{
	for (size_t i = 0; i < scan->count; i++)
		if (scan->mounts[i].dev == instance->dev && paths_are_related(scan->mounts[i].root, instance->fs_path))
			return true;
	return false;
}

bool namespace_table_holds(const struct scan *scan, struct model *model)
{
	for (const struct root *root = model_roots(model); root; root = root->next)
		for (const struct root_instance *instance = root->instances; instance; instance = instance->next)
			if (instance->visible && instance->carrier->ns->own && shows(scan, instance))
				return true;
	return false;
}

bool namespace_table_has_below(const struct scan *scan, const char *path)
{
	for (size_t i = 0; i < scan->count; i++)
		if (path_is_at_or_below(scan->mounts[i].target, path))
			return true;
	return false;
}
