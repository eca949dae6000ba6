/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The journal: what happened goes into the ledger, is counted, and told to those who follow. With it, the forms of
 * what is written most: evidence that came or went, and details.
 */
#ifndef REAPERD_ENGINE_JOURNAL_H
#define REAPERD_ENGINE_JOURNAL_H

#include "engine/state.h"

struct journal_follower;

struct journal {
	struct journal_follower *followers;
};

struct journal_event {
	enum event_type type;
	const struct mount *mount; /* each NULL where it does not apply; root, action and target follow from it */
	const struct action *action;
	const struct root *root;
	int32_t pid;
	const char *comm;
	const char *detail; /* JSON object as text */
};
void journal_write(struct engine *engine, const struct journal_event *event);

/*
 * The same where what it is about is no longer in the model: the caller fills in what it knows. Time and seq are set
 * here.
 */
void journal_write_row(struct engine *engine, struct store_event *row);

/* That evidence came or went; `because` may be NULL. */
void journal_evidence(struct engine *engine, const struct action *action, enum evidence evidence, bool holds,
		      const char *because);
/* What came or went of a mount's own evidence since the last call. */
void journal_mount_evidence(struct engine *engine, struct mount *mount);

/*
 * A detail of one member, {"key":"value"}, with the value escaped for JSON (bytes that are not UTF-8 as \xNN text).
 * NULL when out of memory or value is NULL. Caller frees.
 */
char *journal_detail(const char *key, const char *value);

/* Followers: called for each event as it is journalled, until removed. */
typedef void journal_function(void *context, const struct store_event *event);
/* NULL when out of memory. */
struct journal_follower *journal_follow(struct engine *engine, journal_function *function, void *context);
void journal_unfollow(struct engine *engine, struct journal_follower *follower);

#endif
