/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Bounds-checked reading and writing of one datagram, and sending one with file descriptors over a SOCK_SEQPACKET pair.
 * A reader that ran past its end stays failed; callers look once, at the end. Native byte order: both ends are of one
 * build on one machine.
 */
#ifndef REAPERD_WIRE_FRAME_H
#define REAPERD_WIRE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define WIRE_FRAME_MAX 65536 /* bytes of one datagram */
#define WIRE_FDS_MAX   5

struct wire_writer {
	uint8_t *bytes;
	size_t size, used;
	bool failed;
};
void wire_writer_init(struct wire_writer *writer, void *buffer, size_t size);
void wire_put(struct wire_writer *writer, const void *bytes, size_t length);
void wire_put_u32(struct wire_writer *writer, uint32_t value);
void wire_put_string(struct wire_writer *writer, const char *string); /* u32 length, then the bytes without NUL */

struct wire_reader {
	const uint8_t *bytes;
	size_t size, used;
	bool failed;
};
void wire_reader_init(struct wire_reader *reader, const void *bytes, size_t size);
void wire_get(struct wire_reader *reader, void *ret, size_t length); /* zeroes `ret` on failure */
uint32_t wire_get_u32(struct wire_reader *reader);
/* A string of 0 to `size`-1 bytes without NUL into `buffer`; fails on a longer one or one with a NUL. */
void wire_get_string(struct wire_reader *reader, char *buffer, size_t size);
bool wire_reader_is_done(const struct wire_reader *reader); /* read to its end, nothing failed */

/* One datagram. 0, -EAGAIN, or -errno (-EPIPE: the other end is gone). Never blocks, never raises SIGPIPE. */
int wire_send(int fd, const void *bytes, size_t length, const int *fds, size_t fd_count);

/*
 * One datagram: its length, 0 at the end of the stream, -EAGAIN, -EMSGSIZE (cut), or -errno. Received fds are
 * close-on-exec and the caller's; more than WIRE_FDS_MAX are closed and give -EMSGSIZE.
 */
ssize_t wire_receive(int fd, void *buffer, size_t size, int *fds, size_t *ret_fd_count);

#endif
