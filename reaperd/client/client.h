/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A varlink client over the daemon's socket, blocking, each wait with a bound. It knows the protocol, and by which name
 * the daemon's interface goes, nothing else. It prints nothing, ends nothing and keeps nothing outside of a client, each
 * of which is one thread's at a time. An interrupted wait goes on.
 */
#ifndef REAPERD_CLIENT_CLIENT_H
#define REAPERD_CLIENT_CLIENT_H

#include <jansson.h>
#include <stdbool.h>

#include "base/cleanup.h"

struct client;

#define CLIENT_TIMEOUT_MS 30000
#define CLIENT_INTERFACE  "io.reaperd."

/* 0, -ENOMEM or -errno (of connect(2)). Its descriptor is not inherited by programs. */
int client_open(const char *path, struct client **ret);
void client_close(struct client *client);

static inline void cleanup_client(struct client **client)
{
	client_close(*client);
}
#define CLEANUP_CLIENT CLEANUP(cleanup_client)

/*
 * Sends one call of io.reaperd's `method`; steals `parameters`, where NULL is -ENOMEM. 0 or -errno. That nobody is there
 * to take it any more is said by client_receive().
 */
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

#endif
