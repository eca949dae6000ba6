/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/varlink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define READ_MIN 4096

void varlink_buffer_init(struct varlink_buffer *buffer, size_t limit)
{
	*buffer = (struct varlink_buffer){ .limit = limit };
}

void varlink_buffer_clear(struct varlink_buffer *buffer)
{
	free(buffer->bytes);
	varlink_buffer_init(buffer, buffer->limit);
}

/* Makes room for `length` more bytes behind those that are not given yet. */
static int varlink_buffer_reserve(struct varlink_buffer *buffer, size_t length)
{
	size_t size = buffer->allocated ? buffer->allocated : READ_MIN;
	char *bytes;

	if (buffer->next > 0) {
		memmove(buffer->bytes, buffer->bytes + buffer->next, buffer->used - buffer->next);
		buffer->used -= buffer->next;
		buffer->tail -= buffer->next;
		buffer->next = 0;
	}
	if (buffer->allocated - buffer->used >= length)
		return 0;
	while (size - buffer->used < length) {
		if (size > SIZE_MAX / 2)
			return -ENOMEM;
		size *= 2;
	}
	bytes = realloc(buffer->bytes, size);
	if (!bytes)
		return -ENOMEM;
	buffer->bytes = bytes;
	buffer->allocated = size;
	return 0;
}

/* Takes `length` bytes that stand behind `used` as read. */
static int varlink_buffer_take(struct varlink_buffer *buffer, size_t length)
{
	size_t end = buffer->used + length;
	const char *nul;

	while (buffer->used < end) {
		nul = memchr(buffer->bytes + buffer->used, 0, end - buffer->used);
		buffer->used = nul ? (size_t)(nul - buffer->bytes) + 1 : end;
		if (buffer->limit && buffer->used - buffer->tail > buffer->limit + (nul ? 1 : 0))
			return -EMSGSIZE;
		if (nul)
			buffer->tail = buffer->used;
	}
	return 0;
}

ssize_t varlink_buffer_read(struct varlink_buffer *buffer, int fd)
{
	ssize_t length;
	int r = varlink_buffer_reserve(buffer, READ_MIN);

	if (r < 0)
		return r;
	do {
		length = recv(fd, buffer->bytes + buffer->used, buffer->allocated - buffer->used, MSG_DONTWAIT);
	} while (length < 0 && errno == EINTR);
	if (length <= 0)
		return length < 0 ? -errno : 0;
	r = varlink_buffer_take(buffer, (size_t)length);
	return r < 0 ? r : length;
}

int varlink_buffer_append(struct varlink_buffer *buffer, const char *bytes, size_t length)
{
	int r = varlink_buffer_reserve(buffer, length);

	if (r < 0 || length == 0)
		return r;
	memcpy(buffer->bytes + buffer->used, bytes, length);
	return varlink_buffer_take(buffer, length);
}

char *varlink_buffer_next(struct varlink_buffer *buffer, size_t *ret_length)
{
	char *message;

	if (!varlink_buffer_is_ready(buffer))
		return NULL;
	message = buffer->bytes + buffer->next;
	*ret_length = strlen(message);
	buffer->next += *ret_length + 1;
	return message;
}
