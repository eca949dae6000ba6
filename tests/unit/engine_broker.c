/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine_broker.h"

#include <check.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "engine_fixture.h"

#define DIRECTORIES_MAX 16
#define WAITING_MAX	64

bool (*engine_answer)(const struct message_request *request, struct message_result *result);

static struct directory directories[DIRECTORIES_MAX];
static size_t directory_count;

static int broker_fd = -1;
static struct message_request waiting[WAITING_MAX];
static size_t waiting_count;
static bool questions_wait;

void engine_broker_begin(int fd)
{
	broker_fd = fd;
}

void engine_broker_end(void)
{
	close(broker_fd);
	while (waiting_count > 0)
		message_request_clear(&waiting[--waiting_count]);
	questions_wait = false;
}

void engine_broker_forget(void)
{
	directory_count = 0;
}

void engine_broker_send(const void *bytes, size_t length, const int *fds, size_t fd_count)
{
	ck_assert_int_eq(wire_send(broker_fd, bytes, length, fds, fd_count), 0);
}

void set_directory(const struct directory *directory)
{
	for (size_t i = 0; i < directory_count; i++)
		if (!strcmp(directories[i].name, directory->name)) {
			directories[i] = *directory;
			return;
		}
	ck_assert_uint_lt(directory_count, DIRECTORIES_MAX);
	directories[directory_count++] = *directory;
}

static void answer_question(const struct probe_item *item, struct probe_result *ret)
{
	*ret = (struct probe_result){ .state = *item->path ? PROBE_MISSING : PROBE_PRESENT, .local = true };
	for (size_t i = 0; i < directory_count; i++) {
		const struct directory *one = &directories[i];

		if (strcmp(one->name, item->path) != 0)
			continue;
		ret->state = one->state;
		ret->identity_known = one->ino;
		ret->dev = 7;
		ret->ino = ret->birth = (int64_t)one->ino;
		ret->full = one->full;
		ret->hollow = one->hollow;
		ret->local = !one->remote;
		if (one->state == PROBE_PRESENT && one->ino && item->known && item->ino != one->ino)
			ret->state = PROBE_REPLACED, ret->reachable = one->reached ? UINT64_MAX : 0;
	}
}

static void send_result(struct message_result *result)
{
	static uint8_t buffer[WIRE_FRAME_MAX];
	ssize_t length = message_encode_result(result, buffer);

	ck_assert_int_gt(length, 0);
	engine_broker_send(buffer, (size_t)length, result->fds, result->fd_count);
	for (uint32_t i = 0; i < result->fd_count; i++)
		close(result->fds[i]);
}

static void answer(const struct message_request *request, enum outcome outcome)
{
	struct message_result result = { .request = request->type, .job = request->job, .count = request->count };
	struct watch_result watches[REQUEST_ITEMS_MAX] = { 0 };
	struct probe_result probes[REQUEST_ITEMS_MAX];
	struct step_result steps[REQUEST_ITEMS_MAX];

	if (engine_answer && engine_answer(request, &result)) {
		send_result(&result);
		return;
	}
	/* There are no others to be seen. */
	if (request->type == MESSAGE_NAMESPACES) {
		result.error = EPERM;
		result.count = 0;
	} else if (request->type == MESSAGE_PROBE)
		result.probes = probes;
	else if (request->type == MESSAGE_STEP)
		result.steps = steps;
	else
		result.watches = watches;
	for (uint32_t i = 0; i < request->count; i++) {
		if (request->type == MESSAGE_PROBE)
			answer_question(&request->probes[i], &probes[i]);
		if (request->type != MESSAGE_STEP)
			continue;
		steps[i] = (struct step_result){ .outcome = outcome, .duration = 1000 };
		if (outcome == OUTCOME_GONE)
			detach(request->steps[i].mount.id32);
	}
	send_result(&result);
}

int engine_ignores = -1;

static bool is_kept(const struct message_request *request)
{
	return request->type == MESSAGE_STEP || (request->type == MESSAGE_PROBE && questions_wait);
}

void engine_broker_turn(void)
{
	static uint8_t buffer[WIRE_FRAME_MAX];
	struct message_request request;
	int fds[WIRE_FDS_MAX];
	size_t fd_count;
	ssize_t length;

	while ((length = wire_receive(broker_fd, buffer, sizeof(buffer), fds, &fd_count)) > 0) {
		if (message_type(buffer, (size_t)length) == MESSAGE_READY)
			continue;
		ck_assert_int_eq(message_decode_request(buffer, (size_t)length, &request), 0);
		if ((int)request.type == engine_ignores) {
			message_request_clear(&request);
			continue;
		}
		if (is_kept(&request)) {
			ck_assert_uint_lt(waiting_count, WAITING_MAX);
			waiting[waiting_count++] = request;
			continue;
		}
		answer(&request, OUTCOME_GONE);
		message_request_clear(&request);
	}
}

static void answer_waiting(enum message_type type, enum outcome outcome)
{
	size_t kept = 0;

	for (size_t i = 0; i < waiting_count; i++) {
		if (waiting[i].type != type) {
			waiting[kept++] = waiting[i];
			continue;
		}
		answer(&waiting[i], outcome);
		message_request_clear(&waiting[i]);
	}
	waiting_count = kept;
}

void hold_questions(bool hold)
{
	questions_wait = hold;
	if (!hold)
		answer_waiting(MESSAGE_PROBE, OUTCOME_GONE);
}

size_t steps_waiting(void)
{
	size_t count = 0;

	for (size_t i = 0; i < waiting_count; i++)
		if (waiting[i].type == MESSAGE_STEP)
			count += waiting[i].count;
	return count;
}

void answer_steps(enum outcome outcome)
{
	answer_waiting(MESSAGE_STEP, outcome);
	turn();
}
