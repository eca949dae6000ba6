/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Identity for tables without unique ids. The kernel gives a 32-bit id away again at once, the lowest free one, and
 * does the same with anonymous device numbers: "A/root/proc goes, B/root/proc comes" between two readings leaves the
 * same id, device, root and type at another place, exactly what a rename of A to B leaves. What tells them apart is the
 * order of the table: mountinfo lists mounts by age (Linux before 6.8 appends new ones to the namespace's list, later
 * ones sort by unique id), and neither a rename nor a move changes it.
 *
 * So a known mount is seen again where id, device, root within the filesystem and type are the same, and
 *  - it stands at the same place, and none that was younger is now listed before it; or
 *  - it stands at another place, and one that was younger and stayed where it was is still listed behind it.
 * In doubt it is a new mount. That loses some history; the other mistake would hand a live action's mount the evidence
 * and the generation of a dead one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "model/internal.h"

struct entry {
	struct table_link by_id32;
	struct mount_facts *facts;
	struct mount_node *known; /* that it may be */
	bool stayed;		  /* at the same place */
};

static bool same_text(const char *own, const char *text)
{
	return strcmp(own, text ? text : "") == 0;
}

static bool may_be(const struct mount_node *node, const struct mount_namespace *ns, const struct mount_facts *facts)
{
	const struct mount_facts *own = &node->mount.facts;

	return node->mount.ns == ns && own->id32 == facts->id32 && own->dev == facts->dev &&
	       same_text(own->root, facts->root) && same_text(own->fstype, facts->fstype);
}

static bool is_at_same_place(const struct mount_node *node, const struct mount_facts *facts)
{
	return node->mount.facts.parent32 == facts->parent32 && same_text(node->mount.facts.target, facts->target);
}

/* `seen` marks a node that an earlier entry took: a torn table can show an id twice. */
static void find_candidate(struct model *model, const struct mount_namespace *ns, struct entry *entry)
{
	struct table_link *link = table_find(&model->id32s, hash_number(entry->facts->id32));

	for (; link && !entry->stayed; link = table_find_next(link)) {
		struct mount_node *node = container_of(link, struct mount_node, by_id32);

		if (node->seen == model->serial || !may_be(node, ns, entry->facts))
			continue;
		entry->known = node;
		entry->stayed = is_at_same_place(node, entry->facts);
	}
	if (entry->known)
		entry->known->seen = model->serial;
}

static void drop_candidate(struct entry *entry)
{
	entry->known->seen = 0;
	entry->known = NULL;
	entry->stayed = false;
}

/* Umounted, and mounted again at the same place: listed behind one that was younger. */
static void drop_remounted(struct entry *entries, size_t count)
{
	uint32_t youngest = 0;

	for (size_t i = 0; i < count; i++) {
		struct entry *entry = &entries[i];

		if (!entry->known || !entry->known->position)
			continue;
		if (entry->known->position < youngest)
			drop_candidate(entry);
		else
			youngest = entry->known->position;
	}
}

static void drop_unwitnessed(struct entry *entries, size_t count)
{
	uint32_t youngest = 0;

	for (size_t i = count; i-- > 0;) {
		struct entry *entry = &entries[i];

		if (!entry->known)
			continue;
		if (!entry->stayed && (!entry->known->position || entry->known->position >= youngest))
			drop_candidate(entry);
		else if (entry->stayed && entry->known->position > youngest)
			youngest = entry->known->position;
	}
}

static uint64_t id_in_scan(const struct table *table, uint32_t id32)
{
	struct table_link *link = table_find(table, hash_number(id32));

	for (; link; link = table_find_next(link)) {
		struct entry *entry = container_of(link, struct entry, by_id32);

		if (entry->facts->id32 == id32)
			return entry->facts->id;
	}
	return 0;
}

static uint64_t id_in_model(const struct model *model, uint32_t id32)
{
	struct table_link *link = table_find(&model->id32s, hash_number(id32));

	for (; link; link = table_find_next(link)) {
		struct mount_node *node = container_of(link, struct mount_node, by_id32);

		if (node->mount.facts.id32 == id32)
			return node->mount.facts.id;
	}
	return 0;
}

static void resolve(struct model *model, struct scan *scan, struct entry *entries, struct table *by_id32)
{
	for (size_t i = 0; i < scan->count; i++) {
		entries[i].facts = &scan->mounts[i];
		table_insert(by_id32, &entries[i].by_id32, hash_number(scan->mounts[i].id32));
		find_candidate(model, scan->ns, &entries[i]);
	}
	if (scan->complete)
		drop_remounted(entries, scan->count);
	drop_unwitnessed(entries, scan->count);
	for (size_t i = 0; i < scan->count; i++)
		scan->mounts[i].id = entries[i].known ? entries[i].known->mount.facts.id :
							MOUNT_ID_SYNTHETIC | ++model->last_synthetic;
	for (size_t i = 0; i < scan->count; i++) {
		struct mount_facts *facts = &scan->mounts[i];

		facts->parent = id_in_scan(by_id32, facts->parent32);
		if (!facts->parent && !scan->complete)
			facts->parent = id_in_model(model, facts->parent32);
	}
}

int identity_resolve(struct model *model, struct scan *scan)
{
	CLEANUP_FREE struct entry *entries = NULL;
	struct table by_id32;
	int r;

	if (scan->count == 0)
		return 0;
	entries = calloc(scan->count, sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	r = table_init(&by_id32);
	if (r < 0)
		return r;
	resolve(model, scan, entries, &by_id32);
	table_free(&by_id32);
	return 0;
}
