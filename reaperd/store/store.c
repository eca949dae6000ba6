/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/log.h"

#define RETRY_NS (10 * NSEC_PER_SEC)

static void log_ring(struct store *store)
{
	for (size_t i = 0; i < store->ring.count; i++)
		ring_entry_log(ring_at(&store->ring, i));
}

static void degrade(struct store *store, bool was_writable, const char *was_problem)
{
	store->writable = false;
	store->lost = true;
	store->retry_mono = clock_now().mono + RETRY_NS;
	if (strcmp(was_problem, store->problem) != 0)
		log_warning("%s; reaping goes on, and what happens is written here until the ledger can be",
			    store->problem);
	if (was_writable)
		log_ring(store);
}

static int write_ring(struct store *store)
{
	for (size_t i = 0; i < store->ring.count; i++)
		if (store_write_entry(store, ring_at(&store->ring, i)) == -EIO)
			return -EIO;
	if (store->ring.dropped > 0)
		log_warning("ledger %s: %llu older rows did not fit into memory and are only in the log", store->path,
			    (unsigned long long)store->ring.dropped);
	return 0;
}

static int write_back(struct store *store)
{
	int r = store_begin(store);

	if (r == 0 && store->boot_id[0])
		r = store_write_boot(store);
	if (r == 0 && store->unrestored)
		r = store_close_unrestored(store);
	if (r == 0)
		r = write_ring(store);
	return r == 0 ? store_commit(store) : -EIO;
}

/* (Re)opens the file and gives it what it does not have. */
static void recover(struct store *store, bool was_writable)
{
	char was_problem[PROBLEM_SIZE];

	memcpy(was_problem, store->problem, sizeof(was_problem));
	store->recovering = true;
	if (store->db)
		store_file_leave(store);
	root_rows_clear(&store->roots);
	store->corrupt_seen = false;
	store->writable = store_file_open(store) == 0;
	if (store->writable && write_back(store) == 0) {
		if (was_problem[0])
			log_notice("the ledger %s is written again", store->path);
	} else {
		degrade(store, was_writable, was_problem);
	}
	store->recovering = false;
}

/*
 * A statement failed, and the turn is rolled back: a corrupt file gives way to a fresh one, else the store is
 * degraded.
 */
static void take_failure(struct store *store, int rc, bool was_writable, const char *was_problem)
{
	if (store_rc_is_corrupt(rc)) {
		store->problem[0] = '\0';
		if (store_file_set_aside(store, sqlite3_errstr(rc)) == 0) {
			recover(store, was_writable);
			return;
		}
	}
	degrade(store, was_writable, was_problem);
}

/* The file was removed or another one put in its place: what is written would be seen by nobody. */
static void replace_gone_file(struct store *store)
{
	snprintf(
		store->history, sizeof(store->history),
		"the ledger %s was removed or replaced while it was in use, and was opened anew; earlier history is gone from it",
		store->path);
	log_warning("%s", store->history);
	store->in_transaction = false;
	store->lost = true;
	recover(store, true);
}

int store_commit(struct store *store)
{
	if (store->corrupt_seen && store->writable)
		store_fail(store, SQLITE_CORRUPT);
	if (store->in_transaction && !store->recovering && store_file_is_gone(store))
		replace_gone_file(store);
	if (store->in_transaction)
		return store_end(store);
	if (!store->writable && !store->readonly && clock_now().mono >= store->retry_mono)
		recover(store, false);
	return store->writable ? 0 : -EIO;
}

void store_retry(struct store *store)
{
	store->retry_mono = 0;
}

bool store_take_lost(struct store *store)
{
	bool lost = store->lost && store->writable;

	if (lost)
		store->lost = false;
	return lost;
}

struct store *store_new(const char *path)
{
	struct store *store = calloc(1, sizeof(*store));

	if (!store)
		return NULL;
	store->on_failure = take_failure;
	store->path = strdup(path);
	if (store->path)
		return store;
	free(store);
	return NULL;
}

struct store *store_open(const char *path)
{
	struct store *store = store_new(path);

	if (store)
		recover(store, false);
	return store;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	if (store->in_transaction)
		store_commit(store);
	if (store->writable && !store_file_is_gone(store))
		store_file_close(store);
	else if (store->db)
		store_file_leave(store);
	root_rows_clear(&store->roots);
	ring_clear(&store->ring);
	free(store->path);
	free(store);
}

enum store_state store_state(const struct store *store)
{
	return store_problem(store)[0] ? STORE_DEGRADED : STORE_OK;
}

const char *store_problem(const struct store *store)
{
	return store->problem[0] ? store->problem : store->history;
}

const char *store_path(const struct store *store)
{
	return store->path;
}

bool store_is_open(const struct store *store)
{
	return store->db;
}

int64_t store_bytes(const struct store *store)
{
	CLEANUP_FREE char *wal = NULL;
	int64_t bytes = 0;
	struct stat st;

	if (stat(store->path, &st) == 0)
		bytes = st.st_size;
	if (asprintf(&wal, "%s-wal", store->path) < 0)
		wal = NULL;
	else if (stat(wal, &st) == 0)
		bytes += st.st_size;
	return bytes;
}
