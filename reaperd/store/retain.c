/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

#define STEP_ROWS   256
#define STEP_OWNERS (INT64_C(4) * STEP_ROWS) /* looked at: a mount has one at most, and most are still named */

static int64_t one_integer(struct store *store, sqlite3_stmt *statement, int64_t or)
{
	int rc = sqlite3_step(statement);
	int64_t value = rc == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : or ;

	if (rc == SQLITE_ROW || rc == SQLITE_DONE)
		sqlite3_reset(statement);
	else
		store_fail_read(store, statement, rc);
	return value;
}

/*
 * Nothing that is newer than this goes; where the file is too large, the oldest so many events and what is as old as
 * they are.
 */
static int64_t cutoff(struct store *store, int64_t keep_ns, int64_t keep_bytes, struct now now)
{
	struct binding oldest = store_bind(store, STATEMENT_OLDEST_EVENTS);
	int64_t by_age = keep_ns > 0 ? now.real - keep_ns : 0, by_size;

	if (keep_bytes <= 0 || one_integer(store, store->statements[STATEMENT_PAGES_USED], 0) <= keep_bytes)
		return by_age;
	bind_integer(&oldest, STEP_ROWS);
	by_size = one_integer(store, oldest.statement, now.real);
	return by_size > by_age ? by_size : by_age;
}

static int remove_older(struct store *store, enum statement number, int64_t time)
{
	struct binding binding = store_bind(store, number);
	int r;

	bind_integer(&binding, time);
	bind_integer(&binding, STEP_ROWS);
	r = store_run(store, number, NULL);
	return r < 0 ? r : sqlite3_changes(store->db);
}

/* Some in each step, from the first to the last and then again. */
static int remove_owners(struct store *store)
{
	struct binding next = store_bind(store, STATEMENT_NEXT_OWNERS);
	struct binding remove = store_bind(store, STATEMENT_RETAIN_OWNERS);
	int64_t until;

	bind_integer(&next, store->owners_looked);
	bind_integer(&next, STEP_OWNERS);
	until = one_integer(store, next.statement, 0);
	bind_integer(&remove, store->owners_looked);
	bind_integer(&remove, until);
	store->owners_looked = until;
	return until ? store_run(store, STATEMENT_RETAIN_OWNERS, NULL) : 0;
}

int store_retain(struct store *store, int64_t keep_ns, int64_t keep_bytes, struct now now)
{
	/* Mounts before the actions that they refer to. */
	static const enum statement steps[] = { STATEMENT_RETAIN_EVENTS, STATEMENT_RETAIN_ATTEMPTS,
						STATEMENT_RETAIN_MOUNTS, STATEMENT_RETAIN_ACTIONS };
	int64_t time;
	int r = store_begin(store), removed = 0;

	if (r < 0)
		return r;
	time = cutoff(store, keep_ns, keep_bytes, now);
	if (time <= 0)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		r = remove_older(store, steps[i], time);
		if (r < 0)
			return r;
		removed += r;
	}
	if (removed > 0)
		r = remove_owners(store);
	if (r >= 0 && removed > 0)
		r = store_run(store, STATEMENT_VACUUM, NULL);
	return r < 0 ? r : removed;
}

static int say_row(sqlite3_stmt *statement, int rc, char *why, size_t size)
{
	const char *text = rc == SQLITE_ROW ? column_bytes(statement, 0) : NULL;

	if (rc == SQLITE_DONE || (text && strcmp(text, "ok") == 0))
		return 0;
	snprintf(why, size, "%s", text ? text : sqlite3_errmsg(sqlite3_db_handle(statement)));
	return -EUCLEAN;
}

int store_check(struct store *store, char *why, size_t size)
{
	static const enum statement checks[] = { STATEMENT_INTEGRITY, STATEMENT_FOREIGN_KEYS, STATEMENT_SENSE };

	if (!store->db) {
		snprintf(why, size, "%s", store_problem(store));
		return -EUCLEAN;
	}
	for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
		sqlite3_stmt *statement = store->statements[checks[i]];
		int r = say_row(statement, sqlite3_step(statement), why, size);

		sqlite3_reset(statement);
		if (r < 0)
			return r;
	}
	return 0;
}
