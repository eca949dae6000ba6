/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "model/internal.h"

struct action *model_restore_action(struct model *model, struct root *root, uint64_t instance_dev,
				    const char *instance_fs_path, const char *name, const char *path,
				    uint32_t generation)
{
	struct root_instance *instance = roots_instance(root, instance_dev, instance_fs_path);
	struct spot spot = {
		.place = PLACE_ACTION,
		.path = path,
		.path_length = strlen(path),
		.name = name,
		.name_length = strlen(name),
	};
	struct action *action = instance ? action_add(model, instance, &spot, generation) : NULL;

	if (action)
		action->dirty = false;
	return action;
}

/* Ids that the model gave before this start are not given again. */
static void reserve_synthetic(struct model *model, uint64_t id)
{
	if (mount_id_is_synthetic(id) && (id & ~MOUNT_ID_SYNTHETIC) > model->last_synthetic)
		model->last_synthetic = id & ~MOUNT_ID_SYNTHETIC;
}

struct mount *model_restore_mount(struct model *model, struct mount_facts *facts, struct action *action)
{
	struct mount_node *node = mounts_find(model, facts->id);

	if (!node) {
		node = mounts_new(model, &model->own.ns, facts, (struct now){ 0 });
		if (!node)
			return NULL;
		if (action) {
			mounts_set_instance(model, node, action->instance);
			mounts_set_action(model, node, action);
		}
		node->mount.restored = true;
		node->mount.dirty = false;
		reserve_synthetic(model, facts->id);
		model->look_for_parents = true;
	}
	mount_facts_clear(facts);
	return &node->mount;
}
