/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * `reap --wait`: follows the journal, and asks for the actions again when something happened, until none of those that
 * were asked for is left, or what is left cannot go, or the time is over.
 */
#ifndef REAPERD_CLI_REAP_WAIT_H
#define REAPERD_CLI_REAP_WAIT_H

#include "client.h"

/* Before the reap, so that no event of it is missed. */
int reap_wait_prepare(const struct cli *cli, struct client **ret_watcher);

/* How many of the items are held up by what no waiting changes: the configuration, or the machine. */
size_t reap_count_held(const json_t *items);

/* `items` of Reap's reply. CLI_DONE, CLI_FOUND where some are left (with a message), or another status. */
int reap_wait(const struct cli *cli, struct client *watcher, const json_t *items, int64_t timeout_ns);

#endif
