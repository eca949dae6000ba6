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

int scan_add_gone(struct scan *scan, uint64_t id)
{
	uint64_t *grown = grow(scan->gone, scan->gone_count, &scan->gone_allocated, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	scan->gone = grown;
	scan->gone[scan->gone_count++] = id;
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
	memset(facts, 0, sizeof(*facts));
}

void scan_clear(struct scan *scan)
{
	for (size_t i = 0; i < scan->count; i++)
		mount_facts_clear(&scan->mounts[i]);
	free(scan->mounts);
	free(scan->gone);
	memset(scan, 0, sizeof(*scan));
}
