/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/path.h"

struct store *ledger_open(struct engine *engine)
{
	CLEANUP_FREE char *path = path_join(engine->state_dir, "ledger.db");
	struct store *store = path ? store_open(path) : NULL;

	if (!store)
		return NULL;
	if (store_state(store) != STORE_OK)
		log_warning("the ledger is degraded, reaping goes on without it: %s", store_problem(store));
	store_begin_boot(store, engine->boot_id, engine->mnt_namespace, engine->now);
	return store;
}

void ledger_save_action(struct engine *engine, struct action *action)
{
	if (action->root->row == 0)
		store_save_root(engine->store, action->root);
	if (action->row == 0 || action->dirty)
		store_save_action(engine->store, action);
}

void ledger_save_mount(struct engine *engine, struct mount *mount, const char *detached_by)
{
	if (mount->action)
		ledger_save_action(engine, mount->action);
	store_save_mount(engine->store, mount, detached_by);
}

static int save_dirty_mount(void *context, struct mount *mount)
{
	if (mount->dirty || mount->state_dirty || mount->row == 0)
		ledger_save_mount(context, mount, NULL);
	return 0;
}

static int mark_where_protection_differs(void *context, struct mount *mount)
{
	(void)context;
	if (mount->saved_protected != mount_is_protected(mount))
		mount->dirty = true;
	return 0;
}

void ledger_save_protection(struct engine *engine)
{
	model_each_root_mount(engine->model, mark_where_protection_differs, NULL);
	ledger_save_dirty(engine);
}

void ledger_save_dirty(struct engine *engine)
{
	for (struct action *action = model_first_action(engine->model); action; action = model_next_action(action))
		ledger_save_action(engine, action);
	model_each_root_mount(engine->model, save_dirty_mount, engine);
}

static int mark_mount(void *context, struct mount *mount)
{
	(void)context;
	mount->dirty = true;
	return 0;
}

static void mark_all(struct engine *engine)
{
	engine->pauses_lost = true;
	engine_wake(engine);
	for (struct root *root = model_roots(engine->model); root; root = root->next)
		root->row = 0;
	for (struct mount_namespace *ns = model_namespaces(engine->model); ns; ns = ns->next)
		ns->row = 0;
	for (struct action *action = model_first_action(engine->model); action; action = model_next_action(action))
		action->dirty = true;
	model_each_root_mount(engine->model, mark_mount, engine);
}

void ledger_commit(struct engine *engine)
{
	store_commit(engine->store);
	if (!store_take_lost(engine->store))
		return;
	mark_all(engine);
	ledger_save_dirty(engine);
	/* What the ledger could not say at the start, it can say now. */
	if (engine->ready)
		ledger_reconcile(engine);
	engine->reconcile_others_wanted = true;
	store_commit(engine->store);
}

void ledger_retain(struct engine *engine)
{
	store_retain(engine->store, engine->config->retain, engine->config->retain_size, engine->now);
}

struct reconciling {
	struct engine *engine;
	ledger_table_function *table; /* NULL: those of our own namespace */
	size_t count;
};

/* What can be said of the attempt; NULL: nothing yet. Without unique ids, numbers of an earlier start say nothing of others' mounts. */
static const char *judge_intent(const struct reconciling *reconciling, const struct store_intent *intent,
				enum outcome *ret_outcome)
{
	const struct engine *engine = reconciling->engine;
	const struct mount *mount = model_mount(engine->model, intent->mount_id);
	bool own = intent->namespace == engine->mnt_namespace;
	enum ledger_table table = LEDGER_TABLE_READ;

	*ret_outcome = OUTCOME_FAILED;
	if (own != !reconciling->table)
		return NULL;
	if (!own)
		table = reconciling->table(engine, intent->namespace);
	if (table == LEDGER_TABLE_UNREAD)
		return NULL;
	if (table == LEDGER_TABLE_UNWATCHED)
		return "reconciled after a restart: what became of the mount cannot be told, for its namespace is not "
		       "watched";
	if (!own && mount_id_is_synthetic(intent->mount_id))
		return "reconciled after a restart: what became of the mount cannot be told without unique ids";
	if (mount && mount->state != MOUNT_DETACHED && mount->state != MOUNT_REAPED)
		return "reconciled after a restart: the mount is still there";
	*ret_outcome = OUTCOME_GONE;
	return "reconciled after a restart: the mount is gone";
}

static int reconcile_one(void *context, const struct store_intent *intent)
{
	struct reconciling *reconciling = context;
	struct engine *engine = reconciling->engine;
	enum outcome outcome;
	const char *what = judge_intent(reconciling, intent, &outcome);

	if (!what)
		return 0;
	store_add_outcome(engine->store, intent->attempt, outcome, 0, what, engine->now);
	reconciling->count++;
	return 0;
}

static void reconcile(struct engine *engine, ledger_table_function *table)
{
	struct reconciling reconciling = { .engine = engine, .table = table };

	store_each_open_intent(engine->store, reconcile_one, &reconciling);
	if (reconciling.count > 0)
		log_notice("%zu attempts of an earlier start had no outcome: reconciled with the mount table",
			   reconciling.count);
}

void ledger_reconcile(struct engine *engine)
{
	reconcile(engine, NULL);
}

void ledger_reconcile_others(struct engine *engine, ledger_table_function *table)
{
	reconcile(engine, table);
}
