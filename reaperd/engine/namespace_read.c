/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/namespace_read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "engine/broker_client.h"
#include "engine/namespace_table.h"

#define RETRY	    (5 * NSEC_PER_SEC)
#define REST_FACTOR 6 /* as of our own table */
#define REST_MIN    (5 * NSEC_PER_MSEC)

/* What an answer is about: by then the namespace may be forgotten. */
struct namespace_job {
	uint64_t inode, id;
};

/* ---- watching ---- */

static void on_change(void *context)
{
	other_want(context);
}

/* The namespace may live on: the list tells. */
static void on_end(void *context)
{
	struct other_namespace *other = context;

	namespace_watch_free(take_ptr(other->watch));
	other->namespaces->list_at = 0;
	other_want(other);
}

static struct namespace_job *new_job(const struct other_namespace *other)
{
	struct namespace_job *job = calloc(1, sizeof(*job));

	if (job)
		*job = (struct namespace_job){ other->reference.inode, other->reference.id };
	return job;
}

static void watch_failed(struct other_namespace *other, int error)
{
	if (error == ESRCH) {
		other->gone = true;
		return;
	}
	if (other->watch_kind == EVENTS_GROUP && error != EPERM) {
		other->watch_kind = EVENTS_MOUNTINFO;
		return;
	}
	log_debug("mount namespace %llu cannot be watched (%s): its table is read again and again",
		  (unsigned long long)other->reference.inode, strerror(error));
	other->watch_at = other->namespaces->engine->now.mono + RETRY;
}

static void on_watch(void *context, struct engine *engine, const struct message_result *result)
{
	CLEANUP_FREE struct namespace_job *job = context;
	struct other_namespace *other;

	if (result->error == ECANCELED)
		return;
	other = other_find(engine->namespaces, job->inode, job->id);
	if (!other)
		return;
	other->watch_asked = false;
	if (result->error)
		watch_failed(other, result->error);
	else if (!other->watch)
		other->watch =
			namespace_watch_new(engine->loop, (struct message_result *)result, on_change, on_end, other);
	/* What came between the last table and the watch was not told. */
	other_want(other);
}

void namespace_read_watch(struct other_namespace *other)
{
	struct engine *engine = other->namespaces->engine;
	struct namespace_job *job = new_job(other);
	uint32_t kind = other->watch_kind;
	struct message_request request = {
		.type = MESSAGE_EVENTS, .ns = other->reference, .count = 1, .events = &kind
	};

	other->watch_asked = job && broker_request(engine->broker, &request, on_watch, job) == 0;
	if (!other->watch_asked)
		free(job);
}

/* ---- the table ---- */

static void take_table(struct other_namespace *other, const struct message_result *result)
{
	struct scan *scan = calloc(1, sizeof(*scan));
	int r = scan ? namespace_table_read(&result->tables[0], result->fds[0], scan) : -ENOMEM;

	if (r == 0) {
		other->answer = scan;
		return;
	}
	if (scan)
		scan_clear(scan);
	free(scan);
	log_warning("the table of mount namespace %llu cannot be read: %s", (unsigned long long)other->reference.inode,
		    strerror(-r));
	other->table_at = other->namespaces->engine->now.mono + RETRY;
	other->wanted = true;
}

static void on_table(void *context, struct engine *engine, const struct message_result *result)
{
	CLEANUP_FREE struct namespace_job *job = context;
	struct namespaces *namespaces = engine->namespaces;
	struct other_namespace *other;

	if (result->error == ECANCELED)
		return;
	namespaces->in_flight--;
	other = other_find(namespaces, job->inode, job->id);
	if (!other)
		return;
	other->asked = false;
	if (result->error == ESRCH) {
		other->gone = true;
	} else if (result->error) {
		other->table_at = engine->now.mono + (other->ns ? RETRY : other->look_rest);
		other->look_rest = 2 * other->look_rest < LOOK_MOST ? 2 * other->look_rest : LOOK_MOST;
		other->wanted = other->selected;
	} else {
		take_table(other, result);
	}
	engine_wake(engine);
}

void namespace_read_ask(struct other_namespace *other)
{
	struct message_request request = { .type = MESSAGE_TABLE, .ns = other->reference };
	struct namespaces *namespaces = other->namespaces;
	struct namespace_job *job = new_job(other);

	if (!job)
		return;
	other_forget_answer(other);
	if (other->watch)
		other->told = namespace_watch_take(other->watch);
	other->asked_at = namespaces->engine->now.mono;
	if (broker_request(namespaces->engine->broker, &request, on_table, job) < 0) {
		free(job);
		return;
	}
	other->wanted = false;
	other->asked = true;
	namespaces->in_flight++;
}

/* All that is there is in the table, what has no path excepted. */
static bool is_always_gone(uint64_t id)
{
	(void)id;
	return true;
}

static void place_roots(struct other_namespace *other)
{
	struct model *model = other->namespaces->engine->model;

	for (struct root *root = model_roots(model); root; root = root->next)
		if (model_place_root(model, other->ns, root, other_place(other, root)) < 0)
			other->wanted = true;
}

static void apply(struct other_namespace *other)
{
	struct engine *engine = other->namespaces->engine;
	struct changes changes = { 0 };
	int r;

	told_gather(&other->told);
	place_roots(other);
	other->answer->ns = other->ns;
	other->answer->overflowed = other->told.overflowed;
	r = told_complete(&other->told, engine->model, other->answer, is_always_gone);
	if (r == 0)
		r = model_apply(engine->model, other->answer, engine->now, &changes);
	other->namespaces->on_changes(engine, &changes, other->answer);
	changes_clear(&changes);
	engine->reconcile_others_wanted |= !other->read_at;
	if (r == 0)
		other->read_at = other->asked_at;
	else
		other->wanted = true;
	engine_wake(engine);
}

static bool has_below_a_root(const struct other_namespace *other)
{
	for (struct root *root = model_roots(other->namespaces->engine->model); root; root = root->next) {
		const char *place = other_place(other, root);

		if (namespace_table_has_below(other->answer, place ? place : root->rules.path))
			return true;
	}
	return false;
}

/* Into the model, where it is selected and has to do with a root. */
static void consider(struct other_namespace *other)
{
	struct engine *engine = other->namespaces->engine;

	other->looked = engine->reconcile_others_wanted = true;
	if (other->selected && (namespace_table_holds(other->answer, engine->model) || has_below_a_root(other)))
		other->ns = model_add_namespace(engine->model, other->reference.inode, other->reference.id);
	if (other->ns) {
		other->ns->pid = other->reference.pid;
		log_info("mount namespace %llu (%s[%d]) is watched", (unsigned long long)other->reference.inode,
			 other->comm ? other->comm : "", other->reference.pid);
		other->wanted = true; /* once more, when it is watched */
		other->table_at = 0;
		return;
	}
	other->table_at = engine->now.mono + other->look_rest;
	other->wanted = true;
	other->look_rest = 2 * other->look_rest < LOOK_MOST ? 2 * other->look_rest : LOOK_MOST;
}

void namespace_read_take(struct other_namespace *other)
{
	struct engine *engine = other->namespaces->engine;
	int64_t begun = engine->now.mono, rest;

	if (!other->ns) {
		consider(other);
	} else {
		apply(other);
		rest = REST_FACTOR * (clock_now().mono - begun);
		other->table_at = clock_now().mono + (rest > REST_MIN ? rest : REST_MIN);
	}
	other_forget_answer(other);
}

void namespace_read_leave(struct other_namespace *other)
{
	struct engine *engine = other->namespaces->engine;
	const struct scan nothing = { 0 };
	struct changes changes = { 0 };

	other->ns->ended = other->gone;
	other->ns->left = !other->gone;
	if (model_drop_namespace(engine->model, other->ns, engine->now, &changes) == 0) {
		log_info("mount namespace %llu %s", (unsigned long long)other->reference.inode,
			 other->gone ? "has gone" : "is no longer watched");
		other->ns = NULL;
	}
	other->namespaces->on_changes(engine, &changes, &nothing);
	changes_clear(&changes);
	namespace_watch_free(take_ptr(other->watch));
	other->read_at = 0;
	engine_wake(engine);
}
