/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The world's mount table as a source; stands in for source/source.c. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "source/source.h"
#include "world.h"

static int sim_drain(struct source *source)
{
	uint64_t count;

	return read(source->fd, &count, sizeof(count)) == sizeof(count);
}

static int sim_read(struct source *source, const struct model *model, bool complete, struct scan *ret)
{
	(void)source;
	(void)model;
	(void)complete;
	if (world.fail_reads > 0) {
		world.fail_reads--;
		return -EBADMSG;
	}
	ret->complete = ret->unique_ids = true;
	for (size_t i = 0; i < WORLD_MOUNTS; i++) {
		const struct world_mount *mount = &world.mounts[i];
		struct mount_facts *facts;
		char target[256];

		if (!mount->id)
			continue;
		facts = scan_add(ret);
		if (!facts)
			return -ENOMEM;
		world_mount_target(mount, target, sizeof(target));
		*facts = (struct mount_facts){
			.id = mount->id,
			.parent = mount->parent,
			.id32 = (uint32_t)mount->id,
			.parent32 = (uint32_t)mount->parent,
			.dev = mount->id == world.root_mount ? 7 : 1000 + mount->id,
			.root = strdup("/"),
			.target = strdup(target),
			.fstype = strdup(mount->fstype),
			.source = strdup("none"),
			.options = strdup("rw"),
			.super_options = strdup("rw"),
		};
	}
	return 0;
}

static int sim_refresh(struct source *source, const struct model *model, struct scan *ret)
{
	return sim_read(source, model, true, ret);
}

static const struct source_ops sim_ops = {
	.kind = SOURCE_LISTMOUNT,
	.unique_ids = true,
	.drain = sim_drain,
	.read = sim_read,
	.refresh = sim_refresh,
};

int source_open(enum source_kind kind, struct source *ret, char *why, size_t size)
{
	(void)kind;
	(void)size;
	*why = '\0';
	*ret = (struct source){ .ops = &sim_ops, .fd = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC) };
	return ret->fd < 0 ? -errno : 0;
}

void source_close(struct source *source)
{
	close(source->fd);
}
