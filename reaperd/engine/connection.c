/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/connection.h"

#include <stdlib.h>
#include <string.h>

static int outgoing_reserve(struct outgoing *out, size_t length)
{
	size_t size = out->allocated ? out->allocated : 4096;
	char *bytes;

	if (out->sent > 0) {
		memmove(out->bytes, out->bytes + out->sent, outgoing_pending(out));
		out->used -= out->sent;
		out->sent = 0;
	}
	if (out->allocated - out->used >= length)
		return 0;
	while (size - out->used < length)
		size *= 2;
	bytes = realloc(out->bytes, size);
	if (!bytes)
		return -1;
	out->bytes = bytes;
	out->allocated = size;
	return 0;
}

int outgoing_append(struct outgoing *out, const char *bytes, size_t length)
{
	if (out->allocated - out->used < length && outgoing_reserve(out, length) < 0)
		return -1;
	memcpy(out->bytes + out->used, bytes, length);
	out->used += length;
	return 0;
}

void connection_timer_start(struct ev_loop *loop, struct ev_timer *timer, double seconds)
{
	if (ev_is_active(timer))
		return;
	ev_timer_set(timer, seconds, 0.);
	ev_timer_start(loop, timer);
}

void connection_wake(struct connection *connection)
{
	connection_timer_start(connection->control->options.loop, &connection->again, 0.);
}
