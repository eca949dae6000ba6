/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The runners' socket: which methods are there, who may call them, and what a container's word is worth. */
#include <check.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../lib/skip.h"
#include "base/cleanup.h"
#include "control_fixture.h"
#include "engine/control.h"
#include "engine/interface.h"
#include "engine/methods.h"
#include "methods_fixture.h"
#include "run_suite.h"

#define ACTION "{\"root\":\"" ROOT "\",\"name\":\"a\"}"

/* Clients then open this one. */
static void serve_runners(void)
{
	engine_start();
	ck_assert_int_eq(methods_serve_runners(&engine, listen_anywhere()), 0);
}

static void stop_serving(void)
{
	control_free(engine.runners);
	engine_stop();
}

static void name_ourselves(void)
{
	char uid[16];

	snprintf(uid, sizeof(uid), "%u", (unsigned)geteuid());
	ck_assert_int_eq(string_list_add(&fake_root(fake)->rules.register_users, uid), 0);
	engine.serial++;
}

/* Why it was refused; "": it was not. */
static void expect_refusal(const char *method, const char *parameters, const char *wanted)
{
	char request[256];
	const char *reason;
	struct client client;
	json_t *answer;

	snprintf(request, sizeof(request), "{\"method\":\"%s\",\"more\":true,\"parameters\":%s}", method, parameters);
	client_open(&client);
	answer = client_call(&client, request);
	reason = text_of(json_object_get(answer, "parameters"), "reason");
	ck_assert_msg(!*wanted == !json_object_get(answer, "error"), "%s", request);
	ck_assert_msg(!*wanted || (reason && strstr(reason, wanted)), "%s: %s", request, reason);
	if (*wanted)
		ck_assert_str_eq(text_of(answer, "error"), "io.reaperd.NotAllowed");
	json_decref(answer);
	client_close(&client);
}

START_TEST(root_is_a_user_like_any_other_there)
{
	if (geteuid() != 0)
		SKIP_TEST("we are not root");
	expect_refusal("io.reaperd.Begin", ACTION, "root only where it is named");
	expect_refusal("io.reaperd.End", ACTION, "root only where it is named");
	expect_refusal("io.reaperd.Lease", ACTION, "root only where it is named");
	ck_assert_str_eq(asked.text, "");
	name_ourselves();
	expect_refusal("io.reaperd.Begin", ACTION, "");
	ck_assert_str_eq(asked.text, "begin " ROOT " a 0 0 0");
	expect_refusal("io.reaperd.End", ACTION, "");
	ck_assert_str_eq(asked.text, "end " ROOT " a");
	expect_refusal("io.reaperd.Lease", ACTION, "");
	RUN_UNTIL(asked.leases_ended == 1);
	expect_refusal("io.reaperd.Begin", "{\"root\":\"/other\",\"name\":\"a\"}", "root only where it is named");
}
END_TEST

/* Of those that the interface describes, so that a new one is closed until somebody says otherwise. */
START_TEST(each_method_but_begin_end_and_lease_is_closed_to_all)
{
	static const char *const parameters[][2] = {
		{ "Explain", "{\"what\":\"one\"}" },
		{ "Reap", "{\"leftovers\":true,\"dry_run\":true}" },
	};
	unsigned closed = 0;

	name_ourselves();
	for (const char *at = varlink_interface_text; (at = strstr(at, "\nmethod ")); at++) {
		char name[64], method[96];
		const char *given = "{}";

		snprintf(name, sizeof(name), "%.*s", (int)strcspn(at + 8, "("), at + 8);
		if (!strcmp(name, "Begin") || !strcmp(name, "End") || !strcmp(name, "Lease"))
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(parameters); i++)
			if (!strcmp(parameters[i][0], name))
				given = parameters[i][1];
		snprintf(method, sizeof(method), "io.reaperd.%s", name);
		expect_refusal(method, given, "for Begin, End and Lease alone");
		closed++;
	}
	ck_assert_uint_ge(closed, 11);
	ck_assert_str_eq(asked.text, "");
}
END_TEST

START_TEST(what_it_is_it_says_to_whom_it_lets_in)
{
	name_ourselves();
	expect_refusal("org.varlink.service.GetInfo", "{}", "");
	expect_refusal("org.varlink.service.GetInterfaceDescription", "{\"interface\":\"io.reaperd\"}", "");
}
END_TEST

START_TEST(a_pid_that_a_container_knows_is_not_believed)
{
	name_ourselves();
	expect_refusal("io.reaperd.Begin", "{\"root\":\"" ROOT "\",\"name\":\"a\",\"pid\":1}", "hold a lease instead");
	ck_assert_str_eq(asked.text, "");
}
END_TEST

START_TEST(its_connections_are_bounded_and_not_counted_among_the_others)
{
	static struct client clients[257];
	const unsigned bound = control_limits_for_runners.per_uid;

	name_ourselves();
	ck_assert_uint_lt(bound, ARRAY_SIZE(clients));
	for (unsigned i = 0; i <= bound; i++) {
		client_open(&clients[i]);
		RUN_UNTIL(i == bound || control_connections(engine.runners) == i + 1);
	}
	RUN_UNTIL(client_is_closed(&clients[bound]));
	ck_assert_uint_eq(control_connections(engine.runners), bound);
	ck_assert_uint_eq(control_connections(engine.control), 0);
	for (unsigned i = 0; i <= bound; i++)
		client_close(&clients[i]);
	RUN_UNTIL(control_connections(engine.runners) == 0);
}
END_TEST

static void expect_to_be_turned_away(struct client *client)
{
	expect_answer(client,
		      "{\"error\":\"io.reaperd.NotAllowed\",\"parameters\":"
		      "{\"reason\":\"only the users that `register` names may connect to the runners' socket\"}}");
	RUN_UNTIL(client_is_closed(client));
	ck_assert_uint_eq(control_connections(engine.runners), 0);
	client_close(client);
}

START_TEST(who_is_named_nowhere_is_turned_away_before_it_asks)
{
	struct client silent, quick;

	ck_assert_int_eq(string_list_add(&fake_root(fake)->rules.register_users, "0"), 0);
	client_open_as_nobody(&silent);
	expect_to_be_turned_away(&silent);
	client_open_as_nobody(&quick);
	client_ask(&quick, "{\"method\":\"io.reaperd.Begin\",\"parameters\":" ACTION "}");
	expect_to_be_turned_away(&quick);
	ck_assert_str_eq(asked.text, "");
}
END_TEST

START_TEST(who_is_named_for_any_root_is_let_in_and_by_the_next_configuration_no_more)
{
	struct string_list *users = &fake_root(fake)->rules.register_users;
	struct client held, next;
	char group[16];

	snprintf(group, sizeof(group), "@%u", (unsigned)getegid());
	ck_assert_int_eq(string_list_add(users, group), 0);
	client_open_as_nobody(&held);
	client_ask(&held, "{\"method\":\"io.reaperd.Lease\",\"more\":true,\"parameters\":" ACTION "}");
	json_decref(client_answer(&held));
	string_list_clear(users);
	engine.serial++;
	client_open_as_nobody(&next);
	RUN_UNTIL(client_is_closed(&next));
	ck_assert_uint_eq(control_connections(engine.runners), 1);
	ck_assert_uint_eq(asked.leases_ended, 0);
	client_close(&next);
	client_close(&held);
	RUN_UNTIL(asked.leases_ended == 1);
}
END_TEST

START_TEST(root_that_is_not_named_is_let_in_and_takes_few_places)
{
	static struct client clients[65];
	const unsigned bound = control_limits_for_runners.per_root;

	if (geteuid() != 0)
		SKIP_TEST("we are not root");
	ck_assert_uint_lt(bound, ARRAY_SIZE(clients));
	ck_assert_uint_ge(bound, 1);
	for (unsigned i = 0; i <= bound; i++)
		client_open(&clients[i]);
	RUN_UNTIL(client_is_closed(&clients[bound]));
	ck_assert_uint_eq(control_connections(engine.runners), bound);
	for (unsigned i = 0; i <= bound; i++)
		client_close(&clients[i]);
	RUN_UNTIL(control_connections(engine.runners) == 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("runners");
	TCase *tests = tcase_create("runners");

	tcase_set_timeout(tests, 60);
	tcase_add_checked_fixture(tests, serve_runners, stop_serving);
	tcase_add_test(tests, root_is_a_user_like_any_other_there);
	tcase_add_test(tests, each_method_but_begin_end_and_lease_is_closed_to_all);
	tcase_add_test(tests, what_it_is_it_says_to_whom_it_lets_in);
	tcase_add_test(tests, a_pid_that_a_container_knows_is_not_believed);
	tcase_add_test(tests, its_connections_are_bounded_and_not_counted_among_the_others);
	tcase_add_test(tests, who_is_named_nowhere_is_turned_away_before_it_asks);
	tcase_add_test(tests, who_is_named_for_any_root_is_let_in_and_by_the_next_configuration_no_more);
	tcase_add_test(tests, root_that_is_not_named_is_let_in_and_takes_few_places);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
