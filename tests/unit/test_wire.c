/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/words.h"
#include "wire/messages.h"
#include "odd_names.h"
#include "run_suite.h"

static uint8_t frame[WIRE_FRAME_MAX];

static struct probe_mount probe_mounts[] = {
	{ .path = "root/proc", .mount = { .id = 4294967301, .id32 = 77, .dev = 0x1f } },
	{ .path = "", .mount = { .id = 4294967302, .id32 = 78, .dev = 0x20 } },
};
static struct probe_item probes[] = {
	{ .path = "f3fb7c74c3b342a0",
	  .carrier = { .id = 9, .id32 = 8, .dev = 7 },
	  .known = true,
	  .dev = 7,
	  .ino = 12345,
	  .birth = -5,
	  .handle_type = 0x81,
	  .handle_length = 5,
	  .handle = "\1\2\3\4\5",
	  .want_hollow = true,
	  .mount_count = 2,
	  .mounts = probe_mounts },
	{ .path = "a/b\n\xff" },
};
static struct watch_item watches[] = { { .path = "" }, { .path = "x/y", .carrier = { .id = 1 } } };
static struct step_item steps[] = {
	{ .path = "a/b/root/proc", .action_length = 3, .step = STEP_DETACH, .mount = { .id = 5, .id32 = 6, .dev = 7 } },
};
static uint64_t ids[] = { 4294967301, UINT64_MAX };
static uint32_t events = EVENTS_MOUNTINFO, question = NAMESPACES_HOLDING;
static const struct message_request requests[] = {
	{ .type = MESSAGE_PROBE, .serial = 3, .root = 1, .job = 99, .count = 2, .probes = probes },
	{ .type = MESSAGE_WATCH, .serial = 3, .root = 1, .job = 98, .count = 2, .watches = watches },
	{ .type = MESSAGE_STEP, .serial = 3, .root = 0, .job = 97, .count = 1, .steps = steps },
	{ .type = MESSAGE_HOLDERS, .serial = 3, .root = 0, .job = 96, .count = 1, .steps = steps },
	{ .type = MESSAGE_STEP,
	  .serial = 3,
	  .ns = { .inode = 4026532281, .id = 7, .pid = 12 },
	  .job = 95,
	  .count = 1,
	  .steps = steps },
	{ .type = MESSAGE_NAMESPACES, .serial = 3, .job = 94 },
	{ .type = MESSAGE_NAMESPACES, .serial = 3, .job = 90, .count = 1, .questions = &question },
	{ .type = MESSAGE_TABLE, .serial = 3, .ns = { .inode = 4026532281 }, .job = 93 },
	{ .type = MESSAGE_TABLE, .serial = 3, .job = 92, .count = 2, .ids = ids },
	{ .type = MESSAGE_EVENTS, .serial = 3, .ns = { .inode = 1 }, .job = 91, .count = 1, .events = &events },
};

static struct probe_result probe_results[] = {
	{ .state = PROBE_REPLACED,
	  .identity_known = true,
	  .ino = 4,
	  .handle_length = 2,
	  .handle = "ab",
	  .reachable = 1ull << 63 },
	{ .state = PROBE_UNKNOWN, .error = EIO, .local = true },
};
static struct watch_result watch_results[] = { { .descriptor = 12 }, { .error = EIDRM } };
static struct step_result step_results[] = {
	{ .outcome = OUTCOME_REFUSED, .stranger = 42, .duration = 1234, .detail = "would take /dev/pts" },
};
static struct holder_result holder_results[] = { { .pid = 1, .comm = "systemd", .how = "fd", .number = 3 } };
static struct namespaces_result namespaces_result = { .count = 300, .lacking = EPERM };
static struct table_result table_result = { .kind = TABLE_MOUNTINFO };
static struct events_result events_result = { .kind = EVENTS_GROUP, .lack = 3, .pid = 12 };
static const struct message_result results[] = {
	{ .request = MESSAGE_PROBE, .job = 1, .in_flight = 2, .hung = 3, .count = 2, .probes = probe_results },
	{ .request = MESSAGE_WATCH, .job = 2, .count = 2, .watches = watch_results },
	{ .request = MESSAGE_STEP, .job = 3, .count = 1, .steps = step_results },
	{ .request = MESSAGE_HOLDERS, .job = 4, .count = 1, .holders = holder_results },
	{ .request = MESSAGE_STEP, .job = 5, .error = ESTALE },
	{ .request = MESSAGE_NAMESPACES, .job = 6, .fd_count = 1, .count = 1, .namespaces = &namespaces_result },
	{ .request = MESSAGE_TABLE, .job = 7, .fd_count = 1, .count = 1, .tables = &table_result },
	{ .request = MESSAGE_EVENTS, .job = 8, .fd_count = 2, .count = 1, .events = &events_result },
	{ .request = MESSAGE_EVENTS, .job = 9, .error = EPERM },
};

static size_t encode(const struct message_request *request)
{
	ssize_t length = message_encode_request(request, frame);

	ck_assert_int_gt(length, 0);
	return (size_t)length;
}

/* A copy of exactly this size, so that a read behind its end is found. */
static uint8_t *exact(size_t length)
{
	uint8_t *copy = malloc(length ? length : 1);

	memcpy(copy, frame, length);
	return copy;
}

START_TEST(requests_come_back_as_they_went_in)
{
	struct message_request got;
	static uint8_t first[WIRE_FRAME_MAX];
	size_t length = encode(&requests[_i]);

	memcpy(first, frame, length);
	ck_assert_int_eq(message_type(frame, length), requests[_i].type);
	ck_assert_int_eq(message_decode_request(frame, length, &got), 0);
	ck_assert_uint_eq(got.job, requests[_i].job);
	ck_assert_uint_eq(got.count, requests[_i].count);
	ck_assert_uint_eq(got.ns.inode, requests[_i].ns.inode);
	ck_assert_uint_eq(encode(&got), length);
	ck_assert_mem_eq(frame, first, length);
	message_request_clear(&got);
}
END_TEST

START_TEST(odd_names_come_back_as_they_went_in)
{
	char path[300];
	struct step_item step = { .path = path, .step = STEP_UMOUNT };
	const struct message_request request = { .type = MESSAGE_STEP, .count = 1, .steps = &step };
	struct message_request got;
	size_t length;

	snprintf(path, sizeof(path), "%s/root/proc", odd_names[_i]);
	step.action_length = (uint32_t)strlen(odd_names[_i]);
	length = encode(&request);
	ck_assert_int_eq(message_decode_request(frame, length, &got), 0);
	ck_assert_str_eq(got.steps[0].path, path);
	ck_assert_uint_eq(got.steps[0].action_length, step.action_length);
	message_request_clear(&got);
}
END_TEST

START_TEST(results_come_back_as_they_went_in)
{
	struct message_result got;
	static uint8_t first[WIRE_FRAME_MAX];
	ssize_t length = message_encode_result(&results[_i], frame);

	ck_assert_int_gt(length, 0);
	memcpy(first, frame, (size_t)length);
	ck_assert_int_eq(message_decode_result(frame, (size_t)length, &got), 0);
	ck_assert_uint_eq(got.job, results[_i].job);
	ck_assert_int_eq(got.error, results[_i].error);
	ck_assert_int_eq(message_encode_result(&got, frame), length);
	ck_assert_mem_eq(frame, first, (size_t)length);
	message_result_clear(&got);
}
END_TEST

START_TEST(configuration_comes_back_as_it_went_in)
{
	static struct message_configuration sent = { .serial = 2,
						     .flags = CONFIGURATION_ONCE,
						     .source = SOURCE_MOUNTINFO,
						     .events_error = EPERM,
						     .events_lack = 3,
						     .began = 1760000000123456789,
						     .deaths = 4,
						     .state_dir = "/var/lib/x",
						     .text = "why" };
	static struct message_configuration got;
	ssize_t length = message_encode_configuration(&sent, MESSAGE_CONFIGURATION, frame);

	ck_assert_int_gt(length, 0);
	ck_assert_int_eq(message_decode_configuration(frame, (size_t)length, &got), 0);
	ck_assert_mem_eq(&sent, &got, sizeof(sent));
	for (ssize_t i = 0; i < length; i++)
		ck_assert_int_eq(message_decode_configuration(frame, (size_t)i, &got), -EBADMSG);
}
END_TEST

START_TEST(a_request_cut_anywhere_or_followed_by_anything_is_refused)
{
	struct message_request got;
	size_t length = encode(&requests[_i]);

	for (size_t i = 0; i < length; i++) {
		uint8_t *copy = exact(i);

		ck_assert_int_eq(message_decode_request(copy, i, &got), -EBADMSG);
		message_request_clear(&got);
		free(copy);
	}
	frame[length] = 0;
	ck_assert_int_eq(message_decode_request(frame, length + 1, &got), -EBADMSG);
	message_request_clear(&got);
}
END_TEST

START_TEST(a_result_cut_anywhere_is_refused)
{
	struct message_result got;
	ssize_t length = message_encode_result(&results[_i], frame);

	for (ssize_t i = 0; i < length; i++) {
		uint8_t *copy = exact((size_t)i);

		ck_assert_int_eq(message_decode_result(copy, (size_t)i, &got), -EBADMSG);
		message_result_clear(&got);
		free(copy);
	}
}
END_TEST

START_TEST(garbled_requests_never_crash_and_decode_only_to_what_encodes)
{
	struct message_request got;
	uint64_t random = 88172645463325252ull + (uint64_t)_i;
	size_t length = encode(&requests[_i]);

	for (unsigned round = 0; round < 20000; round++) {
		uint8_t *copy = exact(length);

		for (unsigned n = 0; n <= round % 4; n++) {
			random ^= random << 13;
			random ^= random >> 7;
			random ^= random << 17;
			copy[(random >> 8) % length] = (uint8_t)random;
		}
		if (message_decode_request(copy, length, &got) == 0)
			ck_assert_int_gt(message_encode_request(&got, (uint8_t[WIRE_FRAME_MAX]){ 0 }), 0);
		message_request_clear(&got);
		free(copy);
	}
}
END_TEST

START_TEST(paths_that_leave_the_root_are_refused)
{
	static const char *const bad[] = { "/etc", "..", "a/../b", "a//b", "a/", "./a", "a/." };

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct watch_item item = { .path = (char *)bad[i] };
		struct message_request request = { .type = MESSAGE_WATCH, .count = 1, .watches = &item };

		ck_assert_int_eq(message_encode_request(&request, frame), -EINVAL);
	}
}
END_TEST

START_TEST(a_request_says_nothing_that_does_not_belong_to_it)
{
	const struct message_request bad[] = {
		{ .type = MESSAGE_STEP, .ns = { .id = 1 }, .count = 1, .steps = steps },
		{ .type = MESSAGE_STEP, .ns = { .pid = 1 }, .count = 1, .steps = steps },
		{ .type = MESSAGE_STEP, .ns = { .inode = 1, .pid = -1 }, .count = 1, .steps = steps },
		{ .type = MESSAGE_STEP },
		{ .type = MESSAGE_NAMESPACES, .ns = { .inode = 1 } },
		{ .type = MESSAGE_NAMESPACES, .root = 1 },
		{ .type = MESSAGE_NAMESPACES, .count = 1, .questions = (uint32_t[]){ 0 } },
		{ .type = MESSAGE_NAMESPACES, .count = 1, .questions = (uint32_t[]){ 2 } },
		{ .type = MESSAGE_NAMESPACES, .count = 2, .questions = (uint32_t[]){ 1, 1 } },
		{ .type = MESSAGE_TABLE, .root = 1 },
		{ .type = MESSAGE_TABLE, .count = 1, .ids = &(uint64_t){ 0 } },
		{ .type = MESSAGE_EVENTS },
		{ .type = MESSAGE_EVENTS, .count = 1, .events = &(uint32_t){ 0 } },
		{ .type = MESSAGE_EVENTS, .count = 1, .events = &(uint32_t){ EVENTS_MOUNTINFO + 1 } },
		{ .type = MESSAGE_RELOAD },
	};

	ck_assert_int_eq(message_encode_request(&bad[_i], frame), -EINVAL);
}
END_TEST

START_TEST(as_many_ids_as_may_be_fit_one_datagram)
{
	static uint64_t many[TABLE_IDS_MAX + 1];
	struct message_request request = { .type = MESSAGE_TABLE, .count = TABLE_IDS_MAX, .ids = many }, got;
	size_t length;

	for (size_t i = 0; i <= TABLE_IDS_MAX; i++)
		many[i] = UINT64_MAX - i;
	length = encode(&request);
	ck_assert_int_eq(message_decode_request(frame, length, &got), 0);
	ck_assert_mem_eq(got.ids, many, TABLE_IDS_MAX * sizeof(*many));
	message_request_clear(&got);
	request.count++;
	ck_assert_int_eq(message_encode_request(&request, frame), -EINVAL);
}
END_TEST

START_TEST(a_result_brings_descriptors_where_it_has_to_and_nowhere_else)
{
	static const struct message_result bad[] = {
		{ .request = MESSAGE_STEP, .fd_count = 1, .count = 1, .steps = step_results },
		{ .request = MESSAGE_TABLE, .count = 1, .tables = &table_result },
		{ .request = MESSAGE_NAMESPACES, .fd_count = 2, .count = 1, .namespaces = &namespaces_result },
		{ .request = MESSAGE_TABLE, .fd_count = 1, .error = EPERM },
		{ .request = MESSAGE_EVENTS, .fd_count = 3, .count = 1, .events = &events_result },
	};

	ck_assert_int_eq(message_encode_result(&bad[_i], frame), -EINVAL);
}
END_TEST

START_TEST(a_result_owns_the_descriptors_that_came_with_it)
{
	struct message_result result;
	ssize_t length = message_encode_result(
		&(struct message_result){
			.request = MESSAGE_EVENTS, .fd_count = 2, .count = 1, .events = &events_result },
		frame);
	int fd = dup(0);

	ck_assert_int_eq(message_decode_result(frame, (size_t)length, &result), 0);
	ck_assert_uint_eq(result.fd_count, 2);
	ck_assert_int_eq(result.fds[0], -1);
	ck_assert_int_eq(result.fds[1], -1);
	result.fds[0] = fd;
	message_result_clear(&result);
	ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
}
END_TEST

START_TEST(an_action_ends_at_a_segment_boundary)
{
	struct step_item item = { .path = "abc/proc", .step = STEP_UMOUNT };
	struct message_request request = { .type = MESSAGE_STEP, .count = 1, .steps = &item };
	static const struct {
		uint32_t length;
		bool good;
	} cases[] = { { 0, false }, { 2, false }, { 3, true }, { 4, false }, { 8, true }, { 9, false } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		item.action_length = cases[i].length;
		ck_assert_int_eq(message_encode_request(&request, frame) > 0, cases[i].good);
	}
}
END_TEST

START_TEST(too_much_for_one_datagram_says_so)
{
	static char path[4000];
	struct probe_item items[REQUEST_ITEMS_MAX] = { 0 };
	struct message_request request = { .type = MESSAGE_PROBE, .count = REQUEST_ITEMS_MAX, .probes = items };

	memset(path, 'x', sizeof(path) - 1);
	for (size_t i = 0; i < REQUEST_ITEMS_MAX; i++)
		items[i].path = path;
	ck_assert_int_eq(message_encode_request(&request, frame), -EMSGSIZE);
}
END_TEST

START_TEST(a_plain_message_has_no_payload)
{
	ssize_t length = message_encode_plain(MESSAGE_READY, frame);

	ck_assert_int_eq(message_type(frame, (size_t)length), MESSAGE_READY);
	ck_assert_int_eq(message_type(frame, (size_t)length + 1), 0);
	ck_assert_int_eq(message_type(frame, 2), 0);
	frame[0] = 200;
	ck_assert_int_eq(message_type(frame, (size_t)length), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("wire");
	TCase *messages = tcase_create("messages");
	const int request_count = sizeof(requests) / sizeof(*requests),
		  result_count = sizeof(results) / sizeof(*results);

	tcase_add_loop_test(messages, requests_come_back_as_they_went_in, 0, request_count);
	tcase_add_loop_test(messages, odd_names_come_back_as_they_went_in, 0, ARRAY_SIZE(odd_names));
	tcase_add_loop_test(messages, results_come_back_as_they_went_in, 0, result_count);
	tcase_add_test(messages, configuration_comes_back_as_it_went_in);
	tcase_add_loop_test(messages, a_request_cut_anywhere_or_followed_by_anything_is_refused, 0, request_count);
	tcase_add_loop_test(messages, a_result_cut_anywhere_is_refused, 0, result_count);
	tcase_add_loop_test(messages, garbled_requests_never_crash_and_decode_only_to_what_encodes, 0, request_count);
	tcase_add_test(messages, paths_that_leave_the_root_are_refused);
	tcase_add_loop_test(messages, a_request_says_nothing_that_does_not_belong_to_it, 0, 13);
	tcase_add_test(messages, as_many_ids_as_may_be_fit_one_datagram);
	tcase_add_loop_test(messages, a_result_brings_descriptors_where_it_has_to_and_nowhere_else, 0, 5);
	tcase_add_test(messages, a_result_owns_the_descriptors_that_came_with_it);
	tcase_add_test(messages, an_action_ends_at_a_segment_boundary);
	tcase_add_test(messages, too_much_for_one_datagram_says_so);
	tcase_add_test(messages, a_plain_message_has_no_payload);
	suite_add_tcase(suite, messages);
	return run_suite(suite);
}
