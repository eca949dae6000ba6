/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* At which path a root stands in a namespace. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/internal.h"

const char *root_path_in(const struct root *root, const struct mount_namespace *ns)
{
	const struct root_place *place = namespace_node(ns)->places;

	while (place && strcmp(place->root, root->rules.path) != 0)
		place = place->next;
	return place ? place->path : root->rules.path;
}

static void place_free(struct root_place *place)
{
	if (!place)
		return;
	free(place->root);
	free(place->path);
	free(place);
}

static struct root_place *new_place(const char *root, const char *path)
{
	struct root_place *place = calloc(1, sizeof(*place));

	if (!place)
		return NULL;
	place->root = strdup(root);
	place->path = strdup(path);
	if (place->root && place->path)
		return place;
	place_free(place);
	return NULL;
}

int model_place_root(struct model *model, struct mount_namespace *ns, const struct root *root, const char *path)
{
	struct root_place **at = &namespace_node(ns)->places, *place = NULL;

	if (strcmp(root_path_in(root, ns), path ? path : root->rules.path) == 0)
		return 0;
	if (path && !(place = new_place(root->rules.path, path)))
		return -ENOMEM;
	while (*at && strcmp((*at)->root, root->rules.path) != 0)
		at = &(*at)->next;
	if (*at) {
		struct root_place *old = *at;

		*at = old->next;
		place_free(old);
	}
	if (place) {
		place->next = *at;
		*at = place;
	}
	model->place_all = true;
	return 0;
}

void places_clear(struct namespace_node *node)
{
	while (node->places) {
		struct root_place *place = node->places;

		node->places = place->next;
		place_free(place);
	}
}
