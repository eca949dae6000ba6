/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What reaperctl asks a daemon to do, and what it makes of the answer: the test wrote that down. */
#include <string.h>

#include "base/cleanup.h"
#include "cli_daemon.h"
#include "run_suite.h"

/* ---- reap ---- */

#define ITEM(hold)                                                                                                             \
	"{\"root\":\"/b\",\"action\":\"x\",\"generation\":1,\"id\":7,\"target\":\"/b/x/p\",\"step\":\"umount\",\"hold\":" hold \
	"}"
#define FOLLOWED                                                                                                       \
	{                                                                                                              \
		"Events",                                                                                              \
		{                                                                                                      \
			"{\"events\":[]}", "{\"events\":[" EVENT("3", "reaped", "/b/x/p") "]}", "{\"events\":[]}",     \
				"{\"events\":[]}", "{\"events\":[]}"                                                   \
		}                                                                                                      \
	}
#define GOING "{\"actions\":[" ACTION("/b", "x", "1", "reaping", "", "1") "]}"
#define GONE  "{\"actions\":[" ACTION("/b", "y", "1", "active", "", "1") "]}"
#define STUCK "{\"actions\":[" ACTION("/b", "x", "1", "stuck", "", "1") "]}"

START_TEST(reap_names_actions_or_leftovers)
{
	static const struct canned some[] = { { "Reap", { "{\"items\":[" ITEM("null") "]}" } }, { 0 } };

	daemon_start(some);
	ck_assert_str_eq(ask("reap x 12@3 --active")->out, "ACTION TARGET STEP   HOLD\nx      /b/x/p umount \n");
	assert_asked("Reap", "{\"actions\":[\"x\",\"12@3\"],\"leftovers\":false,\"dry_run\":false,\"active\":true}");
	ck_assert_int_eq(ask("reap --leftovers --root /b --dry-run")->status, 0);
	assert_asked("Reap", "{\"leftovers\":true,\"dry_run\":true,\"active\":false,\"root\":\"/b\"}");
	assert_json(ask("reap x --json")->out, "{\"items\":[" ITEM("null") "]}");
}
END_TEST

START_TEST(reaping_nothing_is_done)
{
	static const struct canned none[] = { { "Reap", { "{\"items\":[]}" } },
					      { "Events", { "{\"events\":[]}" } },
					      { 0 } };

	daemon_start(none);
	ck_assert_int_eq(ask("reap --leftovers")->status, 0);
	ck_assert_int_eq(ask("reap --leftovers --wait")->status, 0);
	ck_assert_ptr_nonnull(strstr(ask("reap --leftovers")->err, "no leftovers"));
}
END_TEST

START_TEST(waiting_ends_when_the_action_is_cleared)
{
	static const struct canned gone[] = {
		{ "Reap", { "{\"items\":[" ITEM("null") "]}" } },
		FOLLOWED,
		{ "ListActions", { GOING } },
		{ "ListActions", { GONE } },
		{ 0 },
	};

	daemon_start(gone);
	ck_assert_int_eq(ask("reap x --wait")->status, 0);
}
END_TEST

START_TEST(waiting_ends_when_the_time_is_over)
{
	static const struct canned going[] = {
		{ "Reap", { "{\"items\":[" ITEM("null") "]}" } },
		FOLLOWED,
		{ "ListActions", { GOING } },
		{ 0 },
	};
	const struct shown *shown;

	daemon_start(going);
	shown = ask("reap x --wait --timeout 0");
	ck_assert_int_eq(shown->status, 1);
	ck_assert_ptr_nonnull(strstr(shown->err, "1 action is still not cleared"));
}
END_TEST

START_TEST(waiting_does_not_wait_for_what_is_held_for_good)
{
	static const struct canned held[] = {
		{ "Reap", { "{\"items\":[" ITEM("\"observe\"") "]}" } },
		FOLLOWED,
		{ "ListActions", { GOING } },
		{ 0 },
	};
	const struct shown *shown;

	daemon_start(held);
	shown = ask("reap x --wait");
	ck_assert_int_eq(shown->status, 1);
	ck_assert_ptr_nonnull(strstr(shown->err, "1 action is left alone"));
}
END_TEST

START_TEST(waiting_ends_when_the_action_is_stuck)
{
	static const struct canned stuck[] = {
		{ "Reap", { "{\"items\":[" ITEM("null") "]}" } },
		FOLLOWED,
		{ "ListActions", { STUCK } },
		{ 0 },
	};
	const struct shown *shown;

	daemon_start(stuck);
	shown = ask("reap x --wait --timeout 1ms");
	ck_assert_int_eq(shown->status, 1);
	ck_assert_ptr_nonnull(strstr(shown->err, "1 action is stuck"));
}
END_TEST

/* ---- single calls ---- */

static const struct canned single[] = {
	{ "Pause", { "{}" } },
	{ "Resume", { "{}" } },
	{ "Begin", { "{\"generation\":1}" } },
	{ "End", { "{\"generation\":4}" } },
	{ "Metrics", { "{\"text\":\"reaperd_paused 0\\n\"}" } },
	{ "GetConfiguration", { "{\"text\":\"[daemon]\\n\"}" } },
	{ 0 },
};

START_TEST(pause_and_resume)
{
	daemon_start(single);
	ck_assert_int_eq(ask("pause")->status, 0);
	assert_asked("Pause", "{}");
	ck_assert_int_eq(ask("pause --root /b --for 1500ms")->status, 0);
	assert_asked("Pause", "{\"root\":\"/b\",\"seconds\":1.5}");
	ck_assert_int_eq(ask("resume --root /b")->status, 0);
	assert_asked("Resume", "{\"root\":\"/b\"}");
}
END_TEST

START_TEST(begin_and_end)
{
	daemon_start(single);
	ck_assert_str_eq(ask("begin a@3 --root /b --pid 7 --max-age 60m")->out, "a@3@1\n");
	assert_asked("Begin", "{\"root\":\"/b\",\"name\":\"a@3\",\"pid\":7,\"max_age\":\"1h\"}");
	ck_assert_str_eq(ask("end \\xff --root /b")->out, "\\xff@4\n");
	assert_asked("End", "{\"root\":\"/b\",\"name\":\"\\\\xff\"}");
	assert_json(ask("end a --root /b --json")->out, "{\"generation\":4}");
}
END_TEST

START_TEST(metrics_and_configuration_are_text)
{
	daemon_start(single);
	ck_assert_str_eq(ask("metrics")->out, "reaperd_paused 0\n");
	ck_assert_str_eq(ask("config show")->out, "[daemon]\n");
}
END_TEST

/* ---- what the daemon refuses ---- */

static const struct {
	const char *reply, *says;
	int status;
} refusals[] = {
	{ "!io.reaperd.NoSuchRoot {\"root\":\"/r\"}", "no build root /r", 5 },
	{ "!io.reaperd.NoSuchAction {\"action\":\"x\"}", "no action x", 5 },
	{ "!io.reaperd.NoSuchMount {\"what\":\"mnt:3\"}", "no mount mnt:3\n", 5 },
	{ "!io.reaperd.NoSuchMount {\"what\":\"/b/x\"}", "no mount /b/x, and no known action has its directory there",
	  5 },
	{ "!io.reaperd.NoSuchAction {\"action\":\"mnt\\\\x3a3\"}", "of a mount 'reaperctl explain mnt:ID' tells", 5 },
	{ "!io.reaperd.AmbiguousAction {\"action\":\"x\",\"roots\":[\"/a\",\"/b\"]}", "--root: /a, /b", 2 },
	{ "!io.reaperd.ActionIsActive {\"action\":\"x\"}", "--active", 4 },
	{ "!io.reaperd.NotAllowed {\"reason\":\"root only\"}", "root only", 4 },
	{ "!io.reaperd.InvalidTime {\"time\":\"x\"}", "no time in x", 2 },
	{ "!io.reaperd.Unavailable {\"reason\":\"no ledger\"}", "no ledger", 4 },
	{ "!org.varlink.service.InvalidParameter {\"parameter\":\"root\"}", "'root'", 2 },
	{ "!org.varlink.service.MethodNotFound {\"method\":\"M\"}", "no M", 4 },
	{ "!something.Else {}", "refused: something.Else", 4 },
	{ "[]", "does not speak varlink", 4 },
	{ "{}", "does not speak as reaperd does", 4 },
	{ "{", "does not speak varlink", 4 },
};

START_TEST(refusals_have_their_exit_status)
{
	const struct canned canned[] = { { "Reap", { refusals[_i].reply } }, { 0 } };
	const struct shown *shown;

	daemon_start(canned);
	shown = ask("reap x");
	ck_assert_msg(shown->status == refusals[_i].status, "%s: exit %d, %s", refusals[_i].reply, shown->status,
		      shown->err);
	ck_assert_msg(strstr(shown->err, refusals[_i].says), "%s", shown->err);
	ck_assert_str_eq(shown->out, "");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cli: calls");
	TCase *tests = tcase_create("calls");

	tcase_add_checked_fixture(tests, NULL, daemon_stop);
	tcase_set_timeout(tests, 30);
	tcase_add_test(tests, reap_names_actions_or_leftovers);
	tcase_add_test(tests, reaping_nothing_is_done);
	tcase_add_test(tests, waiting_ends_when_the_action_is_cleared);
	tcase_add_test(tests, waiting_ends_when_the_time_is_over);
	tcase_add_test(tests, waiting_does_not_wait_for_what_is_held_for_good);
	tcase_add_test(tests, waiting_ends_when_the_action_is_stuck);
	tcase_add_test(tests, pause_and_resume);
	tcase_add_test(tests, begin_and_end);
	tcase_add_test(tests, metrics_and_configuration_are_text);
	tcase_add_loop_test(tests, refusals_have_their_exit_status, 0, ARRAY_SIZE(refusals));
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
