/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ledger: a record of boots, roots, actions, mounts and an append-only journal, in SQLite. A record, not the truth:
 * whatever becomes of the file, callers go on. A store that cannot write is `degraded`: events and attempts go to a
 * bounded ring in memory and to stderr, and into the file when it takes them again.
 *
 * Writing is collected: the first write of a turn begins a transaction, store_commit() ends it. A file that is corrupt
 * is set aside under another
 * name (…​.corrupt-TIME), one that is newer than this program is left alone; in both cases the store says so and
 * does not overwrite.
 *
 * All SQL is in schema/ and in store/statements.c. Paths and names are BLOBs of bytes; times are INTEGER nanoseconds
 * since 1970.
 */
#ifndef REAPERD_STORE_STORE_H
#define REAPERD_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/words.h"
#include "model/model.h"

struct store;

enum store_state {
	STORE_OK,	/* "ok" */
	STORE_DEGRADED, /* "degraded": store_problem() says why */
};

/*
 * Opens or makes the ledger for writing. Always gives a store (NULL only when out of memory): one that cannot be used
 * is degraded.
 */
struct store *store_open(const char *path);
/*
 * Opens an existing ledger for reading only (reaperctl --db): 0, -ENOENT, -EUCLEAN (no ledger of ours, or corrupt),
 * -EPROTO (of another version), -errno.
 */
int store_open_readonly(const char *path, struct store **ret);
void store_close(struct store *store); /* commits */

enum store_state store_state(const struct store *store);
/*
 * A sentence; "" where all is well. A corrupt file that was set aside, or one that vanished, is said until the next
 * start, though the ledger that took its place works: its history is gone.
 */
const char *store_problem(const struct store *store);
const char *store_path(const struct store *store);
int64_t store_bytes(const struct store *store); /* of the file with its WAL */
bool store_is_open(const struct store *store);	/* what is in the file can be asked for, as far as it can be read */

/*
 * Ends the turn. 0, or -EIO where the store is or became degraded. While it is, tries every 10 s to have the file
 * again, and writes back the ring.
 */
int store_commit(struct store *store);
/* The next store_commit() tries at once. */
void store_retry(struct store *store);
/*
 * True once after rows that were saved got lost (a turn rolled back, a file begun anew) or could not be saved for a
 * while: the caller then marks all roots, actions and mounts dirty and saves them again. To be asked after each
 * store_commit().
 */
bool store_take_lost(struct store *store);

/*
 * Names this start: the boot (its id from /proc/sys/kernel/random/boot_id) and the mount namespace (its inode). Closes
 * everything that earlier boots left open, as detached, "another boot". 0 or -EIO. A store opened for reading only
 * writes nothing here: it looks the boot and namespace up, so that store_restore() can be asked afterwards (`reaperctl
 * audit`); -ENOENT where the ledger does not know them.
 */
int store_begin_boot(struct store *store, const char *boot_id, uint64_t mnt_namespace, struct now now);

int store_save_root(struct store *store, struct root *root);	   /* sets row */
int store_save_action(struct store *store, struct action *action); /* inserts (sets row) or updates; clears dirty */
/*
 * Likewise; what is not dirty of a mount with a row is taken to be in it. `detached_by`: NULL, or who took it: "kernel",
 * "reaperd", "not watching", "pid 123 (umount)".
 */
int store_save_mount(struct store *store, struct mount *mount, const char *detached_by);

/* What is open below a root that is not configured any more: nobody would close it when it goes. */
void store_close_root(struct store *store, const char *path, struct now now);

struct store_event {
	int64_t seq;  /* set when it is written */
	int64_t time; /* ns since 1970 */
	enum event_type type;
	uint64_t mount_id;   /* 0: none */
	int64_t action_row;  /* 0: none */
	int64_t mount_row;   /* 0: none */
	const char *root;    /* path; each of these NULL where it does not apply */
	const char *action;  /* name */
	uint32_t generation; /* 0: none */
	const char *target;
	int32_t pid; /* 0: none */
	const char *comm;
	const char *detail; /* JSON object as text, or NULL */
};
/*
 * Appends to the journal and sets event->seq, which goes on in memory while degraded. Where the file could not be read
 * since the start, that is a guess, from the clock; the row gets a higher one should the file have more.
 */
void store_add_event(struct store *store, struct store_event *event);

/*
 * Intent before a step on a mount of the root at that path; call store_commit() before the step is asked for. Returns what store_add_outcome() takes: the
 * attempt's row, which while degraded is in the ring, or less than 0 where that number is a guess.
 */
int64_t store_add_intent(struct store *store, const struct mount *mount, const char *root, enum step step,
			 enum evidence because, struct now now);
void store_add_outcome(struct store *store, int64_t attempt, enum outcome outcome, int32_t error, const char *detail,
		       struct now now);

/*
 * Attempts without an outcome, of any earlier start of this boot (this one's are under way), in whichever mount
 * namespace: the engine reconciles them against the kernel. The function may call store_add_outcome().
 */
struct store_intent {
	int64_t attempt;
	uint64_t mount_id;
	uint64_t namespace; /* inode */
};
typedef int store_intent_function(void *context, const struct store_intent *intent);
int store_each_open_intent(struct store *store, store_intent_function *function, void *context);

/*
 * Restores actions and mounts that were open in this boot and namespace into the model, before its first scan, and
 * closes those of roots that the model does not have. 0 or -errno: then all that an earlier start left open is closed,
 * as soon as it can be written.
 */
int store_restore(struct store *store, struct model *model, struct now now);

/* The last generation of a name in use below a root (a model_generation_function with the store as context). */
uint32_t store_last_generation(void *store, const struct root *root, const char *name);

/*
 * Small steps of retention: removes at most a few hundred old journal rows, attempts, mounts and actions that are over.
 * Returns how many went.
 */
int store_retain(struct store *store, int64_t keep_ns, int64_t keep_bytes, struct now now);

/* Settings that outlive a start: pause. `value` NULL removes. */
int store_set(struct store *store, const char *key, const char *value);
char *store_get(struct store *store, const char *key); /* NULL: none; caller frees */

/* ---- reading ---- */

struct store_filter {
	int64_t after_seq;    /* events: only later ones; 0: from the beginning */
	int64_t since, until; /* ns since 1970; 0: open */
	const char *root;
	const char *action;
	uint32_t generation; /* 0: any */
	int type;	     /* enum event_type, or -1 */
	bool all;	     /* actions, mounts: past ones too */
	int64_t at;	     /* mounts: as it stood then; 0: now */
	int limit;	     /* 0: none. Events: with a limit and no after_seq or since, the last so many */
	const char *target;  /* mounts, events: this mount point */
	uint64_t mount_id;   /* 0: any */
	/*
	 * actions, mounts: in the order of their rows, only those after after_row; with a limit, a list in pieces
	 */
	bool by_row;
	int64_t after_row;
};

struct store_action_row {
	int64_t row;
	const char *root, *name, *path;
	uint32_t generation;
	const char *state;
	const char *evidence; /* JSON array as stored, [{"kind","since"}] */
	int64_t mounts;
	const char *owner_kind, *comm, *cgroup, *container;
	int32_t pid;
	int64_t uid;
	bool lease;
	int64_t first_seen, ended;
};
/* Who attached a mount. pid 0: not known. What is below it is known only where `attested`. */
struct store_attacher {
	int32_t pid;
	bool attested;
	int64_t uid;
	const char *comm, *cgroup, *container;
};
struct store_mount_row {
	int64_t row;
	uint64_t id, parent;
	uint64_t namespace;
	const char *root, *action;
	uint32_t generation;
	const char *target, *fstype, *source, *options, *state;
	int64_t attached, detached;
	struct store_attacher attached_by;
	const char *detached_by;
};
struct store_attempt_row {
	int64_t row;
	uint64_t mount_id;
	const char *root, *action, *target, *step, *evidence, *outcome, *detail;
	uint32_t generation;
	int32_t error;
	int64_t intended, finished;
};
/*
 * Rows in order: events by seq, attempts by row (with a limit the last so many), others by root, name, generation,
 * target. The row is good during the call, which must not call the store; non-zero stops and is returned. Otherwise 0,
 * -EUCLEAN (corrupt), -EBUSY or -EIO.
 */
typedef int store_event_function(void *context, const struct store_event *event);
typedef int store_action_function(void *context, const struct store_action_row *row);
typedef int store_mount_function(void *context, const struct store_mount_row *row);
typedef int store_attempt_function(void *context, const struct store_attempt_row *row);
int store_events(struct store *store, const struct store_filter *filter, store_event_function *function, void *context);
int store_actions(struct store *store, const struct store_filter *filter, store_action_function *function,
		  void *context);
int store_mounts(struct store *store, const struct store_filter *filter, store_mount_function *function, void *context);
int store_attempts(struct store *store, const struct store_filter *filter, store_attempt_function *function,
		   void *context);
int64_t store_last_seq(struct store *store);

/* PRAGMA integrity_check and foreign_key_check, and ours: 0, or -EUCLEAN with the first problem in `why`. */
int store_check(struct store *store, char *why, size_t size);

#endif
