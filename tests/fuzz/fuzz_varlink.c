/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Varlink's frames. The first byte of the input says in which pieces the rest arrives; the same messages must come out
 * whatever the pieces are, and a message over the limit must be seen as one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "wire/varlink.h"

#define LIMIT 64

struct stream {
	const uint8_t *bytes;
	size_t size, taken; /* how much of it was given out as messages */
};

static void take_messages(struct varlink_buffer *buffer, struct stream *stream)
{
	const char *message;
	size_t length;

	while ((message = varlink_buffer_next(buffer, &length))) {
		FUZZ_HOLDS(length <= LIMIT && length < stream->size - stream->taken);
		FUZZ_HOLDS(memcmp(message, stream->bytes + stream->taken, length + 1) == 0);
		FUZZ_HOLDS(strlen(message) == length);
		stream->taken += length + 1;
	}
	FUZZ_HOLDS(!varlink_buffer_is_ready(buffer));
	FUZZ_HOLDS(varlink_buffer_pending(buffer) == varlink_buffer_unfinished(buffer));
}

/* Where the first message is that is too long, or the end. */
static size_t end_of_good(const uint8_t *bytes, size_t size)
{
	size_t at = 0;

	while (at < size) {
		const uint8_t *nul = memchr(bytes + at, 0, size - at);
		size_t length = nul ? (size_t)(nul - bytes) - at : size - at;

		if (length > LIMIT || !nul)
			break;
		at += length + 1;
	}
	return at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t piece = size ? 1 + data[0] % 100 : 1, good;
	struct stream stream = { .bytes = data + (size > 0), .size = size - (size > 0) };
	struct varlink_buffer buffer;
	int r = 0;

	varlink_buffer_init(&buffer, LIMIT);
	good = end_of_good(stream.bytes, stream.size);
	for (size_t at = 0; at < stream.size && r == 0; at += piece) {
		size_t length = piece < stream.size - at ? piece : stream.size - at;

		r = varlink_buffer_append(&buffer, (const char *)stream.bytes + at, length);
		FUZZ_HOLDS(r == 0 || r == -EMSGSIZE);
		if (r == 0)
			take_messages(&buffer, &stream);
	}
	FUZZ_HOLDS((r == -EMSGSIZE) == (stream.size - good > LIMIT));
	FUZZ_HOLDS(r < 0 ? stream.taken <= good : stream.taken == good);
	fuzz_accepted = r == 0;
	varlink_buffer_clear(&buffer);
	return 0;
}
