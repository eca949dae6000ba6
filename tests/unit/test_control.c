/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The control socket with a table of methods made for the test: server and clients in one process, on one loop. */
#include "control_fixture.h"

#include "base/cleanup.h"
#include "engine/control.h"

static struct control *control;
static struct control_limits limits;

static struct control_call *kept; /* by Later and Hold */
static unsigned ended, begun, pieces, pieces_wanted;

/* ---- the methods ---- */

static void on_end(void *context)
{
	ck_assert_ptr_eq(context, &kept);
	kept = NULL;
	ended++;
}

static void echo(void *context, struct control_call *call, const json_t *parameters)
{
	ck_assert_ptr_eq(context, &limits);
	begun++;
	control_reply(call, json_deep_copy(parameters));
}

static void big(void *context, struct control_call *call, const json_t *parameters)
{
	size_t bytes = (size_t)json_integer_value(json_object_get(parameters, "bytes"));
	CLEANUP_FREE char *text = malloc(bytes + 1);

	(void)context;
	begun++;
	memset(text, 'x', bytes);
	text[bytes] = 0;
	control_reply(call, json_pack("{s:s}", "text", text));
}

static void later(void *context, struct control_call *call, const json_t *parameters)
{
	(void)context;
	(void)parameters;
	begun++;
	kept = call;
	control_call_on_end(call, on_end, &kept);
}

static void hold(void *context, struct control_call *call, const json_t *parameters)
{
	later(context, call, parameters);
	control_reply_continues(call, json_object());
}

static int produce(void *context, struct control_call *call)
{
	ck_assert_ptr_eq(context, &pieces);
	pieces++;
	if (pieces < pieces_wanted)
		control_reply_continues(call, json_pack("{s:i}", "piece", (int)pieces));
	else
		control_reply(call, json_pack("{s:i}", "piece", (int)pieces));
	return pieces < pieces_wanted;
}

static void many(void *context, struct control_call *call, const json_t *parameters)
{
	later(context, call, parameters);
	pieces_wanted = (unsigned)json_integer_value(json_object_get(parameters, "pieces"));
	control_call_produce(call, produce, &pieces);
}

static void refuse(void *context, struct control_call *call, const json_t *parameters)
{
	(void)context;
	(void)parameters;
	control_error_about(call, "test.control.Failed", "why", "because");
}

static void broken(void *context, struct control_call *call, const json_t *parameters)
{
	(void)context;
	(void)parameters;
	control_reply(call, NULL);
}

static void who(void *context, struct control_call *call, const json_t *parameters)
{
	(void)context;
	(void)parameters;
	control_reply(call, json_pack("{s:i, s:i, s:i, s:b}", "uid", (int)control_call_uid(call), "gid",
				      (int)control_call_gid(call), "pid", (int)control_call_pid(call), "in_own_group",
				      (int)control_call_in_group(call, control_call_gid(call))));
}

static bool authorize(void *context, struct control_call *call, const json_t *parameters)
{
	(void)context;
	(void)call;
	return strcmp(json_string_value(json_object_get(parameters, "text")), "open") == 0;
}

static const struct control_parameter echo_parameters[] = {
	{ "text", CONTROL_STRING, true },  { "number", CONTROL_NUMBER, false }, { "count", CONTROL_INTEGER, false },
	{ "yes", CONTROL_BOOLEAN, false }, { "list", CONTROL_STRINGS, false },	{ NULL },
};
static const struct control_parameter big_parameters[] = { { "bytes", CONTROL_INTEGER, true }, { NULL } };
static const struct control_parameter many_parameters[] = { { "pieces", CONTROL_INTEGER, true }, { NULL } };

static const struct control_method methods[] = {
	{ "Echo", echo, CONTROL_READ, false, echo_parameters },
	{ "Big", big, CONTROL_READ, false, big_parameters },
	{ "Later", later, CONTROL_READ, false, NULL },
	{ "Hold", hold, CONTROL_READ, true, NULL },
	{ "Many", many, CONTROL_READ, true, many_parameters },
	{ "Fail", refuse, CONTROL_READ, false, NULL },
	{ "Broken", broken, CONTROL_READ, false, NULL },
	{ "Who", who, CONTROL_READ, false, NULL },
	{ "Root", echo, CONTROL_ROOT, false, echo_parameters },
	{ "Register", echo, CONTROL_REGISTER, false, echo_parameters },
	{ NULL },
};
static const struct control_interface test_interface = { "test.control", "interface test.control\n", methods };
static const struct control_interface *const interfaces[] = { &test_interface, NULL };

/* ---- server and clients ---- */

static void start(void)
{
	struct control_options options = { .loop = loop,
					   .interfaces = interfaces,
					   .context = &limits,
					   .authorize = authorize,
					   .version = "1.2.3",
					   .limits = &limits };

	ck_assert_int_eq(control_new(&options, listen_anywhere(), &control), 0);
}

static void setup(void)
{
	limits = control_limits_default;
	loop_open();
	start();
}

static void teardown(void)
{
	control_free(control);
	loop_close();
}

static void expect_closed(const char *bytes, size_t length)
{
	struct client client;

	client_open(&client);
	client_send(&client, bytes, length);
	RUN_UNTIL(client_is_closed(&client));
	ck_assert(!varlink_buffer_is_ready(&client.in));
	client_close(&client);
	RUN_UNTIL(control_connections(control) == 0);
}

/* ---- calls ---- */

START_TEST(a_call_is_answered)
{
	expect_exchange("{\"method\":\"test.control.Echo\",\"parameters\":{\"text\":\"x\",\"list\":[\"a\"],\"number\":1.5}}",
			"{\"parameters\":{\"text\":\"x\",\"list\":[\"a\"],\"number\":1.5}}");
}
END_TEST

START_TEST(a_request_may_come_byte_by_byte)
{
	const char request[] = "{\"method\":\"test.control.Echo\",\"parameters\":{\"text\":\"x\"}}";
	struct client client;

	client_open(&client);
	for (size_t i = 0; i < sizeof(request); i++) {
		client_send(&client, request + i, 1);
		ev_run(loop, EVRUN_NOWAIT);
	}
	expect_answer(&client, "{\"parameters\":{\"text\":\"x\"}}");
	client_close(&client);
}
END_TEST

START_TEST(who_calls_is_known)
{
	struct client client;
	json_t *answer, *parameters;

	client_open(&client);
	answer = client_call(&client, "{\"method\":\"test.control.Who\"}");
	parameters = json_object_get(answer, "parameters");
	ck_assert_int_eq(json_integer_value(json_object_get(parameters, "uid")), geteuid());
	ck_assert_int_eq(json_integer_value(json_object_get(parameters, "gid")), getegid());
	ck_assert_int_eq(json_integer_value(json_object_get(parameters, "pid")), getpid());
	ck_assert(json_is_true(json_object_get(parameters, "in_own_group")));
	json_decref(answer);
	client_close(&client);
}
END_TEST

START_TEST(parameters_that_are_null_are_as_if_absent)
{
	expect_exchange("{\"method\":\"test.control.Echo\",\"parameters\":{\"text\":\"x\",\"count\":null}}",
			"{\"parameters\":{\"text\":\"x\"}}");
	expect_exchange("{\"method\":\"test.control.Fail\",\"parameters\":null,\"more\":null}",
			"{\"error\":\"test.control.Failed\",\"parameters\":{\"why\":\"because\"}}");
}
END_TEST

START_TEST(an_answer_that_could_not_be_made_is_an_error)
{
	expect_exchange("{\"method\":\"test.control.Broken\"}",
			"{\"error\":\"io.reaperd.Unavailable\",\"parameters\":{\"reason\":\"out of memory\"}}");
}
END_TEST

#define INVALID(name) "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"" name "\"}}"
#define ECHO(parameters) "{\"method\":\"test.control.Echo\",\"parameters\":" parameters "}"

START_TEST(a_wrong_parameter_is_named)
{
	expect_exchange(ECHO("{}"), INVALID("text"));
	expect_exchange("{\"method\":\"test.control.Echo\"}", INVALID("text"));
	expect_exchange(ECHO("{\"text\":null}"), INVALID("text"));
	expect_exchange(ECHO("{\"text\":1}"), INVALID("text"));
	expect_exchange(ECHO("{\"text\":\"\",\"count\":1.5}"), INVALID("count"));
	expect_exchange(ECHO("{\"text\":\"\",\"number\":\"1\"}"), INVALID("number"));
	expect_exchange(ECHO("{\"text\":\"\",\"yes\":1}"), INVALID("yes"));
	expect_exchange(ECHO("{\"text\":\"\",\"list\":[\"a\",1]}"), INVALID("list"));
	expect_exchange(ECHO("{\"text\":\"\",\"list\":{}}"), INVALID("list"));
	expect_exchange(ECHO("[]"), INVALID("parameters"));
	ck_assert_uint_eq(begun, 0);
}
END_TEST

START_TEST(a_misspelt_parameter_is_not_ignored)
{
	expect_exchange(ECHO("{\"text\":\"\",\"dry_rum\":true}"), INVALID("dry_rum"));
	ck_assert_uint_eq(begun, 0);
}
END_TEST

START_TEST(unknown_methods_and_interfaces_are_told_apart)
{
	expect_exchange("{\"method\":\"test.control.Nothing\"}",
			"{\"error\":\"org.varlink.service.MethodNotFound\",\"parameters\":{\"method\":\"test.control.Nothing\"}}");
	expect_exchange("{\"method\":\"test.other.Echo\"}",
			"{\"error\":\"org.varlink.service.InterfaceNotFound\",\"parameters\":{\"interface\":\"test.other\"}}");
	expect_exchange("{\"method\":\"Echo\"}",
			"{\"error\":\"org.varlink.service.InterfaceNotFound\",\"parameters\":{\"interface\":\"\"}}");
}
END_TEST

START_TEST(what_is_no_request_ends_the_connection)
{
	static const char *const bad[] = { "", "x", "[]", "{", "{}", "1", "{\"method\":1}", "{\"method\":\"a.b\",\"more\":1}",
					   "{\"method\":\"a.b\",\"oneway\":\"yes\"}",
					   "{\"method\":\"a.b\",\"more\":true,\"oneway\":true}",
					   "{\"method\":\"a.b\",\"method\":\"a.b\"}", "{\"method\":\"a.\\u0000b\"}",
					   "{\"method\":\"\xff.b\"}", "{\"method\":\"a.b\"} x" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		expect_closed(bad[i], strlen(bad[i]) + 1);
}
END_TEST

START_TEST(deeply_nested_json_ends_the_connection)
{
	static char bytes[60000];

	memset(bytes, '[', sizeof(bytes) - 1);
	expect_closed(bytes, sizeof(bytes));
}
END_TEST

START_TEST(a_request_over_the_bound_ends_the_connection)
{
	static char bytes[65536 + 1];

	memset(bytes, ' ', sizeof(bytes));
	expect_closed(bytes, sizeof(bytes));
}
END_TEST

START_TEST(answers_before_a_malformed_request_still_come)
{
	const char bytes[] = ECHO("{\"text\":\"x\"}") "\0junk";
	struct client client;

	client_open(&client);
	client_send(&client, bytes, sizeof(bytes));
	expect_answer(&client, "{\"parameters\":{\"text\":\"x\"}}");
	RUN_UNTIL(client_is_closed(&client));
	client_close(&client);
}
END_TEST

START_TEST(a_oneway_call_is_carried_out_and_not_answered)
{
	struct client client;

	client_open(&client);
	client_ask(&client, "{\"method\":\"test.control.Echo\",\"oneway\":true,\"parameters\":{\"text\":\"x\"}}");
	client_ask(&client, "{\"method\":\"test.control.Fail\",\"oneway\":true}");
	client_ask(&client, ECHO("{\"text\":\"y\"}"));
	expect_answer(&client, "{\"parameters\":{\"text\":\"y\"}}");
	ck_assert_uint_eq(begun, 2);
	client_close(&client);
}
END_TEST

START_TEST(a_method_that_needs_more_says_so)
{
	expect_exchange("{\"method\":\"test.control.Hold\"}", "{\"error\":\"org.varlink.service.ExpectedMore\"}");
	ck_assert_uint_eq(begun, 0);
}
END_TEST

START_TEST(upgrades_are_not_offered)
{
	expect_exchange("{\"method\":\"test.control.Echo\",\"upgrade\":true}",
			"{\"error\":\"org.varlink.service.MethodNotImplemented\",\"parameters\":{\"method\":\"test.control.Echo\"}}");
}
END_TEST

/* ---- privileges ---- */

static void expect_as_nobody(const char *request, bool allowed)
{
	struct client client;
	json_t *answer;

	client_open_as_nobody(&client);
	answer = client_call(&client, request);
	if (allowed)
		ck_assert_ptr_null(json_object_get(answer, "error"));
	else
		ck_assert_str_eq(json_string_value(json_object_get(answer, "error")), "io.reaperd.NotAllowed");
	json_decref(answer);
	client_close(&client);
}

START_TEST(only_root_may_do_what_is_roots)
{
	expect_as_nobody("{\"method\":\"test.control.Root\",\"parameters\":{\"text\":\"open\"}}", false);
	ck_assert_uint_eq(begun, 0);
	if (geteuid() == 0)
		expect_exchange("{\"method\":\"test.control.Root\",\"parameters\":{\"text\":\"x\"}}",
				"{\"parameters\":{\"text\":\"x\"}}");
}
END_TEST

START_TEST(registering_is_for_whom_the_owner_of_the_table_lets)
{
	expect_as_nobody("{\"method\":\"test.control.Register\",\"parameters\":{\"text\":\"open\"}}", true);
	expect_as_nobody("{\"method\":\"test.control.Register\",\"parameters\":{\"text\":\"shut\"}}", false);
	expect_as_nobody("{\"method\":\"test.control.Echo\",\"parameters\":{\"text\":\"shut\"}}", true);
}
END_TEST

/* ---- order, many, slow ---- */

START_TEST(thousands_of_pipelined_calls_are_answered_in_order)
{
	enum { CALLS = 5000 };
	char request[128], wanted[64];
	struct client client;

	client_open(&client);
	for (int i = 0; i < CALLS; i++) {
		snprintf(request, sizeof(request), ECHO("{\"text\":\"\",\"count\":%d}"), i);
		client_ask(&client, request);
		client_receive(&client);
	}
	for (int i = 0; i < CALLS; i++) {
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
		ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(answer, "parameters"), "piece")), i);
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

/* ---- org.varlink.service ---- */

START_TEST(the_service_says_what_it_is)
{
	expect_exchange("{\"method\":\"org.varlink.service.GetInfo\",\"parameters\":{}}",
			"{\"parameters\":{\"vendor\":\"reaperd\",\"product\":\"reaperd\",\"version\":\"1.2.3\",\"url\":\"\","
			"\"interfaces\":[\"org.varlink.service\",\"test.control\"]}}");
}
END_TEST

START_TEST(the_service_gives_the_text_of_its_interfaces)
{
	struct client client;
	json_t *answer;

	expect_exchange("{\"method\":\"org.varlink.service.GetInterfaceDescription\",\"parameters\":{\"interface\":\"test.control\"}}",
			"{\"parameters\":{\"description\":\"interface test.control\\n\"}}");
	expect_exchange("{\"method\":\"org.varlink.service.GetInterfaceDescription\",\"parameters\":{\"interface\":\"x.y\"}}",
			"{\"error\":\"org.varlink.service.InterfaceNotFound\",\"parameters\":{\"interface\":\"x.y\"}}");
	client_open(&client);
	answer = client_call(&client, "{\"method\":\"org.varlink.service.GetInterfaceDescription\","
				      "\"parameters\":{\"interface\":\"org.varlink.service\"}}");
	ck_assert_ptr_nonnull(strstr(json_string_value(json_object_get(json_object_get(answer, "parameters"), "description")),
				     "interface org.varlink.service"));
	json_decref(answer);
	client_close(&client);
}
END_TEST

static TCase *calls_case(void)
{
	TCase *tests = tcase_create("calls");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, a_call_is_answered);
	tcase_add_test(tests, a_request_may_come_byte_by_byte);
	tcase_add_test(tests, who_calls_is_known);
	tcase_add_test(tests, parameters_that_are_null_are_as_if_absent);
	tcase_add_test(tests, an_answer_that_could_not_be_made_is_an_error);
	tcase_add_test(tests, a_wrong_parameter_is_named);
	tcase_add_test(tests, a_misspelt_parameter_is_not_ignored);
	tcase_add_test(tests, unknown_methods_and_interfaces_are_told_apart);
	tcase_add_test(tests, what_is_no_request_ends_the_connection);
	tcase_add_test(tests, deeply_nested_json_ends_the_connection);
	tcase_add_test(tests, a_request_over_the_bound_ends_the_connection);
	tcase_add_test(tests, answers_before_a_malformed_request_still_come);
	tcase_add_test(tests, a_oneway_call_is_carried_out_and_not_answered);
	tcase_add_test(tests, a_method_that_needs_more_says_so);
	tcase_add_test(tests, upgrades_are_not_offered);
	tcase_add_test(tests, only_root_may_do_what_is_roots);
	tcase_add_test(tests, registering_is_for_whom_the_owner_of_the_table_lets);
	tcase_add_test(tests, the_service_says_what_it_is);
	tcase_add_test(tests, the_service_gives_the_text_of_its_interfaces);
	return tests;
}

static TCase *bounds_case(void)
{
	TCase *tests = tcase_create("bounds");

	tcase_add_checked_fixture(tests, setup, teardown);
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
	tcase_add_test(tests, connections_are_bounded_for_each_user);
	tcase_add_test(tests, connections_are_bounded_in_all);
	tcase_add_test(tests, the_end_of_the_server_ends_its_calls);
	return tests;
}

int main(void)
{
	Suite *suite = suite_create("control socket");
	SRunner *runner;
	int failed;

	suite_add_tcase(suite, calls_case());
	suite_add_tcase(suite, bounds_case());
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
