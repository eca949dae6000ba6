/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The engine's end of the wire, against a broker that does not read, answers nonsense, or goes. */
#include <check.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/broker_client.h"
#include "run_suite.h"

#define MANY 400

static struct engine engine;
static struct broker *broker;
static int far = -1; /* the broker's end */
static uint8_t buffer[WIRE_FRAME_MAX];
static int answered, last_error;

static void on_configuration(struct engine *e, const struct message_configuration *message, int *fds, size_t fd_count)
{
	(void)e;
	(void)message;
	(void)fds;
	(void)fd_count;
}

static void on_result(void *context, struct engine *e, const struct message_result *result)
{
	(void)context;
	(void)e;
	answered++;
	last_error = result->error;
}

static void setup(void)
{
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
	far = fds[0];
	engine = (struct engine){ .loop = ev_loop_new(0), .serial = 7 };
	broker = broker_new(&engine, fds[1], on_configuration);
	answered = last_error = 0;
}

static void teardown(void)
{
	broker_cancel(broker);
	broker_free(broker);
	ev_loop_destroy(engine.loop);
	if (far >= 0)
		close(far);
}

static void ask(char *path)
{
	struct watch_item item = { .path = path };
	struct message_request request = { .type = MESSAGE_WATCH, .count = 1, .watches = &item };

	ck_assert_int_eq(broker_request(broker, &request, on_result, NULL), 0);
}

/* The next request that the broker's end holds: its job; 0 where there is none. */
static uint64_t next_job(void)
{
	struct message_request request = { 0 };
	int fds[WIRE_FDS_MAX];
	size_t fd_count;
	ssize_t length = wire_receive(far, buffer, sizeof(buffer), fds, &fd_count);
	uint64_t job;

	if (length == -EAGAIN)
		return 0;
	ck_assert_int_gt(length, 0);
	ck_assert_int_eq(message_decode_request(buffer, (size_t)length, &request), 0);
	ck_assert_uint_eq(request.serial, 7);
	job = request.job;
	message_request_clear(&request);
	return job;
}

static void send_bytes(const void *bytes, size_t length)
{
	ck_assert_int_eq(wire_send(far, bytes, length, NULL, 0), 0);
	ev_run(engine.loop, EVRUN_NOWAIT);
}

static void answer_job(uint64_t job)
{
	struct message_result result = { .request = MESSAGE_WATCH, .job = job, .error = ESTALE, .hung = 3 };
	ssize_t length = message_encode_result(&result, buffer);

	ck_assert_int_gt(length, 0);
	send_bytes(buffer, (size_t)length);
}

START_TEST(requests_wait_in_their_order_for_a_broker_that_does_not_read)
{
	static char path[4000];
	uint64_t expected = 1;

	memset(path, 'x', sizeof(path) - 1);
	for (int i = 0; i < MANY; i++)
		ask(path);
	/* More than the socket holds, and not one lost. */
	while (expected <= MANY) {
		uint64_t job = next_job();

		if (job)
			ck_assert_uint_eq(job, expected++);
		else
			ev_run(engine.loop, EVRUN_NOWAIT);
	}
	ck_assert_uint_eq(next_job(), 0);
	ck_assert_int_eq(engine.exit_status, 0);
}
END_TEST

START_TEST(an_answer_goes_to_who_asked_and_one_that_nobody_asked_for_to_nobody)
{
	uint32_t in_flight, hung;

	ask("a");
	answer_job(99);
	ck_assert_int_eq(answered, 0);
	answer_job(next_job());
	ck_assert_int_eq(answered, 1);
	ck_assert_int_eq(last_error, ESTALE);
	broker_state(broker, &in_flight, &hung);
	ck_assert_uint_eq(hung, 3);
	ck_assert_int_eq(engine.exit_status, 0);
}
END_TEST

START_TEST(a_message_that_cannot_be_read_ends_the_engine)
{
	struct message_result result = { .request = MESSAGE_WATCH, .job = 1, .error = ESTALE };
	ssize_t length = message_encode_result(&result, buffer);

	ask("a");
	switch (_i) {
	case 0:
		send_bytes(buffer, (size_t)length - 1);
		break;
	case 1: /* a type that only the engine sends */
		length = message_encode_plain(MESSAGE_READY, buffer);
		send_bytes(buffer, (size_t)length);
		break;
	case 2:
		length = message_encode_configuration(&(struct message_configuration){ .serial = 2 },
						      MESSAGE_CONFIGURATION, buffer);
		send_bytes(buffer, (size_t)length - 1);
		break;
	default:
		length = message_encode_configuration(&(struct message_configuration){ .serial = 2 },
						      MESSAGE_RELOAD_FAILED, buffer);
		send_bytes(buffer, (size_t)length - 1);
	}
	ck_assert_int_eq(engine.exit_status, 1);
	ck_assert_int_eq(answered, 0);
	broker_cancel(broker);
	ck_assert_int_eq(answered, 1);
	ck_assert_int_eq(last_error, ECANCELED);
}
END_TEST

START_TEST(a_broker_that_goes_ends_the_engine_and_what_waited_is_dropped)
{
	static char path[4000];

	memset(path, 'x', sizeof(path) - 1);
	for (int i = 0; i < MANY; i++)
		ask(path);
	close(far);
	far = -1;
	ev_run(engine.loop, EVRUN_NOWAIT);
	ck_assert_int_eq(engine.exit_status, 1);
	broker_cancel(broker);
	ck_assert_int_eq(answered, MANY);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("the engine's end of the wire");
	TCase *tests = tcase_create("broker");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, requests_wait_in_their_order_for_a_broker_that_does_not_read);
	tcase_add_test(tests, an_answer_goes_to_who_asked_and_one_that_nobody_asked_for_to_nobody);
	tcase_add_loop_test(tests, a_message_that_cannot_be_read_ends_the_engine, 0, 4);
	tcase_add_test(tests, a_broker_that_goes_ends_the_engine_and_what_waited_is_dropped);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
