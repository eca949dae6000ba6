/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One description of each message serves both directions: a codec holds a writer or a reader, and each field function
 * does with it what the direction asks for. So encoder and decoder cannot disagree, and both refuse the same values.
 */
#include "wire/messages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "base/words.h"

struct codec {
	struct wire_writer *writer; /* or */
	struct wire_reader *reader;
	int error; /* -EINVAL: a value that no message may have; -ENOMEM */
};

static void refuse(struct codec *codec, int error)
{
	if (!codec->error)
		codec->error = error;
}

static bool is_failed(const struct codec *codec)
{
	return codec->error || (codec->reader && codec->reader->failed);
}

static void field_bytes(struct codec *codec, void *value, size_t length)
{
	if (codec->writer)
		wire_put(codec->writer, value, length);
	else
		wire_get(codec->reader, value, length);
}

static void field_u32(struct codec *codec, uint32_t *value)
{
	field_bytes(codec, value, sizeof(*value));
}

static void field_i32(struct codec *codec, int32_t *value)
{
	field_bytes(codec, value, sizeof(*value));
}

static void field_u64(struct codec *codec, uint64_t *value)
{
	field_bytes(codec, value, sizeof(*value));
}

static void field_i64(struct codec *codec, int64_t *value)
{
	field_bytes(codec, value, sizeof(*value));
}

static void field_bounded(struct codec *codec, uint32_t *value, uint32_t least, uint32_t most)
{
	field_u32(codec, value);
	if (*value < least || *value > most) {
		refuse(codec, -EINVAL);
		if (codec->reader)
			*value = 0;
	}
}

static void field_bool(struct codec *codec, bool *value)
{
	uint8_t byte = codec->writer ? *value : 0;

	field_bytes(codec, &byte, sizeof(byte));
	if (byte > 1)
		refuse(codec, -EINVAL);
	if (codec->reader)
		*value = byte == 1;
}

static void field_text(struct codec *codec, char *text, size_t size)
{
	if (codec->reader)
		wire_get_string(codec->reader, text, size);
	else if (strnlen(text, size) == size)
		refuse(codec, -EINVAL);
	else
		wire_put_string(codec->writer, text);
}

/* Relative and plain, or "" for the directory itself. */
static void field_path(struct codec *codec, char **path)
{
	char buffer[PATH_MAX];

	if (codec->writer && strlen(*path) >= sizeof(buffer)) {
		refuse(codec, -EINVAL);
		return;
	}
	if (codec->writer)
		memcpy(buffer, *path, strlen(*path) + 1);
	field_text(codec, buffer, sizeof(buffer));
	if (*buffer && !path_is_plain_relative(buffer))
		refuse(codec, -EINVAL);
	if (codec->reader && !is_failed(codec) && !(*path = strdup(buffer)))
		refuse(codec, -ENOMEM);
}

/* For a reader: `count` zeroed elements, owned by the message. NULL after a failure. */
static void *new_array(struct codec *codec, uint32_t count, size_t size)
{
	void *array;

	if (is_failed(codec))
		return NULL;
	array = calloc(count ? count : 1, size);
	if (!array)
		refuse(codec, -ENOMEM);
	return array;
}

static void field_mount(struct codec *codec, struct mount_reference *mount)
{
	field_u64(codec, &mount->id);
	field_u32(codec, &mount->id32);
	field_u64(codec, &mount->dev);
}

static void field_handle(struct codec *codec, int32_t *type, uint32_t *length, uint8_t *bytes)
{
	field_i32(codec, type);
	field_bounded(codec, length, 0, HANDLE_MAX);
	if (*length <= HANDLE_MAX)
		field_bytes(codec, bytes, *length);
}

static void field_probe(struct codec *codec, struct probe_item *item)
{
	field_path(codec, &item->path);
	field_mount(codec, &item->carrier);
	field_bool(codec, &item->known);
	field_u64(codec, &item->dev);
	field_u64(codec, &item->ino);
	field_i64(codec, &item->birth);
	field_handle(codec, &item->handle_type, &item->handle_length, item->handle);
	field_bool(codec, &item->want_hollow);
	field_bounded(codec, &item->mount_count, 0, PROBE_MOUNTS_MAX);
	if (codec->reader)
		item->mounts = new_array(codec, item->mount_count, sizeof(*item->mounts));
	for (uint32_t i = 0; i < item->mount_count && !is_failed(codec); i++) {
		field_path(codec, &item->mounts[i].path);
		field_mount(codec, &item->mounts[i].mount);
	}
}

static void field_watch(struct codec *codec, struct watch_item *item)
{
	field_path(codec, &item->path);
	field_mount(codec, &item->carrier);
}

/* The action's directory is a run of whole segments at the start of the path. */
static bool is_whole_segments(const char *path, uint32_t length)
{
	size_t whole = strlen(path);

	return length == whole || (length > 0 && length < whole && path[length] == '/');
}

static void field_step(struct codec *codec, struct step_item *item)
{
	uint32_t step = item->step;

	field_path(codec, &item->path);
	field_u32(codec, &item->action_length);
	field_bounded(codec, &step, 0, STEP_COUNT - 1);
	if (codec->reader)
		item->step = (uint8_t)step;
	field_mount(codec, &item->mount);
	if (!is_failed(codec) && !is_whole_segments(item->path, item->action_length))
		refuse(codec, -EINVAL);
}

static void field_request(struct codec *codec, struct message_request *message)
{
	field_u32(codec, &message->serial);
	field_u32(codec, &message->root);
	field_u64(codec, &message->job);
	field_bounded(codec, &message->count, 1, message->type == MESSAGE_HOLDERS ? 1 : REQUEST_ITEMS_MAX);
	switch ((int)message->type) {
	case MESSAGE_PROBE:
		if (codec->reader)
			message->probes = new_array(codec, message->count, sizeof(*message->probes));
		for (uint32_t i = 0; i < message->count && !is_failed(codec); i++)
			field_probe(codec, &message->probes[i]);
		break;
	case MESSAGE_WATCH:
		if (codec->reader)
			message->watches = new_array(codec, message->count, sizeof(*message->watches));
		for (uint32_t i = 0; i < message->count && !is_failed(codec); i++)
			field_watch(codec, &message->watches[i]);
		break;
	case MESSAGE_STEP:
	case MESSAGE_HOLDERS:
		if (codec->reader)
			message->steps = new_array(codec, message->count, sizeof(*message->steps));
		for (uint32_t i = 0; i < message->count && !is_failed(codec); i++)
			field_step(codec, &message->steps[i]);
		break;
	default:
		refuse(codec, -EINVAL);
	}
}

static void field_probe_result(struct codec *codec, struct probe_result *result)
{
	field_bounded(codec, &result->state, PROBE_PRESENT, PROBE_ELSEWHERE);
	field_i32(codec, &result->error);
	field_bool(codec, &result->identity_known);
	field_u64(codec, &result->dev);
	field_u64(codec, &result->ino);
	field_i64(codec, &result->birth);
	field_handle(codec, &result->handle_type, &result->handle_length, result->handle);
	field_bool(codec, &result->hollow);
	field_bool(codec, &result->full);
	field_bool(codec, &result->local);
	field_u64(codec, &result->reachable);
}

static void field_step_result(struct codec *codec, struct step_result *result)
{
	field_bounded(codec, &result->outcome, 0, OUTCOME_COUNT - 1);
	field_i32(codec, &result->error);
	field_bool(codec, &result->made_private);
	field_u64(codec, &result->stranger);
	field_i64(codec, &result->duration);
	field_text(codec, result->detail, sizeof(result->detail));
}

static void field_holder(struct codec *codec, struct holder_result *result)
{
	field_i32(codec, &result->pid);
	field_text(codec, result->comm, sizeof(result->comm));
	field_text(codec, result->how, sizeof(result->how));
	field_u32(codec, &result->number);
}

static void field_result(struct codec *codec, struct message_result *message)
{
	uint32_t request = message->request;

	field_u32(codec, &request);
	if (codec->reader)
		message->request = request;
	field_u64(codec, &message->job);
	field_i32(codec, &message->error);
	field_u32(codec, &message->in_flight);
	field_u32(codec, &message->hung);
	field_bounded(codec, &message->count, 0, request == MESSAGE_HOLDERS ? HOLDERS_MAX : REQUEST_ITEMS_MAX);
	switch (request) {
	case MESSAGE_PROBE:
		if (codec->reader)
			message->probes = new_array(codec, message->count, sizeof(*message->probes));
		for (uint32_t i = 0; i < message->count && !is_failed(codec); i++)
			field_probe_result(codec, &message->probes[i]);
		break;
	case MESSAGE_WATCH:
		if (codec->reader)
			message->watches = new_array(codec, message->count, sizeof(*message->watches));
		for (uint32_t i = 0; i < message->count && !is_failed(codec); i++) {
			field_i32(codec, &message->watches[i].error);
			field_i32(codec, &message->watches[i].descriptor);
		}
		break;
	case MESSAGE_STEP:
		if (codec->reader)
			message->steps = new_array(codec, message->count, sizeof(*message->steps));
		for (uint32_t i = 0; i < message->count && !is_failed(codec); i++)
			field_step_result(codec, &message->steps[i]);
		break;
	case MESSAGE_HOLDERS:
		if (codec->reader)
			message->holders = new_array(codec, message->count, sizeof(*message->holders));
		for (uint32_t i = 0; i < message->count && !is_failed(codec); i++)
			field_holder(codec, &message->holders[i]);
		break;
	default:
		refuse(codec, -EINVAL);
	}
}

/* Linux has none above. */
#define ERRNO_MAX	4095
#define EVENTS_LACK_MAX 3

static void field_configuration(struct codec *codec, struct message_configuration *message)
{
	field_u32(codec, &message->serial);
	field_bounded(codec, &message->flags, 0, CONFIGURATION_ONCE | CONFIGURATION_OBSERVE);
	field_bounded(codec, &message->source, 0, SOURCE_MOUNTINFO);
	field_bounded(codec, &message->events_error, 0, ERRNO_MAX);
	field_bounded(codec, &message->events_lack, 0, EVENTS_LACK_MAX);
	field_text(codec, message->state_dir, sizeof(message->state_dir));
	field_text(codec, message->text, sizeof(message->text));
}

static ssize_t encode_end(const struct codec *codec)
{
	if (codec->error)
		return codec->error;
	return codec->writer->failed ? -EMSGSIZE : (ssize_t)codec->writer->used;
}

static int decode_end(const struct codec *codec)
{
	if (codec->error == -ENOMEM)
		return -ENOMEM;
	return codec->error || !wire_reader_is_done(codec->reader) ? -EBADMSG : 0;
}

/* Writing reads the message only, which is what makes the casts from const in the encoders right. */
static void encode_begin(struct codec *codec, struct wire_writer *writer, void *buffer, uint32_t type)
{
	wire_writer_init(writer, buffer, WIRE_FRAME_MAX);
	*codec = (struct codec){ .writer = writer };
	wire_put_u32(writer, type);
}

static enum message_type decode_begin(struct codec *codec, struct wire_reader *reader, const void *bytes, size_t length)
{
	wire_reader_init(reader, bytes, length);
	*codec = (struct codec){ .reader = reader };
	return (enum message_type)wire_get_u32(reader);
}

ssize_t message_encode_configuration(const struct message_configuration *message, enum message_type type, void *buffer)
{
	struct wire_writer writer;
	struct codec codec;

	if (type != MESSAGE_CONFIGURATION && type != MESSAGE_RELOAD_FAILED)
		return -EINVAL;
	encode_begin(&codec, &writer, buffer, type);
	field_configuration(&codec, (struct message_configuration *)message);
	return encode_end(&codec);
}

ssize_t message_encode_plain(enum message_type type, void *buffer)
{
	struct wire_writer writer;
	struct codec codec;

	encode_begin(&codec, &writer, buffer, type);
	return encode_end(&codec);
}

ssize_t message_encode_request(const struct message_request *message, void *buffer)
{
	struct wire_writer writer;
	struct codec codec;

	encode_begin(&codec, &writer, buffer, message->type);
	field_request(&codec, (struct message_request *)message);
	return encode_end(&codec);
}

ssize_t message_encode_result(const struct message_result *message, void *buffer)
{
	struct wire_writer writer;
	struct codec codec;

	encode_begin(&codec, &writer, buffer, MESSAGE_RESULT);
	field_result(&codec, (struct message_result *)message);
	return encode_end(&codec);
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
		return type;
	default:
		return 0;
	}
}

int message_decode_configuration(const void *bytes, size_t length, struct message_configuration *ret)
{
	struct wire_reader reader;
	struct codec codec;
	enum message_type type = decode_begin(&codec, &reader, bytes, length);

	memset(ret, 0, sizeof(*ret));
	if (type != MESSAGE_CONFIGURATION && type != MESSAGE_RELOAD_FAILED)
		return -EBADMSG;
	field_configuration(&codec, ret);
	return decode_end(&codec);
}

int message_decode_request(const void *bytes, size_t length, struct message_request *ret)
{
	struct wire_reader reader;
	struct codec codec;

	memset(ret, 0, sizeof(*ret));
	ret->type = decode_begin(&codec, &reader, bytes, length);
	field_request(&codec, ret);
	return decode_end(&codec);
}

int message_decode_result(const void *bytes, size_t length, struct message_result *ret)
{
	struct wire_reader reader;
	struct codec codec;

	memset(ret, 0, sizeof(*ret));
	if (decode_begin(&codec, &reader, bytes, length) != MESSAGE_RESULT)
		return -EBADMSG;
	field_result(&codec, ret);
	return decode_end(&codec);
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
	for (uint32_t i = 0; message->probes && i < message->count; i++) {
		if (message->type == MESSAGE_PROBE)
			clear_probe(&message->probes[i]);
		else if (message->type == MESSAGE_WATCH)
			free(message->watches[i].path);
		else
			free(message->steps[i].path);
	}
	free(message->probes);
	memset(message, 0, sizeof(*message));
}

void message_result_clear(struct message_result *message)
{
	free(message->probes);
	memset(message, 0, sizeof(*message));
}
