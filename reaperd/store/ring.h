/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the ledger's file does not have yet: the journal rows, attempts, settings and closings of the turn that is not
 * committed, or, while the file takes nothing, of all turns since. Bounded: the oldest goes first, and is counted.
 * Entries own copies of everything.
 */
#ifndef REAPERD_STORE_RING_H
#define REAPERD_STORE_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/store.h"

#define RING_SIZE 4096

enum ring_kind {
	RING_EVENT,
	RING_INTENT,
	RING_OUTCOME,
	RING_SETTING,
	RING_CLOSING,
	RING_ROOT_CLOSING,
};

struct ring_intent {
	uint64_t namespace; /* inode; 0: our own. Rows are another file's, should this one be set aside */
	int64_t attempt;
	uint64_t mount_id;
	int64_t mount_row, action_row;
	const char *root, *action, *target;
	uint32_t generation;
	enum step step;
	enum evidence because;
	int64_t time;
};

struct ring_outcome {
	int64_t attempt;
	enum outcome outcome;
	int32_t error;
	const char *detail;
	int64_t time;
};

struct ring_setting {
	const char *key;
	const char *value; /* NULL: removed */
};

/* A row that is written for the last time: nobody will save it again. */
struct ring_closing {
	bool of_mount; /* else of an action */
	int64_t row;
	const char *state; /* a word, not copied */
	int64_t time;
	const char *by;
};

/* All that is open below a root. */
struct ring_root_closing {
	const char *path;
	int64_t time;
};

struct ring_entry {
	enum ring_kind kind;
	union {
		struct store_event event;
		struct ring_intent intent;
		struct ring_outcome outcome;
		struct ring_setting setting;
		struct ring_closing closing;
		struct ring_root_closing root_closing;
	};
	char bytes[]; /* of all its strings */
};

struct ring {
	struct ring_entry *slots[RING_SIZE];
	size_t first;
	size_t count;
	uint64_t dropped;
};

/* The entry as it was taken, or NULL when out of memory (then it is counted as dropped). */
const struct ring_entry *ring_push(struct ring *ring, const struct ring_entry *entry);
struct ring_entry *ring_at(struct ring *ring, size_t index); /* 0: the oldest */
bool ring_has_closing(struct ring *ring, bool of_mount, int64_t row);
void ring_clear(struct ring *ring);

/* Says on stderr what the ledger does not have: one line an entry, but none for a closing, which events tell. */
void ring_entry_log(const struct ring_entry *entry);

#endif
