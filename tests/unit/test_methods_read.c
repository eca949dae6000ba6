/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Status, lists, metrics. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "control_fixture.h"
#include "engine/control.h"
#include "engine/metrics.h"
#include "methods_fixture.h"
#include "run_suite.h"

/* ---- status, metrics, configuration ---- */

START_TEST(status_counts_what_is_there)
{
	json_t *answer, *status, *root;

	mounted("one", "root/proc", NULL);
	make_over(mounted("two", "root/proc", NULL));
	fake_mount(fake, ROOT "/.hidden", "tmpfs", 60);
	feed(fake);
	answer = ask("GetStatus", "{}");
	status = json_object_get(answer, "status");
	root = json_array_get(json_object_get(status, "roots"), 0);
	ck_assert_str_eq(text_of(status, "source"), "listmount");
	ck_assert_str_eq(text_of(status, "identity"), "unique-id");
	ck_assert_str_eq(text_of(status, "mode"), "enforce");
	ck_assert_int_eq(number_of(status, "mounts"), number_of(root, "mounts"));
	ck_assert_int_ge(number_of(status, "mounts"), 3);
	ck_assert_str_eq(text_of(root, "path"), ROOT);
	ck_assert_int_eq(number_of(root, "actions"), 2);
	ck_assert_int_eq(number_of(root, "leftovers"), 1);
	ck_assert_int_eq(number_of(status, "unowned"), number_of(root, "mounts") - 2);
	ck_assert_int_eq(number_of(json_object_get(status, "broker"), "hung"), 1);
	ck_assert_str_eq(text_of(json_object_get(status, "ledger"), "state"), "ok");
	json_decref(answer);
}
END_TEST

START_TEST(status_has_every_field_that_the_interface_names)
{
	static const char *const keys[] = {
		"version",	  "source",   "source_note", "identity", "namespaces", "mode",	   "paused",
		"paused_until",	  "roots",    "mounts",	     "unowned",	 "events",     "lost",	   "rescans",
		"lag_ms",	  "wakeups",  "ledger",	     "broker",	 "started",    "attached", "engine_deaths",
		"engine_started", "attested", "watched",     "unwatched"
	};
	static const char *const root_keys[] = { "path",  "mode",      "actions", "mounts", "leftovers",
						 "stuck", "protected", "health",  "paused" };
	json_t *answer = ask("GetStatus", "{}"), *status = json_object_get(answer, "status");

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		ck_assert_msg(json_object_get(status, keys[i]), "no %s", keys[i]);
	ck_assert_uint_eq(json_object_size(status), ARRAY_SIZE(keys));
	for (size_t i = 0; i < ARRAY_SIZE(root_keys); i++)
		ck_assert_msg(json_object_get(json_array_get(json_object_get(status, "roots"), 0), root_keys[i]),
			      "no %s", root_keys[i]);
	json_decref(answer);
}
END_TEST

START_TEST(metrics_have_the_promised_names_and_no_action_s)
{
	static const char *const names[] = { "mounts{root=\"" ROOT "\",state=\"attached\"} ",
					     "actions{root=\"" ROOT "\",state=\"over\"} 1",
					     "root_health{root=\"" ROOT "\",state=\"ok\"} 0",
					     "root_health{root=\"" ROOT "\",state=\"unknown\"} 1",
					     "events_total{type=\"attach\"} 0",
					     "lost_events_total ",
					     "attached_total{attested=\"yes\"} 0",
					     "attached_total{attested=\"no\"} ",
					     "reaps_total{root=\"" ROOT
					     "\",evidence=\"ended\",step=\"umount\",result=\"gone\"} 2",
					     "reap_duration_seconds_bucket{le=\"0.0001\"} 1",
					     "reap_duration_seconds_bucket{le=\"+Inf\"} 2",
					     "reap_duration_seconds_count 2",
					     "event_latency_seconds_bucket{le=\"0.005\"} 1",
					     "stuck_mounts 0",
					     "hung_operations 1",
					     "oldest_leftover_seconds ",
					     "paused 0",
					     "ledger_bytes ",
					     "ledger_degraded 0",
					     "build_info{version=" };
	json_t *answer;
	const char *text;
	char line[256];

	make_over(mounted("secret", "root/proc", NULL));
	metrics_reap(engine.metrics, ROOT, EVIDENCE_ENDED, STEP_UMOUNT, OUTCOME_GONE, 70000);
	metrics_reap(engine.metrics, ROOT, EVIDENCE_ENDED, STEP_UMOUNT, OUTCOME_GONE, 7 * NSEC_PER_SEC);
	metrics_event_latency(engine.metrics, 2 * NSEC_PER_MSEC);
	answer = ask("Metrics", "{}");
	text = text_of(answer, "text");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(line, sizeof(line), "\nreaperd_%s", names[i]);
		ck_assert_msg(strstr(text, line), "no %s in %s", names[i], text);
	}
	ck_assert_ptr_null(strstr(text, "secret"));
	json_decref(answer);
}
END_TEST

START_TEST(the_configuration_is_given_as_text)
{
	json_t *answer = ask("GetConfiguration", "{}");

	ck_assert_ptr_nonnull(strstr(text_of(answer, "text"), "[daemon]"));
	json_decref(answer);
}
END_TEST

/* ---- lists ---- */

START_TEST(actions_are_listed_by_root_and_state)
{
	mounted("one", "root/proc", NULL);
	make_over(mounted("two", "root/proc", NULL));
	expect_rows("ListActions", "{\"state\":\"over\"}", "actions", "name", "two");
	expect_rows("ListActions", "{\"state\":\"active\",\"root\":\"" ROOT "/\"}", "actions", "name", "one");
	expect_error("ListActions", "{\"root\":\"/elsewhere\"}",
		     "{\"error\":\"io.reaperd.NoSuchRoot\",\"parameters\":{\"root\":\"/elsewhere\"}}");
	expect_error("ListActions", "{\"state\":\"dead\"}",
		     "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"state\"}}");
}
END_TEST

START_TEST(past_actions_and_mounts_are_listed_when_asked_for)
{
	struct action *past = mounted("past", "root/proc", NULL), *now;

	save(past);
	clear(past);
	now = mounted("now", "root/sys", NULL);
	save(now);
	expect_rows("ListActions", "{}", "actions", "name", "now");
	expect_rows("ListActions", "{\"all\":true}", "actions", "name", "now past");
	expect_rows("ListActions", "{\"state\":\"cleared\"}", "actions", "name", "past");
	expect_rows("ListMounts", "{\"action\":\"now\"}", "mounts", "target", ROOT "/now/root/sys");
	expect_rows("ListMounts", "{\"action\":\"past\"}", "mounts", "target", "");
	expect_rows("ListMounts", "{\"action\":\"past\",\"all\":true}", "mounts", "target", ROOT "/past/root/proc");
	expect_rows("ListMounts", "{\"all\":true,\"action\":\"past@1\"}", "mounts", "target", ROOT "/past/root/proc");
	expect_error("ListMounts", "{\"action\":\"past@2\"}",
		     "{\"error\":\"io.reaperd.NoSuchAction\",\"parameters\":{\"action\":\"past@2\"}}");
}
END_TEST

START_TEST(mounts_are_listed_as_they_stood_at_a_time)
{
	struct action *past = mounted("past", "root/proc", NULL);
	char then[32], parameters[128];

	save(past);
	time_format_rfc3339(fake->now.real + NSEC_PER_SEC / 2, then, sizeof(then));
	clear(past);
	save(mounted("now", "root/sys", NULL));
	snprintf(parameters, sizeof(parameters), "{\"at\":\"%s\"}", then);
	expect_rows("ListMounts", parameters, "mounts", "target", ROOT "/past/root/proc");
	expect_error("ListMounts", "{\"at\":\"soon\"}",
		     "{\"error\":\"io.reaperd.InvalidTime\",\"parameters\":{\"time\":\"soon\"}}");
}
END_TEST

START_TEST(long_lists_come_in_pieces)
{
	json_t *rows;
	unsigned pieces;
	char target[128];

	for (int i = 0; i < 450; i++) {
		snprintf(target, sizeof(target), ROOT "/action%d/root/proc", i);
		fake_mount(fake, target, "proc", 50);
	}
	feed(fake);
	rows = ask_for_list("ListMounts", "{\"root\":\"" ROOT "\"}", "mounts", &pieces);
	ck_assert_uint_ge(json_array_size(rows), 450);
	ck_assert_uint_ge(pieces, 5);
	json_decref(rows);
	rows = ask_for_list("ListActions", "{}", "actions", &pieces);
	ck_assert_uint_eq(json_array_size(rows), 450);
	json_decref(rows);
}
END_TEST

START_TEST(a_long_past_comes_in_pieces_each_row_once)
{
	enum { COUNT = 260 };
	json_t *rows, *row;
	bool seen[COUNT] = { false };
	unsigned pieces;
	char name[32];
	size_t i;
	int number;

	for (int n = 0; n < COUNT; n++) {
		struct action *action;

		snprintf(name, sizeof(name), "action%d", n);
		action = mounted(name, "proc", NULL);
		save(action);
		clear(action);
	}
	rows = ask_for_list("ListMounts", "{\"all\":true,\"root\":\"" ROOT "\"}", "mounts", &pieces);
	json_array_foreach (rows, i, row) {
		if (!text_of(row, "action"))
			continue;
		ck_assert_int_eq(sscanf(text_of(row, "action"), "action%d", &number), 1);
		ck_assert(!seen[number]);
		seen[number] = true;
	}
	json_decref(rows);
	for (int n = 0; n < COUNT; n++)
		ck_assert_msg(seen[n], "action%d is missing", n);
	rows = ask_for_list("ListActions", "{\"all\":true}", "actions", &pieces);
	ck_assert_uint_eq(json_array_size(rows), COUNT);
	json_decref(rows);
}
END_TEST

START_TEST(a_name_may_have_an_at_sign)
{
	mounted("a@1", "root/proc", NULL);
	expect_rows("ListMounts", "{\"action\":\"a@1\"}", "mounts", "target", ROOT "/a@1/root/proc");
	mounted("a", "root/sys", NULL);
	expect_rows("ListMounts", "{\"action\":\"a@1\"}", "mounts", "target", ROOT "/a/root/sys");
	expect_rows("ListMounts", "{\"action\":\"a\\\\x401\"}", "mounts", "target", ROOT "/a@1/root/proc");
	expect_rows("ListMounts", "{\"action\":\"a\"}", "mounts", "target", ROOT "/a/root/sys");
	expect_rows("ListMounts", "{\"action\":\"a@1@1\"}", "mounts", "target", ROOT "/a@1/root/proc");
	expect_error("ListMounts", "{\"action\":\"a@9\"}",
		     "{\"error\":\"io.reaperd.NoSuchAction\",\"parameters\":{\"action\":\"a@9\"}}");
	expect_error("ListMounts", "{\"action\":\"a@1x\"}",
		     "{\"error\":\"io.reaperd.NoSuchAction\",\"parameters\":{\"action\":\"a@1x\"}}");
	expect_error("ListMounts", "{\"action\":\"\"}",
		     "{\"error\":\"io.reaperd.NoSuchAction\",\"parameters\":{\"action\":\"\"}}");
}
END_TEST

START_TEST(names_are_bytes_and_are_given_and_taken_escaped)
{
	mounted("b\xff\\\n", "root/proc", NULL);
	expect_rows("ListMounts", "{\"action\":\"b\\\\xff\\\\\\\\\\\\x0a\"}", "mounts", "action", "b\\xff\\\\\\x0a");
	expect_error("ListMounts", "{\"action\":\"b\\\\xf\"}",
		     "{\"error\":\"io.reaperd.NoSuchAction\",\"parameters\":{\"action\":\"b\\\\xf\"}}");
}
END_TEST

static void add_second_root(void)
{
	struct root_rules first, second;
	const struct root_rules *rules[] = { &first, &second };

	ck_assert_int_eq(rules_init(&first, ROOT), 0);
	ck_assert_int_eq(rules_init(&second, "/second"), 0);
	ck_assert_int_eq(model_set_roots(fake->model, rules, 2), 0);
	rules_clear(&first);
	rules_clear(&second);
}

START_TEST(an_action_that_several_roots_have_is_ambiguous)
{
	add_second_root();
	mounted("a", "root/proc", NULL);
	fake_mount(fake, "/second/a/root/proc", "proc", 51);
	feed(fake);
	expect_error("ListMounts", "{\"action\":\"a\"}",
		     "{\"error\":\"io.reaperd.AmbiguousAction\",\"parameters\":{\"action\":\"a\",\"roots\":[\"" ROOT
		     "\",\"/second\"]}}");
	expect_rows("ListMounts", "{\"action\":\"a\",\"root\":\"/second\"}", "mounts", "target", "/second/a/root/proc");
}
END_TEST

static TCase *reading_case(void)
{
	TCase *tests = tcase_create("reading");

	tcase_add_checked_fixture(tests, engine_start, engine_stop);
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, status_counts_what_is_there);
	tcase_add_test(tests, status_has_every_field_that_the_interface_names);
	tcase_add_test(tests, metrics_have_the_promised_names_and_no_action_s);
	tcase_add_test(tests, the_configuration_is_given_as_text);
	tcase_add_test(tests, actions_are_listed_by_root_and_state);
	tcase_add_test(tests, past_actions_and_mounts_are_listed_when_asked_for);
	tcase_add_test(tests, mounts_are_listed_as_they_stood_at_a_time);
	tcase_add_test(tests, long_lists_come_in_pieces);
	tcase_add_test(tests, a_long_past_comes_in_pieces_each_row_once);
	tcase_add_test(tests, a_name_may_have_an_at_sign);
	tcase_add_test(tests, names_are_bytes_and_are_given_and_taken_escaped);
	tcase_add_test(tests, an_action_that_several_roots_have_is_ambiguous);
	return tests;
}

int main(void)
{
	Suite *suite = suite_create("methods that read");

	suite_add_tcase(suite, reading_case());
	return run_suite(suite);
}
