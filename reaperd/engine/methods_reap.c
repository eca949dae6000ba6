/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reaping now. */
#include "engine/methods.h"

#include <errno.h>
#include <stdlib.h>

#include "engine/arguments.h"
#include "engine/list.h"
#include "engine/reap_now.h"
#include "engine/status.h"
#include "report/report.h"

#define GENERATIONS_MAX 64

struct targets {
	struct action **items;
	size_t count, allocated;
};

static int targets_add(struct targets *targets, struct action *action)
{
	size_t allocated = targets->allocated ? targets->allocated * 2 : 64;
	struct action **items;

	if (targets->count == targets->allocated) {
		items = reallocarray(targets->items, allocated, sizeof(*items));
		if (!items)
			return -ENOMEM;
		targets->items = items;
		targets->allocated = allocated;
	}
	targets->items[targets->count++] = action;
	return 0;
}

static bool targets_have(const struct targets *targets, const struct action *action)
{
	for (size_t i = 0; i < targets->count; i++) {
		if (targets->items[i] == action)
			return true;
	}
	return false;
}

/* There is some evidence about it or about one of its mounts. */
static bool action_is_doubted(const struct action *action)
{
	if (action->state != ACTION_ACTIVE)
		return true;
	for (const struct mount *mount = action->mounts; mount; mount = mount->action_next) {
		if (mount->evidence)
			return true;
	}
	return false;
}

/*
 * The actions of one reference. Of several generations those that are not active: who asks for a name whose directory
 * was replaced means the one that was left.
 */
static int take_reference(struct engine *engine, struct control_call *call, const char *text, const struct root *root,
			  bool active, struct targets *targets)
{
	struct action *actions[GENERATIONS_MAX];
	struct reference reference;
	size_t count, taken = 0;
	int r = 0;

	if (argument_action(engine, call, text, root, &reference) < 0)
		return -ENOENT;
	count = reference_actions(engine, &reference, actions, GENERATIONS_MAX);
	reference_clear(&reference);
	for (size_t i = 0; i < count && i < GENERATIONS_MAX && r == 0; i++) {
		if (!active && !action_is_doubted(actions[i]))
			continue;
		taken++;
		if (!targets_have(targets, actions[i]))
			r = targets_add(targets, actions[i]);
	}
	if (r < 0)
		control_reply(call, NULL);
	else if (taken == 0 && count > 0)
		control_error_about(call, "io.reaperd.ActionIsActive", "action", text);
	else if (taken == 0)
		control_error_about(call, "io.reaperd.NoSuchAction", "action", text);
	return taken ? r : -ENOENT;
}

static bool action_has_leftovers(const struct engine *engine, const struct action *action)
{
	for (const struct mount *mount = action->mounts; mount; mount = mount->action_next) {
		if (status_is_leftover(engine, mount))
			return true;
	}
	return false;
}

static int take_leftovers(struct engine *engine, struct control_call *call, const struct root *only,
			  struct targets *targets)
{
	for (struct action *action = model_first_action(engine->model); action; action = model_next_action(action)) {
		if (only && action->root != only)
			continue;
		if (action_has_leftovers(engine, action) && targets_add(targets, action) < 0) {
			control_reply(call, NULL);
			return -ENOMEM;
		}
	}
	return 0;
}

static int take_targets(struct engine *engine, struct control_call *call, const json_t *parameters,
			struct targets *targets)
{
	const json_t *actions = json_object_get(parameters, "actions");
	bool leftovers = argument_flag(parameters, "leftovers");
	struct root *root;

	if (argument_root(engine, call, parameters, &root) < 0)
		return -ENOENT;
	if (!leftovers && json_array_size(actions) == 0) {
		control_invalid_parameter(call, "actions");
		return -EINVAL;
	}
	if (leftovers && take_leftovers(engine, call, root, targets) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < json_array_size(actions); i++) {
		if (take_reference(engine, call, json_string_value(json_array_get(actions, i)), root,
				   argument_flag(parameters, "active"), targets) < 0)
			return -ENOENT;
	}
	return 0;
}

/* ---- the answer ---- */

struct item_list {
	json_t *items;
	size_t next;
};

static void item_list_free(void *context)
{
	struct item_list *list = context;

	json_decref(list->items);
	free(list);
}

static int fill_items(void *context, json_t *rows)
{
	struct item_list *list = context;

	for (int i = 0; i < LIST_PIECE && list->next < json_array_size(list->items); i++)
		json_array_append(rows, json_array_get(list->items, list->next++));
	return list->next < json_array_size(list->items);
}

static json_t *item_json(const struct reap_item *item)
{
	const struct mount *mount = item->mount;
	json_t *object = json_pack("{s:I, s:I, s:s, s:o}", "generation", (json_int_t)mount->action->generation, "id",
				   (json_int_t)mount->facts.id, "step", step_name(item->step), "hold",
				   item->hold == HOLD_NONE ? json_null() : json_string(hold_name(item->hold)));

	if (object && report_set_bytes(object, "root", mount->action->root->rules.path) == 0 &&
	    report_set_bytes(object, "action", mount->action->name) == 0 &&
	    report_set_bytes(object, "target", mount->facts.target) == 0)
		return object;
	json_decref(object);
	return NULL;
}

static struct item_list *item_list_new(const struct reap_list *order)
{
	struct item_list *list = calloc(1, sizeof(*list));

	if (!list)
		return NULL;
	list->items = json_array();
	for (size_t i = 0; i < order->count; i++) {
		if (json_array_append_new(list->items, item_json(&order->items[i])) < 0) {
			item_list_free(list);
			return NULL;
		}
	}
	return list;
}

/* Whether it can be answered is found out before anything is reaped. */
static void reap_targets(struct engine *engine, struct control_call *call, const json_t *parameters,
			 const struct targets *targets)
{
	bool active = argument_flag(parameters, "active");
	struct reap_list order = { 0 };
	struct item_list *list = NULL;

	if (reap_now_preview(engine, targets->items, targets->count, active, &order) == 0)
		list = item_list_new(&order);
	if (!list) {
		control_reply(call, NULL);
	} else if (order.count > LIST_WHOLE && !control_call_wants_more(call)) {
		item_list_free(list);
		control_error(call, "org.varlink.service.ExpectedMore", NULL);
	} else {
		for (size_t i = 0; i < targets->count && !argument_flag(parameters, "dry_run"); i++)
			reap_now(engine, targets->items[i], active);
		list_answer(call, "items", fill_items, item_list_free, list);
	}
	reap_list_clear(&order);
}

void method_reap(void *context, struct control_call *call, const json_t *parameters)
{
	struct engine *engine = context;
	struct targets targets = { 0 };

	engine->now = clock_now();
	if (take_targets(engine, call, parameters, &targets) == 0)
		reap_targets(engine, call, parameters, &targets);
	free(targets.items);
}
