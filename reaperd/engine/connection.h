/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A client's connection: what control.c (sockets, bounds, time) and call.c (requests, answers) share. For those two
 * alone.
 */
#ifndef REAPERD_ENGINE_CONNECTION_H
#define REAPERD_ENGINE_CONNECTION_H

#include <ev.h>
#include <sys/socket.h>

#include "engine/control.h"
#include "wire/varlink.h"

struct control {
	struct control_options options;
	const struct control_limits *limits;
	const struct control_interface **interfaces;
	int listen_fd;
	struct ev_io accept;
	struct ev_timer accept_again; /* after accept(2) ran out of fds or memory */
	struct ev_timer idle;	      /* ends what was forgotten */
	struct connection *connections;
	unsigned connection_count;
};

struct control_call {
	bool open;
	bool more, oneway;
	bool continued; /* an answer that continues has been given */
	control_producer *producer;
	void *producer_context;
	control_end_function *on_end;
	void *on_end_context;
};

/* Bytes for the peer: a queue that is written from its front. */
struct outgoing {
	char *bytes;
	size_t sent, used, allocated;
};

struct connection {
	struct control *control;
	int fd;
	struct ucred peer;
	gid_t *groups;
	size_t group_count;
	struct ev_io read, write;
	struct ev_timer again; /* goes on in the next turn of the loop, so that one client cannot keep it */
	struct ev_timer half, slow;
	struct varlink_buffer in;
	struct outgoing out;
	struct control_call call; /* the one that is being answered */
	bool quiet;		  /* asked nothing since the last look */
	bool eof;		  /* the peer sends no more */
	bool doomed; /* to be closed by control.c, never by an answer: whoever answers still holds the call */
	struct connection *next, *previous;
};

static inline size_t outgoing_pending(const struct outgoing *out)
{
	return out->used - out->sent;
}

/* 0, or -1 when out of memory, with the queue as it was. */
int outgoing_append(struct outgoing *out, const char *bytes, size_t length);

/* Starts the timer, unless it runs. */
void connection_timer_start(struct ev_loop *loop, struct ev_timer *timer, double seconds);

/* Takes care that control.c comes round soon. */
void connection_wake(struct connection *connection);

/* ---- call.c, for control.c ---- */

/* Begins the call that `message` asks for; a malformed one dooms the connection. */
void connection_begin_call(struct connection *connection, const char *message, size_t length);

/* Ends the open call without an answer. */
void connection_end_call(struct connection *connection);

#endif
