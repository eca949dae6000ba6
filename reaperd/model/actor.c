/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/actor.h"

#include <stdlib.h>
#include <string.h>

static bool copy(const char *from, char **ret)
{
	*ret = from ? strdup(from) : NULL;
	return !from || *ret;
}

struct actor *actor_new(const struct actor *from)
{
	struct actor *actor = malloc(sizeof(*actor));

	if (!actor)
		return NULL;
	*actor = *from;
	actor->references = 1;
	actor->comm = actor->cgroup = actor->container = NULL;
	if (!copy(from->comm, &actor->comm) || !copy(from->cgroup, &actor->cgroup) ||
	    !copy(from->container, &actor->container)) {
		actor_unref(actor);
		return NULL;
	}
	return actor;
}

struct actor *actor_ref(struct actor *actor)
{
	if (actor)
		actor->references++;
	return actor;
}

void actor_unref(struct actor *actor)
{
	if (!actor || --actor->references > 0)
		return;
	free(actor->comm);
	free(actor->cgroup);
	free(actor->container);
	free(actor);
}
