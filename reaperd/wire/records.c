/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/records.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "wire/codec.h"

/* No message has one of these types. */
enum { RECORD_NAMESPACE = 64, RECORD_PATH, RECORD_MOUNT };

#define SIZE_FIRST 4096

typedef void record_fields(struct codec *codec, void *record);

static void fields_of_namespace(struct codec *codec, void *record)
{
	struct message_namespace *ns = record;

	codec_namespace(codec, &ns->reference);
	if (namespace_is_own(&ns->reference))
		codec_refuse(codec, -EINVAL);
	codec_view(codec, &ns->comm);
	codec_u64(codec, &ns->owner);
	codec_bool(codec, &ns->owned_by_others);
	codec_u32(codec, &ns->mounts);
	codec_bool(codec, &ns->selected);
	codec_bool(codec, &ns->holds);
	codec_u32(codec, &ns->path_count);
}

static void fields_of_path(struct codec *codec, void *record)
{
	struct message_path *path = record;

	codec_u32(codec, &path->root);
	codec_view(codec, &path->path);
	if (*path->path != '/')
		codec_refuse(codec, -EINVAL);
}

static void fields_of_mount(struct codec *codec, void *record)
{
	struct message_mount *mount = record;

	codec_u64(codec, &mount->id);
	codec_u64(codec, &mount->parent);
	codec_u32(codec, &mount->id32);
	codec_u32(codec, &mount->parent32);
	codec_u64(codec, &mount->dev);
	codec_u64(codec, &mount->peer_group);
	codec_u64(codec, &mount->master);
	codec_view(codec, &mount->root);
	codec_view(codec, &mount->target);
	codec_view(codec, &mount->fstype);
	codec_view(codec, &mount->source);
	codec_view(codec, &mount->options);
	codec_view(codec, &mount->super_options);
	if (!mount->id)
		codec_refuse(codec, -EINVAL);
}

static int grow(struct wire_records *records)
{
	size_t more = records->allocated ? 2 * records->allocated : SIZE_FIRST;
	uint8_t *bytes = realloc(records->bytes, more);

	if (!bytes)
		return -ENOMEM;
	records->bytes = bytes;
	records->allocated = more;
	return 0;
}

static int add(struct wire_records *records, uint32_t type, record_fields *fields, const void *record)
{
	int r = records->bytes ? 0 : grow(records);

	while (r == 0) {
		struct wire_writer writer;
		struct codec codec;
		ssize_t length;

		codec_begin_writing(&codec, &writer, records->bytes + records->used, records->allocated - records->used,
				    type);
		fields(&codec, (void *)record);
		length = codec_end_writing(&codec);
		if (length >= 0)
			records->used += (size_t)length;
		if (length != -EMSGSIZE)
			return length < 0 ? (int)length : 0;
		r = grow(records);
	}
	return r;
}

static int next(struct wire_reader *reader, uint32_t type, record_fields *fields, void *ret)
{
	struct codec codec = { .reader = reader };

	if (wire_reader_is_done(reader))
		return 0;
	if (wire_get_u32(reader) != type)
		reader->failed = true;
	fields(&codec, ret);
	if (codec_is_failed(&codec))
		reader->failed = true;
	return reader->failed ? -EBADMSG : 1;
}

int records_add_namespace(struct wire_records *records, const struct message_namespace *ns)
{
	return add(records, RECORD_NAMESPACE, fields_of_namespace, ns);
}

int records_add_path(struct wire_records *records, const struct message_path *path)
{
	return add(records, RECORD_PATH, fields_of_path, path);
}

int records_add_mount(struct wire_records *records, const struct message_mount *mount)
{
	return add(records, RECORD_MOUNT, fields_of_mount, mount);
}

void records_clear(struct wire_records *records)
{
	free(records->bytes);
	*records = (struct wire_records){ 0 };
}

int record_next_namespace(struct wire_reader *reader, struct message_namespace *ret)
{
	return next(reader, RECORD_NAMESPACE, fields_of_namespace, ret);
}

int record_next_path(struct wire_reader *reader, struct message_path *ret)
{
	return next(reader, RECORD_PATH, fields_of_path, ret);
}

int record_next_mount(struct wire_reader *reader, struct message_mount *ret)
{
	return next(reader, RECORD_MOUNT, fields_of_mount, ret);
}
