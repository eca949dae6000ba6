/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/status.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "engine/broker_client.h"
#include "engine/metrics.h"
#include "engine/namespaces.h"
#include "report/report.h"

const char *status_version(void)
{
	return PACKAGE_VERSION;
}

static bool action_is_over(const struct action *action)
{
	return action->state == ACTION_OVER || action->state == ACTION_REAPING || action->state == ACTION_STUCK;
}

/* By its action's evidence or its own, whatever the operator says of it. */
static bool is_over(const struct engine *engine, const struct mount *mount)
{
	struct decision decision;

	if (mount->action && action_is_over(mount->action))
		return true;
	if (!mount->evidence)
		return false;
	decision = policy_decide_mount(mount, &engine->facts, engine->now);
	return decision.verdict != VERDICT_KEEP && decision.verdict != VERDICT_SUSPECT;
}

bool status_is_leftover(const struct engine *engine, const struct mount *mount)
{
	return is_over(engine, mount) && !mount_is_protected(mount);
}

/* For how long the oldest evidence has held that makes the mount a leftover. */
static int64_t leftover_age(const struct engine *engine, const struct mount *mount)
{
	int64_t since = engine->now.mono;
	uint32_t acting = mount->action ? policy_acting(mount->action) : 0;

	for (int i = 0; i < EVIDENCE_COUNT; i++) {
		if ((acting & EVIDENCE_BIT(i)) && mount->action->evidence_state[i].since.mono < since)
			since = mount->action->evidence_state[i].since.mono;
	}
	if ((mount->evidence & EVIDENCE_BIT(EVIDENCE_MOVED)) && mount->moved.since.mono < since)
		since = mount->moved.since.mono;
	if ((mount->evidence & EVIDENCE_BIT(EVIDENCE_SOURCE_DELETED)) && mount->source_deleted.since.mono < since)
		since = mount->source_deleted.since.mono;
	return engine->now.mono - since;
}

struct collection {
	struct engine *engine;
	struct status *status;
};

static int collect_mount(void *context, struct mount *mount)
{
	struct collection *collection = context;
	struct status *status = collection->status;
	struct root_status *root = NULL;
	const struct root *of = mount->instance ? mount->instance->root : mount->action ? mount->action->root : NULL;
	bool leftover, protected, stuck = mount->state == MOUNT_STUCK;
	int64_t age;

	for (size_t i = 0; i < status->root_count; i++) {
		if (status->roots[i].root == of)
			root = &status->roots[i];
	}
	if (!root)
		return 0;
	leftover = is_over(collection->engine, mount);
	protected = leftover && mount_is_protected(mount);
	leftover = leftover && !protected;
	root->mounts++;
	root->stuck += stuck;
	root->unowned += !stuck && !mount->action;
	root->over += !stuck && leftover;
	root->protected += !stuck && protected;
	root->live += !stuck && !leftover && !protected && mount->action;
	root->leftovers += leftover;
	if (!leftover)
		return 0;
	age = leftover_age(collection->engine, mount);
	if (age > status->oldest_leftover)
		status->oldest_leftover = age;
	return 0;
}

static void collect_root(const struct root *root, struct root_status *ret)
{
	ret->root = root;
	ret->path = root->rules.path;
	for (const struct action *action = root_first_action(root); action; action = root_next_action(action))
		ret->actions[action->state]++;
}

int status_collect(struct engine *engine, struct status *ret)
{
	struct collection collection = { engine, ret };

	*ret = (struct status){ .table = model_mount_count(engine->model), .paused_somewhere = engine->facts.paused };
	ret->root_count = model_root_count(engine->model);
	ret->roots = calloc(ret->root_count + 1, sizeof(*ret->roots));
	if (!ret->roots)
		return -ENOMEM;
	ret->root_count = 0;
	for (const struct root *root = model_roots(engine->model); root; root = root->next) {
		collect_root(root, &ret->roots[ret->root_count++]);
		ret->paused_somewhere |= root->paused;
	}
	model_each_root_mount(engine->model, collect_mount, &collection);
	for (size_t i = 0; i < ret->root_count; i++) {
		ret->mounts += ret->roots[i].mounts;
		ret->unowned += ret->roots[i].unowned;
		ret->leftovers += ret->roots[i].leftovers;
		ret->stuck += ret->roots[i].stuck;
	}
	broker_state(engine->broker, &ret->in_flight, &ret->hung);
	return 0;
}

void status_clear(struct status *status)
{
	free(status->roots);
	*status = (struct status){ 0 };
}

/* ---- as JSON ---- */

static const char *mode_name(const struct engine *engine, enum root_mode mode)
{
	return root_mode_name(engine->facts.observe ? ROOT_MODE_OBSERVE : mode);
}

static json_t *root_json(const struct engine *engine, const struct root_status *status)
{
	const struct root *root = status->root;
	uint64_t actions = 0;
	json_t *object;

	for (int i = 0; i < ACTION_STATE_COUNT; i++)
		actions += i == ACTION_CLEARED ? 0 : status->actions[i];
	object = json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:s, s:b}", "mode", mode_name(engine, root->rules.mode),
			   "actions", (json_int_t)actions, "mounts", (json_int_t)status->mounts, "leftovers",
			   (json_int_t)status->leftovers, "stuck", (json_int_t)status->stuck, "protected",
			   (json_int_t)status->protected, "health", root_health_name(root->health), "paused",
			   engine->facts.paused || root->paused);
	if (object && report_set_bytes(object, "path", status->path) < 0) {
		json_decref(object);
		return NULL;
	}
	return object;
}

static json_t *roots_json(const struct engine *engine, const struct status *status)
{
	json_t *roots = json_array();

	for (size_t i = 0; i < status->root_count; i++)
		json_array_append_new(roots, root_json(engine, &status->roots[i]));
	return roots;
}

static json_t *selectors_json(const struct engine *engine)
{
	json_t *namespaces = json_array();

	for (size_t i = 0; i < engine->config->namespaces.count; i++)
		json_array_append_new(namespaces, json_string(engine->config->namespaces.items[i]));
	return namespaces;
}

static json_t *ledger_json(struct engine *engine)
{
	json_t *ledger = json_pack("{s:s, s:I}", "state", store_state(engine->store) == STORE_OK ? "ok" : "degraded",
				   "bytes", (json_int_t)store_bytes(engine->store));

	if (ledger) {
		report_set_bytes(ledger, "path", store_path(engine->store));
		report_set_bytes(ledger, "problem", store_problem(engine->store));
	}
	return ledger;
}

json_t *status_json(struct engine *engine, const struct status *status)
{
	json_t *object = json_pack(
		"{s:s, s:s, s:s, s:s, s:o, s:s, s:b, s:o, s:I, s:I, s:I, s:I, s:I, s:f, s:I, s:I, s:I, s:o, s:{s:s, s:I, s:I}}",
		"version", status_version(), "source", source_name(engine->source.ops->kind), "source_note",
		engine->source_note, "identity", engine->source.ops->unique_ids ? "unique-id" : "number", "namespaces",
		selectors_json(engine), "mode", mode_name(engine, ROOT_MODE_ENFORCE), "paused", engine->facts.paused,
		"roots", roots_json(engine, status), "mounts", (json_int_t)status->mounts, "unowned",
		(json_int_t)status->unowned, "events", (json_int_t)engine->events, "lost", (json_int_t)engine->lost,
		"rescans", (json_int_t)engine->rescans, "lag_ms", (double)engine->lag / NSEC_PER_MSEC, "wakeups",
		(json_int_t)engine->wakeups, "attached", (json_int_t)engine->metrics->attached, "attested",
		(json_int_t)engine->metrics->attested, "ledger", ledger_json(engine), "broker", "state", "ok",
		"in_flight", (json_int_t)status->in_flight, "hung", (json_int_t)status->hung);

	if (!object)
		return NULL;
	json_object_set_new(object, "watched", namespaces_json(engine->namespaces));
	json_object_set_new(object, "unwatched", json_integer((json_int_t)namespaces_unwatched(engine->namespaces)));
	report_set_time(object, "paused_until", engine->paused_until_real);
	report_set_time(object, "started", engine->daemon_began);
	report_set_time(object, "engine_started", engine->started.real);
	json_object_set_new(object, "engine_deaths", json_integer(engine->deaths));
	if (engine->deaths)
		json_object_set_new(object, "engine_died", json_string(engine->died));
	return object;
}
