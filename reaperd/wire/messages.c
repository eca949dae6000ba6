/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire/messages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/words.h"
#include "wire/codec.h"

static void field_mount(struct codec *codec, struct mount_reference *mount)
{
	codec_u64(codec, &mount->id);
	codec_u32(codec, &mount->id32);
	codec_u64(codec, &mount->dev);
}

static void field_probe_mount(struct codec *codec, void *element)
{
	struct probe_mount *mount = element;

	codec_path(codec, &mount->path);
	field_mount(codec, &mount->mount);
}

static void field_probe(struct codec *codec, void *element)
{
	struct probe_item *item = element;
	void *mounts = item->mounts;

	codec_path(codec, &item->path);
	field_mount(codec, &item->carrier);
	codec_bool(codec, &item->known);
	codec_u64(codec, &item->dev);
	codec_u64(codec, &item->ino);
	codec_i64(codec, &item->birth);
	codec_handle(codec, &item->handle_type, &item->handle_length, item->handle);
	codec_bool(codec, &item->want_hollow);
	codec_bounded(codec, &item->mount_count, 0, PROBE_MOUNTS_MAX);
	codec_array(codec, &mounts, item->mount_count, sizeof(*item->mounts), field_probe_mount);
	item->mounts = mounts;
}

static void field_watch(struct codec *codec, void *element)
{
	struct watch_item *item = element;

	codec_path(codec, &item->path);
	field_mount(codec, &item->carrier);
}

/* The action's directory is a run of whole segments at the start of the path. */
static bool is_whole_segments(const char *path, uint32_t length)
{
	size_t whole = strlen(path);

	return length == whole || (length > 0 && length < whole && path[length] == '/');
}

static void field_step(struct codec *codec, void *element)
{
	struct step_item *item = element;
	uint32_t step = item->step;

	codec_path(codec, &item->path);
	codec_u32(codec, &item->action_length);
	codec_bounded(codec, &step, 0, STEP_COUNT - 1);
	if (codec->reader)
		item->step = (uint8_t)step;
	field_mount(codec, &item->mount);
	if (!codec_is_failed(codec) && !is_whole_segments(item->path, item->action_length))
		codec_refuse(codec, -EINVAL);
}

static void field_id(struct codec *codec, void *element)
{
	uint64_t *id = element;

	codec_u64(codec, id);
	if (!*id)
		codec_refuse(codec, -EINVAL);
}

static void field_events(struct codec *codec, void *element)
{
	codec_bounded(codec, element, EVENTS_GROUP, EVENTS_MOUNTINFO);
}

static void field_question(struct codec *codec, void *element)
{
	codec_bounded(codec, element, NAMESPACES_HOLDING, NAMESPACES_HOLDING);
}

/* Whatever is not here is malformed. */
static const struct {
	enum message_type type;
	bool of_a_root, of_a_namespace;
	uint32_t least, most; /* items */
	size_t size;	      /* of one */
	codec_element *fields;
} requests[] = {
	{ MESSAGE_PROBE, true, true, 1, REQUEST_ITEMS_MAX, sizeof(struct probe_item), field_probe },
	{ MESSAGE_WATCH, true, true, 1, REQUEST_ITEMS_MAX, sizeof(struct watch_item), field_watch },
	{ MESSAGE_STEP, true, true, 1, REQUEST_ITEMS_MAX, sizeof(struct step_item), field_step },
	{ MESSAGE_HOLDERS, true, true, 1, 1, sizeof(struct step_item), field_step },
	{ MESSAGE_NAMESPACES, false, false, 0, 1, sizeof(uint32_t), field_question },
	{ MESSAGE_TABLE, false, true, 0, TABLE_IDS_MAX, sizeof(uint64_t), field_id },
	{ MESSAGE_EVENTS, false, true, 1, 1, sizeof(uint32_t), field_events },
};

/* Behind the last one where there is none. */
static size_t find_request(enum message_type type)
{
	size_t i = 0;

	while (i < ARRAY_SIZE(requests) && requests[i].type != type)
		i++;
	return i;
}

bool request_is_of_a_root(enum message_type type)
{
	size_t i = find_request(type);

	return i < ARRAY_SIZE(requests) && requests[i].of_a_root;
}

static void field_request(struct codec *codec, struct message_request *message)
{
	size_t i = find_request(message->type);

	if (i == ARRAY_SIZE(requests)) {
		codec_refuse(codec, -EINVAL);
		return;
	}
	codec_u32(codec, &message->serial);
	codec_bounded(codec, &message->root, 0, requests[i].of_a_root ? UINT32_MAX : 0);
	codec_namespace(codec, &message->ns);
	if (!requests[i].of_a_namespace && !namespace_is_own(&message->ns))
		codec_refuse(codec, -EINVAL);
	codec_u64(codec, &message->job);
	codec_bounded(codec, &message->count, requests[i].least, requests[i].most);
	codec_array(codec, &message->items, message->count, requests[i].size, requests[i].fields);
}

static void field_configuration(struct codec *codec, struct message_configuration *message)
{
	codec_u32(codec, &message->serial);
	codec_bounded(codec, &message->flags, 0, CONFIGURATION_ONCE | CONFIGURATION_OBSERVE | CONFIGURATION_RUNNERS);
	codec_bounded(codec, &message->source, 0, SOURCE_MOUNTINFO);
	codec_bounded(codec, &message->events_error, 0, ERRNO_MAX);
	codec_bounded(codec, &message->events_lack, 0, EVENTS_LACK_MAX);
	codec_i64(codec, &message->began);
	codec_u32(codec, &message->deaths);
	codec_text(codec, message->state_dir, sizeof(message->state_dir));
	codec_text(codec, message->text, sizeof(message->text));
}

ssize_t message_encode_configuration(const struct message_configuration *message, enum message_type type, void *buffer)
{
	struct wire_writer writer;
	struct codec codec;

	if (type != MESSAGE_CONFIGURATION && type != MESSAGE_RELOAD_FAILED)
		return -EINVAL;
	codec_begin_writing(&codec, &writer, buffer, WIRE_FRAME_MAX, type);
	field_configuration(&codec, (struct message_configuration *)message);
	return codec_end_writing(&codec);
}

ssize_t message_encode_plain(enum message_type type, void *buffer)
{
	struct wire_writer writer;
	struct codec codec;

	codec_begin_writing(&codec, &writer, buffer, WIRE_FRAME_MAX, type);
	return codec_end_writing(&codec);
}

ssize_t message_encode_request(const struct message_request *message, void *buffer)
{
	struct wire_writer writer;
	struct codec codec;

	codec_begin_writing(&codec, &writer, buffer, WIRE_FRAME_MAX, message->type);
	field_request(&codec, (struct message_request *)message);
	return codec_end_writing(&codec);
}

enum message_type message_type(const void *bytes, size_t length)
{
	struct wire_reader reader;
	uint32_t type;

	wire_reader_init(&reader, bytes, length);
	type = wire_get_u32(&reader);
	switch (type) {
	case MESSAGE_STOP:
	case MESSAGE_READY:
	case MESSAGE_RELOAD:
		return wire_reader_is_done(&reader) ? type : 0;
	case MESSAGE_CONFIGURATION:
	case MESSAGE_RESULT:
	case MESSAGE_RELOAD_FAILED:
	case MESSAGE_WATCH:
	case MESSAGE_PROBE:
	case MESSAGE_STEP:
	case MESSAGE_HOLDERS:
	case MESSAGE_NAMESPACES:
	case MESSAGE_TABLE:
	case MESSAGE_EVENTS:
		return type;
	default:
		return 0;
	}
}

int message_decode_configuration(const void *bytes, size_t length, struct message_configuration *ret)
{
	struct wire_reader reader;
	struct codec codec;
	enum message_type type = codec_begin_reading(&codec, &reader, bytes, length);

	memset(ret, 0, sizeof(*ret));
	if (type != MESSAGE_CONFIGURATION && type != MESSAGE_RELOAD_FAILED)
		return -EBADMSG;
	field_configuration(&codec, ret);
	return codec_end_reading(&codec);
}

int message_decode_request(const void *bytes, size_t length, struct message_request *ret)
{
	struct wire_reader reader;
	struct codec codec;

	memset(ret, 0, sizeof(*ret));
	ret->type = codec_begin_reading(&codec, &reader, bytes, length);
	field_request(&codec, ret);
	return codec_end_reading(&codec);
}

static void clear_probe(struct probe_item *item)
{
	for (uint32_t i = 0; item->mounts && i < item->mount_count; i++)
		free(item->mounts[i].path);
	free(item->mounts);
	free(item->path);
}

void message_request_clear(struct message_request *message)
{
	for (uint32_t i = 0; message->items && i < message->count; i++) {
		if (message->type == MESSAGE_PROBE)
			clear_probe(&message->probes[i]);
		else if (message->type == MESSAGE_WATCH)
			free(message->watches[i].path);
		else if (message->type == MESSAGE_STEP || message->type == MESSAGE_HOLDERS)
			free(message->steps[i].path);
	}
	free(message->items);
	memset(message, 0, sizeof(*message));
}
