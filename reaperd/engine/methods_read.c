/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Status, lists, metrics, configuration. */
#include "engine/methods.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "engine/arguments.h"
#include "engine/list.h"
#include "engine/metrics_text.h"
#include "engine/status.h"
#include "report/report.h"

void method_get_status(void *context, struct control_call *call, const json_t *parameters)
{
	struct engine *engine = context;
	struct status status;

	(void)parameters;
	engine->now = clock_now();
	if (status_collect(engine, &status) < 0) {
		control_reply(call, NULL);
		return;
	}
	control_reply(call, json_pack("{s:o}", "status", status_json(engine, &status)));
	status_clear(&status);
}

void method_metrics(void *context, struct control_call *call, const json_t *parameters)
{
	struct engine *engine = context;
	CLEANUP_FREE char *text = NULL;

	(void)parameters;
	engine->now = clock_now();
	text = metrics_text(engine);
	control_reply(call, text ? json_pack("{s:s}", "text", text) : NULL);
}

void method_get_configuration(void *context, struct control_call *call, const json_t *parameters)
{
	struct engine *engine = context;
	CLEANUP_FREE char *text = config_text(engine->config);
	json_t *answer = text ? json_object() : NULL;

	(void)parameters;
	if (answer)
		report_set_bytes(answer, "text", text);
	control_reply(call, answer);
}

/* ---- what lists begin with: which things there are now, by name or id ---- */

struct live_actions {
	struct reference *items;
	size_t count, allocated, next;
};

struct live_mounts {
	uint64_t *ids;
	size_t count, allocated, next;
};

/* Room for one more. */
static int grow(void *items, size_t *allocated, size_t count, size_t size)
{
	size_t wanted = *allocated ? *allocated * 2 : 64;
	void *grown;

	if (count < *allocated)
		return 0;
	grown = reallocarray(*(void **)items, wanted, size);
	if (!grown)
		return -ENOMEM;
	*(void **)items = grown;
	*allocated = wanted;
	return 0;
}

struct list_context {
	struct engine *engine;
	struct reference wanted; /* parts that are NULL or 0: any */
	int state;		 /* enum action_state, or -1 */
	bool past;		 /* rows of the ledger follow */
	int64_t at;
	struct live_actions actions;
	struct live_mounts mounts;
	int64_t row; /* the last one that was given */
	int rows;    /* that came in this piece */
	json_t *array;
};

static void list_context_free(void *context)
{
	struct list_context *list = context;

	for (size_t i = 0; i < list->actions.count; i++)
		reference_clear(&list->actions.items[i]);
	free(list->actions.items);
	free(list->mounts.ids);
	reference_clear(&list->wanted);
	free(list);
}

/* With the root that the parameters name; NULL with the call answered. */
static struct list_context *list_context_new(struct engine *engine, struct control_call *call, const json_t *parameters,
					     struct root **ret_root)
{
	struct list_context *list;

	engine->now = clock_now();
	if (argument_root(engine, call, parameters, ret_root) < 0)
		return NULL;
	list = calloc(1, sizeof(*list));
	if (list && *ret_root)
		list->wanted.root = strdup((*ret_root)->rules.path);
	if (!list || (*ret_root && !list->wanted.root)) {
		free(list);
		control_reply(call, NULL);
		return NULL;
	}
	list->engine = engine;
	list->state = -1;
	list->past = argument_flag(parameters, "all");
	return list;
}

static struct store_filter list_filter(const struct list_context *list)
{
	return (struct store_filter){ .root = list->wanted.root,
				      .action = list->wanted.name,
				      .generation = list->wanted.generation,
				      .type = -1,
				      .all = true,
				      .at = list->at,
				      .limit = LIST_PIECE,
				      .by_row = true,
				      .after_row = list->row };
}

/* What a store_x() of rows has, whichever rows. */
typedef int list_read(struct list_context *list, const struct store_filter *filter);

/* The ledger's next rows, behind the living: 1 where there may be more, 0, -errno. */
static int fill_past(struct list_context *list, json_t *rows, list_read *read)
{
	struct store_filter filter = list_filter(list);
	int r;

	if (!list->past)
		return 0;
	list->array = rows;
	list->rows = 0;
	r = read(list, &filter);
	return r < 0 ? r : list->rows == LIST_PIECE;
}

/* ---- actions ---- */

static int note_action(struct live_actions *live, const struct action *action)
{
	struct reference *item;

	if (grow(&live->items, &live->allocated, live->count, sizeof(*live->items)) < 0)
		return -ENOMEM;
	item = &live->items[live->count++];
	*item = (struct reference){ strdup(action->root->rules.path), strdup(action->name), action->generation };
	return item->root && item->name ? 0 : -ENOMEM;
}

static int note_actions(struct list_context *list, const struct root *only)
{
	for (const struct action *action = model_first_action(list->engine->model); action;
	     action = model_next_action(action)) {
		if ((only && action->root != only) || action->state == ACTION_CLEARED ||
		    (list->state >= 0 && (int)action->state != list->state))
			continue;
		if (note_action(&list->actions, action) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int compare_references(const void *a, const void *b)
{
	const struct reference *x = a, *y = b;
	int r = strcmp(x->root, y->root);

	if (r == 0)
		r = strcmp(x->name, y->name);
	return r ? r : (x->generation > y->generation) - (x->generation < y->generation);
}

static int add_action_row(void *context, const struct store_action_row *row)
{
	struct list_context *list = context;

	list->row = row->row;
	list->rows++;
	/* What has not ended is in the model, and was given from there. */
	if (strcmp(row->state, action_state_name(ACTION_CLEARED)) == 0)
		json_array_append_new(list->array, report_action_row(row));
	return 0;
}

static int read_actions(struct list_context *list, const struct store_filter *filter)
{
	return store_actions(list->engine->store, filter, add_action_row, list);
}

static int fill_actions(void *context, json_t *rows)
{
	struct list_context *list = context;
	struct live_actions *live = &list->actions;
	struct action *action;

	for (int i = 0; i < LIST_PIECE && live->next < live->count; live->next++) {
		if (reference_actions(list->engine, &live->items[live->next], &action, 1) == 0)
			continue;
		json_array_append_new(rows, report_action(action));
		i++;
	}
	return live->next < live->count ? 1 : fill_past(list, rows, read_actions);
}

void method_list_actions(void *context, struct control_call *call, const json_t *parameters)
{
	struct engine *engine = context;
	const char *state_name = json_string_value(json_object_get(parameters, "state"));
	enum action_state state = ACTION_ACTIVE;
	struct list_context *list;
	struct root *root;

	if (state_name && action_state_parse(state_name, &state) < 0) {
		control_invalid_parameter(call, "state");
		return;
	}
	list = list_context_new(engine, call, parameters, &root);
	if (!list)
		return;
	if (state_name)
		list->state = (int)state;
	/* Past actions are all cleared. */
	list->past = state_name ? state == ACTION_CLEARED : list->past;
	if (note_actions(list, root) < 0) {
		list_context_free(list);
		control_reply(call, NULL);
		return;
	}
	if (list->actions.count > 0)
		qsort(list->actions.items, list->actions.count, sizeof(*list->actions.items), compare_references);
	list_answer(call, "actions", fill_actions, list_context_free, list);
}

/* ---- mounts ---- */

static int note_mount(void *context, struct mount *mount)
{
	struct list_context *list = context;
	const struct reference *wanted = &list->wanted;
	const struct root *root = mount->action ? mount->action->root : mount->instance ? mount->instance->root : NULL;

	if (wanted->root && (!root || strcmp(root->rules.path, wanted->root) != 0))
		return 0;
	if (wanted->name && (!mount->action || strcmp(mount->action->name, wanted->name) != 0))
		return 0;
	if (wanted->generation && (!mount->action || mount->action->generation != wanted->generation))
		return 0;
	if (grow(&list->mounts.ids, &list->mounts.allocated, list->mounts.count, sizeof(*list->mounts.ids)) < 0)
		return -ENOMEM;
	list->mounts.ids[list->mounts.count++] = mount->facts.id;
	return 0;
}

/* As they came to be. */
static int compare_ids(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int add_mount_row(void *context, const struct store_mount_row *row)
{
	struct list_context *list = context;

	list->row = row->row;
	list->rows++;
	/* What is attached now was given from the model, unless another moment was asked for. */
	if (list->at || row->detached)
		json_array_append_new(list->array, report_mount_row(row));
	return 0;
}

static int read_mounts(struct list_context *list, const struct store_filter *filter)
{
	return store_mounts(list->engine->store, filter, add_mount_row, list);
}

static int fill_mounts(void *context, json_t *rows)
{
	struct list_context *list = context;
	struct live_mounts *live = &list->mounts;
	const struct mount *mount;

	for (int i = 0; i < LIST_PIECE && live->next < live->count; live->next++) {
		mount = model_mount_const(list->engine->model, live->ids[live->next]);
		if (!mount)
			continue;
		json_array_append_new(rows, report_mount(mount, list->engine->mnt_namespace));
		i++;
	}
	return live->next < live->count ? 1 : fill_past(list, rows, read_mounts);
}

void method_list_mounts(void *context, struct control_call *call, const json_t *parameters)
{
	struct engine *engine = context;
	const char *action = json_string_value(json_object_get(parameters, "action"));
	struct reference wanted;
	struct root *root;
	struct list_context *list = list_context_new(engine, call, parameters, &root);

	if (!list)
		return;
	if (argument_time_end(engine, call, parameters, "at", &list->at) < 0)
		goto out;
	if (action) {
		if (argument_action(engine, call, action, root, &wanted) < 0)
			goto out;
		reference_clear(&list->wanted);
		list->wanted = wanted;
	}
	if (list->at) {
		list->past = true;
	} else if (model_each_root_mount(engine->model, note_mount, list) < 0) {
		control_reply(call, NULL);
		goto out;
	}
	if (list->mounts.count > 0)
		qsort(list->mounts.ids, list->mounts.count, sizeof(*list->mounts.ids), compare_ids);
	list_answer(call, "mounts", fill_mounts, list_context_free, list);
	return;
out:
	list_context_free(list);
}
