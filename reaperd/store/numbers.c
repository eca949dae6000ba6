/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which number the next row of a table gets. */
#include "store/internal.h"

int64_t store_next_number(struct store *store, enum number number)
{
	store->last[number]++;
	if (number == NUMBER_ATTEMPT && store->first_attempt == 0)
		store->first_attempt = store->last[number];
	return store->last[number];
}

/*
 * The file's numbers are unknown: go on above any that it can have given, so that readers who resume by seq miss
 * nothing.
 */
void store_guess_numbers(struct store *store)
{
	int64_t microseconds = clock_now().real / 1000;

	for (int i = 0; i < NUMBER_COUNT; i++)
		if (store->last[i] == 0) {
			store->last[i] = microseconds;
			store->guessed[i] = microseconds + 1;
		}
}

/*
 * The clock had been set back since the file's numbers were themselves taken from it. By ours, other rows would be
 * overwritten, and readers who resume by seq would miss these.
 */
static void renumber(struct store *store, enum number number, int64_t by)
{
	if (number == NUMBER_ATTEMPT) {
		store->attempts_moved = by;
		store->first_attempt += store->first_attempt ? by : 0;
	}
	store->last[number] += by;
	for (size_t i = 0; i < store->ring.count; i++) {
		struct ring_entry *entry = ring_at(&store->ring, i);

		if (entry->kind == RING_EVENT && number == NUMBER_EVENT)
			entry->event.seq += by;
		else if (entry->kind == RING_INTENT && number == NUMBER_ATTEMPT)
			entry->intent.attempt += by;
		else if (entry->kind == RING_OUTCOME && number == NUMBER_ATTEMPT)
			entry->outcome.attempt += by;
	}
}

static void go_on_from(struct store *store, enum number number, int64_t last)
{
	int64_t guessed = store->guessed[number];

	store->guessed[number] = 0;
	if (guessed && last >= guessed)
		renumber(store, number, last + 1 - guessed);
	if (last > store->last[number])
		store->last[number] = last;
}

int store_read_numbers(struct store *store)
{
	static const char *const tables[] = {
		[NUMBER_EVENT] = "events",
		[NUMBER_ACTION] = "actions",
		[NUMBER_MOUNT] = "mounts",
		[NUMBER_ATTEMPT] = "attempts",
	};

	for (int i = 0; i < NUMBER_COUNT; i++) {
		sqlite3_stmt *statement = store->statements[STATEMENT_SEQUENCE];
		int rc;

		sqlite3_bind_text(statement, 1, tables[i], -1, SQLITE_STATIC);
		rc = sqlite3_step(statement);
		if (rc == SQLITE_ROW)
			go_on_from(store, (enum number)i, sqlite3_column_int64(statement, 0));
		sqlite3_reset(statement);
		if (rc != SQLITE_ROW)
			return rc;
	}
	return SQLITE_OK;
}
