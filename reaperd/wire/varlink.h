/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Varlink's framing: messages of JSON text, each ended by one NUL byte, over a stream. This knows bytes only; what is
 * in them is for who uses it.
 */
#ifndef REAPERD_WIRE_VARLINK_H
#define REAPERD_WIRE_VARLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct varlink_buffer {
	char *bytes;
	size_t used, allocated;
	size_t limit; /* of one message; 0: none */
	size_t next;  /* where the next message begins */
	size_t tail;  /* where the unfinished message at the end begins */
};
void varlink_buffer_init(struct varlink_buffer *buffer, size_t limit);
void varlink_buffer_clear(struct varlink_buffer *buffer);

/*
 * Reads what is there from a socket, without waiting: > 0 bytes, 0 at its end, -EAGAIN, -EMSGSIZE (a message over the
 * limit), -ENOMEM or -errno.
 */
ssize_t varlink_buffer_read(struct varlink_buffer *buffer, int fd);

/* Appends bytes as if they had been read (tests, fuzzing): 0, -EMSGSIZE, -ENOMEM. */
int varlink_buffer_append(struct varlink_buffer *buffer, const char *bytes, size_t length);

/* The next whole message as a NUL-terminated string that is good until the next call on the buffer; NULL: none yet. */
char *varlink_buffer_next(struct varlink_buffer *buffer, size_t *ret_length);

/* A whole message waits. */
static inline bool varlink_buffer_is_ready(const struct varlink_buffer *buffer)
{
	return buffer->next < buffer->tail;
}

/* Bytes that varlink_buffer_next() has not given yet. */
static inline size_t varlink_buffer_pending(const struct varlink_buffer *buffer)
{
	return buffer->used - buffer->next;
}

/* Of these, bytes of a message that has begun and not ended. */
static inline size_t varlink_buffer_unfinished(const struct varlink_buffer *buffer)
{
	return buffer->used - buffer->tail;
}

#endif
