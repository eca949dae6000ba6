/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A varlink client over the daemon's socket, blocking, each wait with a bound. It knows the protocol, not the
 * interface, but for one thing: which of the daemon's errors is which exit status.
 */
#ifndef REAPERD_CLI_CLIENT_H
#define REAPERD_CLI_CLIENT_H

#include <stdbool.h>

#include "cli.h"

struct client;

#define CLIENT_TIMEOUT_MS 30000

/* 0 or -errno (of connect(2)). */
int client_open(const char *path, struct client **ret);
void client_close(struct client *client);

static inline void cleanup_client(struct client **client)
{
	client_close(*client);
}
#define CLEANUP_CLIENT CLEANUP(cleanup_client)

/* Sends one call of io.reaperd's `method`; steals `parameters`. 0 or -errno. */
int client_send(struct client *client, const char *method, json_t *parameters, bool more);

/*
 * Waits for the next reply, at most timeout_ms (-1: for ever). 0 with a new reference to its parameters, 1 with the
 * same where more replies follow. -ETIME: nothing came. -EREMOTEIO: an error, see client_error(). -EBADMSG: no varlink.
 * -ECONNRESET: the end. Else -errno.
 */
int client_receive(struct client *client, int timeout_ms, json_t **ret);

/* To wait on for input, beside others; it stays the client's. */
int client_descriptor(const struct client *client);

/* The last error's full name, and its parameters (borrowed; an object). */
const char *client_error(const struct client *client, const json_t **ret_parameters);

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
