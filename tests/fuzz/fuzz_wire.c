/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What broker and engine say to each other, in datagrams and in records. A decoder takes only what its encoder writes:
 * what was decoded is encoded to the same bytes again.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "base/words.h"
#include "fuzz.h"
#include "wire/messages.h"

static uint8_t frame[WIRE_FRAME_MAX];

static void same_bytes(ssize_t length, const uint8_t *data, size_t size)
{
	FUZZ_HOLDS(length >= 0 && (size_t)length == size);
	FUZZ_HOLDS(memcmp(frame, data, size) == 0);
}

static bool is_good_path(const char *path)
{
	return path && strlen(path) < PATH_MAX && (!*path || path_is_plain_relative(path));
}

static void check_probe(const struct probe_item *item)
{
	FUZZ_HOLDS(is_good_path(item->path) && item->handle_length <= HANDLE_MAX);
	FUZZ_HOLDS(item->mount_count <= PROBE_MOUNTS_MAX);
	for (uint32_t i = 0; i < item->mount_count; i++)
		FUZZ_HOLDS(is_good_path(item->mounts[i].path));
}

static void check_step(const struct step_item *item)
{
	FUZZ_HOLDS(is_good_path(item->path) && item->step < STEP_COUNT);
	FUZZ_HOLDS(item->action_length <= strlen(item->path));
	FUZZ_HOLDS(item->path[item->action_length] == '/' || item->path[item->action_length] == '\0');
}

static void check_request_of_no_root(const struct message_request *message)
{
	FUZZ_HOLDS(message->root == 0 && message->count <= TABLE_IDS_MAX);
	if (message->type == MESSAGE_NAMESPACES)
		FUZZ_HOLDS(message->count <= 1 && !message->ns.inode);
	if (message->type == MESSAGE_EVENTS)
		FUZZ_HOLDS(message->count == 1 && message->events[0] >= EVENTS_GROUP &&
			   message->events[0] <= EVENTS_MOUNTINFO);
}

static void check_request(const struct message_request *message)
{
	FUZZ_HOLDS(message->ns.pid >= 0 && (message->ns.inode || (!message->ns.id && !message->ns.pid)));
	if (message->type == MESSAGE_NAMESPACES || message->type == MESSAGE_TABLE || message->type == MESSAGE_EVENTS) {
		check_request_of_no_root(message);
		return;
	}
	FUZZ_HOLDS(message->count >= 1 && message->count <= REQUEST_ITEMS_MAX);
	FUZZ_HOLDS(message->type != MESSAGE_HOLDERS || message->count == 1);
	for (uint32_t i = 0; i < message->count; i++) {
		if (message->type == MESSAGE_PROBE)
			check_probe(&message->probes[i]);
		else if (message->type == MESSAGE_WATCH)
			FUZZ_HOLDS(is_good_path(message->watches[i].path));
		else
			check_step(&message->steps[i]);
	}
}

static bool take_request(const uint8_t *data, size_t size)
{
	struct message_request message;
	int r = message_decode_request(data, size, &message);

	FUZZ_HOLDS(r == 0 || r == -EBADMSG);
	if (r == 0) {
		FUZZ_HOLDS(message_type(data, size) == message.type);
		check_request(&message);
		same_bytes(message_encode_request(&message, frame), data, size);
	}
	message_request_clear(&message);
	return r == 0;
}

static bool take_result(const uint8_t *data, size_t size)
{
	struct message_result message;
	int r = message_decode_result(data, size, &message);

	FUZZ_HOLDS(r == 0 || r == -EBADMSG);
	if (r == 0) {
		FUZZ_HOLDS(message_type(data, size) == MESSAGE_RESULT);
		FUZZ_HOLDS(message.count <= (message.request == MESSAGE_HOLDERS ? HOLDERS_MAX : REQUEST_ITEMS_MAX));
		FUZZ_HOLDS(message.fd_count <= (message.count ? RESULT_FDS_MAX : 0));
		same_bytes(message_encode_result(&message, frame), data, size);
	}
	message_result_clear(&message);
	return r == 0;
}

static bool take_configuration(const uint8_t *data, size_t size)
{
	static struct message_configuration message;
	int r = message_decode_configuration(data, size, &message);

	FUZZ_HOLDS(r == 0 || r == -EBADMSG);
	if (r == 0)
		same_bytes(message_encode_configuration(&message, message_type(data, size), frame), data, size);
	return r == 0;
}

/* A namespace and its paths: 1, 0 at the end, or -EBADMSG. */
static int take_namespace(struct wire_reader *reader, struct wire_records *again)
{
	struct message_namespace ns;
	int r = record_next_namespace(reader, &ns);

	if (r <= 0)
		return r;
	FUZZ_HOLDS(ns.reference.inode && ns.reference.pid >= 0);
	FUZZ_HOLDS(records_add_namespace(again, &ns) == 0);
	for (uint32_t i = 0; i < ns.path_count && r > 0; i++) {
		struct message_path path;

		r = record_next_path(reader, &path);
		if (r > 0)
			FUZZ_HOLDS(*path.path == '/' && records_add_path(again, &path) == 0);
		else
			r = -EBADMSG; /* fewer than it said */
	}
	return r;
}

static int take_mount(struct wire_reader *reader, struct wire_records *again)
{
	struct message_mount mount;
	int r = record_next_mount(reader, &mount);

	if (r > 0)
		FUZZ_HOLDS(records_add_mount(again, &mount) == 0);
	return r;
}

static bool take_records(const uint8_t *data, size_t size, int (*take)(struct wire_reader *, struct wire_records *))
{
	struct wire_records again = { 0 };
	struct wire_reader reader;
	int r;

	wire_reader_init(&reader, data, size);
	while ((r = take(&reader, &again)) > 0)
		;
	FUZZ_HOLDS(r == 0 || r == -EBADMSG);
	if (r == 0)
		FUZZ_HOLDS(again.used == size && (!size || memcmp(again.bytes, data, size) == 0));
	records_clear(&again);
	return r == 0 && size;
}

static bool is_plain(enum message_type type)
{
	return type == MESSAGE_STOP || type == MESSAGE_READY || type == MESSAGE_RELOAD;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum message_type type = message_type(data, size);
	bool request, result, configuration, records;

	if (size > WIRE_FRAME_MAX)
		return 0;
	request = take_request(data, size);
	result = take_result(data, size);
	configuration = take_configuration(data, size);
	records = take_records(data, size, take_namespace) || take_records(data, size, take_mount);
	if (is_plain(type))
		same_bytes(message_encode_plain(type, frame), data, size);
	FUZZ_HOLDS(request + result + configuration + records + is_plain(type) <= 1);
	fuzz_accepted = request || result || configuration || records || is_plain(type);
	return 0;
}
