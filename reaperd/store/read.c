/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/internal.h"

#include <errno.h>
#include <string.h>

/* Gives one row to the caller's function; non-zero stops. */
typedef int row_function(sqlite3_stmt *statement, const void *function, void *context);

static int each_row(struct store *store, sqlite3_stmt *statement, row_function *give, const void *function,
		    void *context)
{
	int r = 0, rc = SQLITE_ROW;

	while (r == 0 && (rc = sqlite3_step(statement)) == SQLITE_ROW)
		r = give(statement, function, context);
	if (r == 0 && rc != SQLITE_DONE)
		return store_fail_read(store, statement, rc);
	sqlite3_reset(statement);
	return r;
}

static int64_t until(const struct store_filter *filter)
{
	return filter->until ? filter->until : INT64_MAX;
}

static int64_t limit(const struct store_filter *filter)
{
	return filter->limit > 0 ? filter->limit : -1;
}

/*
 * ?1 root, ?2 name, ?3 generation, ?4 since, ?5 until, ?6 limit, ?7 after row: what actions, mounts and attempts share.
 */
static struct binding bind_filter(struct store *store, enum statement number, const struct store_filter *filter)
{
	struct binding binding = store_bind(store, filter->by_row ? number + BY_ROW : number);

	bind_bytes(&binding, filter->root);
	bind_bytes(&binding, filter->action);
	bind_integer(&binding, filter->generation);
	bind_integer(&binding, filter->since);
	bind_integer(&binding, until(filter));
	bind_integer(&binding, limit(filter));
	bind_integer(&binding, filter->by_row ? filter->after_row : 0);
	return binding;
}

/* By the narrowest index that the filter names. */
static enum statement events_statement(const struct store_filter *filter)
{
	bool last = filter->limit > 0 && !filter->after_seq && !filter->since;

	if (filter->action)
		return last ? STATEMENT_LAST_EVENTS_BY_NAME : STATEMENT_EVENTS_BY_NAME;
	if (filter->mount_id)
		return last ? STATEMENT_LAST_EVENTS_BY_MOUNT : STATEMENT_EVENTS_BY_MOUNT;
	if (!filter->after_seq && (filter->since || filter->until))
		return last ? STATEMENT_LAST_EVENTS_BY_TIME : STATEMENT_EVENTS_BY_TIME;
	return last ? STATEMENT_LAST_EVENTS_BY_SEQ : STATEMENT_EVENTS_BY_SEQ;
}

static int give_event(sqlite3_stmt *statement, const void *function, void *context)
{
	store_event_function *const *give = function;
	struct store_event event = {
		.seq = sqlite3_column_int64(statement, 0),
		.time = sqlite3_column_int64(statement, 1),
		.mount_id = (uint64_t)sqlite3_column_int64(statement, 3),
		.action_row = sqlite3_column_int64(statement, 4),
		.mount_row = sqlite3_column_int64(statement, 5),
		.root = column_bytes(statement, 6),
		.action = column_bytes(statement, 7),
		.generation = (uint32_t)sqlite3_column_int64(statement, 8),
		.target = column_bytes(statement, 9),
		.pid = sqlite3_column_int(statement, 10),
		.comm = column_bytes(statement, 11),
		.detail = column_bytes(statement, 12),
	};

	if (event_type_parse(column_bytes(statement, 2), &event.type) < 0)
		return 0;
	return (*give)(context, &event);
}

int store_events(struct store *store, const struct store_filter *filter, store_event_function *function, void *context)
{
	struct binding binding;

	if (!store->db)
		return -EIO;
	binding = store_bind(store, events_statement(filter));
	bind_integer(&binding, filter->after_seq);
	bind_integer(&binding, filter->since);
	bind_integer(&binding, until(filter));
	bind_bytes(&binding, filter->root);
	bind_bytes(&binding, filter->action);
	bind_integer(&binding, filter->generation);
	bind_text(&binding, filter->type >= 0 ? event_type_name((enum event_type)filter->type) : NULL);
	bind_integer(&binding, (int64_t)filter->mount_id);
	bind_bytes(&binding, filter->target);
	bind_integer(&binding, limit(filter));
	return each_row(store, binding.statement, give_event, &function, context);
}

static int give_action(sqlite3_stmt *statement, const void *function, void *context)
{
	store_action_function *const *give = function;
	struct store_action_row row = {
		.row = sqlite3_column_int64(statement, 0),
		.root = column_bytes(statement, 1),
		.name = column_bytes(statement, 2),
		.path = column_bytes(statement, 3),
		.generation = (uint32_t)sqlite3_column_int64(statement, 4),
		.state = column_bytes(statement, 5),
		.evidence = column_bytes(statement, 6),
		.mounts = sqlite3_column_int64(statement, 7),
		.owner_kind = column_bytes(statement, 8),
		.comm = column_bytes(statement, 9),
		.cgroup = column_bytes(statement, 10),
		.container = column_bytes(statement, 11),
		.pid = sqlite3_column_int(statement, 12),
		.uid = sqlite3_column_int64(statement, 13),
		.lease = sqlite3_column_int(statement, 14),
		.first_seen = sqlite3_column_int64(statement, 15),
		.ended = sqlite3_column_int64(statement, 16),
	};

	return (*give)(context, &row);
}

int store_actions(struct store *store, const struct store_filter *filter, store_action_function *function,
		  void *context)
{
	struct binding binding;

	if (!store->db)
		return -EIO;
	binding = bind_filter(store,
			      filter->action ? STATEMENT_ACTIONS_BY_NAME :
			      filter->all    ? STATEMENT_ACTIONS_ALL :
					       STATEMENT_ACTIONS_OPEN,
			      filter);
	bind_integer(&binding, filter->all);
	return each_row(store, binding.statement, give_action, &function, context);
}

static int give_mount(sqlite3_stmt *statement, const void *function, void *context)
{
	store_mount_function *const *give = function;
	struct store_mount_row row = {
		.row = sqlite3_column_int64(statement, 0),
		.id = (uint64_t)sqlite3_column_int64(statement, 1),
		.parent = (uint64_t)sqlite3_column_int64(statement, 2),
		.namespace = (uint64_t)sqlite3_column_int64(statement, 3),
		.root = column_bytes(statement, 4),
		.action = column_bytes(statement, 5),
		.generation = (uint32_t)sqlite3_column_int64(statement, 6),
		.target = column_bytes(statement, 7),
		.fstype = column_bytes(statement, 8),
		.source = column_bytes(statement, 9),
		.options = column_bytes(statement, 10),
		.state = column_bytes(statement, 11),
		.attached = sqlite3_column_int64(statement, 12),
		.detached = sqlite3_column_int64(statement, 13),
		.detached_by = column_bytes(statement, 14),
		.attached_by = { .attested = sqlite3_column_int(statement, 15),
				 .pid = sqlite3_column_int(statement, 16),
				 .comm = column_bytes(statement, 17),
				 .uid = sqlite3_column_int64(statement, 18),
				 .cgroup = column_bytes(statement, 19),
				 .container = column_bytes(statement, 20) },
	};

	return (*give)(context, &row);
}

static enum statement mounts_statement(const struct store_filter *filter)
{
	if (filter->mount_id)
		return STATEMENT_MOUNTS_BY_ID;
	if (filter->target)
		return STATEMENT_MOUNTS_BY_TARGET;
	if (filter->action)
		return STATEMENT_MOUNTS_BY_ACTION;
	return filter->all || filter->at ? STATEMENT_MOUNTS_ALL : STATEMENT_MOUNTS_OPEN;
}

int store_mounts(struct store *store, const struct store_filter *filter, store_mount_function *function, void *context)
{
	struct binding binding;

	if (!store->db)
		return -EIO;
	binding = bind_filter(store, mounts_statement(filter), filter);
	bind_integer(&binding, filter->all || filter->at);
	bind_integer(&binding, filter->at);
	bind_bytes(&binding, filter->target);
	bind_integer(&binding, (int64_t)filter->mount_id);
	return each_row(store, binding.statement, give_mount, &function, context);
}

static int give_attempt(sqlite3_stmt *statement, const void *function, void *context)
{
	store_attempt_function *const *give = function;
	struct store_attempt_row row = {
		.row = sqlite3_column_int64(statement, 0),
		.mount_id = (uint64_t)sqlite3_column_int64(statement, 1),
		.root = column_bytes(statement, 2),
		.action = column_bytes(statement, 3),
		.target = column_bytes(statement, 4),
		.step = column_bytes(statement, 5),
		.evidence = column_bytes(statement, 6),
		.outcome = column_bytes(statement, 7),
		.detail = column_bytes(statement, 8),
		.generation = (uint32_t)sqlite3_column_int64(statement, 9),
		.error = sqlite3_column_int(statement, 10),
		.intended = sqlite3_column_int64(statement, 11),
		.finished = sqlite3_column_int64(statement, 12),
	};

	return (*give)(context, &row);
}

int store_attempts(struct store *store, const struct store_filter *filter, store_attempt_function *function,
		   void *context)
{
	struct binding binding;

	if (!store->db)
		return -EIO;
	binding = bind_filter(store,
			      filter->action   ? STATEMENT_ATTEMPTS_BY_NAME :
			      filter->mount_id ? STATEMENT_ATTEMPTS_BY_MOUNT :
						 STATEMENT_ATTEMPTS_ALL,
			      filter);
	bind_bytes(&binding, filter->target);
	bind_integer(&binding, (int64_t)filter->mount_id);
	return each_row(store, binding.statement, give_attempt, &function, context);
}

int64_t store_last_seq(struct store *store)
{
	if (store->readonly)
		store_read_numbers(store);
	return store->last[NUMBER_EVENT];
}
