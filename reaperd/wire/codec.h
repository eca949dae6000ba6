/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One description of each message serves both directions: a codec holds a writer or a reader, and each function does
 * with a field what the direction asks for. So encoder and decoder cannot disagree, and both refuse the same values.
 * For the files of wire/ alone.
 */
#ifndef REAPERD_WIRE_CODEC_H
#define REAPERD_WIRE_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "wire/frame.h"

/* Linux has no errno above. */
#define ERRNO_MAX	4095
#define EVENTS_LACK_MAX 3

struct namespace_reference;

struct codec {
	struct wire_writer *writer; /* or */
	struct wire_reader *reader;
	int error; /* -EINVAL: a value that no message may have; -ENOMEM */
};

/* Writing reads the message only, which is what makes the casts from const in the encoders right. */
void codec_begin_writing(struct codec *codec, struct wire_writer *writer, void *buffer, size_t size, uint32_t type);
ssize_t codec_end_writing(const struct codec *codec); /* the length, -EINVAL or -EMSGSIZE */

/* The type; 0 where not even that is there. */
uint32_t codec_begin_reading(struct codec *codec, struct wire_reader *reader, const void *bytes, size_t length);
int codec_end_reading(const struct codec *codec); /* 0, -EBADMSG (also for what follows the end) or -ENOMEM */

void codec_refuse(struct codec *codec, int error);
bool codec_is_failed(const struct codec *codec);

void codec_bytes(struct codec *codec, void *value, size_t length);
void codec_u32(struct codec *codec, uint32_t *value);
void codec_i32(struct codec *codec, int32_t *value);
void codec_u64(struct codec *codec, uint64_t *value);
void codec_i64(struct codec *codec, int64_t *value);
void codec_bounded(struct codec *codec, uint32_t *value, uint32_t least, uint32_t most);
void codec_bool(struct codec *codec, bool *value);
void codec_text(struct codec *codec, char *text, size_t size);

/* Relative and plain, or "" for the directory itself. A reader's is the message's. */
void codec_path(struct codec *codec, char **path);

/* Of any length. A reader's points into its bytes, where a NUL ends it. */
void codec_view(struct codec *codec, const char **text);

void codec_namespace(struct codec *codec, struct namespace_reference *reference);

void codec_handle(struct codec *codec, int32_t *type, uint32_t *length, uint8_t *bytes); /* of at most HANDLE_MAX */

/* `count` elements, one after the other. A reader's array is made here, and the message's. */
typedef void codec_element(struct codec *codec, void *element);
void codec_array(struct codec *codec, void **array, uint32_t count, size_t size, codec_element *fields);

#endif
