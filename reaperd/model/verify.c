/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "model/internal.h"

struct check {
	const struct model *model;
	char *why;
	size_t size;
	bool failed;
	size_t in_roots; /* mounts counted */
	size_t owned;
};

__attribute__((format(printf, 3, 4))) static void expect(struct check *check, bool holds, const char *format, ...)
{
	va_list arguments;

	if (holds || check->failed)
		return;
	check->failed = true;
	va_start(arguments, format);
	vsnprintf(check->why, check->size, format, arguments);
	va_end(arguments);
}

static bool climbs_through(const struct mount *from, const struct mount *wanted)
{
	while (from && from != wanted)
		from = from->parent;
	return from != NULL;
}

static void check_links(struct check *check, const struct mount_node *node)
{
	const struct mount *mount = &node->mount;
	const struct mount_node *parent = mounts_find(check->model, mount->facts.parent);
	uint64_t id = mount->facts.id;
	const struct mount_node *orphans = namespace_node(mount->ns)->orphans;
	const struct mount *list = mount->parent ? mount->parent->children : orphans ? &orphans->mount : NULL;

	expect(check, mounts_find(check->model, id) == node, "mount %" PRIu64 " is not found by its id", id);
	expect(check, node->in_table && mount->gone.real == 0, "mount %" PRIu64 " is in the table and gone", id);
	expect(check, !node->pending && !node->unplaced && !node->deferred, "mount %" PRIu64 " was left half placed",
	       id);
	if (mount->parent)
		expect(check, &parent->mount == mount->parent && parent->mount.ns == mount->ns,
		       "mount %" PRIu64 " has another parent than it says", id);
	else
		expect(check, !parent || parent == node || climbs_through(&parent->mount, mount),
		       "mount %" PRIu64 " has no parent, though it is known", id);
	if (node->sibling_before)
		expect(check,
		       node->sibling_before->mount.sibling == mount &&
			       node->sibling_before->mount.parent == mount->parent,
		       "mount %" PRIu64 " is not its sibling's next", id);
	else
		expect(check, list == mount, "mount %" PRIu64 " is not its parent's first child", id);
}

/* Any ring would be climbed for longer than the table is. */
static void check_ring(struct check *check, const struct mount *mount)
{
	size_t steps = 0;

	for (const struct mount *at = mount; at && steps <= check->model->ids.count; at = at->parent)
		steps++;
	expect(check, steps <= check->model->ids.count, "mount %" PRIu64 " is above itself", mount->facts.id);
}

static void check_belonging(struct check *check, const struct mount_node *node)
{
	const struct mount *mount = &node->mount;
	const char *relative = mount_root_relative(mount);
	bool owned = mount->action;
	struct spot spot;

	expect(check, node->in_roots == (mount->instance || owned), "mount %" PRIu64 " is not in the roots' list",
	       mount->facts.id);
	check->in_roots += node->in_roots;
	check->owned += owned;
	if (!mount->instance)
		return;
	expect(check, relative, "mount %" PRIu64 " is not below its root", mount->facts.id);
	if (!relative || !mount->parent)
		return;
	expect(check, *relative, "mount %" PRIu64 " is on its root, not below it", mount->facts.id);
	if (mount->astray)
		return;
	spot = spot_of(mount->instance->root, relative);
	if (spot.place == PLACE_ACTION)
		expect(check, owned && action_is_at(mount->action, mount->instance, &spot),
		       "mount %" PRIu64 " is not its place's action's", mount->facts.id);
	if (spot.place == PLACE_ACTION)
		expect(check, !(mount->evidence & EVIDENCE_BIT(EVIDENCE_MOVED)), "mount %" PRIu64 " did not move",
		       mount->facts.id);
	if (spot.place == PLACE_TRASH)
		expect(check, owned, "mount %" PRIu64 " lies in the trash and has no action", mount->facts.id);
}

static void check_action(struct check *check, const struct root_instance *instance, const struct action *action)
{
	const struct mount_node *before = NULL;
	size_t mounts = 0, covers = 0, same = 0;
	struct action *found;

	for (const struct mount *mount = action->mounts; mount; mount = mount->action_next) {
		expect(check,
		       mount->action == action && mount_node(mount)->in_table &&
			       mount_node(mount)->action_before == before,
		       "action %s lists a mount that is not its own", action->name);
		before = mount_node(mount);
		covers += before->covers;
		mounts++;
	}
	expect(check, mounts == action->mount_count, "action %s has %zu mounts, not %zu", action->name, mounts,
	       action->mount_count);
	expect(check, covers == action_node(action)->covers && action->covered_by_own == (covers > 0),
	       "action %s miscounts what covers it", action->name);
	expect(check, action->instance == instance && action->root == instance->root, "action %s is of another root",
	       action->name);
	same = model_find_actions((struct model *)check->model, action->root, action->name, &found, 1);
	expect(check, same > 0 && found->generation >= action->generation, "action %s is not found by its name",
	       action->name);
	check->owned -= mounts;
}

static size_t count_below(const struct model *model, const struct root_instance *instance)
{
	size_t count = 0;

	for (const struct mount_node *node = model->root_mounts; node; node = node->root_next)
		count += node->mount.instance == instance;
	return count;
}

static const struct root_view *check_views(struct check *check, const struct root_instance *instance, size_t *visible)
{
	const struct root_view *chosen = NULL;

	for (const struct root_view *view = instance_node(instance)->views; view; view = view->next) {
		const char *path = root_path_in(instance->root, view->ns);

		*visible += view->visible;
		expect(check, !view->visible || view->carrier == model_mount_in(check->model, view->ns, path),
		       "root %s: the wrong instance is visible", path);
		expect(check, !view->carrier || (mount_node(view->carrier)->in_table && view->carrier->ns == view->ns),
		       "root %s: its carrier is gone", path);
		if (view->carrier && view->carrier == instance->carrier)
			chosen = view;
		expect(check, !view->carrier || !view->ns->own || view->carrier == instance->carrier,
		       "root %s: it is not looked at in our own namespace", path);
	}
	return chosen;
}

static size_t namespaces_with(const struct model *model, const struct root *root)
{
	size_t count = 0;

	for (const struct mount_namespace *ns = &model->own.ns; ns; ns = ns->next)
		count += model_mount_in(model, ns, root_path_in(root, ns)) != NULL;
	return count;
}

static void check_instances(struct check *check, const struct root *root)
{
	size_t visible = 0;

	for (const struct root_instance *instance = root->instances; instance; instance = instance->next) {
		const struct action_node *before = NULL;

		const struct root_view *chosen = check_views(check, instance, &visible);

		expect(check, !instance->carrier == !chosen && instance->visible == (chosen && chosen->visible),
		       "root %s: another carrier than any namespace's", root->rules.path);
		expect(check, instance_node(instance)->mounts == count_below(check->model, instance),
		       "root %s: an instance miscounts its mounts", root->rules.path);
		for (const struct action *action = instance->actions; action; action = action->next) {
			expect(check, action_node(action)->before == before, "root %s: actions ill linked",
			       root->rules.path);
			before = action_node(action);
			check_action(check, instance, action);
		}
	}
	expect(check, visible == namespaces_with(check->model, root), "root %s: %zu instances are visible",
	       root->rules.path, visible);
}

static int check_mount(void *context, struct mount *mount)
{
	struct check *check = context;

	check_ring(check, mount);
	if (!check->failed)
		check_links(check, mount_node(mount));
	if (!check->failed)
		check_belonging(check, mount_node(mount));
	return check->failed;
}

int model_verify(const struct model *model, char *why, size_t size)
{
	struct check check = { .model = model, .why = why, .size = size };
	size_t in_roots = 0, orphans = 0, mounts = 0;

	for (const struct mount_namespace *ns = &model->own.ns; ns; ns = ns->next) {
		const struct mount_node *first = namespace_node(ns)->orphans;

		for (const struct mount *mount = first ? &first->mount : NULL; mount; mount = mount->sibling)
			orphans++;
		mounts += ns->mounts;
	}
	expect(&check, mounts == model->ids.count, "namespaces count %zu mounts, not %zu", mounts, model->ids.count);
	expect(&check, model->ids.count == model->id32s.count && model->ids.count == model->places.count + orphans,
	       "%zu mounts by id, %zu by small id, %zu by place", model->ids.count, model->id32s.count,
	       model->places.count);
	model_each_mount((struct model *)model, check_mount, &check);
	for (const struct mount_node *node = model->root_mounts; node && !check.failed; node = node->root_next)
		in_roots++;
	expect(&check, in_roots == check.in_roots, "%zu mounts are listed below roots, not %zu", in_roots,
	       check.in_roots);
	for (const struct root *root = model->roots; root && !check.failed; root = root->next)
		check_instances(&check, root);
	expect(&check, check.owned == 0, "%zd mounts have an action that no root has", (ssize_t)check.owned);
	return check.failed ? -EUCLEAN : 0;
}
