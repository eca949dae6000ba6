/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Stale copies. A worker's filesystem dies, is unmounted, and another is mounted in its place. Where a slave has mounts
 * of its own below its copy of the dead one, the unmount passes it by, and the new one is propagated below it: whoever
 * looks from there goes on seeing the dead one. In the table the live one has a master, and the copy on top of it has
 * lost its own, and is the older one (measured on Linux 6.18). It may still answer: this alone is never enough to act.
 */
#include <string.h>

#include "model/internal.h"

#define STALE_COPY EVIDENCE_BIT(EVIDENCE_STALE_COPY)

struct search {
	uint64_t dev;
	const struct mount_namespace *ns;
	bool found;
};

static void look_elsewhere(struct model *model, struct mount_node *node, void *context)
{
	struct search *search = context;

	(void)model;
	search->found |= node->mount.facts.dev == search->dev && node->mount.ns != search->ns;
}

/* What another namespace has, too, is no copy that was left behind. */
static bool is_seen_elsewhere(struct model *model, const struct mount *mount)
{
	struct search search = { mount->facts.dev, mount->ns, false };

	mounts_each(model, look_elsewhere, &search);
	return search.found;
}

static bool is_stale(struct model *model, const struct mount *upper)
{
	const struct mount *lower = upper ? upper->parent : NULL;

	if (!lower || strcmp(upper->facts.target, lower->facts.target) != 0)
		return false;
	return lower->facts.master && !upper->facts.master && lower->facts.id > upper->facts.id &&
	       lower->facts.dev != upper->facts.dev && strcmp(lower->facts.fstype, upper->facts.fstype) == 0 &&
	       !is_seen_elsewhere(model, upper);
}

static void mark(const struct root_instance *instance, const struct root_view *view)
{
	for (struct action *action = instance->actions; action; action = action->next) {
		for (struct mount *mount = action->mounts; mount; mount = mount->action_next) {
			uint32_t evidence = view->stale ? mount->evidence | STALE_COPY : mount->evidence & ~STALE_COPY;

			if (mount->ns != view->ns || mount->evidence == evidence)
				continue;
			mount->evidence = evidence;
			mount->dirty = true;
		}
	}
}

void stale_review(struct model *model)
{
	for (struct root *root = model->roots; root; root = root->next) {
		for (struct root_instance *instance = root->instances; instance; instance = instance->next) {
			for (struct root_view *view = instance_node(instance)->views; view; view = view->next) {
				bool was = view->stale;

				view->stale = view->visible && is_stale(model, view->carrier);
				if (was || view->stale)
					mark(instance, view);
			}
		}
	}
}
