/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The turn's transaction, and what becomes of the store where it fails. */
#include "store/internal.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"

void store_fail(struct store *store, int rc)
{
	bool was_writable = store->writable;
	char was_problem[PROBLEM_SIZE];

	memcpy(was_problem, store->problem, sizeof(was_problem));
	store_say(store, rc);
	/* Fails where SQLite has rolled back by itself. */
	if (!sqlite3_get_autocommit(store->db)) {
		sqlite3_step(store->statements[STATEMENT_ROLLBACK]);
		sqlite3_reset(store->statements[STATEMENT_ROLLBACK]);
	}
	store->in_transaction = false;
	store->writable = false;
	store->lost = true;
	root_rows_clear(&store->roots);
	if (!store->recovering)
		store->on_failure(store, rc, was_writable, was_problem);
}

int store_fail_read(struct store *store, sqlite3_stmt *statement, int rc)
{
	sqlite3_reset(statement);
	if (store_rc_is_corrupt(rc)) {
		/* Not now: callers up the stack may be between the rows of another statement. */
		store->corrupt_seen = true;
		return -EUCLEAN;
	}
	return (rc & 0xff) == SQLITE_BUSY ? -EBUSY : -EIO;
}

/* Another process wrote: numbers and root rows may have moved on. */
static int take_others_changes(struct store *store)
{
	sqlite3_stmt *statement = store->statements[STATEMENT_DATA_VERSION];
	int rc = sqlite3_step(statement);
	int64_t version = rc == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;

	sqlite3_reset(statement);
	if (rc != SQLITE_ROW)
		return rc;
	if (version == store->data_version)
		return SQLITE_OK;
	store->data_version = version;
	root_rows_clear(&store->roots);
	return store_read_numbers(store);
}

int store_begin(struct store *store)
{
	int rc;

	if (!store->writable)
		return -EIO;
	if (store->in_transaction)
		return 0;
	rc = sqlite3_step(store->statements[STATEMENT_BEGIN]);
	sqlite3_reset(store->statements[STATEMENT_BEGIN]);
	if (rc == SQLITE_DONE) {
		store->in_transaction = true;
		rc = take_others_changes(store);
		if (rc == SQLITE_OK)
			return 0;
	}
	store_fail(store, rc);
	return -EIO;
}

/* A row that the tables refuse is our bug, and no reason to roll back what others wrote in this turn. */
static bool is_refusal(int rc)
{
	int primary = rc & 0xff;

	return primary == SQLITE_CONSTRAINT || primary == SQLITE_TOOBIG || primary == SQLITE_MISMATCH ||
	       primary == SQLITE_MISUSE || primary == SQLITE_RANGE;
}

int store_run(struct store *store, enum statement number, int64_t *ret_id)
{
	sqlite3_stmt *statement = store->statements[number];
	int64_t id = 0;
	int rc;

	while ((rc = sqlite3_step(statement)) == SQLITE_ROW)
		id = sqlite3_column_int64(statement, 0);
	sqlite3_reset(statement);
	if (rc == SQLITE_DONE) {
		if (ret_id)
			*ret_id = id;
		return 0;
	}
	if (is_refusal(rc)) {
		log_error("bug: the ledger refuses a row: %s", sqlite3_errmsg(store->db));
		return -EINVAL;
	}
	store_fail(store, rc);
	return -EIO;
}

int store_end(struct store *store)
{
	int rc = sqlite3_step(store->statements[STATEMENT_COMMIT]);

	sqlite3_reset(store->statements[STATEMENT_COMMIT]);
	if (rc != SQLITE_DONE) {
		store_fail(store, rc);
		return -EIO;
	}
	store->in_transaction = false;
	store->unrestored = store->others_open = false;
	ring_clear(&store->ring);
	return 0;
}
