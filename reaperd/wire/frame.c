/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/frame.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/cleanup.h"

void wire_writer_init(struct wire_writer *writer, void *buffer, size_t size)
{
	*writer = (struct wire_writer){ .bytes = buffer, .size = size };
}

void wire_put(struct wire_writer *writer, const void *bytes, size_t length)
{
	if (writer->failed || length > writer->size - writer->used) {
		writer->failed = true;
		return;
	}
	if (length)
		memcpy(writer->bytes + writer->used, bytes, length);
	writer->used += length;
}

void wire_put_u32(struct wire_writer *writer, uint32_t value)
{
	wire_put(writer, &value, sizeof(value));
}

void wire_put_string(struct wire_writer *writer, const char *string)
{
	size_t length = strlen(string);

	if (length > UINT32_MAX) {
		writer->failed = true;
		return;
	}
	wire_put_u32(writer, (uint32_t)length);
	wire_put(writer, string, length);
}

void wire_reader_init(struct wire_reader *reader, const void *bytes, size_t size)
{
	*reader = (struct wire_reader){ .bytes = bytes, .size = size };
}

void wire_get(struct wire_reader *reader, void *ret, size_t length)
{
	if (reader->failed || length > reader->size - reader->used) {
		reader->failed = true;
		memset(ret, 0, length);
		return;
	}
	if (length)
		memcpy(ret, reader->bytes + reader->used, length);
	reader->used += length;
}

uint32_t wire_get_u32(struct wire_reader *reader)
{
	uint32_t value;

	wire_get(reader, &value, sizeof(value));
	return value;
}

void wire_get_string(struct wire_reader *reader, char *buffer, size_t size)
{
	uint32_t length = wire_get_u32(reader);

	buffer[0] = '\0';
	if (reader->failed || length >= size || length > reader->size - reader->used ||
	    memchr(reader->bytes + reader->used, '\0', length)) {
		reader->failed = true;
		return;
	}
	wire_get(reader, buffer, length);
	buffer[length] = '\0';
}

bool wire_reader_is_done(const struct wire_reader *reader)
{
	return !reader->failed && reader->used == reader->size;
}

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(WIRE_FDS_MAX * sizeof(int))];
};

int wire_send(int fd, const void *bytes, size_t length, const int *fds, size_t fd_count)
{
	struct iovec part = { .iov_base = (void *)bytes, .iov_len = length };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	union control control = { 0 };

	if (fd_count > WIRE_FDS_MAX)
		return -EINVAL;
	if (fd_count) {
		struct cmsghdr *header;

		message.msg_control = control.bytes;
		message.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
		header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
		memcpy(CMSG_DATA(header), fds, fd_count * sizeof(int));
	}
	while (sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

/* False where there were more than WIRE_FDS_MAX: those are closed. */
static bool take_fds(struct msghdr *message, int *fds, size_t *ret_count)
{
	struct cmsghdr *header;
	bool all = true;

	*ret_count = 0;
	for (header = CMSG_FIRSTHDR(message); header; header = CMSG_NXTHDR(message, header)) {
		size_t count;

		if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
			continue;
		/*
		 * The buffer's alignment can make room for more than was asked for, but never for more than it holds.
		 */
		count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(fd));
			if (*ret_count < WIRE_FDS_MAX) {
				fds[(*ret_count)++] = fd;
			} else {
				close(fd);
				all = false;
			}
		}
	}
	return all;
}

ssize_t wire_receive(int fd, void *buffer, size_t size, int *fds, size_t *ret_fd_count)
{
	struct iovec part = { .iov_base = buffer, .iov_len = size };
	union control control;
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	ssize_t length;

	*ret_fd_count = 0;
	do {
		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		length = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	} while (length < 0 && errno == EINTR);
	if (length < 0)
		return -errno;
	if (!take_fds(&message, fds, ret_fd_count) || message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
		while (*ret_fd_count)
			close(fds[--*ret_fd_count]);
		return -EMSGSIZE;
	}
	return length;
}
