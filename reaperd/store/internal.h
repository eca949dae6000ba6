/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the files of the store share. From below: binding.c, statements.c, ring.c and root_rows.c know no store;
 * numbers.c numbers rows; file.c opens and sets aside; transaction.c writes, and says where that fails; boot.c, save.c
 * and journal.c say what is written; restore.c, read.c and retain.c are called from outside alone. store.c keeps the
 * state on top of them.
 */
#ifndef REAPERD_STORE_INTERNAL_H
#define REAPERD_STORE_INTERNAL_H

#include <sqlite3.h>

#include "store/binding.h"
#include "store/ring.h"
#include "store/root_rows.h"
#include "store/statements.h"
#include "store/store.h"

#define PROBLEM_SIZE 8448 /* two paths and a sentence */

/* Tables whose rows are numbered here, so that numbers go on while the file takes nothing. */
enum number {
	NUMBER_EVENT,
	NUMBER_ACTION,
	NUMBER_MOUNT,
	NUMBER_ATTEMPT,
	NUMBER_COUNT,
};

struct store {
	char *path;
	sqlite3 *db; /* NULL: not open */
	sqlite3_stmt *statements[STATEMENT_COUNT];
	bool readonly;
	bool writable; /* the file takes rows */
	bool in_transaction;
	bool recovering;
	bool corrupt_seen; /* by a reading statement; store_commit() acts */
	bool lost;	   /* rows that were saved are not in the file */
	bool unrestored;   /* rows that an earlier start left open are in the file, and not in the model */
	bool others_open;  /* rows that an earlier start left open in other mount namespaces may be in the file */
	char problem[PROBLEM_SIZE]; /* why it is not writable */
	char history[PROBLEM_SIZE]; /* what happened to the history; stays until the next start */
	unsigned set_asides;
	int64_t retry_mono;
	int64_t data_version;
	int64_t last[NUMBER_COUNT];
	int64_t guessed[NUMBER_COUNT]; /* numbers from this one on were given without knowing the file's; 0: none */
	int64_t first_attempt;	       /* of this start; 0: none yet */
	int64_t attempts_moved;	       /* those whose number was guessed have one that is so much higher */
	int64_t owners_looked;	       /* up to this row, whether anything names them */
	struct ring ring;
	struct root_row *roots;
	char boot_id[64];
	uint64_t mnt_namespace;
	struct now begun;
	int64_t boot_row, namespace_row; /* 0: not begun */
	/* store.c's: a statement failed with `rc`, and the turn was rolled back. */
	void (*on_failure)(struct store *store, int rc, bool was_writable, const char *was_problem);
};

/* The statement, with its parameters to be bound. */
static inline struct binding store_bind(const struct store *store, enum statement statement)
{
	return (struct binding){ store->statements[statement], 0 };
}

/* ---- numbers.c ---- */

int64_t store_next_number(struct store *store, enum number number);
/* The file's numbers are not known: these go on from the clock. */
void store_guess_numbers(struct store *store);
/*
 * An SQLite code. Raises the numbers to the highest that the file has given; those that were guessed too low give way,
 * in the ring and for store_add_outcome().
 */
int store_read_numbers(struct store *store);

/* ---- file.c ---- */

/*
 * Opens, migrates and prepares: 0, or -errno with a sentence in store->problem. A corrupt file is set aside and a fresh
 * one made.
 */
int store_file_open(struct store *store);
void store_file_close(struct store *store);
/* Closes without a checkpoint and without touching anything by name: the names may lead to files that are not ours. */
void store_file_leave(struct store *store);
/* Renames the (closed) file with its companions and says so in store->history: 0 or -errno. */
int store_file_set_aside(struct store *store, const char *cause);
/* True where the path no longer leads to the open file. */
bool store_file_is_gone(struct store *store);
void store_say(struct store *store, int rc); /* the sentence for an SQLite error, into store->problem */
static inline bool store_rc_is_corrupt(int rc)
{
	return (rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB;
}

/*
 * A configured connection's judgement: 0, -EEXIST (another program's), -EPROTO (newer), -EUCLEAN or -EIO, with a
 * sentence in ->problem.
 */
int store_file_judge(struct store *store);
int store_file_prepare(struct store *store);	 /* an SQLite code */
bool store_file_is_current(struct store *store); /* its version is this program's */

/* ---- transaction.c ---- */

/* Begins the turn's transaction if need be: 0, or -EIO where the store cannot write. */
int store_begin(struct store *store);
/*
 * Runs a bound statement that gives no row, or one whose first column goes to *ret_id (may be NULL): 0, -EIO, or
 * -EINVAL for a refused row.
 */
int store_run(struct store *store, enum statement statement, int64_t *ret_id);
/*
 * Everything since the last commit is rolled back; the store is degraded, or begins a new file where this one is
 * corrupt.
 */
void store_fail(struct store *store, int rc);
/* After an error of a reading statement, which it resets: -EUCLEAN, -EBUSY or -EIO. */
int store_fail_read(struct store *store, sqlite3_stmt *statement, int rc);
/* Commits the transaction that is open, and empties the ring: 0 or -EIO. */
int store_end(struct store *store);

/* ---- boot.c, save.c, journal.c: with a transaction begun ---- */

int store_write_boot(struct store *store);
/* Of a mount namespace of this boot that is watched; a new row where there is none. */
int store_namespace_row(struct store *store, uint64_t inode, int64_t *ret_row);
/* What could not be restored: whatever of it is still there is saved anew, with a row of its own. */
int store_close_unrestored(struct store *store);
int store_root_row(struct store *store, const char *path, const char *mode_or_null, int64_t *ret_row);
int store_write_entry(struct store *store, const struct ring_entry *entry);

/* ---- store.c ---- */

struct store *store_new(const char *path); /* not open; NULL when out of memory */

#endif
