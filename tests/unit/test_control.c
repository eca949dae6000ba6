/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calls, parameters, privileges, and org.varlink.service. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "control_fixture.h"
#include "control_server.h"
#include "run_suite.h"

#define INVALID(name) "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"" name "\"}}"

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
	expect_exchange(
		"{\"method\":\"test.control.Echo\",\"parameters\":{\"text\":\"x\",\"list\":[\"a\"],\"number\":1.5}}",
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
	expect_exchange(
		"{\"method\":\"test.control.Nothing\"}",
		"{\"error\":\"org.varlink.service.MethodNotFound\",\"parameters\":{\"method\":\"test.control.Nothing\"}}");
	expect_exchange(
		"{\"method\":\"test.other.Echo\"}",
		"{\"error\":\"org.varlink.service.InterfaceNotFound\",\"parameters\":{\"interface\":\"test.other\"}}");
	expect_exchange("{\"method\":\"Echo\"}",
			"{\"error\":\"org.varlink.service.InterfaceNotFound\",\"parameters\":{\"interface\":\"\"}}");
}
END_TEST

START_TEST(what_is_no_request_ends_the_connection)
{
	static const char *const bad[] = { "",
					   "x",
					   "[]",
					   "{",
					   "{}",
					   "1",
					   "{\"method\":1}",
					   "{\"method\":\"a.b\",\"more\":1}",
					   "{\"method\":\"a.b\",\"oneway\":\"yes\"}",
					   "{\"method\":\"a.b\",\"more\":true,\"oneway\":true}",
					   "{\"method\":\"a.b\",\"method\":\"a.b\"}",
					   "{\"method\":\"a.\\u0000b\"}",
					   "{\"method\":\"\xff.b\"}",
					   "{\"method\":\"a.b\"} x" };

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
	expect_exchange(
		"{\"method\":\"test.control.Echo\",\"upgrade\":true}",
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

/* ---- org.varlink.service ---- */

START_TEST(the_service_says_what_it_is)
{
	expect_exchange(
		"{\"method\":\"org.varlink.service.GetInfo\",\"parameters\":{}}",
		"{\"parameters\":{\"vendor\":\"reaperd\",\"product\":\"reaperd\",\"version\":\"1.2.3\",\"url\":\"\","
		"\"interfaces\":[\"org.varlink.service\",\"test.control\"]}}");
}
END_TEST

START_TEST(the_service_gives_the_text_of_its_interfaces)
{
	struct client client;
	json_t *answer;

	expect_exchange(
		"{\"method\":\"org.varlink.service.GetInterfaceDescription\",\"parameters\":{\"interface\":\"test.control\"}}",
		"{\"parameters\":{\"description\":\"interface test.control\\n\"}}");
	expect_exchange(
		"{\"method\":\"org.varlink.service.GetInterfaceDescription\",\"parameters\":{\"interface\":\"x.y\"}}",
		"{\"error\":\"org.varlink.service.InterfaceNotFound\",\"parameters\":{\"interface\":\"x.y\"}}");
	client_open(&client);
	answer = client_call(&client, "{\"method\":\"org.varlink.service.GetInterfaceDescription\","
				      "\"parameters\":{\"interface\":\"org.varlink.service\"}}");
	ck_assert_ptr_nonnull(
		strstr(json_string_value(json_object_get(json_object_get(answer, "parameters"), "description")),
		       "interface org.varlink.service"));
	json_decref(answer);
	client_close(&client);
}
END_TEST

static TCase *calls_case(void)
{
	TCase *tests = tcase_create("calls");

	tcase_add_checked_fixture(tests, server_start, server_stop);
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

int main(void)
{
	Suite *suite = suite_create("control socket");

	suite_add_tcase(suite, calls_case());
	return run_suite(suite);
}
