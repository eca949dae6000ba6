/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/other_namespace.h"

#include <stdlib.h>

#include "base/cleanup.h"

struct other_namespace *other_add(struct namespaces *namespaces, const struct namespace_reference *reference)
{
	struct other_namespace *other = calloc(1, sizeof(*other));

	if (!other)
		return NULL;
	other->namespaces = namespaces;
	other->reference = *reference;
	other->watch_kind = EVENTS_GROUP;
	other->look_rest = LOOK_FIRST;
	other->next = namespaces->others;
	namespaces->others = other;
	return other;
}

void other_forget_answer(struct other_namespace *other)
{
	if (other->answer)
		scan_clear(other->answer);
	free(take_ptr(other->answer));
	told_close(&other->told);
}

void other_forget_places(struct other_namespace *other)
{
	while (other->places) {
		struct other_place *place = other->places;

		other->places = place->next;
		free(place->path);
		free(place);
	}
}

void other_free(struct other_namespace *other)
{
	other_forget_places(other);
	namespace_watch_free(other->watch);
	other_forget_answer(other);
	free(other->comm);
	free(other);
}

struct other_namespace *other_find(struct namespaces *namespaces, uint64_t inode, uint64_t id)
{
	struct other_namespace *other = namespaces->others;

	while (other && (other->reference.inode != inode || other->reference.id != id))
		other = other->next;
	return other;
}

void other_want(struct other_namespace *other)
{
	other->wanted = true;
	engine_wake(other->namespaces->engine);
}

const char *other_place(const struct other_namespace *other, const struct root *root)
{
	for (const struct other_place *place = other->places; place; place = place->next)
		if (place->root == root->index)
			return place->path;
	return NULL;
}
