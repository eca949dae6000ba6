/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What reaperctl shows of what a daemon says: the test wrote that down. */
#include <string.h>

#include "cli_daemon.h"
#include "run_suite.h"

/* ---- status ---- */

static const struct canned clean[] = { { "GetStatus", { STATUS("0", "ok") } }, { 0 } };
static const struct canned dirty[] = { { "GetStatus", { STATUS("3", "hung") } }, { 0 } };
static const struct canned hung[] = { { "GetStatus", { STATUS("0", "hung") } }, { 0 } };

START_TEST(status_is_a_summary_and_a_table_of_roots)
{
	const struct shown *shown;

	daemon_start(clean);
	shown = ask("status");
	ck_assert_int_eq(shown->status, 0);
	ck_assert_str_eq(shown->err, "");
	ck_assert_ptr_nonnull(strstr(shown->out, "source      listmount (fanotify: too old)\n"));
	ck_assert_ptr_nonnull(strstr(shown->out, "identity    number (numbers come again"));
	ck_assert_ptr_nonnull(strstr(shown->out, "ledger      ok, /l, 1.0 MiB\n"));
	ck_assert_ptr_nonnull(strstr(shown->out, "ROOT MODE    ACTIONS MOUNTS LEFTOVERS STUCK HEALTH\n"
						 "/b   enforce       2      4         0     0 ok\n"));
	ck_assert_str_eq(ask("--raw --noheadings -o health,root")->out, "ok /b\n");
	assert_asked("GetStatus", "{}");
}
END_TEST

START_TEST(status_json_is_the_daemons_object)
{
	json_t *reply = parse(STATUS("0", "ok"));
	char *expected = json_dumps(json_object_get(reply, "status"), 0);

	daemon_start(clean);
	assert_json(ask("--json")->out, expected);
	assert_json(ask("status --json")->out, expected);
	free(expected);
	json_decref(reply);
}
END_TEST

START_TEST(status_check_tells_leftovers_from_what_could_not_be_told)
{
	daemon_start(clean);
	ck_assert_int_eq(ask("status --check")->status, 0);
	daemon_stop();
	daemon_start(dirty);
	ck_assert_int_eq(ask("status")->status, 0);
	ck_assert_int_eq(ask("status --check")->status, 1);
	daemon_stop();
	daemon_start(hung);
	ck_assert_int_eq(ask("status --check")->status, 3);
}
END_TEST

/* ---- actions ---- */

static const struct canned actions[] = {
	{ "ListActions",
	  { "{\"actions\":[" ACTION("/b", "one", "1", "active", "", "2") "," ACTION("/b", "two", "1", "active", "",
										    "0") "]}",
	    "{\"actions\":[" ACTION(
		    "/b", "two", "3", "over",
		    "{\"kind\":\"missing\",\"since\":\"2026-11-22T10:00:00.000Z\"},{\"kind\":\"hollow\",\"since\":"
		    "\"2026-11-22T10:00:00.000Z\"}",
		    "5") "]}" } },
	{ 0 },
};

START_TEST(actions_are_rows)
{
	const struct shown *shown;

	daemon_start(actions);
	shown = ask("actions -o NAME,STATE,EVIDENCE,MOUNTS,OWNER");
	ck_assert_int_eq(shown->status, 0);
	ck_assert_str_eq(shown->out, "NAME  STATE  EVIDENCE       MOUNTS OWNER\n"
				     "one   active                     2 inferred\n"
				     "two@1 active                     0 inferred\n"
				     "two@3 over   missing,hollow      5 inferred\n");
	assert_asked("ListActions", "{\"all\":false}");
	ck_assert_ptr_nonnull(strstr(ask("actions")->out, "NAME  STATE  EVIDENCE       MOUNTS OWNER "));
	ck_assert_ptr_null(strstr(ask("actions")->out, "ROOT"));
	ck_assert_ptr_nonnull(strstr(ask("actions -o +ROOT")->out, "ROOT"));
}
END_TEST

START_TEST(raw_rows_have_the_same_number_of_words)
{
	daemon_start(actions);
	ck_assert_str_eq(ask("actions --raw --noheadings -o name,evidence,state")->out,
			 "one - active\ntwo@1 - active\ntwo@3 missing,hollow over\n");
}
END_TEST

START_TEST(json_holds_the_rows_of_all_replies)
{
	json_t *first = parse(actions[0].replies[0]), *second = parse(actions[0].replies[1]);
	char *expected;

	json_array_extend(json_object_get(first, "actions"), json_object_get(second, "actions"));
	expected = json_dumps(first, 0);
	daemon_start(actions);
	assert_json(ask("actions --json")->out, expected);
	free(expected);
	json_decref(first);
	json_decref(second);
}
END_TEST

START_TEST(filters_of_actions_are_the_daemons)
{
	daemon_start(actions);
	ask("actions --root /b//c/\\xff\\\\ --state over --all");
	assert_asked("ListActions", "{\"all\":true,\"root\":\"/b/c/\\\\xff\\\\\\\\\",\"state\":\"over\"}");
	ask("actions --state cleared");
	assert_asked("ListActions", "{\"all\":true,\"state\":\"cleared\"}");
}
END_TEST

START_TEST(several_roots_have_a_column)
{
	static const struct canned several[] = {
		{ "ListActions",
		  { "{\"actions\":[" ACTION("/b", "x", "1", "active", "", "1") "," ACTION("/c", "x", "1", "active", "",
											  "1") "]}" } },
		{ 0 },
	};
	const struct shown *shown;

	daemon_start(several);
	shown = ask("actions");
	ck_assert_ptr_nonnull(strstr(shown->out, " ROOT\n"));
	/* Another root's does not make it ambiguous: its row says which. */
	ck_assert_ptr_null(strstr(shown->out, "x@1"));
}
END_TEST

START_TEST(no_action_is_an_empty_list)
{
	static const struct canned empty[] = { { "ListActions", { "{\"actions\":[]}" } }, { 0 } };

	daemon_start(empty);
	ck_assert_int_eq(ask("actions")->status, 0);
	assert_json(ask("actions --json")->out, "{\"actions\":[]}");
}
END_TEST

/* ---- mounts ---- */

static const struct canned mounts[] = {
	{ "ListMounts",
	  { "{\"mounts\":[" MOUNT("12", "11", "/b/a/root/x/y", "\"a\"") "," MOUNT(
		  "11", "10", "/b/a/root/x", "\"a\"") "," MOUNT("20", "10", "/b/c\\nd", "null") "]}" } },
	{ 0 },
};

START_TEST(mounts_are_rows_with_their_bytes_escaped)
{
	daemon_start(mounts);
	ck_assert_str_eq(ask("mounts -o ID,TARGET,ACTION")->out, "ID TARGET        ACTION\n"
								 "12 /b/a/root/x/y a\n"
								 "11 /b/a/root/x   a\n"
								 "20 /b/c\\x0ad     \n");
	ck_assert_str_eq(ask("mounts --raw -o TARGET,ID")->out,
			 "TARGET ID\n/b/a/root/x/y 12\n/b/a/root/x 11\n/b/c\\x0ad 20\n");
	assert_asked("ListMounts", "{\"all\":false}");
}
END_TEST

START_TEST(the_tree_puts_children_below_their_parents)
{
	const struct shown *shown;

	daemon_start(mounts);
	shown = ask("mounts --tree -o TARGET,ID --noheadings");
	ck_assert_str_eq(shown->out, "/b/a/root/x     11\n"
				     "`-/b/a/root/x/y 12\n"
				     "/b/c\\x0ad       20\n");
}
END_TEST

START_TEST(a_circle_of_parents_is_cut)
{
	static const struct canned circle[] = {
		{ "ListMounts",
		  { "{\"mounts\":[" MOUNT("1", "2", "/b/1", "null") "," MOUNT("2", "1", "/b/2", "null") "," MOUNT(
			  "3", "3", "/b/3", "null") "]}" } },
		{ 0 },
	};
	const struct shown *shown;

	daemon_start(circle);
	shown = ask("mounts --tree");
	ck_assert_int_eq(shown->status, 0);
	ck_assert_ptr_nonnull(strstr(shown->out, "/b/1"));
	ck_assert_ptr_nonnull(strstr(shown->out, "/b/2"));
	ck_assert_ptr_nonnull(strstr(shown->out, "/b/3"));
}
END_TEST

START_TEST(mounts_of_an_action_at_a_time)
{
	daemon_start(mounts);
	ck_assert_int_eq(ask("mounts 12@3 --root /b --at 2026-11-22T10:00:00Z")->status, 0);
	assert_asked("ListMounts",
		     "{\"all\":false,\"root\":\"/b\",\"action\":\"12@3\",\"at\":\"2026-11-22T10:00:00.000Z\"}");
}
END_TEST

START_TEST(an_action_without_mounts_is_no_match)
{
	static const struct canned none[] = { { "ListMounts", { "{\"mounts\":[]}" } }, { 0 } };

	daemon_start(none);
	ck_assert_int_eq(ask("mounts")->status, 0);
	ck_assert_int_eq(ask("mounts x")->status, 5);
	ck_assert_ptr_nonnull(strstr(ask("mounts x")->err, "no mounts of x"));
	ck_assert_int_eq(ask("mounts x --json")->status, 5);
	assert_json(ask("mounts x --json")->out, "{\"mounts\":[]}");
}
END_TEST

/* ---- events ---- */

static const struct canned events[] = {
	{ "Events",
	  { "{\"events\":[" EVENT("1", "attach", "/b/x/p") "]}",
	    "{\"events\":[" EVENT("2", "detach", "/b/x/p\\n") "]}" } },
	{ 0 },
};

START_TEST(events_are_one_object_a_line)
{
	const struct shown *shown;
	const char *second;

	daemon_start(events);
	shown = ask("events --json");
	ck_assert_int_eq(shown->status, 0);
	second = strchr(shown->out, '\n');
	ck_assert_ptr_nonnull(second);
	assert_json(second + 1, EVENT("2", "detach", "/b/x/p\\n"));
	ck_assert_ptr_eq(strchr(second + 1, '\n') + 1, shown->out + strlen(shown->out));
	assert_asked("Events", "{\"follow\":false}");
}
END_TEST

START_TEST(events_are_a_table)
{
	daemon_start(events);
	ck_assert_str_eq(ask("events")->out, "TIME                     TYPE   ACTION TARGET     DETAIL\n"
					     "2026-11-22T10:00:00.000Z attach x      /b/x/p     by=kernel\n"
					     "2026-11-22T10:00:00.000Z detach x      /b/x/p\\x0a by=kernel\n");
}
END_TEST

START_TEST(following_prints_as_it_comes_and_has_one_heading)
{
	daemon_start(events);
	ck_assert_str_eq(ask("events -f --after 0 -o seq,type")->out, "SEQ TYPE\n  1 attach\n  2 detach\n");
	assert_asked("Events", "{\"follow\":true,\"after\":0}");
}
END_TEST

START_TEST(following_alone_begins_a_little_earlier)
{
	daemon_start(events);
	ask("events -f");
	ck_assert(json_is_string(json_object_get(daemon_asked("Events"), "since")));
}
END_TEST

START_TEST(filters_of_events_are_the_daemons)
{
	daemon_start(events);
	ask("events --after 5 --since 2026-11-22T10:00:00Z --until 2026-11-22T11:00:00Z --action a@2 --type reaped --root /b");
	assert_asked("Events", "{\"follow\":false,\"after\":5,\"since\":\"2026-11-22T10:00:00.000Z\",\"until\":"
			       "\"2026-11-22T11:00:00.000Z\",\"root\":\"/b\",\"action\":\"a@2\",\"type\":\"reaped\"}");
}
END_TEST

/* ---- explain ---- */

#define EXPLANATION                                                                                                                                                  \
	"{\"explanations\":[{\"action\":" ACTION(                                                                                                                    \
		"/b", "x", "1", "stuck", "{\"kind\":\"ended\",\"since\":\"2026-11-22T10:00:00.000Z\"}",                                                              \
		"1") ",\"decision\":{\"verdict\":\"reap\",\"hold\":\"back-off\",\"because\":\"ended\",\"due\":"                                                      \
		     "\"2026-11-22T10:05:00.000Z\"},\"text\":[\"a sentence\\u001b\"],\"mounts\":[{\"mount\":" MOUNT(                                                 \
			     "7", "1", "/b/x/p",                                                                                                                     \
			     "\"x\"") ","                                                                                                                            \
				      "\"decision\":{\"verdict\":\"keep\"},\"evidence\":[],\"holders\":[{\"pid\":9,\"comm\":\"sh\",\"how\":\"fd\",\"number\":3}]}]," \
				      "\"attempts\":[{\"time\":\"2026-11-22T10:00:01.000Z\",\"finished\":null,\"id\":7,\"target\":\"/b/x/p\",\"step\":\"umount\","   \
				      "\"evidence\":\"ended\",\"outcome\":\"busy\",\"error\":\"EBUSY\",\"detail\":null}]}]}"

static const struct canned explanation[] = { { "Explain", { EXPLANATION } }, { 0 } };

START_TEST(explain_says_what_and_who)
{
	const struct shown *shown;

	daemon_start(explanation);
	shown = ask("explain x --root /b");
	ck_assert_int_eq(shown->status, 0);
	ck_assert_ptr_nonnull(strstr(shown->out, "x below /b: stuck\n"));
	ck_assert_ptr_nonnull(
		strstr(shown->out, "next      reap, because ended, at 2026-11-22T10:05:00.000Z, held up: back-off\n"));
	ck_assert_ptr_nonnull(strstr(shown->out, "  a sentence\\x1b\n"));
	ck_assert_ptr_nonnull(
		strstr(shown->out, "  mnt:7 /b/x/p proc: attached, next: keep\n    held by sh[9]: fd 3\n"));
	ck_assert_ptr_nonnull(strstr(shown->out, "umount /b/x/p ended    busy    EBUSY"));
	assert_asked("Explain", "{\"what\":\"x\",\"root\":\"/b\"}");
	assert_json(ask("explain x --json")->out, EXPLANATION);
}
END_TEST

START_TEST(explain_takes_actions_paths_and_mounts)
{
	daemon_start(explanation);
	ask("explain 12@3");
	assert_asked("Explain", "{\"what\":\"12@3\"}");
	ask("explain /b//x/\\x0a/");
	assert_asked("Explain", "{\"what\":\"/b/x/\\\\x0a\"}");
	ask("explain mnt:4294967301");
	assert_asked("Explain", "{\"what\":\"mnt:4294967301\"}");
}
END_TEST

START_TEST(nothing_to_explain_is_no_match)
{
	static const struct canned none[] = { { "Explain", { "{\"explanations\":[]}" } }, { 0 } };

	daemon_start(none);
	ck_assert_int_eq(ask("explain x")->status, 5);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cli: lists");
	TCase *tests = tcase_create("lists");

	tcase_add_checked_fixture(tests, NULL, daemon_stop);
	tcase_set_timeout(tests, 30);
	tcase_add_test(tests, status_is_a_summary_and_a_table_of_roots);
	tcase_add_test(tests, status_json_is_the_daemons_object);
	tcase_add_test(tests, status_check_tells_leftovers_from_what_could_not_be_told);
	tcase_add_test(tests, actions_are_rows);
	tcase_add_test(tests, raw_rows_have_the_same_number_of_words);
	tcase_add_test(tests, json_holds_the_rows_of_all_replies);
	tcase_add_test(tests, filters_of_actions_are_the_daemons);
	tcase_add_test(tests, several_roots_have_a_column);
	tcase_add_test(tests, no_action_is_an_empty_list);
	tcase_add_test(tests, mounts_are_rows_with_their_bytes_escaped);
	tcase_add_test(tests, the_tree_puts_children_below_their_parents);
	tcase_add_test(tests, a_circle_of_parents_is_cut);
	tcase_add_test(tests, mounts_of_an_action_at_a_time);
	tcase_add_test(tests, an_action_without_mounts_is_no_match);
	tcase_add_test(tests, events_are_one_object_a_line);
	tcase_add_test(tests, events_are_a_table);
	tcase_add_test(tests, following_prints_as_it_comes_and_has_one_heading);
	tcase_add_test(tests, following_alone_begins_a_little_earlier);
	tcase_add_test(tests, filters_of_events_are_the_daemons);
	tcase_add_test(tests, explain_says_what_and_who);
	tcase_add_test(tests, explain_takes_actions_paths_and_mounts);
	tcase_add_test(tests, nothing_to_explain_is_no_match);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
