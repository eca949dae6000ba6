/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Explain: what is known of an action, a path or a mount. Who holds the mounts is asked of the broker; the answer waits
 * for that, a few seconds at most.
 */
#include "engine/methods.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/text.h"
#include "engine/arguments.h"
#include "engine/explain_text.h"
#include "engine/holders.h"
#include "model/layout.h"
#include "report/report.h"

#define HOLDERS_WAIT	  3.0
#define HOLDERS_ASKED	  8  /* mounts whose holders are looked for: each look reads all of /proc */
#define ATTEMPTS_SHOWN	  50 /* the latest */
#define GENERATIONS_SHOWN 16

/* An Explain call under way. Each look for holders keeps one reference, the call another. */
struct explain {
	struct engine *engine;
	struct control_call *call; /* NULL once it has ended */
	json_t *explanations;
	struct ev_timer deadline;
	unsigned references;
	unsigned awaited; /* looks for holders that have not come back */
	unsigned asked;
};

struct look {
	struct explain *explain;
	json_t *mount; /* the ExplainedMount or Lingering that the holders go into */
	json_t *text;
	json_t *lingering; /* what it joins if anybody holds it; NULL: it is shown in any case */
	char *target;
};

static void explain_release(struct explain *explain)
{
	if (--explain->references > 0)
		return;
	json_decref(explain->explanations);
	free(explain);
}

static void explain_end(void *context)
{
	struct explain *explain = context;

	ev_timer_stop(explain->engine->loop, &explain->deadline);
	explain->call = NULL;
	explain_release(explain);
}

static void explain_reply(struct explain *explain)
{
	if (explain->call)
		control_reply(explain->call, json_pack("{s:O}", "explanations", explain->explanations));
}

static void explain_on_deadline(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	struct explain *explain = timer->data;
	json_t *explanation;
	size_t i;

	(void)loop;
	(void)events;
	json_array_foreach (explain->explanations, i, explanation)
		explain_say(json_object_get(explanation, "text"),
			    "Not all who hold its mounts could be found out in time.");
	explain_reply(explain);
}

/* ---- holders ---- */

static void look_free(struct look *look)
{
	json_decref(look->mount);
	json_decref(look->text);
	json_decref(look->lingering);
	free(look->target);
	free(look);
}

static bool has_number(const struct holder_result *holder)
{
	static const char *const how[] = { "fd", "loop", "layer" };

	for (size_t i = 0; i < ARRAY_SIZE(how); i++)
		if (strcmp(holder->how, how[i]) == 0)
			return true;
	return false;
}

static json_t *holder_json(const struct holder_result *holder)
{
	json_t *object = json_pack("{s:i, s:s, s:o}", "pid", (int)holder->pid, "how", holder->how, "number",
				   has_number(holder) ? json_integer(holder->number) : json_null());

	if (object)
		report_set_bytes(object, "comm", holder->comm);
	return object;
}

static void look_take(void *context, const struct holder_result *holders, int count)
{
	struct look *look = context;
	struct explain *explain = look->explain;
	json_t *list = json_object_get(look->mount, "holders");

	explain->awaited--;
	if (look->lingering && count > 0)
		json_array_append(look->lingering, look->mount);
	if (explain->call) {
		for (int i = 0; i < count; i++)
			json_array_append_new(list, holder_json(&holders[i]));
		/* Of what has gone nobody has to be found. */
		if (!look->lingering || count > 0)
			explain_say_holders(look->text, look->target, holders, count);
		if (explain->awaited == 0)
			explain_reply(explain);
	}
	look_free(look);
	explain_release(explain);
}

/* Takes `target`, which may be NULL: memory is out. NULL where no more are looked for. */
static struct look *look_new(struct explain *explain, json_t *mount, json_t *text, char *target)
{
	struct look *look = explain->asked < HOLDERS_ASKED && target ? calloc(1, sizeof(*look)) : NULL;

	if (!look) {
		free(target);
		return NULL;
	}
	*look = (struct look){
		.explain = explain, .mount = json_incref(mount), .text = json_incref(text), .target = target
	};
	explain->asked++;
	explain->awaited++;
	explain->references++;
	return look;
}

static void look_for_holders(struct explain *explain, const struct mount *mount, json_t *object, json_t *text)
{
	struct look *look = look_new(explain, object, text, text_escape(mount->facts.target));

	if (look)
		holders_ask(explain->engine, mount, look_take, look);
}

struct lingering_context {
	struct explain *explain;
	json_t *explanation;
};

/* "mnt:5, detached from /b/1/proc," */
static char *lingering_name(const struct store_mount_row *row)
{
	CLEANUP_FREE char *target = text_escape(row->target);
	char *name;

	return target && asprintf(&name, "mnt:%" PRIu64 ", detached from %s,", row->id, target) >= 0 ? name : NULL;
}

static bool may_linger(const struct engine *engine, const struct store_mount_row *row)
{
	return strcmp(row->state, mount_state_name(MOUNT_REAPED)) == 0 && row->namespace == engine->mnt_namespace &&
	       !mount_id_is_synthetic(row->id) && row->detached >= engine->now.real - engine->now.mono;
}

static int look_for_lingering(void *context, const struct store_mount_row *row)
{
	struct lingering_context *lingering = context;
	struct explain *explain = lingering->explain;
	struct engine *engine = explain->engine;
	const struct root *root = row->root ? model_root_by_path(engine->model, row->root) : NULL;
	const char *relative = root ? path_relative(row->target, root->rules.path) : NULL;
	json_t *object;
	struct look *look;

	if (!relative || !*relative || !may_linger(engine, row))
		return 0;
	object = json_pack("{s:o, s:[]}", "mount", report_mount_row(row), "holders");
	look = object ?
		       look_new(explain, object, json_object_get(lingering->explanation, "text"), lingering_name(row)) :
		       NULL;
	json_decref(object);
	if (!look)
		return 0;
	look->lingering = json_incref(json_object_get(lingering->explanation, "lingering"));
	holders_ask_reaped(engine, root, relative, row->id, look_take, look);
	return 0;
}

/* What of an action was detached lazily lives on for as long as somebody holds it. */
static void explain_lingering(struct explain *explain, struct store_filter filter, json_t *explanation)
{
	struct lingering_context context = { explain, explanation };

	filter.type = -1;
	filter.all = true;
	json_object_set_new(explanation, "lingering", json_array());
	/* As for attempts: without a ledger there is no past. */
	store_mounts(explain->engine->store, &filter, look_for_lingering, &context);
}

/* ---- explanations ---- */

static json_t *mount_evidence(const struct mount *mount)
{
	json_t *list = json_array();
	const struct {
		enum evidence evidence;
		const struct evidence_state *state;
	} kinds[] = { { EVIDENCE_MOVED, &mount->moved }, { EVIDENCE_SOURCE_DELETED, &mount->source_deleted } };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		json_t *item;

		if (!(mount->evidence & EVIDENCE_BIT(kinds[i].evidence)))
			continue;
		item = json_pack("{s:s}", "kind", evidence_name(kinds[i].evidence));
		if (item)
			report_set_time(item, "since", kinds[i].state->since.real);
		json_array_append_new(list, item);
	}
	return list;
}

static int add_attempt(void *context, const struct store_attempt_row *row)
{
	json_array_append_new(context, report_attempt_row(row));
	return 0;
}

static json_t *attempts_of(struct engine *engine, struct store_filter filter)
{
	json_t *attempts = json_array();

	filter.type = -1;
	filter.all = true;
	filter.limit = ATTEMPTS_SHOWN;
	/* Where the ledger cannot be read there is simply no past to show; GetStatus says why. */
	store_attempts(engine->store, &filter, add_attempt, attempts);
	return attempts;
}

/* What is decided for one mount: by its own evidence, or by its action's, with what holds up this one in particular. */
static struct decision mount_decision(struct engine *engine, const struct mount *mount,
				      const struct decision *of_action, const struct reap_list *order,
				      const struct mount **ret_in_the_way)
{
	struct decision decision = *of_action;

	*ret_in_the_way = NULL;
	if (of_action->verdict != VERDICT_REAP && mount->evidence)
		return policy_decide_mount(mount, &engine->facts, engine->now);
	for (size_t i = 0; i < order->count; i++) {
		if (order->items[i].mount == mount && order->items[i].hold != HOLD_NONE) {
			decision.hold = order->items[i].hold;
			*ret_in_the_way = order->items[i].because;
		}
	}
	return decision;
}

static void explain_mount(struct explain *explain, const struct mount *mount, const struct decision *of_action,
			  const struct reap_list *order, json_t *explanation)
{
	struct engine *engine = explain->engine;
	json_t *text = json_object_get(explanation, "text");
	const struct mount *in_the_way;
	struct decision decision = mount_decision(engine, mount, of_action, order, &in_the_way);
	json_t *object =
		json_pack("{s:o, s:o, s:o, s:[]}", "mount", report_mount(mount, engine->mnt_namespace), "decision",
			  report_decision(&decision, engine->now), "evidence", mount_evidence(mount), "holders");

	if (!object)
		return;
	json_array_append_new(json_object_get(explanation, "mounts"), object);
	explain_say_mount(text, engine, mount, &decision, in_the_way);
	look_for_holders(explain, mount, object, text);
}

/* The order in which the action's mounts would go, for what holds each of them up; empty unless it is to be reaped. */
static void order_of(struct engine *engine, struct decision *decision, struct reap_list *ret)
{
	const struct plan plan = { .items = decision, .count = 1 };

	*ret = (struct reap_list){ 0 };
	if (decision->verdict == VERDICT_REAP)
		policy_order(engine->model, &plan, engine->now, ret);
}

/* `only`: of its mounts this one alone; NULL: all. */
static void explain_action(struct explain *explain, struct action *action, const struct mount *only)
{
	struct engine *engine = explain->engine;
	struct decision decision = policy_decide_action(action, &engine->facts, engine->now);
	struct store_filter filter = { .root = action->root->rules.path,
				       .action = action->name,
				       .generation = action->generation,
				       .mount_id = only ? only->facts.id : 0 };
	bool cleared = action->state == ACTION_CLEARED;
	json_t *explanation = json_pack("{s:o, s:o, s:[], s:[], s:o}", "action", report_action(action), "decision",
					cleared ? json_null() : report_decision(&decision, engine->now), "text",
					"mounts", "attempts", attempts_of(engine, filter));
	struct reap_list order;

	if (!explanation)
		return;
	json_array_append_new(explain->explanations, explanation);
	explain_say_action(json_object_get(explanation, "text"), engine, action, &decision);
	order_of(engine, &decision, &order);
	for (const struct mount *mount = action->mounts; mount; mount = mount->action_next) {
		if (!only || mount == only)
			explain_mount(explain, mount, &decision, &order, explanation);
	}
	reap_list_clear(&order);
	explain_lingering(explain, filter, explanation);
}

static void explain_unowned(struct explain *explain, const struct mount *mount)
{
	static const struct reap_list nothing;
	const struct decision keep = { .verdict = VERDICT_KEEP };
	struct store_filter filter = { .mount_id = mount->facts.id };
	json_t *explanation = json_pack("{s:n, s:n, s:[], s:[], s:o}", "action", "decision", "text", "mounts",
					"attempts", attempts_of(explain->engine, filter));

	if (!explanation)
		return;
	json_array_append_new(explain->explanations, explanation);
	explain_say_unowned(json_object_get(explanation, "text"), explain->engine, mount);
	explain_mount(explain, mount, &keep, &nothing, explanation);
}

static int explain_past(void *context, const struct store_action_row *row)
{
	struct explain *explain = context;
	struct store_filter filter = { .root = row->root, .action = row->name, .generation = row->generation };
	json_t *explanation = json_pack("{s:o, s:n, s:[], s:[], s:o}", "action", report_action_row(row), "decision",
					"text", "mounts", "attempts", attempts_of(explain->engine, filter));

	if (!explanation)
		return -ENOMEM;
	explain_say_past(json_object_get(explanation, "text"), row);
	explain_lingering(explain, filter, explanation);
	json_array_append_new(explain->explanations, explanation);
	return 0;
}

/* ---- what is meant ---- */

/* The living ones, or else the past ones. */
static void explain_reference(struct explain *explain, const struct reference *reference)
{
	struct action *actions[GENERATIONS_SHOWN];
	size_t count = reference_actions(explain->engine, reference, actions, GENERATIONS_SHOWN);
	struct store_filter past = { .root = reference->root,
				     .action = reference->name,
				     .generation = reference->generation,
				     .type = -1,
				     .all = true,
				     .limit = GENERATIONS_SHOWN };

	for (size_t i = 0; i < count && i < GENERATIONS_SHOWN; i++)
		explain_action(explain, actions[i], NULL);
	if (count == 0)
		store_actions(explain->engine->store, &past, explain_past, explain);
}

static void explain_one_mount(struct explain *explain, struct mount *mount)
{
	if (mount->action)
		explain_action(explain, mount->action, mount);
	else
		explain_unowned(explain, mount);
}

/* The actions whose directory the path is, or lies in. */
static void explain_place(struct explain *explain, const struct root *root, const char *relative)
{
	struct action *actions[GENERATIONS_SHOWN];
	CLEANUP_FREE char *name = NULL;
	const char *start;
	size_t length, path_length, count;

	if (!path_is_plain_relative(relative) ||
	    layout_place(&root->rules, relative, &start, &length, &path_length) == PLACE_UNOWNED)
		return;
	name = strndup(start, length);
	count = name ? model_find_actions(explain->engine->model, root, name, actions, GENERATIONS_SHOWN) : 0;
	for (size_t i = 0; i < count && i < GENERATIONS_SHOWN; i++)
		explain_action(explain, actions[i], NULL);
}

/* The mount that stands at the path; or else the actions that it belongs to. */
static void explain_path(struct explain *explain, const char *given)
{
	struct model *model = explain->engine->model;
	CLEANUP_FREE char *path = NULL;
	struct mount *mount;

	if (path_normalize(given, &path) < 0)
		return;
	mount = model_mount_for_path(model, path);
	if (mount && strcmp(mount->facts.target, path) == 0) {
		explain_one_mount(explain, mount);
		return;
	}
	for (const struct root *root = model_roots(model); root; root = root->next) {
		if (path_is_below(path, root->rules.path))
			explain_place(explain, root, path_relative(path, root->rules.path));
	}
}

static void explain_mount_id(struct explain *explain, const char *text)
{
	struct mount *mount;
	char *end;

	errno = 0;
	mount = model_mount(explain->engine->model, strtoull(text, &end, 10));
	if (!errno && end != text && !*end && mount)
		explain_one_mount(explain, mount);
}

/* "mnt:" and digits alone; an action may be called so, and is then written as in mnt:5@1. */
static bool is_mount_reference(const char *what)
{
	return strncmp(what, "mnt:", 4) == 0 && !strchr(what, '@');
}

static int explain_what(struct explain *explain, const json_t *parameters)
{
	const char *what = json_string_value(json_object_get(parameters, "what"));
	CLEANUP(reference_clear) struct reference reference = { 0 };
	CLEANUP_FREE char *path = NULL;
	struct root *root;

	if (argument_root(explain->engine, explain->call, parameters, &root) < 0)
		return -ENOENT;
	if (!is_mount_reference(what) && what[0] != '/') {
		if (argument_action(explain->engine, explain->call, what, root, &reference) < 0)
			return -ENOENT;
		explain_reference(explain, &reference);
		return 0;
	}
	if (argument_bytes(explain->call, parameters, "what", &path) < 0)
		return -EINVAL;
	if (what[0] == '/')
		explain_path(explain, path);
	else
		explain_mount_id(explain, what + strlen("mnt:"));
	if (json_array_size(explain->explanations) > 0)
		return 0;
	control_error_about(explain->call, "io.reaperd.NoSuchMount", "what", what);
	return -ENOENT;
}

void method_explain(void *context, struct control_call *call, const json_t *parameters)
{
	struct engine *engine = context;
	struct explain *explain = calloc(1, sizeof(*explain));

	if (!explain) {
		control_reply(call, NULL);
		return;
	}
	engine->now = clock_now();
	/* `awaited` counts this function too, so that a look that comes back at once does not end the call under it. */
	*explain = (struct explain){
		.engine = engine, .call = call, .explanations = json_array(), .references = 2, .awaited = 1
	};
	ev_timer_init(&explain->deadline, explain_on_deadline, HOLDERS_WAIT, 0.);
	explain->deadline.data = explain;
	control_call_on_end(call, explain_end, explain);
	if (explain_what(explain, parameters) == 0 && --explain->awaited == 0)
		explain_reply(explain);
	else if (explain->call)
		ev_timer_start(engine->loop, &explain->deadline);
	explain_release(explain);
}
