/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The disk that the ledger is on: SQLite's own VFS, with a switch that lets it be full, fail, or be locked by somebody
 * else. And what is on it, read with a connection of our own, as another program would.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "engine/engine.h"
#include "engine/namespaces.h"
#include "store/internal.h"
#include "world.h"

struct file {
	sqlite3_file base;
	sqlite3_file *real;
};

static sqlite3_vfs *real_vfs;
static sqlite3_vfs vfs;

static sqlite3_file *real_of(sqlite3_file *file)
{
	return ((struct file *)file)->real;
}

static int write_fault(void)
{
	switch (world.disk) {
	case DISK_FULL:
		return SQLITE_FULL;
	case DISK_FAILS:
		return SQLITE_IOERR_WRITE;
	case DISK_CORRUPT:
		world.disk = DISK_FINE;
		return SQLITE_CORRUPT;
	case DISK_FINE:
	case DISK_LOCKED:
		break;
	}
	return SQLITE_OK;
}

#define REAL(file) real_of(file)->pMethods

static int file_close(sqlite3_file *file)
{
	return REAL(file)->xClose(real_of(file));
}

static int file_read(sqlite3_file *file, void *buffer, int length, sqlite3_int64 offset)
{
	return REAL(file)->xRead(real_of(file), buffer, length, offset);
}

static int file_write(sqlite3_file *file, const void *buffer, int length, sqlite3_int64 offset)
{
	int rc = write_fault();

	return rc == SQLITE_OK ? REAL(file)->xWrite(real_of(file), buffer, length, offset) : rc;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	return REAL(file)->xTruncate(real_of(file), size);
}

static int file_sync(sqlite3_file *file, int flags)
{
	return world.disk == DISK_FAILS ? SQLITE_IOERR_FSYNC : REAL(file)->xSync(real_of(file), flags);
}

static int file_size(sqlite3_file *file, sqlite3_int64 *ret)
{
	return REAL(file)->xFileSize(real_of(file), ret);
}

static int file_lock(sqlite3_file *file, int lock)
{
	return world.disk == DISK_LOCKED && lock > SQLITE_LOCK_SHARED ? SQLITE_BUSY :
									REAL(file)->xLock(real_of(file), lock);
}

static int file_unlock(sqlite3_file *file, int lock)
{
	return REAL(file)->xUnlock(real_of(file), lock);
}

static int file_check_reserved(sqlite3_file *file, int *ret)
{
	return REAL(file)->xCheckReservedLock(real_of(file), ret);
}

static int file_control(sqlite3_file *file, int op, void *argument)
{
	return REAL(file)->xFileControl(real_of(file), op, argument);
}

static int file_sector_size(sqlite3_file *file)
{
	return REAL(file)->xSectorSize(real_of(file));
}

static int file_characteristics(sqlite3_file *file)
{
	return REAL(file)->xDeviceCharacteristics(real_of(file));
}

static int file_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **ret)
{
	return REAL(file)->xShmMap(real_of(file), page, size, extend, ret);
}

/* The first of the locks is the writer's: https://www.sqlite.org/walformat.html, section 2.3. */
static int file_shm_lock(sqlite3_file *file, int offset, int count, int flags)
{
	bool writes = offset == 0 && flags == (SQLITE_SHM_LOCK | SQLITE_SHM_EXCLUSIVE);

	return world.disk == DISK_LOCKED && writes ? SQLITE_BUSY :
						     REAL(file)->xShmLock(real_of(file), offset, count, flags);
}

static void file_shm_barrier(sqlite3_file *file)
{
	REAL(file)->xShmBarrier(real_of(file));
}

static int file_shm_unmap(sqlite3_file *file, int remove)
{
	return REAL(file)->xShmUnmap(real_of(file), remove);
}

static const sqlite3_io_methods methods = {
	.iVersion = 2,
	.xClose = file_close,
	.xRead = file_read,
	.xWrite = file_write,
	.xTruncate = file_truncate,
	.xSync = file_sync,
	.xFileSize = file_size,
	.xLock = file_lock,
	.xUnlock = file_unlock,
	.xCheckReservedLock = file_check_reserved,
	.xFileControl = file_control,
	.xSectorSize = file_sector_size,
	.xDeviceCharacteristics = file_characteristics,
	.xShmMap = file_shm_map,
	.xShmLock = file_shm_lock,
	.xShmBarrier = file_shm_barrier,
	.xShmUnmap = file_shm_unmap,
};

static int disk_open(sqlite3_vfs *self, sqlite3_filename name, sqlite3_file *ret, int flags, int *ret_flags)
{
	struct file *file = (struct file *)ret;
	int rc;

	(void)self;
	file->real = (sqlite3_file *)(file + 1);
	rc = real_vfs->xOpen(real_vfs, name, file->real, flags, ret_flags);
	file->base.pMethods = file->real->pMethods ? &methods : NULL;
	return rc;
}

/* Whoever waits for a lock does so in our time, which does not pass meanwhile. */
static int disk_sleep(sqlite3_vfs *self, int microseconds)
{
	(void)self;
	return microseconds;
}

void ledger_disk_begin(void)
{
	real_vfs = sqlite3_vfs_find(NULL);
	vfs = *real_vfs;
	vfs.zName = "sim";
	vfs.szOsFile = (int)sizeof(struct file) + real_vfs->szOsFile;
	vfs.pNext = NULL;
	vfs.xOpen = disk_open;
	vfs.xSleep = disk_sleep;
	sqlite3_vfs_register(&vfs, 1);
}

void ledger_disk_set(enum disk_fault fault)
{
	world.disk = fault;
	if (fault != DISK_FINE)
		world.disk_had_trouble = true;
}

/* --- what is on it --- */

/* The first column of the first row; `text` is bound. -1: there is no such file or row. */
static int64_t query(const char *sql, const char *text, const char *more)
{
	sqlite3_stmt *statement = NULL;
	sqlite3 *db = NULL;
	int64_t value = -1;
	char path[128];

	snprintf(path, sizeof(path), "%s/ledger.db", ledger_dir);
	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, real_vfs->zName) == SQLITE_OK &&
	    sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK) {
		if (text)
			sqlite3_bind_blob(statement, 1, text, (int)strlen(text), SQLITE_STATIC);
		if (more)
			sqlite3_bind_text(statement, 2, more, -1, SQLITE_STATIC);
		if (sqlite3_step(statement) == SQLITE_ROW)
			value = sqlite3_column_int64(statement, 0);
	}
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return value;
}

bool ledger_is_whole(void)
{
	const struct store *store = world.engine->store;

	return store && store->writable && !store->lost && world.disk == DISK_FINE;
}

bool ledger_was_read(void)
{
	const struct store *store = world.engine->store;

	return store && store->db && !store->unrestored;
}

static bool is_in_ring(const char *target, const char *step)
{
	struct ring *ring = &world.engine->store->ring;

	for (size_t i = 0; i < ring->count; i++) {
		const struct ring_entry *entry = ring_at(ring, i);

		if (entry->kind == RING_INTENT && strcmp(entry->intent.target, target) == 0 &&
		    strcmp(step_name(entry->intent.step), step) == 0)
			return true;
	}
	return false;
}

void ledger_must_intend(const char *target, const char *step)
{
	static const char open_intents[] =
		"SELECT count(*) FROM attempts WHERE outcome IS NULL AND target = ? AND step = ?";

	if (query(open_intents, target, step) > 0)
		world_note(KIND_INTENT_IN_FILE, 0);
	else if (is_in_ring(target, step))
		world_note(KIND_INTENT_IN_MEMORY, 0);
	else if (world.engine->store->set_asides == 0)
		world_violated("%s of %s is asked for, and nothing intends it", step, target);
}

int64_t ledger_last_attempt(void)
{
	return query("SELECT max(id) FROM attempts", NULL, NULL);
}

void ledger_must_be_reconciled(void)
{
	char sql[128];
	int64_t open;

	/* What was under way in another namespace its table says; and what the engine has just heard it does next. */
	if (world.reconcile <= 0 || !world.engine->ready || !ledger_is_whole() ||
	    namespaces_are_busy(world.engine->namespaces) || engine_next_turn(world.engine) <= world.now.mono)
		return;
	snprintf(sql, sizeof(sql), "SELECT count(*) FROM attempts WHERE outcome IS NULL AND id <= %lld",
		 (long long)world.reconcile);
	open = query(sql, NULL, NULL);
	if (open > 0)
		world_violated("%lld attempts of an earlier start have no outcome", (long long)open);
	if (query("SELECT count(*) FROM attempts WHERE detail LIKE 'reconciled%'", NULL, NULL) > 0)
		world_note(KIND_RECONCILED, 0);
	world.reconcile = 0;
}

void ledger_must_tell(void)
{
	int64_t open, reaped;

	/* What is locked is tried for ever, and may be under way. */
	for (int i = 0; i < 20 && world.engine->batches_in_flight > 0; i++)
		world_turn(false);
	/* What it heard in its last turn it writes down in the next. */
	world_poll();
	open = query("SELECT count(*) FROM attempts WHERE outcome IS NULL", NULL, NULL);
	reaped = query("SELECT count(*) FROM events WHERE type = 'reaped'", NULL, NULL);
	if (!ledger_is_whole())
		world_violated("the disk is well again, and the ledger is not: %s", store_problem(world.engine->store));
	else if (open != 0)
		world_violated("%lld attempts have no outcome", (long long)open);
	else if (!world.disk_had_trouble && reaped != (int64_t)world.told_reaped)
		world_violated("the ledger has %lld mounts reaped, the followers heard of %llu", (long long)reaped,
			       (unsigned long long)world.told_reaped);
}
