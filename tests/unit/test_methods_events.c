/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The journal and its followers, explanations. */
#include <check.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../lib/skip.h"
#include "base/cleanup.h"
#include "control_fixture.h"
#include "engine/control.h"
#include "engine/journal.h"
#include "engine/metrics.h"
#include "methods_fixture.h"
#include "run_suite.h"

/* ---- events ---- */

static void happen(enum event_type type, const struct action *action)
{
	engine.now = clock_now();
	journal_write(&engine, &(struct journal_event){ .type = type, .action = action });
	store_commit(engine.store);
}

START_TEST(events_are_read_from_the_journal)
{
	struct action *one = mounted("one", "proc", NULL), *two = mounted("two", "proc", NULL);
	json_t *rows;
	char parameters[64];

	happen(EVENT_START, NULL);
	happen(EVENT_BEGIN, one);
	happen(EVENT_BEGIN, two);
	happen(EVENT_END, one);
	expect_rows("Events", "{}", "events", "type", "start begin begin end");
	expect_rows("Events", "{\"action\":\"one\"}", "events", "type", "begin end");
	expect_rows("Events", "{\"type\":\"begin\"}", "events", "action", "one two");
	expect_rows("Events", "{\"type\":\"begin\",\"root\":\"" ROOT "\",\"action\":\"two@1\"}", "events", "action",
		    "two");
	expect_rows("Events", "{\"until\":\"-1h\"}", "events", "type", "");
	expect_rows("Events", "{\"since\":\"-1h\"}", "events", "type", "start begin begin end");
	rows = ask_for_list("Events", "{}", "events", NULL);
	snprintf(parameters, sizeof(parameters), "{\"after\":%lld}",
		 (long long)number_of(json_array_get(rows, 1), "seq"));
	json_decref(rows);
	expect_rows("Events", parameters, "events", "type", "begin end");
	expect_error("Events", "{\"type\":\"nothing\"}",
		     "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"type\"}}");
	expect_error("Events", "{\"after\":-1}",
		     "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"after\"}}");
	expect_error("Events", "{\"follow\":true}", "{\"error\":\"org.varlink.service.ExpectedMore\"}");
}
END_TEST

START_TEST(a_long_journal_comes_in_pieces)
{
	unsigned pieces;
	json_t *rows;

	for (int i = 0; i < 450; i++)
		journal_write(&engine, &(struct journal_event){ .type = EVENT_RESCAN });
	store_commit(engine.store);
	rows = ask_for_list("Events", "{}", "events", &pieces);
	ck_assert_uint_eq(json_array_size(rows), 450);
	ck_assert_uint_eq(pieces, 5);
	json_decref(rows);
}
END_TEST

static void follow(struct client *client, const char *parameters)
{
	char request[256];
	json_t *first;

	snprintf(request, sizeof(request), "{\"method\":\"io.reaperd.Events\",\"more\":true,\"parameters\":%s}",
		 parameters);
	client_open(client);
	first = client_call(client, request);
	ck_assert(json_is_true(json_object_get(first, "continues")));
	json_decref(first);
}

/* The next events that come to a follower, by type. */
static void expect_event(struct client *client, const char *type)
{
	json_t *answer = client_answer(client),
	       *events = json_object_get(json_object_get(answer, "parameters"), "events");

	ck_assert(json_is_true(json_object_get(answer, "continues")));
	ck_assert_uint_eq(json_array_size(events), 1);
	ck_assert_str_eq(text_of(json_array_get(events, 0), "type"), type);
	json_decref(answer);
}

START_TEST(a_follower_gets_what_happens_and_only_what_it_asked_for)
{
	struct action *one = mounted("one", "proc", NULL), *two = mounted("two", "proc", NULL);
	struct client all, some;

	happen(EVENT_START, NULL);
	follow(&all, "{\"follow\":true}");
	follow(&some, "{\"follow\":true,\"action\":\"two\"}");
	happen(EVENT_BEGIN, one);
	expect_event(&all, "begin");
	happen(EVENT_END, two);
	expect_event(&all, "end");
	expect_event(&some, "end");
	client_close(&all);
	client_close(&some);
	RUN_UNTIL(control_connections(engine.control) == 0);
	ck_assert_ptr_null(journal.followers);
}
END_TEST

START_TEST(a_follower_misses_nothing_of_a_storm)
{
	const size_t count = BELOW_VALGRIND ? 2000 : 30000;
	struct client client;
	json_t *answer, *row;
	json_int_t last = 0;
	size_t i, got = 0;

	follow(&client, "{\"follow\":true}");
	for (size_t n = 0; n < count; n++) {
		journal_write(&engine, &(struct journal_event){ .type = EVENT_RESCAN });
		if (n % 1000 == 0) {
			store_commit(engine.store);
			ev_run(loop, EVRUN_NOWAIT);
		}
	}
	store_commit(engine.store);
	while (got < count) {
		answer = client_answer(&client);
		json_array_foreach (json_object_get(json_object_get(answer, "parameters"), "events"), i, row) {
			ck_assert_int_gt(number_of(row, "seq"), last);
			last = number_of(row, "seq");
			got++;
		}
		json_decref(answer);
	}
	client_close(&client);
}
END_TEST

START_TEST(a_follower_gets_what_the_ledger_does_not_take)
{
	struct client client;

	break_store();
	follow(&client, "{\"follow\":true}");
	happen(EVENT_PAUSE, NULL);
	expect_event(&client, "pause");
	happen(EVENT_RESUME, NULL);
	expect_event(&client, "resume");
	client_close(&client);
}
END_TEST

/* ---- explain ---- */

static bool text_says(const json_t *explanation, const char *words)
{
	json_t *sentence;
	size_t i;

	json_array_foreach (json_object_get(explanation, "text"), i, sentence) {
		if (strstr(json_string_value(sentence), words))
			return true;
	}
	return false;
}

#define EXPLAIN(what) "{\"method\":\"io.reaperd.Explain\",\"parameters\":{\"what\":\"" what "\"}}"

START_TEST(an_action_is_explained_with_who_holds_its_mounts)
{
	struct action *action = mounted("one", "root/proc", NULL);
	struct client client;
	json_t *answer, *explanation, *mount, *holders;

	policy_evidence_set(action, EVIDENCE_MISSING, clock_now());
	client_open(&client);
	client_ask(&client, EXPLAIN("one"));
	RUN_UNTIL(asked.holders_asked == 1);
	answer_holders();
	answer = client_answer(&client);
	explanation = json_array_get(json_object_get(json_object_get(answer, "parameters"), "explanations"), 0);
	mount = json_array_get(json_object_get(explanation, "mounts"), 0);
	ck_assert_str_eq(text_of(json_object_get(explanation, "action"), "name"), "one");
	ck_assert_str_eq(text_of(json_object_get(explanation, "decision"), "verdict"), "wait");
	ck_assert_int_eq(number_of(json_array_get(json_object_get(mount, "holders"), 0), "pid"), 12);
	ck_assert(text_says(explanation, "Evidence: `missing` since"));
	ck_assert(text_says(explanation, "It is reaped for `missing` at"));
	ck_assert(text_says(explanation, "pid 12 (sleep) holds " ROOT "/one/root/proc by its fd 3."));
	ck_assert(text_says(explanation, "pid 13 (cc1) holds " ROOT "/one/root/proc by its cwd."));
	ck_assert(text_says(explanation, "pid 14 (runc) lives in another mount namespace"));
	ck_assert(text_says(explanation, "The loop device loop7 has its file in " ROOT "/one/root/proc."));
	ck_assert(text_says(explanation, "mount 221 in mountinfo, has a layer in " ROOT "/one/root/proc"));
	holders = json_object_get(mount, "holders");
	ck_assert_int_eq(number_of(json_array_get(holders, 0), "number"), 3);
	ck_assert(json_is_null(json_object_get(json_array_get(holders, 1), "number")));
	ck_assert_int_eq(number_of(json_array_get(holders, 3), "number"), 7);
	ck_assert_int_eq(number_of(json_array_get(holders, 4), "number"), 221);
	json_decref(answer);
	client_close(&client);
}
END_TEST

START_TEST(who_asked_may_go_before_the_holders_are_known)
{
	struct client client;

	mounted("one", "root/proc", NULL);
	client_open(&client);
	client_ask(&client, EXPLAIN("one"));
	RUN_UNTIL(asked.holders_asked == 1);
	client_close(&client);
	RUN_UNTIL(control_connections(engine.control) == 0);
	answer_holders();
}
END_TEST

START_TEST(an_explanation_does_not_wait_for_holders_for_ever)
{
	struct client client;
	json_t *answer, *explanation;

	mounted("one", "root/proc", NULL);
	client_open(&client);
	answer = client_call(&client, EXPLAIN("one"));
	explanation = json_array_get(json_object_get(json_object_get(answer, "parameters"), "explanations"), 0);
	ck_assert(text_says(explanation, "could be found out in time"));
	json_decref(answer);
	client_close(&client);
	answer_holders();
}
END_TEST

START_TEST(a_mount_is_explained_by_its_path_or_its_number)
{
	uint64_t id;
	char what[64];
	json_t *answer, *explanations;

	asked.holders_at_once = true;
	mounted("one", "root/sys", NULL);
	mounted("one", "root/proc", &id);
	snprintf(what, sizeof(what), "{\"what\":\"mnt:%llu\"}", (unsigned long long)id);
	for (int i = 0; i < 2; i++) {
		answer = ask("Explain", i ? what : "{\"what\":\"" ROOT "/one/root/proc\"}");
		explanations = json_object_get(answer, "explanations");
		ck_assert_uint_eq(json_array_size(explanations), 1);
		ck_assert_uint_eq(json_array_size(json_object_get(json_array_get(explanations, 0), "mounts")), 1);
		ck_assert(text_says(json_array_get(explanations, 0), "could not be told"));
		json_decref(answer);
	}
	answer = ask("Explain", "{\"what\":\"" ROOT "/one/root\"}");
	explanations = json_object_get(answer, "explanations");
	ck_assert_uint_eq(json_array_size(json_object_get(json_array_get(explanations, 0), "mounts")), 2);
	json_decref(answer);
}
END_TEST

START_TEST(what_is_not_there_is_not_explained)
{
	expect_error("Explain", "{\"what\":\"nobody\"}",
		     "{\"error\":\"io.reaperd.NoSuchAction\",\"parameters\":{\"action\":\"nobody\"}}");
	expect_error("Explain", "{\"what\":\"mnt:999999\"}",
		     "{\"error\":\"io.reaperd.NoSuchMount\",\"parameters\":{\"what\":\"mnt:999999\"}}");
	expect_error("Explain", "{\"what\":\"mnt:x\"}",
		     "{\"error\":\"io.reaperd.NoSuchMount\",\"parameters\":{\"what\":\"mnt:x\"}}");
	expect_error("Explain", "{\"what\":\"/some/where\"}",
		     "{\"error\":\"io.reaperd.NoSuchMount\",\"parameters\":{\"what\":\"/some/where\"}}");
	expect_error("Explain", "{\"what\":\"/../x\"}",
		     "{\"error\":\"io.reaperd.NoSuchMount\",\"parameters\":{\"what\":\"/../x\"}}");
}
END_TEST

static json_t *explain_past(struct client *client, bool with_holders)
{
	json_t *answer;

	client_ask(client, EXPLAIN("past"));
	RUN_UNTIL(asked.holders_asked == 1);
	if (with_holders)
		answer_holders();
	else
		answer_no_holders();
	answer = client_answer(client);
	return answer;
}

START_TEST(what_was_detached_and_is_held_still_is_explained_with_its_action)
{
	json_t *answer, *explanation, *lingering;
	struct client client;
	struct action *past;
	char name[128];
	uint64_t id;

	mounted("past", "root/sys", NULL);
	past = mounted("past", "root/proc", &id);
	model_mount(fake->model, id)->asked = true;
	save(past);
	clear(past);
	client_open(&client);
	answer = explain_past(&client, true);
	snprintf(name, sizeof(name), "past/root/proc %" PRIu64, id);
	ck_assert_str_eq(asked.text, name);
	explanation = json_array_get(json_object_get(json_object_get(answer, "parameters"), "explanations"), 0);
	snprintf(name, sizeof(name), "pid 12 (sleep) holds mnt:%" PRIu64 ", detached from " ROOT "/past/root/proc, by",
		 id);
	ck_assert(text_says(explanation, name));
	lingering = json_object_get(explanation, "lingering");
	ck_assert_uint_eq(json_array_size(lingering), 1);
	lingering = json_array_get(lingering, 0);
	ck_assert_int_eq(number_of(json_object_get(lingering, "mount"), "id"), (json_int_t)id);
	ck_assert_int_eq(number_of(json_array_get(json_object_get(lingering, "holders"), 0), "pid"), 12);
	json_decref(answer);
	/* Once nobody holds it there is nothing to be said. */
	answer = explain_past(&client, false);
	explanation = json_array_get(json_object_get(json_object_get(answer, "parameters"), "explanations"), 0);
	ck_assert_uint_eq(json_array_size(json_object_get(explanation, "lingering")), 0);
	ck_assert(!text_says(explanation, "mnt:"));
	json_decref(answer);
	client_close(&client);
}
END_TEST

START_TEST(an_unowned_mount_and_a_past_action_are_explained_too)
{
	struct action *past = mounted("past", "root/proc", NULL);
	json_t *answer;

	asked.holders_at_once = true;
	save(past);
	clear(past);
	fake_mount(fake, ROOT "/.hidden", "tmpfs", 60);
	feed(fake);
	answer = ask("Explain", "{\"what\":\"past\"}");
	ck_assert(text_says(json_array_get(json_object_get(answer, "explanations"), 0), "is past"));
	json_decref(answer);
	mounted("done", "root/proc", NULL);
	fake_umount(fake, fake->mounts[fake->count - 1].id);
	feed(fake);
	ck_assert_int_eq(policy_set_state(action_named(fake, "done"), ACTION_CLEARED), 0);
	answer = ask("Explain", "{\"what\":\"done\"}");
	ck_assert(text_says(json_array_get(json_object_get(answer, "explanations"), 0),
			    "No mount of it is left below the build root"));
	ck_assert(
		json_is_null(json_object_get(json_array_get(json_object_get(answer, "explanations"), 0), "decision")));
	json_decref(answer);
	answer = ask("Explain", "{\"what\":\"" ROOT "/.hidden\"}");
	ck_assert(text_says(json_array_get(json_object_get(answer, "explanations"), 0), "never reaped"));
	json_decref(answer);
}
END_TEST

static TCase *events_case(void)
{
	TCase *tests = tcase_create("events");

	tcase_add_checked_fixture(tests, engine_start, engine_stop);
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, events_are_read_from_the_journal);
	tcase_add_test(tests, a_long_journal_comes_in_pieces);
	tcase_add_test(tests, a_follower_gets_what_happens_and_only_what_it_asked_for);
	tcase_add_test(tests, a_follower_misses_nothing_of_a_storm);
	tcase_add_test(tests, a_follower_gets_what_the_ledger_does_not_take);
	return tests;
}

static TCase *explain_case(void)
{
	TCase *tests = tcase_create("explain");

	tcase_add_checked_fixture(tests, engine_start, engine_stop);
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, an_action_is_explained_with_who_holds_its_mounts);
	tcase_add_test(tests, who_asked_may_go_before_the_holders_are_known);
	tcase_add_test(tests, an_explanation_does_not_wait_for_holders_for_ever);
	tcase_add_test(tests, a_mount_is_explained_by_its_path_or_its_number);
	tcase_add_test(tests, what_is_not_there_is_not_explained);
	tcase_add_test(tests, what_was_detached_and_is_held_still_is_explained_with_its_action);
	tcase_add_test(tests, an_unowned_mount_and_a_past_action_are_explained_too);
	return tests;
}

int main(void)
{
	Suite *suite = suite_create("events and explanations");

	suite_add_tcase(suite, events_case());
	suite_add_tcase(suite, explain_case());
	return run_suite(suite);
}
