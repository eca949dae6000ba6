/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/internal.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

/* With every byte but letters, digits and slashes as %XX. NULL when out of memory. */
static char *immutable_uri(const char *path)
{
	static const char ending[] = "?immutable=1";
	char *uri = malloc(sizeof("file:") + strlen(path) * 3 + sizeof(ending)), *at;

	if (!uri)
		return NULL;
	at = stpcpy(uri, "file:");
	for (; *path; path++) {
		unsigned char c = (unsigned char)*path;

		if (c == '/' || isalnum(c))
			*at++ = (char)c;
		else
			at += sprintf(at, "%%%02X", c);
	}
	memcpy(at, ending, sizeof(ending));
	return uri;
}

static bool has_wal(const char *path)
{
	CLEANUP_FREE char *wal = NULL;
	struct stat st;

	if (asprintf(&wal, "%s-wal", path) < 0) {
		wal = NULL;
		return true;
	}
	return stat(wal, &st) == 0 && st.st_size > 0;
}

static int try_open(struct store *store, const char *name, int flags)
{
	int rc = sqlite3_open_v2(name, &store->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | flags, NULL);
	int r;

	if (rc != SQLITE_OK)
		return rc == SQLITE_NOMEM ? -ENOMEM : -EIO;
	sqlite3_busy_timeout(store->db, 1000);
	sqlite3_exec(store->db, "PRAGMA temp_store = MEMORY", NULL, NULL, NULL);
	r = store_file_judge(store);
	if (r < 0)
		return r == -EEXIST ? -EUCLEAN : r;
	return store_file_is_current(store) ? 0 : -EPROTO;
}

/*
 * A ledger in WAL mode cannot be read without its shared memory, which a reader that may not write in the directory
 * cannot make: where there is no WAL, so no writer either, the file is read as it is.
 */
static int open_any_way(struct store *store)
{
	CLEANUP_FREE char *uri = NULL;
	int r = try_open(store, store->path, 0);

	if (r != -EIO || has_wal(store->path))
		return r;
	store_file_leave(store);
	uri = immutable_uri(store->path);
	return uri ? try_open(store, uri, SQLITE_OPEN_URI) : -ENOMEM;
}

static int finish_open(struct store *store)
{
	int rc = store_file_prepare(store);

	if (rc == SQLITE_OK)
		rc = store_read_numbers(store);
	if (rc == SQLITE_OK)
		return 0;
	return store_rc_is_corrupt(rc) ? -EUCLEAN : -EIO;
}

int store_open_readonly(const char *path, struct store **ret)
{
	struct store *store;
	struct stat st;
	int r;

	if (access(path, R_OK) < 0 || stat(path, &st) < 0)
		return -errno;
	/* SQLite would wait for whoever writes into a pipe. */
	if (!S_ISREG(st.st_mode))
		return -EMEDIUMTYPE;
	store = store_new(path);
	if (!store)
		return -ENOMEM;
	store->readonly = true;
	r = open_any_way(store);
	if (r == 0)
		r = finish_open(store);
	if (r < 0) {
		store_close(store);
		return r;
	}
	*ret = store;
	return 0;
}
