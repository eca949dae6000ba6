/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What --db reads: a ledger, without a daemon, in the same JSON shapes. Nothing here writes.
 */
#ifndef REAPERD_CLI_LEDGER_H
#define REAPERD_CLI_LEDGER_H

#include "cli.h"
#include "reference.h"
#include "store/store.h"

static inline void cleanup_store(struct store **store)
{
	if (*store)
		store_close(*store);
}
#define CLEANUP_STORE CLEANUP(cleanup_store)

/* Opens cli->db: CLI_DONE, or another enum cli_status with a message. */
int ledger_open(const struct cli *cli, struct store **ret);

/*
 * The same, and reads `reference` as the daemon does: where the ledger has no such generation of that name (below
 * `root`; NULL: any), it becomes a name that ends so.
 */
int ledger_open_about(const struct cli *cli, const char *root, struct action_reference *reference, struct store **ret);
int ledger_open_path(const char *path, struct store **ret);

/*
 * The end of the millisecond that `time` lies in (0 stays 0): times are shown in milliseconds, and a span has all of
 * its last one.
 */
int64_t ledger_span_end(int64_t time);

/* Arrays of objects; each CLI_DONE with *ret, or CLI_UNSURE with a message. */
int ledger_actions(struct store *store, const struct store_filter *filter, json_t **ret);
int ledger_mounts(struct store *store, const struct store_filter *filter, json_t **ret);
int ledger_attempts(struct store *store, const struct store_filter *filter, json_t **ret);

/* Gives each event as it is read. */
typedef void ledger_event_function(void *context, const json_t *event);
int ledger_events(struct store *store, const struct store_filter *filter, ledger_event_function *function,
		  void *context);

#endif
