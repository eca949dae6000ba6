/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/codec.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "wire/messages.h"

void codec_begin_writing(struct codec *codec, struct wire_writer *writer, void *buffer, size_t size, uint32_t type)
{
	wire_writer_init(writer, buffer, size);
	*codec = (struct codec){ .writer = writer };
	wire_put_u32(writer, type);
}

ssize_t codec_end_writing(const struct codec *codec)
{
	if (codec->error)
		return codec->error;
	return codec->writer->failed ? -EMSGSIZE : (ssize_t)codec->writer->used;
}

uint32_t codec_begin_reading(struct codec *codec, struct wire_reader *reader, const void *bytes, size_t length)
{
	wire_reader_init(reader, bytes, length);
	*codec = (struct codec){ .reader = reader };
	return wire_get_u32(reader);
}

int codec_end_reading(const struct codec *codec)
{
	if (codec->error == -ENOMEM)
		return -ENOMEM;
	return codec->error || !wire_reader_is_done(codec->reader) ? -EBADMSG : 0;
}

void codec_refuse(struct codec *codec, int error)
{
	if (!codec->error)
		codec->error = error;
}

bool codec_is_failed(const struct codec *codec)
{
	return codec->error || (codec->reader && codec->reader->failed);
}

void codec_bytes(struct codec *codec, void *value, size_t length)
{
	if (codec->writer)
		wire_put(codec->writer, value, length);
	else
		wire_get(codec->reader, value, length);
}

void codec_u32(struct codec *codec, uint32_t *value)
{
	codec_bytes(codec, value, sizeof(*value));
}

void codec_i32(struct codec *codec, int32_t *value)
{
	codec_bytes(codec, value, sizeof(*value));
}

void codec_u64(struct codec *codec, uint64_t *value)
{
	codec_bytes(codec, value, sizeof(*value));
}

void codec_i64(struct codec *codec, int64_t *value)
{
	codec_bytes(codec, value, sizeof(*value));
}

void codec_bounded(struct codec *codec, uint32_t *value, uint32_t least, uint32_t most)
{
	codec_u32(codec, value);
	if (*value < least || *value > most) {
		codec_refuse(codec, -EINVAL);
		if (codec->reader)
			*value = 0;
	}
}

void codec_bool(struct codec *codec, bool *value)
{
	uint8_t byte = codec->writer ? *value : 0;

	codec_bytes(codec, &byte, sizeof(byte));
	if (byte > 1)
		codec_refuse(codec, -EINVAL);
	if (codec->reader)
		*value = byte == 1;
}

void codec_text(struct codec *codec, char *text, size_t size)
{
	if (codec->reader)
		wire_get_string(codec->reader, text, size);
	else if (strnlen(text, size) == size)
		codec_refuse(codec, -EINVAL);
	else
		wire_put_string(codec->writer, text);
}

void codec_path(struct codec *codec, char **path)
{
	char buffer[PATH_MAX];

	*buffer = '\0';
	if (codec->writer && strlen(*path) >= sizeof(buffer)) {
		codec_refuse(codec, -EINVAL);
		return;
	}
	if (codec->writer)
		memcpy(buffer, *path, strlen(*path) + 1);
	codec_text(codec, buffer, sizeof(buffer));
	if (*buffer && !path_is_plain_relative(buffer))
		codec_refuse(codec, -EINVAL);
	if (codec->reader && !codec_is_failed(codec) && !(*path = strdup(buffer)))
		codec_refuse(codec, -ENOMEM);
}

static const char *read_view(struct wire_reader *reader)
{
	uint32_t length = wire_get_u32(reader);
	const char *text = (const char *)reader->bytes + reader->used;

	if (reader->failed || length >= reader->size - reader->used || strnlen(text, (size_t)length + 1) != length) {
		reader->failed = true;
		return "";
	}
	reader->used += (size_t)length + 1;
	return text;
}

void codec_view(struct codec *codec, const char **text)
{
	if (codec->reader) {
		*text = read_view(codec->reader);
	} else {
		wire_put_string(codec->writer, *text);
		wire_put(codec->writer, "", 1);
	}
}

/* Our own has one form only. */
void codec_namespace(struct codec *codec, struct namespace_reference *reference)
{
	codec_u64(codec, &reference->inode);
	codec_u64(codec, &reference->id);
	codec_i32(codec, &reference->pid);
	if (reference->pid < 0 || (namespace_is_own(reference) && (reference->id || reference->pid)))
		codec_refuse(codec, -EINVAL);
}

void codec_handle(struct codec *codec, int32_t *type, uint32_t *length, uint8_t *bytes)
{
	codec_i32(codec, type);
	codec_bounded(codec, length, 0, HANDLE_MAX);
	if (*length <= HANDLE_MAX)
		codec_bytes(codec, bytes, *length);
}

void codec_array(struct codec *codec, void **array, uint32_t count, size_t size, codec_element *fields)
{
	if (codec_is_failed(codec))
		return;
	if (codec->reader) {
		*array = calloc(count ? count : 1, size);
		if (!*array)
			codec_refuse(codec, -ENOMEM);
	}
	for (uint32_t i = 0; i < count && !codec_is_failed(codec); i++)
		fields(codec, (char *)*array + i * size);
}
