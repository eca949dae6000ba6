/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "store/schema.h"

#define APPLICATION_ID	0x52656170
#define BUSY_TIMEOUT_MS 250
#define WAL_LIMIT	(16 << 20)
#define SET_ASIDES_MAX	3

/* The first bytes of every SQLite file: https://www.sqlite.org/fileformat.html, section 1.3. */
#define HEADER_SIZE	      100
#define HEADER_USER_VERSION   60
#define HEADER_APPLICATION_ID 68

#define OTHER_PLACE "move it away, or give another state-dir"

static int schema_version(void)
{
	int version = 0;

	for (const struct schema_migration *migration = schema_migrations; migration->sql; migration++)
		version = migration->version;
	return version;
}

void store_say(struct store *store, int rc)
{
	int cause = store->db ? sqlite3_system_errno(store->db) : 0;
	const char *what = sqlite3_errstr(rc), *advice = "see the message";
	char because[128] = "";

	switch (rc & 0xff) {
	case SQLITE_FULL:
		advice = "make room on its filesystem; the ledger goes on by itself";
		break;
	case SQLITE_READONLY:
	case SQLITE_PERM:
		advice = "make it and its directory writable for the user that the engine runs as";
		break;
	case SQLITE_CANTOPEN:
		advice =
			"its directory must exist and be writable for the user that the engine runs as, its filesystem not "
			"read-only";
		break;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		advice = "another process holds it locked for writing: end that";
		break;
	case SQLITE_IOERR:
		advice = "look at its disk and at the kernel's messages";
		break;
	default:
		break;
	}
	if (cause)
		snprintf(because, sizeof(because), " (%s)", strerror(cause));
	snprintf(store->problem, sizeof(store->problem), "cannot write the ledger %s: %s%s; %s", store->path, what,
		 because, advice);
}

static uint32_t big_endian(const unsigned char *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static int judge_version(struct store *store, uint32_t application_id, uint32_t version)
{
	if (application_id != APPLICATION_ID) {
		snprintf(store->problem, sizeof(store->problem),
			 "%s is a database of another program (application_id 0x%08x) and is left alone; " OTHER_PLACE,
			 store->path, application_id);
		return -EEXIST;
	}
	if (version > (uint32_t)schema_version()) {
		snprintf(
			store->problem, sizeof(store->problem),
			"the ledger %s was made by a newer reaperd (version %u, this one knows %d) and is left alone; run that one, %s",
			store->path, version, schema_version(), OTHER_PLACE);
		return -EPROTO;
	}
	return 0;
}

/*
 * Looks at the file before SQLite does, for SQLite may write to whatever it opens (recovery, checkpoint): a file that
 * is not ours or is newer must not change by a byte. 0: may be opened, -EUCLEAN: no database, others: with a sentence.
 */
static int look_before(struct store *store)
{
	CLEANUP_CLOSE int fd = open(store->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	unsigned char header[HEADER_SIZE];
	struct stat st;
	ssize_t length;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0) {
		int error = errno;

		snprintf(store->problem, sizeof(store->problem), "cannot read the ledger %s: %s; %s", store->path,
			 strerror(error), "make it readable for the user that the engine runs as");
		return -error;
	}
	if (!S_ISREG(st.st_mode)) {
		snprintf(store->problem, sizeof(store->problem),
			 "the ledger %s is not a regular file and is left alone; " OTHER_PLACE, store->path);
		return -EEXIST;
	}
	length = pread(fd, header, sizeof(header), 0);
	if (length == 0)
		return 0;
	if (length < HEADER_SIZE || memcmp(header, "SQLite format 3", 16) != 0)
		return -EUCLEAN;
	return judge_version(store, big_endian(header + HEADER_APPLICATION_ID),
			     big_endian(header + HEADER_USER_VERSION));
}

static int query_integer(sqlite3 *db, const char *sql, int64_t *ret)
{
	sqlite3_stmt *statement = NULL;
	int rc = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(statement);
	if (rc == SQLITE_ROW) {
		*ret = sqlite3_column_int64(statement, 0);
		rc = SQLITE_OK;
	} else if (rc == SQLITE_DONE) {
		*ret = 0;
		rc = SQLITE_OK;
	}
	sqlite3_finalize(statement);
	return rc;
}

static int migrate_one(sqlite3 *db, const struct schema_migration *migration)
{
	char version[64];
	int rc = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);

	if (rc != SQLITE_OK)
		return rc;
	snprintf(version, sizeof(version), "PRAGMA user_version = %d", migration->version);
	rc = sqlite3_exec(db, migration->sql, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db, version, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
	if (rc != SQLITE_OK) {
		log_error("migration %s: %s", migration->name, sqlite3_errmsg(db));
		sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	}
	return rc;
}

static int migrate(sqlite3 *db)
{
	int64_t version;
	int rc = query_integer(db, "PRAGMA user_version", &version);

	for (const struct schema_migration *migration = schema_migrations; rc == SQLITE_OK && migration->sql;
	     migration++)
		if (migration->version > version)
			rc = migrate_one(db, migration);
	return rc;
}

/*
 * WAL only after the first migrations: in rollback mode these reach the file itself, so that from its first moment on
 * its header says whose it is. auto_vacuum must be set before the first table.
 */
static int set_up(sqlite3 *db)
{
	int64_t tables;
	int rc = query_integer(db, "SELECT count(*) FROM sqlite_schema", &tables);

	if (rc == SQLITE_OK && tables == 0)
		rc = sqlite3_exec(db, "PRAGMA auto_vacuum = INCREMENTAL", NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = migrate(db);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db,
				  "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON",
				  NULL, NULL, NULL);
	return rc;
}

static void configure(sqlite3 *db)
{
	char limit[64];

	snprintf(limit, sizeof(limit), "PRAGMA journal_size_limit = %d", WAL_LIMIT);
	sqlite3_extended_result_codes(db, 1);
	sqlite3_busy_timeout(db, BUSY_TIMEOUT_MS);
	sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_exec(db, limit, NULL, NULL, NULL);
	/* No temporary files: the engine's sandbox need not know where SQLite would put them. */
	sqlite3_exec(db, "PRAGMA temp_store = MEMORY", NULL, NULL, NULL);
}

/* A ledger whose tables are not those that its version promises is as good as corrupt. */
int store_file_prepare(struct store *store)
{
	for (int i = 0; i < STATEMENT_COUNT; i++) {
		int rc = sqlite3_prepare_v3(store->db, statement_sql[i], -1, SQLITE_PREPARE_PERSISTENT,
					    &store->statements[i], NULL);

		if (rc == SQLITE_ERROR) {
			log_error("ledger %s: %s", store->path, sqlite3_errmsg(store->db));
			return SQLITE_CORRUPT;
		}
		if (rc != SQLITE_OK)
			return rc;
	}
	return SQLITE_OK;
}

void store_file_close(struct store *store)
{
	for (int i = 0; i < STATEMENT_COUNT; i++) {
		sqlite3_finalize(store->statements[i]);
		store->statements[i] = NULL;
	}
	sqlite3_close(store->db);
	store->db = NULL;
	store->in_transaction = false;
}

void store_file_leave(struct store *store)
{
	int keep = 1;

	if (!store->db)
		return;
	sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_file_control(store->db, "main", SQLITE_FCNTL_PERSIST_WAL, &keep);
	store_file_close(store);
}

bool store_file_is_gone(struct store *store)
{
	int moved = 0;

	return sqlite3_file_control(store->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && moved;
}

static int rename_with_companions(const char *path, const char *to)
{
	static const char *const companions[] = { "-wal", "-shm", "-journal" };
	char from[PATH_MAX], aside[PATH_MAX];

	if (rename(path, to) < 0)
		return -errno;
	for (size_t i = 0; i < ARRAY_SIZE(companions); i++) {
		snprintf(from, sizeof(from), "%s%s", path, companions[i]);
		snprintf(aside, sizeof(aside), "%s%s", to, companions[i]);
		/* A WAL that stayed would be read as the fresh file's. */
		if (rename(from, aside) < 0 && errno != ENOENT && unlink(from) < 0)
			return -errno;
	}
	return 0;
}

/* A name that nothing has yet: what was set aside is never overwritten. */
static int name_aside(const char *path, char *name, size_t size)
{
	time_t seconds = clock_now().real / NSEC_PER_SEC;
	char stamp[32];
	struct tm tm;
	struct stat st;

	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%S", gmtime_r(&seconds, &tm));
	for (int i = 1; i < 100; i++) {
		int length = i == 1 ? snprintf(name, size, "%s.corrupt-%s", path, stamp) :
				      snprintf(name, size, "%s.corrupt-%s.%d", path, stamp, i);

		if (length < 0 || (size_t)length + sizeof("-journal") > size)
			return -ENAMETOOLONG;
		if (lstat(name, &st) < 0 && errno == ENOENT)
			return 0;
	}
	return -EEXIST;
}

int store_file_set_aside(struct store *store, const char *cause)
{
	char aside[PATH_MAX];
	int r;

	store_file_leave(store);
	store_guess_numbers(store);
	/* A disk that spoils each new file must not be filled with them. */
	r = store->set_asides++ < SET_ASIDES_MAX ? name_aside(store->path, aside, sizeof(aside)) : -EUCLEAN;
	if (r == 0)
		r = rename_with_companions(store->path, aside);
	if (r < 0)
		snprintf(store->problem, sizeof(store->problem),
			 "the ledger %s is corrupt (%s) and could not be set aside: %s; " OTHER_PLACE, store->path,
			 cause, strerror(-r));
	else
		snprintf(
			store->history, sizeof(store->history),
			"the ledger was corrupt (%s) and was set aside as %s, a new one was begun; earlier history is in that file only",
			cause, aside);
	if (r == 0)
		log_warning("%s", store->history);
	return r;
}

/* 0, or -errno with a sentence. By SQL what look_before() read from the header: a WAL may hold a newer one. */
int store_file_judge(struct store *store)
{
	int64_t tables = 0, application_id = 0, version = 0;
	int rc = query_integer(store->db, "SELECT count(*) FROM sqlite_schema", &tables);

	if (rc == SQLITE_OK)
		rc = query_integer(store->db, "PRAGMA application_id", &application_id);
	if (rc == SQLITE_OK)
		rc = query_integer(store->db, "PRAGMA user_version", &version);
	if (rc != SQLITE_OK) {
		store_say(store, rc);
		return store_rc_is_corrupt(rc) ? -EUCLEAN : -EIO;
	}
	return tables == 0 ? 0 : judge_version(store, (uint32_t)application_id, (uint32_t)version);
}

bool store_file_is_current(struct store *store)
{
	int64_t version = 0;

	return query_integer(store->db, "PRAGMA user_version", &version) == SQLITE_OK && version == schema_version();
}

static int make_ready(struct store *store)
{
	int rc = set_up(store->db);

	if (rc == SQLITE_OK)
		rc = store_file_prepare(store);
	if (rc == SQLITE_OK)
		rc = store_read_numbers(store);
	if (rc == SQLITE_OK)
		rc = query_integer(store->db, statement_sql[STATEMENT_DATA_VERSION], &store->data_version);
	if (rc == SQLITE_OK)
		return 0;
	store_say(store, rc);
	return store_rc_is_corrupt(rc) ? -EUCLEAN : -EIO;
}

static int open_once(struct store *store)
{
	int r = look_before(store), rc;

	if (r < 0)
		return r;
	rc = sqlite3_open_v2(store->path, &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
			     NULL);
	if (rc != SQLITE_OK) {
		store_say(store, rc);
		store_file_close(store);
		return rc == SQLITE_NOMEM ? -ENOMEM : -EIO;
	}
	configure(store->db);
	r = store_file_judge(store);
	if (r == 0)
		r = make_ready(store);
	if (r < 0) {
		store_file_leave(store);
		return r;
	}
	if (sqlite3_db_readonly(store->db, "main")) {
		store_say(store, SQLITE_READONLY);
		return -EROFS;
	}
	return 0;
}

int store_file_open(struct store *store)
{
	int r = open_once(store);

	if (r == -EUCLEAN) {
		r = store_file_set_aside(store, "at its opening");
		if (r == 0)
			r = open_once(store);
	}
	if (r < 0)
		store_guess_numbers(store);
	else
		store->problem[0] = '\0';
	return r;
}
