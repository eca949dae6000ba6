/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Registering, pausing, reaping, and requests that are none. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../lib/skip.h"
#include "base/cleanup.h"
#include "control_fixture.h"
#include "engine/claim.h"
#include "engine/control.h"
#include "engine/interface.h"
#include "engine/metrics.h"
#include "methods_fixture.h"
#include "run_suite.h"

/* ---- acting ---- */

static void expect_asked(const char *method, const char *parameters, const char *wanted)
{
	json_decref(ask(method, parameters));
	ck_assert_str_eq(asked.text, wanted);
}

START_TEST(runners_begin_and_end_actions)
{
	expect_asked("Begin", "{\"root\":\"" ROOT "\",\"name\":\"a\\\\x20b\",\"pid\":12,\"max_age\":\"1h\"}",
		     "begin " ROOT " a b 12 3600 0");
	expect_asked("End", "{\"root\":\"" ROOT "\",\"name\":\"a\"}", "end " ROOT " a");
	expect_error("End", "{\"root\":\"" ROOT "\",\"name\":\"unknown\"}",
		     "{\"error\":\"io.reaperd.NoSuchAction\",\"parameters\":{\"action\":\"unknown\"}}");
	expect_error("Begin", "{\"root\":\"/none\",\"name\":\"a\"}",
		     "{\"error\":\"io.reaperd.NoSuchRoot\",\"parameters\":{\"root\":\"/none\"}}");
	expect_error("Begin", "{\"root\":\"" ROOT "\",\"name\":\"a\",\"max_age\":\"1 year\"}",
		     "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"max_age\"}}");
	expect_error("Begin", "{\"root\":\"" ROOT "\",\"name\":\"a\",\"pid\":0}",
		     "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"pid\"}}");
	expect_error("Begin", "{\"root\":\"" ROOT "\",\"name\":\"a\",\"pid\":4294967297}",
		     "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"pid\"}}");
	asked.begin_error = -EINVAL;
	expect_error("Begin", "{\"root\":\"" ROOT "\",\"name\":\"a/b\"}",
		     "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"name\"}}");
	asked.begin_error = -ESRCH;
	expect_error("Begin", "{\"root\":\"" ROOT "\",\"name\":\"a\",\"pid\":12}",
		     "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"pid\"}}");
}
END_TEST

/* Who adds to an action begins it only where it must. */
START_TEST(who_joins_an_action_that_is_registered_changes_nothing)
{
	json_t *reply;

	asked.join_error = -ENOENT;
	reply = ask("Begin", "{\"root\":\"" ROOT "\",\"name\":\"a\",\"max_age\":\"1h\",\"join\":true}");
	ck_assert_str_eq(asked.text, "begin " ROOT " a 0 3600 0");
	ck_assert(json_is_false(json_object_get(reply, "joined")));
	json_decref(reply);
	asked.join_error = 0;
	reply = ask("Begin", "{\"root\":\"" ROOT "\",\"name\":\"a\",\"join\":true}");
	ck_assert_str_eq(asked.text, "join " ROOT " a");
	ck_assert(json_is_true(json_object_get(reply, "joined")));
	json_decref(reply);
	expect_asked("Begin", "{\"root\":\"" ROOT "\",\"name\":\"a\",\"join\":false}", "begin " ROOT " a 0 0 0");
	asked.join_error = -EOWNERDEAD;
	expect_error(
		"Begin", "{\"root\":\"" ROOT "\",\"name\":\"a\",\"join\":true}",
		"{\"error\":\"io.reaperd.Unavailable\",\"parameters\":{\"reason\":\"the action is over, and what it has "
		"is taken away\"}}");
	ck_assert_str_eq(asked.text, "join " ROOT " a");
}
END_TEST

#define OF_GENERATION(n, and) "{\"root\":\"" ROOT "\",\"name\":\"a\",\"generation\":" n and "}"
#define OVER                                                                                                           \
	"{\"error\":\"io.reaperd.Unavailable\",\"parameters\":{\"reason\":\"the action is over, and what it has is taken away\"}}"
#define BAD_GENERATION                                                                                                 \
	"{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"generation\"}}"

START_TEST(who_joins_one_generation_begins_no_other)
{
	expect_asked("Begin", OF_GENERATION("7", ",\"join\":true"), "join " ROOT " a");
	expect_error("Begin", OF_GENERATION("6", ",\"join\":true"), OVER);
	asked.join_error = -ENOENT;
	expect_error("Begin", OF_GENERATION("7", ",\"join\":true"), OVER);
	ck_assert_str_eq(asked.text, "join " ROOT " a");
	expect_error("Begin", OF_GENERATION("7", ""), BAD_GENERATION);
	expect_error("Begin", OF_GENERATION("-7", ",\"join\":true"), BAD_GENERATION);
	expect_error("Begin", OF_GENERATION("4294967303", ",\"join\":true"), BAD_GENERATION);
}
END_TEST

START_TEST(who_takes_back_says_what_and_hears_whether_it_goes_on)
{
	json_t *reply = ask("End", OF_GENERATION("7", ",\"only_if_unused\":true"));

	ck_assert_str_eq(asked.text, "undo " ROOT " a 7");
	ck_assert_int_eq(json_integer_value(json_object_get(reply, "generation")), 7);
	ck_assert(json_is_true(json_object_get(reply, "ended")));
	json_decref(reply);
	reply = ask("End", OF_GENERATION("6", ",\"only_if_unused\":true"));
	ck_assert(json_is_false(json_object_get(reply, "ended")));
	json_decref(reply);
	expect_asked("End", OF_GENERATION("6", ",\"only_if_unused\":false"), "end " ROOT " a");
	asked.text[0] = '\0';
	expect_error("End", "{\"root\":\"" ROOT "\",\"name\":\"a\",\"only_if_unused\":true}", BAD_GENERATION);
	ck_assert_str_eq(asked.text, "");
	expect_error("End", "{\"root\":\"" ROOT "\",\"name\":\"unknown\",\"generation\":7,\"only_if_unused\":true}",
		     "{\"error\":\"io.reaperd.NoSuchAction\",\"parameters\":{\"action\":\"unknown\"}}");
}
END_TEST

#define LEASE "{\"method\":\"io.reaperd.Lease\",\"more\":true,\"parameters\":{\"root\":\"" ROOT "\",\"name\":\"a\"}}"

START_TEST(a_lease_is_held_until_its_last_connection_closes)
{
	struct client first, second;

	client_open(&first);
	client_open(&second);
	client_ask(&first, LEASE);
	expect_answer(&first, "{\"parameters\":{\"generation\":7,\"path\":\"" ROOT "/a\"},\"continues\":true}");
	ck_assert_str_eq(asked.text, "begin " ROOT " a 0 0 1");
	client_ask(&second, LEASE);
	expect_answer(&second, "{\"parameters\":{\"generation\":7,\"path\":\"" ROOT "/a\"},\"continues\":true}");
	client_close(&first);
	RUN_UNTIL(control_connections(engine.control) == 1);
	ck_assert_uint_eq(asked.leases_ended, 0);
	client_close(&second);
	RUN_UNTIL(asked.leases_ended == 1);
	ck_assert_str_eq(asked.text, "lease ended " ROOT " a 7");
}
END_TEST

START_TEST(a_lease_that_is_refused_is_not_held)
{
	struct client client;

	asked.begin_error = -ENOENT;
	client_open(&client);
	client_ask(&client, LEASE);
	expect_answer(&client, "{\"error\":\"io.reaperd.Unavailable\","
			       "\"parameters\":{\"reason\":\"no directory stands at the root's path yet\"}}");
	client_close(&client);
	RUN_UNTIL(control_connections(engine.control) == 0);
	ck_assert_uint_eq(asked.leases_ended, 0);
	expect_error("Lease", "{\"root\":\"" ROOT "\",\"name\":\"a\"}",
		     "{\"error\":\"org.varlink.service.ExpectedMore\"}");
}
END_TEST

START_TEST(who_is_refused_is_told_who_holds_the_action)
{
	struct client client;
	json_t *answer, *about;

	make_over(mounted("a", "root/proc", NULL));
	action_named(fake, "a")->owner.lease = true;
	action_named(fake, "a")->owner.uid = 7;
	asked.begin_error = -EBUSY;
	client_open(&client);
	answer = client_call(&client, LEASE);
	ck_assert_str_eq(text_of(answer, "error"), "io.reaperd.ActionIsHeld");
	about = json_object_get(answer, "parameters");
	ck_assert_str_eq(text_of(about, "action"), "a");
	ck_assert_str_eq(text_of(about, "reason"), "a is held by a lease of uid 7, which is open");
	ck_assert_int_eq(number_of(json_object_get(json_object_get(about, "held"), "owner"), "uid"), 7);
	json_decref(answer);
	client_close(&client);
	ck_assert_uint_eq(asked.leases_ended, 0);
}
END_TEST

START_TEST(who_takes_a_lease_again_says_which_it_held)
{
	struct client client;

	client_open(&client);
	client_ask(&client, LEASE);
	expect_answer(&client, "{\"parameters\":{\"generation\":7,\"path\":\"" ROOT "/a\"},\"continues\":true}");
	ck_assert_int_eq(asked.claimed_generation, CLAIM_GENERATION_UNSAID);
	client_close(&client);
	client_open(&client);
	client_ask(&client, "{\"method\":\"io.reaperd.Lease\",\"more\":true,\"parameters\":{\"root\":\"" ROOT
			    "\",\"name\":\"a\",\"generation\":3}}");
	expect_answer(&client, "{\"parameters\":{\"generation\":7,\"path\":\"" ROOT "/a\"},\"continues\":true}");
	ck_assert_int_eq(asked.claimed_generation, 3);
	client_close(&client);
	client_open(&client);
	client_ask(&client, "{\"method\":\"io.reaperd.Lease\",\"more\":true,\"parameters\":{\"root\":\"" ROOT
			    "\",\"name\":\"a\",\"generation\":-1}}");
	expect_answer(
		&client,
		"{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"generation\"}}");
	client_close(&client);
}
END_TEST

START_TEST(pausing_takes_a_root_and_a_time)
{
	expect_asked("Pause", "{}", "pause all 0");
	expect_asked("Pause", "{\"root\":\"" ROOT "\",\"seconds\":1.5}", "pause " ROOT " 1.5");
	expect_asked("Resume", "{\"root\":\"" ROOT "\"}", "resume " ROOT);
	expect_asked("Resume", "{}", "resume all");
	expect_asked("Reload", "{}", "reload");
	expect_error("Pause", "{\"seconds\":-1}",
		     "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"seconds\"}}");
	expect_error("Pause", "{\"seconds\":1e300}",
		     "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"seconds\"}}");
}
END_TEST

START_TEST(a_dry_run_reaps_nothing_and_says_what_would_be)
{
	json_t *answer, *item;

	make_over(mounted("one", "root/proc", NULL));
	answer = ask("Reap", "{\"actions\":[\"one\"],\"dry_run\":true}");
	item = json_array_get(json_object_get(answer, "items"), 0);
	ck_assert_str_eq(text_of(item, "target"), ROOT "/one/root/proc");
	ck_assert_str_eq(text_of(item, "step"), "umount");
	ck_assert(json_is_null(json_object_get(item, "hold")));
	ck_assert_uint_eq(asked.reaped, 0);
	json_decref(answer);
	expect_asked("Reap", "{\"actions\":[\"one\"]}", "reap one@1 0");
	expect_asked("Reap", "{\"actions\":[\"one\",\"one@1\"]}", "reap one@1 0");
	ck_assert_uint_eq(asked.reaped, 2);
}
END_TEST

START_TEST(an_active_action_is_reaped_only_when_that_is_said)
{
	mounted("one", "root/proc", NULL);
	make_over(mounted("two", "root/proc", NULL));
	expect_error("Reap", "{\"actions\":[\"two\",\"one\"]}",
		     "{\"error\":\"io.reaperd.ActionIsActive\",\"parameters\":{\"action\":\"one\"}}");
	ck_assert_uint_eq(asked.reaped, 0);
	expect_asked("Reap", "{\"actions\":[\"one\"],\"active\":true}", "reap one@1 1");
}
END_TEST

START_TEST(leftovers_are_reaped_and_nothing_else)
{
	mounted("one", "root/proc", NULL);
	make_over(mounted("two", "root/proc", NULL));
	expect_asked("Reap", "{\"leftovers\":true}", "reap two@1 0");
	ck_assert_uint_eq(asked.reaped, 1);
	expect_error("Reap", "{}",
		     "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"actions\"}}");
	expect_error("Reap", "{\"actions\":[\"three\"]}",
		     "{\"error\":\"io.reaperd.NoSuchAction\",\"parameters\":{\"action\":\"three\"}}");
}
END_TEST

static void expect_as_nobody(const char *method, const char *parameters, bool allowed)
{
	struct client client;
	char request[256];
	json_t *answer;

	snprintf(request, sizeof(request), "{\"method\":\"io.reaperd.%s\",\"parameters\":%s}", method, parameters);
	client_open_as_nobody(&client);
	answer = client_call(&client, request);
	ck_assert_msg(allowed == !json_object_get(answer, "error"), "%s", request);
	json_decref(answer);
	client_close(&client);
}

START_TEST(who_may_what_is_in_the_configuration)
{
	struct root *root = fake_root(fake);

	if (geteuid() != 0)
		SKIP_TEST("only root can connect as another user");
	expect_as_nobody("GetStatus", "{}", true);
	expect_as_nobody("Begin", "{\"root\":\"" ROOT "\",\"name\":\"a\"}", false);
	ck_assert_int_eq(string_list_add(&root->rules.register_users, "no-such-user"), 0);
	ck_assert_int_eq(string_list_add(&root->rules.register_users, "65534"), 0);
	expect_as_nobody("Begin", "{\"root\":\"" ROOT "\",\"name\":\"a\"}", true);
	expect_as_nobody("End", "{\"root\":\"" ROOT "\",\"name\":\"a\"}", true);
	expect_as_nobody("Begin", "{\"root\":\"/other\",\"name\":\"a\"}", false);
	expect_as_nobody("Reap", "{\"leftovers\":true}", false);
	expect_as_nobody("Pause", "{}", false);
	expect_as_nobody("Resume", "{}", false);
	expect_as_nobody("Reload", "{}", false);
	ck_assert_uint_eq(asked.pauses, 0);
}
END_TEST

static const struct {
	const char *name, *parameters;
	bool is_everybodys;
} described[] = {
	{ "GetStatus", "{}", true },
	{ "ListActions", "{}", true },
	{ "ListMounts", "{}", true },
	{ "Events", "{}", true },
	{ "Explain", "{\"what\":\"one\"}", true },
	{ "Metrics", "{}", true },
	{ "GetConfiguration", "{}", true },
	{ "Begin", "{\"root\":\"" ROOT "\",\"name\":\"a\"}", false },
	{ "End", "{\"root\":\"" ROOT "\",\"name\":\"a\"}", false },
	{ "Lease", "{\"root\":\"" ROOT "\",\"name\":\"a\"}", false },
	{ "Reap", "{\"leftovers\":true,\"dry_run\":true}", false },
	{ "Pause", "{}", false },
	{ "Resume", "{}", false },
	{ "Reload", "{}", false },
};

static size_t count_methods(void)
{
	size_t count = 0;

	for (const char *at = varlink_interface_text; (at = strstr(at, "\nmethod ")); at++)
		count++;
	return count;
}

START_TEST(each_method_but_those_that_only_look_is_closed_to_who_is_not_registered)
{
	char text[256];
	const char *error;
	struct client client;
	json_t *answer;

	if (geteuid() != 0)
		SKIP_TEST("only root can connect as another user");
	snprintf(text, sizeof(text), "\nmethod %s(", described[_i].name);
	ck_assert_ptr_nonnull(strstr(varlink_interface_text, text));
	ck_assert_uint_eq(count_methods(), ARRAY_SIZE(described));
	snprintf(text, sizeof(text), "{\"method\":\"io.reaperd.%s\",\"more\":true,\"parameters\":%s}",
		 described[_i].name, described[_i].parameters);
	client_open_as_nobody(&client);
	answer = client_call(&client, text);
	error = text_of(answer, "error");
	ck_assert_msg(described[_i].is_everybodys == !(error && !strcmp(error, "io.reaperd.NotAllowed")), "%s", text);
	json_decref(answer);
	client_close(&client);
}
END_TEST

/* ---- whatever comes ---- */

START_TEST(requests_with_broken_bytes_end_at_most_their_own_connection)
{
	static const char *const requests[] = {
		"{\"method\":\"io.reaperd.Events\",\"more\":true,\"parameters\":{\"after\":1,\"follow\":true,\"type\":\"end\"}}",
		"{\"method\":\"io.reaperd.ListMounts\",\"more\":true,\"parameters\":{\"action\":\"one@1\",\"all\":true,\"at\":\"-1h\"}}",
		"{\"method\":\"io.reaperd.Explain\",\"parameters\":{\"what\":\"mnt:102\",\"root\":\"" ROOT "\"}}",
		"{\"method\":\"io.reaperd.Reap\",\"parameters\":{\"actions\":[\"one\",\"one@1\"],\"leftovers\":true}}",
		"{\"method\":\"io.reaperd.Begin\",\"parameters\":{\"root\":\"" ROOT
		"\",\"name\":\"a\\\\x41\",\"pid\":12,\"max_age\":\"1h\"}}",
		"{\"method\":\"io.reaperd.Lease\",\"more\":true,\"parameters\":{\"root\":\"" ROOT "\",\"name\":\"a\"}}",
		"{\"method\":\"io.reaperd.Pause\",\"parameters\":{\"seconds\":12.5e1}}",
	};
	static const char bytes[] = "\0\"\\{}[],:019.-eE@/x\x7f\x80\xff";
	uint32_t random = (uint32_t)_i + 1;

	asked.holders_at_once = true;
	make_over(mounted("one", "root/proc", NULL));
	for (int round = 0; round < 500; round++) {
		struct client client;
		char request[256];
		size_t length;

		snprintf(request, sizeof(request), "%s", requests[(random >> 16) % ARRAY_SIZE(requests)]);
		length = strlen(request);
		for (int i = 0; i < 1 + round % 3; i++) {
			random = random * 1664525 + 1013904223;
			request[(random >> 8) % length] = bytes[(random >> 24) % (sizeof(bytes) - 1)];
		}
		client_open(&client);
		client_send(&client, request, length + 1);
		shutdown(client.fd, SHUT_WR);
		RUN_UNTIL(client_is_closed(&client));
		client_close(&client);
	}
	json_decref(ask("GetStatus", "{}"));
}
END_TEST

static TCase *acting_case(void)
{
	TCase *tests = tcase_create("acting");

	tcase_add_checked_fixture(tests, engine_start, engine_stop);
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, runners_begin_and_end_actions);
	tcase_add_test(tests, who_joins_an_action_that_is_registered_changes_nothing);
	tcase_add_test(tests, who_joins_one_generation_begins_no_other);
	tcase_add_test(tests, who_takes_back_says_what_and_hears_whether_it_goes_on);
	tcase_add_test(tests, a_lease_is_held_until_its_last_connection_closes);
	tcase_add_test(tests, a_lease_that_is_refused_is_not_held);
	tcase_add_test(tests, who_is_refused_is_told_who_holds_the_action);
	tcase_add_test(tests, who_takes_a_lease_again_says_which_it_held);
	tcase_add_test(tests, pausing_takes_a_root_and_a_time);
	tcase_add_test(tests, a_dry_run_reaps_nothing_and_says_what_would_be);
	tcase_add_test(tests, an_active_action_is_reaped_only_when_that_is_said);
	tcase_add_test(tests, leftovers_are_reaped_and_nothing_else);
	tcase_add_test(tests, who_may_what_is_in_the_configuration);
	tcase_add_loop_test(tests, each_method_but_those_that_only_look_is_closed_to_who_is_not_registered, 0,
			    ARRAY_SIZE(described));
	tcase_add_loop_test(tests, requests_with_broken_bytes_end_at_most_their_own_connection, 0, 8);
	return tests;
}

int main(void)
{
	Suite *suite = suite_create("methods that act");

	suite_add_tcase(suite, acting_case());
	return run_suite(suite);
}
