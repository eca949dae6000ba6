/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/facts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void *grow(void *items, size_t count, size_t *allocated, size_t item_size)
{
	size_t wanted = *allocated ? *allocated * 2 : 16;
	void *grown;

	if (count < *allocated)
		return items;
	grown = reallocarray(items, wanted, item_size);
	if (grown)
		*allocated = wanted;
	return grown;
}

struct mount_facts *scan_add(struct scan *scan)
{
	struct mount_facts *grown = grow(scan->mounts, scan->count, &scan->allocated, sizeof(*grown));
	struct mount_facts *facts;

	if (!grown)
		return NULL;
	scan->mounts = grown;
	facts = &scan->mounts[scan->count++];
	memset(facts, 0, sizeof(*facts));
	return facts;
}

int scan_add_gone(struct scan *scan, uint64_t id, struct actor *by)
{
	struct gone_mount *grown = grow(scan->gone, scan->gone_count, &scan->gone_allocated, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	scan->gone = grown;
	scan->gone[scan->gone_count++] = (struct gone_mount){ id, actor_ref(by) };
	return 0;
}

int scan_add_flash(struct scan *scan, uint64_t id, struct actor *attached_by, struct actor *detached_by)
{
	struct flash *grown = grow(scan->flashes, scan->flash_count, &scan->flash_allocated, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	scan->flashes = grown;
	scan->flashes[scan->flash_count++] = (struct flash){ id, actor_ref(attached_by), actor_ref(detached_by) };
	return 0;
}

void mount_facts_clear(struct mount_facts *facts)
{
	free(facts->root);
	free(facts->target);
	free(facts->fstype);
	free(facts->source);
	free(facts->options);
	free(facts->super_options);
	actor_unref(facts->attached_by);
	memset(facts, 0, sizeof(*facts));
}

void scan_clear(struct scan *scan)
{
	for (size_t i = 0; i < scan->count; i++)
		mount_facts_clear(&scan->mounts[i]);
	free(scan->mounts);
	for (size_t i = 0; i < scan->gone_count; i++)
		actor_unref(scan->gone[i].by);
	free(scan->gone);
	for (size_t i = 0; i < scan->flash_count; i++) {
		actor_unref(scan->flashes[i].attached_by);
		actor_unref(scan->flashes[i].detached_by);
	}
	free(scan->flashes);
	memset(scan, 0, sizeof(*scan));
}
