/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/words.h"
#include "wire/codec.h"
#include "wire/messages.h"

static void field_probe_result(struct codec *codec, void *element)
{
	struct probe_result *result = element;

	codec_bounded(codec, &result->state, PROBE_PRESENT, PROBE_ELSEWHERE);
	codec_i32(codec, &result->error);
	codec_bool(codec, &result->identity_known);
	codec_u64(codec, &result->dev);
	codec_u64(codec, &result->ino);
	codec_i64(codec, &result->birth);
	codec_handle(codec, &result->handle_type, &result->handle_length, result->handle);
	codec_bool(codec, &result->hollow);
	codec_bool(codec, &result->full);
	codec_bool(codec, &result->local);
	codec_u64(codec, &result->reachable);
}

static void field_watch_result(struct codec *codec, void *element)
{
	struct watch_result *result = element;

	codec_i32(codec, &result->error);
	codec_i32(codec, &result->descriptor);
}

static void field_step_result(struct codec *codec, void *element)
{
	struct step_result *result = element;

	codec_bounded(codec, &result->outcome, 0, OUTCOME_COUNT - 1);
	codec_i32(codec, &result->error);
	codec_bool(codec, &result->made_private);
	codec_u64(codec, &result->stranger);
	codec_i64(codec, &result->duration);
	codec_text(codec, result->detail, sizeof(result->detail));
}

static void field_holder(struct codec *codec, void *element)
{
	struct holder_result *result = element;

	codec_i32(codec, &result->pid);
	codec_text(codec, result->comm, sizeof(result->comm));
	codec_text(codec, result->how, sizeof(result->how));
	codec_u32(codec, &result->number);
}

static void field_namespaces_result(struct codec *codec, void *element)
{
	struct namespaces_result *result = element;

	codec_u32(codec, &result->count);
	codec_bounded(codec, &result->lacking, 0, ERRNO_MAX);
}

static void field_table_result(struct codec *codec, void *element)
{
	struct table_result *result = element;

	codec_bounded(codec, &result->kind, TABLE_RECORDS, TABLE_MOUNTINFO);
	codec_u32(codec, &result->count);
}

static void field_events_result(struct codec *codec, void *element)
{
	struct events_result *result = element;

	codec_bounded(codec, &result->kind, EVENTS_GROUP, EVENTS_MOUNTINFO);
	codec_bounded(codec, &result->lack, 0, EVENTS_LACK_MAX);
	codec_i32(codec, &result->pid);
}

static const struct {
	enum message_type request;
	uint32_t most; /* items */
	size_t size;   /* of one */
	codec_element *fields;
	uint32_t fds_least, fds_most; /* where it was served */
} results[] = {
	{ MESSAGE_PROBE, REQUEST_ITEMS_MAX, sizeof(struct probe_result), field_probe_result, 0, 0 },
	{ MESSAGE_WATCH, REQUEST_ITEMS_MAX, sizeof(struct watch_result), field_watch_result, 0, 0 },
	{ MESSAGE_STEP, REQUEST_ITEMS_MAX, sizeof(struct step_result), field_step_result, 0, 0 },
	{ MESSAGE_HOLDERS, HOLDERS_MAX, sizeof(struct holder_result), field_holder, 0, 0 },
	{ MESSAGE_NAMESPACES, 1, sizeof(struct namespaces_result), field_namespaces_result, 1, 1 },
	{ MESSAGE_TABLE, 1, sizeof(struct table_result), field_table_result, 1, 2 },
	{ MESSAGE_EVENTS, 1, sizeof(struct events_result), field_events_result, 1, 2 },
};

static void field_result(struct codec *codec, struct message_result *message)
{
	uint32_t request = message->request;
	size_t i = 0;
	bool served;

	codec_u32(codec, &request);
	while (i < ARRAY_SIZE(results) && results[i].request != request)
		i++;
	if (i == ARRAY_SIZE(results)) {
		codec_refuse(codec, -EINVAL);
		return;
	}
	if (codec->reader)
		message->request = request;
	codec_u64(codec, &message->job);
	codec_i32(codec, &message->error);
	codec_u32(codec, &message->in_flight);
	codec_u32(codec, &message->hung);
	codec_bounded(codec, &message->count, 0, results[i].most);
	served = message->error == 0 && message->count > 0;
	codec_bounded(codec, &message->fd_count, served ? results[i].fds_least : 0, served ? results[i].fds_most : 0);
	codec_array(codec, &message->items, message->count, results[i].size, results[i].fields);
}

ssize_t message_encode_result(const struct message_result *message, void *buffer)
{
	struct wire_writer writer;
	struct codec codec;

	codec_begin_writing(&codec, &writer, buffer, WIRE_FRAME_MAX, MESSAGE_RESULT);
	field_result(&codec, (struct message_result *)message);
	return codec_end_writing(&codec);
}

int message_decode_result(const void *bytes, size_t length, struct message_result *ret)
{
	struct wire_reader reader;
	struct codec codec;

	*ret = (struct message_result){ .fds = { -1, -1 } };
	if (codec_begin_reading(&codec, &reader, bytes, length) != MESSAGE_RESULT)
		return -EBADMSG;
	field_result(&codec, ret);
	return codec_end_reading(&codec);
}

void message_result_clear(struct message_result *message)
{
	for (uint32_t i = 0; i < message->fd_count; i++)
		cleanup_close(&message->fds[i]);
	free(message->items);
	memset(message, 0, sizeof(*message));
}
