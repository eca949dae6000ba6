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

static int add(struct scan *scan, const struct world_mount *mount)
{
	const struct world_mount *parent = world_mount(mount->parent);
	struct mount_facts *facts = scan_add(scan);
	char target[256];

	if (!facts)
		return -ENOMEM;
	world_mount_target(mount, target, sizeof(target));
	*facts = (struct mount_facts){
		.id = world.no_ids ? 0 : mount->id,
		.parent = world.no_ids ? 0 : mount->parent,
		.id32 = mount->id32,
		.parent32 = parent ? parent->id32 : 0,
		.dev = mount->dev,
		.root = strdup("/"),
		.target = strdup(target),
		.fstype = strdup(mount->fstype),
		.source = strdup("none"),
		.options = strdup("rw"),
		.super_options = strdup("rw"),
	};
	return 0;
}

static int compare_by_age(const void *a, const void *b)
{
	const struct world_mount *x = *(const struct world_mount *const *)a;
	const struct world_mount *y = *(const struct world_mount *const *)b;

	return (x->id > y->id) - (x->id < y->id);
}

/* The kernel lists mounts by age. What came a moment ago may not be shown yet; then the fd wakes once more. */
static size_t by_age(const struct world_mount **ret)
{
	size_t count = 0;

	for (size_t i = 0; i < WORLD_MOUNTS; i++)
		if (world.mounts[i].id && world.mounts[i].ns == 0)
			ret[count++] = &world.mounts[i];
	qsort(ret, count, sizeof(*ret), compare_by_age);
	for (; count > 0 && world.unseen > 0 && ret[count - 1]->id > world.last_shown; world.unseen--) {
		world_note(KIND_READ_EARLY, ret[--count]->id);
		world.table_changed = true;
	}
	world.last_shown = count > 0 ? ret[count - 1]->id : 0;
	world.unseen = 0;
	return count;
}

struct gone {
	struct scan *scan;
	bool failed;
};

static int note_gone(void *context, struct mount *mount)
{
	struct gone *gone = context;

	if (mount->ns->own && !world_mount(mount->facts.id) && scan_add_gone(gone->scan, mount->facts.id, NULL) < 0)
		gone->failed = true;
	return 0;
}

static int read_table(const struct model *model, bool complete, struct scan *ret)
{
	const struct world_mount *mounts[WORLD_MOUNTS];
	struct gone gone = { .scan = ret };
	size_t count;
	int r = 0;

	if (world.fail_reads > 0) {
		world.fail_reads--;
		world_note(KIND_READ_FAILS, 0);
		return -EBADMSG;
	}
	ret->unique_ids = !world.no_ids;
	ret->complete = complete || !world.incremental;
	count = by_age(mounts);
	for (size_t i = 0; i < count && r == 0; i++)
		r = add(ret, mounts[i]);
	if (!ret->complete)
		model_each_mount((struct model *)model, note_gone, &gone);
	return gone.failed ? -ENOMEM : r;
}

static int sim_read(struct source *source, const struct model *model, bool complete, struct scan *ret)
{
	int r = read_table(model, complete, ret);

	(void)source;
	for (size_t i = 0; r == 0 && i < WORLD_DIRS; i++)
		if (world.dirs[i].unread_word < world.now.mono)
			world.dirs[i].unread_word = 0;
	return r;
}

static int sim_refresh(struct source *source, const struct model *model, struct scan *ret)
{
	int r = 0;

	(void)source;
	if (!world.incremental)
		return read_table(model, true, ret);
	ret->unique_ids = true;
	for (size_t i = 0; i < WORLD_MOUNTS && r == 0; i++) {
		const struct world_mount *mount = &world.mounts[i];

		if (mount->id && mount->ns == 0 && model_mount_const(model, mount->id))
			r = add(ret, mount);
	}
	return r;
}

static const struct source_ops with_ids = {
	.kind = SOURCE_LISTMOUNT,
	.unique_ids = true,
	.drain = sim_drain,
	.read = sim_read,
	.refresh = sim_refresh,
};

static const struct source_ops without_ids = {
	.kind = SOURCE_MOUNTINFO,
	.drain = sim_drain,
	.read = sim_read,
	.refresh = sim_refresh,
};

int source_open(enum source_kind kind, struct source_inputs *inputs, struct source *ret, char *why, size_t size)
{
	(void)kind;
	(void)inputs;
	(void)size;
	*why = '\0';
	*ret = (struct source){ .ops = world.no_ids ? &without_ids : &with_ids,
				.fd = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC) };
	return ret->fd < 0 ? -errno : 0;
}

void source_close(struct source *source)
{
	close(source->fd);
}
