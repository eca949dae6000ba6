/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Order, and what a client may cost. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../lib/skip.h"
#include "base/cleanup.h"
#include "control_fixture.h"
#include "control_server.h"
#include "run_suite.h"

/* ---- order, many, slow ---- */

START_TEST(thousands_of_pipelined_calls_are_answered_in_order)
{
	const int calls = BELOW_VALGRIND ? 500 : 5000;
	char request[128], wanted[64];
	struct client client;

	client_open(&client);
	for (int i = 0; i < calls; i++) {
		snprintf(request, sizeof(request), ECHO("{\"text\":\"\",\"count\":%d}"), i);
		client_ask(&client, request);
		client_receive(&client);
	}
	for (int i = 0; i < calls; i++) {
		snprintf(wanted, sizeof(wanted), "{\"parameters\":{\"text\":\"\",\"count\":%d}}", i);
		expect_answer(&client, wanted);
	}
	client_close(&client);
}
END_TEST

START_TEST(a_client_with_thousands_of_calls_does_not_keep_another_waiting)
{
	struct client busy, other;

	client_open(&busy);
	client_open(&other);
	RUN_UNTIL(control_connections(control) == 2);
	for (int i = 0; i < 600; i++)
		client_ask(&busy, ECHO("{\"text\":\"busy\"}"));
	client_ask(&other, ECHO("{\"text\":\"other\"}"));
	expect_answer(&other, "{\"parameters\":{\"text\":\"other\"}}");
	ck_assert_uint_lt(begun, 300);
	client_close(&busy);
	client_close(&other);
}
END_TEST

START_TEST(the_next_call_waits_for_the_answer_of_the_one_before)
{
	struct client client;

	client_open(&client);
	client_ask(&client, "{\"method\":\"test.control.Later\"}");
	client_ask(&client, ECHO("{\"text\":\"x\"}"));
	RUN_UNTIL(kept);
	for (int i = 0; i < 10; i++)
		ev_run(loop, EVRUN_ONCE);
	ck_assert_uint_eq(begun, 1);
	control_reply(kept, json_pack("{s:s}", "first", "yes"));
	ck_assert_uint_eq(ended, 1);
	expect_answer(&client, "{\"parameters\":{\"first\":\"yes\"}}");
	expect_answer(&client, "{\"parameters\":{\"text\":\"x\"}}");
	client_close(&client);
}
END_TEST

START_TEST(a_call_ends_when_its_client_goes)
{
	struct client client;

	client_open(&client);
	client_ask(&client, "{\"method\":\"test.control.Hold\",\"more\":true}");
	expect_answer(&client, "{\"parameters\":{},\"continues\":true}");
	ck_assert_ptr_nonnull(kept);
	client_close(&client);
	RUN_UNTIL(ended == 1);
	RUN_UNTIL(control_connections(control) == 0);
}
END_TEST

START_TEST(a_lasting_call_ends_when_its_client_goes_with_requests_in_the_queue)
{
	struct client client;

	client_open(&client);
	client_ask(&client, "{\"method\":\"test.control.Hold\",\"more\":true}");
	expect_answer(&client, "{\"parameters\":{},\"continues\":true}");
	for (int i = 0; i < 100; i++)
		client_ask(&client, ECHO("{\"text\":\"x\"}"));
	client_close(&client);
	RUN_UNTIL(ended == 1);
	ck_assert_uint_eq(begun, 1);
}
END_TEST

START_TEST(a_client_that_floods_a_lasting_call_is_closed)
{
	static char bytes[4096];
	struct client client;

	client_open(&client);
	client_ask(&client, "{\"method\":\"test.control.Hold\",\"more\":true}");
	expect_answer(&client, "{\"parameters\":{},\"continues\":true}");
	for (int i = 0; i < 20 && !ended; i++) {
		send(client.fd, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_NOSIGNAL);
		ev_run(loop, EVRUN_ONCE);
	}
	RUN_UNTIL(ended == 1);
	RUN_UNTIL(control_connections(control) == 0);
	client_close(&client);
}
END_TEST

START_TEST(half_a_request_and_a_close_leave_nothing)
{
	struct client client;

	client_open(&client);
	client_send(&client, "{\"method\"", 9);
	RUN_UNTIL(control_connections(control) == 1);
	client_close(&client);
	RUN_UNTIL(control_connections(control) == 0);
	ck_assert_uint_eq(begun, 0);
}
END_TEST

START_TEST(a_client_that_only_stops_sending_gets_its_answers)
{
	struct client client;

	client_open(&client);
	client_ask(&client, "{\"method\":\"test.control.Later\"}");
	client_ask(&client, ECHO("{\"text\":\"x\"}"));
	shutdown(client.fd, SHUT_WR);
	RUN_UNTIL(kept);
	for (int i = 0; i < 10; i++)
		ev_run(loop, EVRUN_ONCE);
	control_reply(kept, json_object());
	expect_answer(&client, "{\"parameters\":{}}");
	expect_answer(&client, "{\"parameters\":{\"text\":\"x\"}}");
	RUN_UNTIL(client_is_closed(&client));
	client_close(&client);
}
END_TEST

START_TEST(a_long_answer_comes_in_pieces)
{
	enum { PIECES = 20000 };
	struct client client;
	json_t *answer;

	client_open(&client);
	client_ask(&client, "{\"method\":\"test.control.Many\",\"more\":true,\"parameters\":{\"pieces\":20000}}");
	for (int i = 1; i <= PIECES; i++) {
		answer = client_answer(&client);
		ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(answer, "parameters"), "piece")),
				 i);
		ck_assert_int_eq(json_is_true(json_object_get(answer, "continues")), i < PIECES);
		json_decref(answer);
	}
	ck_assert_uint_eq(ended, 1);
	client_close(&client);
}
END_TEST

START_TEST(pieces_are_not_made_for_a_client_that_does_not_read)
{
	struct client client;
	unsigned before;

	client_open(&client);
	client_ask(&client, "{\"method\":\"test.control.Many\",\"more\":true,\"parameters\":{\"pieces\":100000000}}");
	do {
		before = pieces;
		for (int i = 0; i < 50; i++)
			ev_run(loop, EVRUN_ONCE);
	} while (pieces != before || pieces == 0);
	ck_assert_uint_lt(pieces, 100000);
	client_close(&client);
	RUN_UNTIL(ended == 1);
}
END_TEST

START_TEST(a_slow_reader_is_closed_and_no_other)
{
	struct client slow, other;

	limits.slow_reader = 0.05;
	client_open(&slow);
	client_open(&other);
	client_ask(&slow, "{\"method\":\"test.control.Many\",\"more\":true,\"parameters\":{\"pieces\":100000000}}");
	RUN_UNTIL(ended == 1);
	client_ask(&other, ECHO("{\"text\":\"x\"}"));
	expect_answer(&other, "{\"parameters\":{\"text\":\"x\"}}");
	RUN_UNTIL(control_connections(control) == 1);
	client_close(&slow);
	client_close(&other);
}
END_TEST

START_TEST(a_follower_that_does_not_read_loses_its_connection_at_the_bound)
{
	struct client client;
	json_t *event = json_pack("{s:s}", "text", "an event of some length, of which there will be many");
	int i = 0;

	client_open(&client);
	client_ask(&client, "{\"method\":\"test.control.Hold\",\"more\":true}");
	RUN_UNTIL(kept);
	for (; kept && i < 1000000; i++) {
		control_reply_continues(kept, json_incref(event));
		if (i % 1000 == 0)
			ev_run(loop, EVRUN_NOWAIT);
	}
	RUN_UNTIL(ended == 1);
	ck_assert_int_lt(i, 100000);
	json_decref(event);
	client_close(&client);
}
END_TEST

START_TEST(an_answer_over_the_bound_asks_for_more)
{
	expect_exchange("{\"method\":\"test.control.Big\",\"parameters\":{\"bytes\":2000000}}",
			"{\"error\":\"org.varlink.service.ExpectedMore\"}");
}
END_TEST

START_TEST(an_answer_below_the_bound_comes_whole)
{
	struct client client;
	json_t *answer;

	client_open(&client);
	answer = client_call(&client, "{\"method\":\"test.control.Big\",\"parameters\":{\"bytes\":1000000}}");
	ck_assert_uint_eq(json_string_length(json_object_get(json_object_get(answer, "parameters"), "text")), 1000000);
	json_decref(answer);
	client_close(&client);
}
END_TEST

START_TEST(requests_are_not_taken_from_a_client_that_does_not_read)
{
	struct client client;

	client_open(&client);
	for (int i = 0; i < 50; i++)
		client_ask(&client, "{\"method\":\"test.control.Big\",\"parameters\":{\"bytes\":500000}}");
	RUN_UNTIL(begun > 0);
	for (int i = 0; i < 50; i++)
		ev_run(loop, EVRUN_ONCE);
	ck_assert_uint_le(begun, 3);
	client_close(&client);
	RUN_UNTIL(control_connections(control) == 0);
}
END_TEST

START_TEST(half_a_request_does_not_stay_for_ever)
{
	struct client client, idle;

	limits.half_request = 0.05;
	client_open(&client);
	client_open(&idle);
	client_send(&client, "{", 1);
	RUN_UNTIL(client_is_closed(&client));
	RUN_UNTIL(control_connections(control) == 1);
	client_ask(&idle, ECHO("{\"text\":\"x\"}"));
	expect_answer(&idle, "{\"parameters\":{\"text\":\"x\"}}");
	client_close(&client);
	client_close(&idle);
}
END_TEST

START_TEST(a_connection_that_asks_nothing_is_ended_and_one_that_holds_a_lasting_call_is_not)
{
	struct client silent, asked, holding, other;

	control_free(control);
	limits.idle = 0.2;
	serve();
	client_open(&silent);
	client_open(&asked);
	client_open(&holding);
	/* All before the loop turns, so that no delay of ours is taken for silence. */
	client_ask(&holding, "{\"method\":\"test.control.Hold\",\"more\":true}");
	client_ask(&asked, ECHO("{\"text\":\"x\"}"));
	expect_answer(&holding, "{\"parameters\":{},\"continues\":true}");
	expect_answer(&asked, "{\"parameters\":{\"text\":\"x\"}}");
	RUN_UNTIL(client_is_closed(&silent) && client_is_closed(&asked));
	/* As long as it took them, once more. */
	client_open(&other);
	RUN_UNTIL(client_is_closed(&other));
	ck_assert_uint_eq(control_connections(control), 1);
	ck_assert_uint_eq(ended, 0);
	client_close(&silent);
	client_close(&asked);
	client_close(&other);
	client_close(&holding);
	RUN_UNTIL(ended == 1);
}
END_TEST

START_TEST(who_asks_again_and_again_is_not_idle)
{
	struct client silent, busy;
	ev_tstamp end;

	control_free(control);
	limits.idle = 0.2;
	serve();
	client_open(&busy);
	for (int i = 0; i < 2; i++) {
		client_open(&silent);
		end = ev_time() + DEADLINE;
		while (!client_is_closed(&silent)) {
			ck_assert(ev_time() < end);
			client_ask(&busy, ECHO("{\"text\":\"x\"}"));
			expect_answer(&busy, "{\"parameters\":{\"text\":\"x\"}}");
		}
		client_close(&silent);
	}
	client_close(&busy);
}
END_TEST

START_TEST(connections_are_bounded_for_each_user)
{
	struct client many_clients[6], root;

	limits.per_uid = 4;
	limits.per_root = 5;
	for (size_t i = 0; i < ARRAY_SIZE(many_clients); i++)
		client_open_as_nobody(&many_clients[i]);
	RUN_UNTIL(client_is_closed(&many_clients[4]) && client_is_closed(&many_clients[5]));
	ck_assert_uint_eq(control_connections(control), 4);
	ck_assert(!client_is_closed(&many_clients[3]));
	if (geteuid() == 0) {
		client_open(&root);
		client_ask(&root, ECHO("{\"text\":\"x\"}"));
		expect_answer(&root, "{\"parameters\":{\"text\":\"x\"}}");
		client_close(&root);
	}
	for (size_t i = 0; i < ARRAY_SIZE(many_clients); i++)
		client_close(&many_clients[i]);
	RUN_UNTIL(control_connections(control) == 0);
}
END_TEST

START_TEST(connections_are_bounded_in_all)
{
	struct client clients[4];

	limits.total = 3;
	for (size_t i = 0; i < ARRAY_SIZE(clients); i++)
		client_open(&clients[i]);
	RUN_UNTIL(client_is_closed(&clients[3]));
	ck_assert_uint_eq(control_connections(control), 3);
	for (size_t i = 0; i < ARRAY_SIZE(clients); i++)
		client_close(&clients[i]);
}
END_TEST

START_TEST(out_of_descriptors_it_rests_and_then_takes_who_waited)
{
	struct rlimit limit, none;
	struct client client;
	unsigned turns;

	if (BELOW_VALGRIND)
		SKIP_TEST("valgrind accepts the connection and closes it again");
	client_open(&client);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = (rlim_t)client.fd + 1;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	ev_run(loop, EVRUN_ONCE);
	turns = ev_iteration(loop);
	/* Whoever waits in the queue would wake it again at once: until it asks again only its timer may. */
	ev_run(loop, EVRUN_ONCE);
	ck_assert_uint_eq(ev_iteration(loop), turns + 1);
	ck_assert_uint_eq(control_connections(control), 0);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	client_ask(&client, ECHO("{\"text\":\"x\"}"));
	expect_answer(&client, "{\"parameters\":{\"text\":\"x\"}}");
	client_close(&client);
}
END_TEST

START_TEST(the_end_of_the_server_ends_its_calls)
{
	struct client client;

	client_open(&client);
	client_ask(&client, "{\"method\":\"test.control.Hold\",\"more\":true}");
	RUN_UNTIL(kept);
	control_free(control);
	control = NULL;
	ck_assert_uint_eq(ended, 1);
	client_close(&client);
}
END_TEST

static TCase *bounds_case(void)
{
	TCase *tests = tcase_create("bounds");

	tcase_add_checked_fixture(tests, server_start, server_stop);
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, thousands_of_pipelined_calls_are_answered_in_order);
	tcase_add_test(tests, a_client_with_thousands_of_calls_does_not_keep_another_waiting);
	tcase_add_test(tests, the_next_call_waits_for_the_answer_of_the_one_before);
	tcase_add_test(tests, a_call_ends_when_its_client_goes);
	tcase_add_test(tests, a_lasting_call_ends_when_its_client_goes_with_requests_in_the_queue);
	tcase_add_test(tests, a_client_that_floods_a_lasting_call_is_closed);
	tcase_add_test(tests, half_a_request_and_a_close_leave_nothing);
	tcase_add_test(tests, a_client_that_only_stops_sending_gets_its_answers);
	tcase_add_test(tests, a_long_answer_comes_in_pieces);
	tcase_add_test(tests, pieces_are_not_made_for_a_client_that_does_not_read);
	tcase_add_test(tests, a_slow_reader_is_closed_and_no_other);
	tcase_add_test(tests, a_follower_that_does_not_read_loses_its_connection_at_the_bound);
	tcase_add_test(tests, an_answer_over_the_bound_asks_for_more);
	tcase_add_test(tests, an_answer_below_the_bound_comes_whole);
	tcase_add_test(tests, requests_are_not_taken_from_a_client_that_does_not_read);
	tcase_add_test(tests, half_a_request_does_not_stay_for_ever);
	tcase_add_test(tests, a_connection_that_asks_nothing_is_ended_and_one_that_holds_a_lasting_call_is_not);
	tcase_add_test(tests, who_asks_again_and_again_is_not_idle);
	tcase_add_test(tests, connections_are_bounded_for_each_user);
	tcase_add_test(tests, connections_are_bounded_in_all);
	tcase_add_test(tests, out_of_descriptors_it_rests_and_then_takes_who_waited);
	tcase_add_test(tests, the_end_of_the_server_ends_its_calls);
	return tests;
}

int main(void)
{
	Suite *suite = suite_create("bounds of the control socket");

	suite_add_tcase(suite, bounds_case());
	return run_suite(suite);
}
