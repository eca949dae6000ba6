/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What commands make of the daemon's answers: which of its errors is which exit status, and what is said of it. */
#ifndef REAPERD_CLI_CLIENT_H
#define REAPERD_CLI_CLIENT_H

#include "cli.h"
#include "client/client.h"

/*
 * Says on stderr what `r`, a negative result of the above, means; gives the exit status. `client` may be NULL where it
 * is of client_open().
 */
int client_complain(const struct cli *cli, const struct client *client, int r);

/* For a reply that is not what the interface says. Gives the exit status. */
int client_bad_reply(const struct cli *cli);

/* ---- for commands: messages are printed, an enum cli_status is returned ---- */

int cli_connect(const struct cli *cli, struct client **ret);

/* Connects, calls, and gives the one reply. */
int cli_call(const struct cli *cli, const char *method, json_t *parameters, json_t **ret);

/* Calls without parameters, and prints the one text that is the reply. */
int cli_call_text(const struct cli *cli, const char *method);

/* The same as cli_call() with `more`: the arrays `key` of all replies in one. */
int cli_list(const struct cli *cli, const char *method, json_t *parameters, const char *key, json_t **ret);

#endif
