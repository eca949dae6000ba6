/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Arguments, help, exit statuses, references to actions; nothing that takes a daemon. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/reaperctl.h"
#include "cli/reference.h"
#include "cli/show.h"
#include "cli_fixture.h"
#include "odd_names.h"
#include "run_suite.h"

static const struct {
	const char *line, *says;
} wrong[] = {
	{ "nonsense", "unknown command 'nonsense'" },
	{ "statsu", "did you mean 'status'?" },
	{ "acitons", "did you mean 'actions'?" },
	{ "--nope status", "unknown option '--nope'" },
	{ "--jsn status", "did you mean '--json'?" },
	{ "-z", "unknown option '-z'" },
	{ "--socket", "--socket needs a value" },
	{ "--json=1 status", "--json takes no value" },
	{ "status more", "one argument too many: 'more'" },
	{ "status --db /x", "has no --db" },
	{ "--db /x status", "has no --db" },
	{ "status -o RROT", "did you mean 'ROOT'?" },
	{ "status --json -o ROOT", "--json gives every key" },
	{ "actions x", "one argument too many: 'x'" },
	{ "actions --root", "--root needs a value" },
	{ "actions --root relative", "no absolute path" },
	{ "actions --root /a/../b", "no absolute path" },
	{ "actions --root=", "is empty" },
	{ "actions --root /a\\x", "broken escape" },
	{ "actions --state activ", "did you mean 'active'?" },
	{ "actions --state= ", "unknown value of --state" },
	{ "actions -o", "--output needs a value" },
	{ "actions -o NAME,SATE", "did you mean 'STATE'?" },
	{ "actions -o NAME,", "unknown column ''" },
	{ "mounts a b", "one argument too many: 'b'" },
	{ "mounts a\\", "broken escape" },
	{ "mounts --at yesterday", "is no time" },
	{ "mounts --at -2h --all", "do not go together" },
	{ "mounts --all=yes", "--all takes no value" },
	{ "events x", "one argument too many" },
	{ "events --after x", "is no number" },
	{ "events --after -1", "is no number" },
	{ "events --after 99999999999999999999", "is no number" },
	{ "events --since x", "is no time" },
	{ "events --until x", "is no time" },
	{ "events --since -1h --until -2h", "later than --until" },
	{ "events --type atach", "did you mean 'attach'?" },
	{ "events --action a\\xzz", "broken escape" },
	{ "events -f --until -1h", "do not go together" },
	{ "--db /nowhere events -f", "does not go with --db" },
	{ "explain", "explain ACTION|PATH|mnt:ID" },
	{ "explain a b", "one argument too many" },
	{ "explain mnt:zero", "names no mount" },
	{ "explain /a/./b", "no path without" },
	{ "explain /a\\x0", "broken escape" },
	{ "explain a -o NAME", "has no -o" },
	{ "audit x", "one argument too many" },
	{ "audit --root relative", "no absolute path" },
	{ "audit --format xml", "there are: text, json, nagios, prometheus" },
	{ "audit --format nagioss", "did you mean 'nagios'?" },
	{ "audit --json --format nagios", "do not go together" },
	{ "audit --config /nowhere/reaperd.conf", "/nowhere/reaperd.conf" },
	{ "audit --db /x", "has no --db: it looks at what is mounted" },
	{ "reap", "reap what?" },
	{ "reap a --leftovers", "not both" },
	{ "reap --leftovers --active", "--active needs the names" },
	{ "reap a --dry-run --wait", "--dry-run does nothing" },
	{ "reap a\\x", "broken escape" },
	{ "reap a --timeout 5", "is no duration" },
	{ "--db /x reap a", "has no --db" },
	{ "pause x", "one argument too many" },
	{ "pause --for 5x", "is no duration" },
	{ "pause --for 0", "longer than 0" },
	{ "pause --json", "has no --json" },
	{ "resume x", "one argument too many" },
	{ "resume --for 5s", "unknown option '--for'" },
	{ "begin", "begin NAME --root DIR" },
	{ "begin a", "--root is missing" },
	{ "begin a b --root /r", "one argument too many" },
	{ "begin a --root /r --pid x", "is no number" },
	{ "begin a --root /r --pid 99999999999", "no process" },
	{ "begin a --root /r --max-age 5", "is no duration" },
	{ "begin a\\x --root /r", "broken escape" },
	{ "end", "end NAME --root DIR" },
	{ "end a", "--root is missing" },
	{ "end a --root r", "no absolute path" },
	{ "metrics x", "one argument too many" },
	{ "metrics --json", "has no --json" },
	{ "config", "config check FILE | show" },
	{ "config chek x", "did you mean 'check'?" },
	{ "config check", "check which file?" },
	{ "config check /nowhere/at-all.conf", "/nowhere/at-all.conf" },
	{ "config show x", "one argument too many" },
	{ "db", "db check" },
	{ "db chekc", "did you mean 'check'?" },
	{ "db check x", "goes with --db" },
	{ "db backup x", "later release" },
	{ "db prune", "later release" },
	{ "--db /nowhere/ledger.db db check", "no ledger at /nowhere/ledger.db" },
	{ "--db /nowhere/ledger.db actions", "no ledger at /nowhere/ledger.db" },
	{ "mount x", "something is missing" },
	{ "mount --action a -t tmpfs x m", "--root is missing" },
	{ "mount --root /b -t tmpfs x m", "--action is missing" },
	{ "mount --root /b --action a x m", "-t is missing" },
	{ "mount --root /b --action a -t tmpfs x m --timeout 0", "longer than 0" },
	{ "mount --root /b --action a -t tmpfs x m --pid 4294967296", "so large a number" },
	{ "mount --root /b --action a -t tmpfs x /m", "'/m' is no path within" },
	{ "mount --root /b --action a -t tmpfs x ../m", "'../m' is no path within" },
	{ "mount --root /b --action a -t tmpfs x m/.", "is no path within" },
	{ "mount --root /b --action a -t tmpfs x m/", "is no path within" },
	{ "mount --root /b --action a -t tmpfs x m\\xZZ", "broken escape" },
	{ "mount --root /b --action a -t tmpfs -o ro,\\x x m", "broken escape" },
	{ "mount --root /b --action a -t tmpfs x -m", "unknown option '-m'" },
	{ "umount", "something is missing" },
	{ "umount a b", "one argument too many: 'b'" },
	{ "umount /a", "not the end of a path" },
	{ "umount a/../b", "not the end of a path" },
	{ "umount a --timeout 0", "longer than 0" },
	{ "umount a --under b", "no absolute path" },
	{ "umount a --config /none/such", "/none/such" },
	{ "umount -x", "unknown option '-x'" },
	{ "replay", "later release" },
	{ "timeline", "later release" },
};

START_TEST(wrong_arguments_exit_2_and_say_what_is_wrong)
{
	const struct shown *shown = run(wrong[_i].line);

	ck_assert_msg(shown->status == 2, "%s: exit %d, %s", wrong[_i].line, shown->status, shown->err);
	ck_assert_msg(strstr(shown->err, wrong[_i].says), "%s: %s", wrong[_i].line, shown->err);
	ck_assert_str_eq(shown->out, "");
}
END_TEST

static const struct {
	const char *line, *says;
} wrong_runs[] = {
	{ "run --root /b", "something is missing" },
	{ "run -- true", "--root is missing" },
	{ "run --root b -- true", "no absolute path" },
	{ "run --root /b --timeout 0 -- true", "longer than 0" },
	{ "run --root /b --chroot=x -- true", "--chroot takes no value" },
	{ "run --root /b --device sda -- true", "there are: null" },
	{ "run --root /b --device null --device tty --device null -- true", "'null' is given twice" },
	{ "run --root /b --mount tmpfs -- true", "'tmpfs' is not TYPE:SOURCE:TARGET" },
	{ "run --root /b --mount tmpfs:: -- true", "is not TYPE:SOURCE:TARGET" },
	{ "run --root /b --mount ::m -- true", "is not TYPE:SOURCE:TARGET" },
	{ "run --root /b --mount tmpfs::m\\xZZ -- true", "broken escape" },
	{ "run --root /b --mount tmpfs::m:ro,\\x -- true", "broken escape" },
	{ "run --root /b --mount tmpfs::../m -- true", "'tmpfs::../m' is no path within" },
	{ "run --root /b --mount tmpfs::/m -- true", "is no path within" },
	{ "run --root /b --mount tmpfs::. -- true", "is no path within" },
	{ "run --root /b --mount bind::m -- true", "'bind::m': a bind needs a source" },
	{ "run --root /b --mount rbind:/:m:ro,size=1 -- true", "size=1: a bind has the mount's own options only" },
	{ "run --root /b --mount tmpfs::m --mount tmpfs::m/../n -- true", "'tmpfs::m/../n' is no path within" },
};

/* Before the daemon is asked, so that nothing is registered for it. */
START_TEST(wrong_arguments_of_run_exit_125_and_say_what_is_wrong)
{
	const struct shown *shown = run(wrong_runs[_i].line);

	ck_assert_msg(shown->status == 125, "%s: exit %d, %s", wrong_runs[_i].line, shown->status, shown->err);
	ck_assert_msg(strstr(shown->err, wrong_runs[_i].says), "%s: %s", wrong_runs[_i].line, shown->err);
	ck_assert_ptr_null(strstr(shown->err, "no daemon"));
	ck_assert_str_eq(shown->out, "");
}
END_TEST

static const char *const asks_the_daemon[] = {
	"",
	"status",
	"actions",
	"mounts",
	"events",
	"explain a",
	"reap a",
	"reap --leftovers --wait",
	"pause",
	"resume",
	"metrics",
	"begin a --root /r",
	"end a --root /r",
	"config show",
	"--json",
};

START_TEST(without_a_daemon_the_exit_status_is_4)
{
	char line[256];
	const struct shown *shown;

	snprintf(line, sizeof(line), "--socket /nowhere/io.reaperd %s", asks_the_daemon[_i]);
	shown = run(line);
	ck_assert_msg(shown->status == 4, "%s: exit %d", line, shown->status);
	ck_assert_ptr_nonnull(strstr(shown->err, "no daemon at /nowhere/io.reaperd"));
	ck_assert_str_eq(shown->out, "");
}
END_TEST

START_TEST(a_socket_path_that_is_too_long_is_no_daemon)
{
	char line[512] = "--socket /";

	memset(line + strlen(line), 'a', 200);
	strcat(line, " status");
	ck_assert_int_eq(run(line)->status, 4);
}
END_TEST

START_TEST(every_command_has_help)
{
	const struct command *command = reaperctl_commands[_i];
	const struct shown *shown;
	char line[64], usage[64];

	snprintf(line, sizeof(line), "%s --help", command->name);
	shown = run(line);
	ck_assert_int_eq(shown->status, 0);
	ck_assert_str_eq(shown->err, "");
	snprintf(usage, sizeof(usage), "Usage: reaperctl %s", command->name);
	ck_assert_msg(!strncmp(shown->out, usage, strlen(usage)), "%s", shown->out);
	ck_assert_ptr_nonnull(strstr(shown->out, "--help"));
	ck_assert_int_eq(!strstr(shown->out, "--db FILE"), !(command->flags & COMMAND_DB));
	ck_assert_int_eq(!strstr(shown->out, "Columns for -o"), !(command->flags & COMMAND_TABLE));
	snprintf(line, sizeof(line), "  %s ", command->name);
	ck_assert_ptr_nonnull(strstr(run("--help")->out, line));
}
END_TEST

START_TEST(help_names_no_command_of_a_later_release)
{
	static const char *const later[] = { "  replay ", "  timeline " };
	const struct shown *shown = run("-h");

	ck_assert_int_eq(shown->status, 0);
	for (size_t i = 0; i < ARRAY_SIZE(later); i++)
		ck_assert_ptr_null(strstr(shown->out, later[i]));
}
END_TEST

START_TEST(the_version_is_shown)
{
	const struct shown *shown = run("--version");

	ck_assert_int_eq(shown->status, 0);
	ck_assert_str_eq(shown->out, "reaperctl " PACKAGE_VERSION "\n");
}
END_TEST

static const struct {
	const char *text, *name;
	uint32_t generation;
	const char *back; /* NULL: the same as text */
} references[] = {
	{ "f3fb7c74c3b342a0", "f3fb7c74c3b342a0", 0, NULL },
	{ "12", "12", 0, NULL },
	{ "12@3", "12", 3, NULL },
	{ "a@b@4294967295", "a@b", 4294967295, NULL },
	{ "a@4294967296", "a@4294967296", 0, NULL },
	{ "a@0", "a@0", 0, NULL },
	{ "a@", "a@", 0, NULL },
	{ "@3", "@3", 0, NULL },
	{ "a@3x", "a@3x", 0, NULL },
	{ "a\\x403", "a@3", 0, NULL },
	{ "a@3@1", "a@3", 1, NULL },
	{ "a\\x0ab@2", "a\nb", 2, NULL },
	{ "\\xff\\\\", "\xff\\", 0, NULL },
	{ "a@03", "a@03", 0, NULL },
	{ "mnt\\x3a5", "mnt:5", 0, NULL },
	{ "mnt:5@1", "mnt:5", 1, NULL },
	{ "\\x41", "A", 0, "A" },
};

START_TEST(references_to_actions_go_round)
{
	struct action_reference reference;
	char *back;

	ck_assert_int_eq(action_reference_parse(references[_i].text, &reference), 0);
	ck_assert_str_eq(reference.name, references[_i].name);
	ck_assert_uint_eq(reference.generation, references[_i].generation);
	back = action_reference_text(reference.name, reference.generation);
	ck_assert_str_eq(back, references[_i].back ? references[_i].back : references[_i].text);
	free(back);
	action_reference_clear(&reference);
}
END_TEST

static void is_read_back(const char *text, const char *name)
{
	struct action_reference reference;
	uint64_t id;

	ck_assert_int_eq(action_reference_parse(text, &reference), 0);
	ck_assert_str_eq(reference.name, name);
	ck_assert_int_eq(mount_reference_parse(text, &id), -EINVAL);
	action_reference_clear(&reference);
}

/* In each of the forms in which it is written: to the daemon, and in a table. */
START_TEST(odd_names_are_read_back)
{
	const char *name = odd_names[_i];
	json_t *row = json_pack("{s:i, s:s}", "generation", 1, "name", "");
	char *text;

	if (text_is_utf8(name, strlen(name)))
		json_object_set_new(row, "name", json_string(name));
	else
		json_object_set_new(row, "name_b64", json_true());
	for (uint32_t generation = 0; generation < 3; generation++) {
		text = action_reference_text(name, generation);
		is_read_back(text, name);
		free(text);
	}
	text = text_escape(name);
	if (json_object_get(row, "name_b64"))
		json_object_set_new(row, "name", json_string(text));
	free(text);
	for (int ambiguous = 0; ambiguous < 2; ambiguous++) {
		text = show_name(&(const struct show){ .ambiguous = ambiguous }, row, "name");
		ck_assert_msg(*text != ' ' && text[strlen(text) - 1] != ' ', "'%s'", text);
		is_read_back(text, name);
		free(text);
	}
	json_decref(row);
}
END_TEST

START_TEST(broken_references_are_refused)
{
	static const char *const broken[] = { "", "a\\", "a\\x", "a\\xg0", "a\\x00", "a\\n@3" };
	struct action_reference reference;

	for (size_t i = 0; i < ARRAY_SIZE(broken); i++)
		ck_assert_int_eq(action_reference_parse(broken[i], &reference), -EINVAL);
}
END_TEST

START_TEST(mount_references_are_numbers_after_mnt)
{
	static const char *const broken[] = { "",	"mnt:",	  "mnt:0",
					      "mnt:x",	"mnt:1x", "mnt:-1",
					      "mnt: 1", "12",	  "mnt:99999999999999999999" };
	uint64_t id = 0;

	ck_assert_int_eq(mount_reference_parse("mnt:4294967301", &id), 0);
	ck_assert_uint_eq(id, 4294967301);
	for (size_t i = 0; i < ARRAY_SIZE(broken); i++)
		ck_assert_int_eq(mount_reference_parse(broken[i], &id), -EINVAL);
}
END_TEST

/* How one value of a JSON row is shown, to people and to --raw. */
static const struct {
	cell_function *cell;
	const char *key, *row, *shown, *raw;
} cells[] = {
	{ show_text, "t", "{\"t\":\"plain\"}", "plain", "plain" },
	{ show_text, "t", "{\"t\":\"a\\nb\\u001b[31m\"}", "a\\x0ab\\x1b[31m", "a\nb\033[31m" },
	{ show_text, "t", "{\"t\":\"a\\\\b\"}", "a\\\\b", "a\\b" },
	{ show_text, "t", "{\"t\":\"\\\\xff\\\\\\\\\",\"t_b64\":\"/1w=\"}", "\\xff\\\\", "\xff\\" },
	{ show_text, "t", "{\"t\":\" \"}", "\\x20", " " },
	{ show_text, "t", "{\"t\":\"  a b \"}", "\\x20 a b\\x20", "  a b " },
	{ show_text, "t", "{\"t\":null}", "", "" },
	{ show_text, "t", "{}", "", "" },
	{ show_number, "n", "{\"n\":4294967301}", "4294967301", "4294967301" },
	{ show_number, "n", "{\"n\":0}", "0", "0" },
	{ show_number, "n", "{\"n\":null}", "", "" },
	{ show_number_known, "n", "{\"n\":0}", "", "" },
	{ show_flag, "f", "{\"f\":true}", "yes", "yes" },
	{ show_flag, "f", "{\"f\":false}", "", "" },
	{ show_age, "t", "{\"t\":\"2026-11-22T09:55:50.000Z\"}", "4m 10s", "4m 10s" },
	{ show_age, "t", "{\"t\":\"2026-11-22T10:00:01.000Z\"}", "0ms", "0ms" },
	{ show_age, "t", "{\"t\":null}", "", "" },
	{ show_name, "name", "{\"name\":\"a\",\"generation\":1}", "a", "a" },
	{ show_name, "name", "{\"name\":\"a\",\"generation\":2}", "a@2", "a@2" },
	{ show_name, "name", "{\"name\":\"a@7\",\"generation\":1}", "a@7@1", "a@7@1" },
	{ show_name, "name", "{\"name\":\"\\\\@7\",\"generation\":1}", "\\\\@7@1", "\\@7@1" },
	{ show_name, "name", "{\"name\":\"mnt:7\",\"generation\":1}", "mnt:7@1", "mnt:7@1" },
	{ show_name, "name", "{\"name\":\"a \",\"generation\":2}", "a\\x20@2", "a @2" },
	{ show_name, "name", "{\"name\":null,\"generation\":null}", "", "" },
	{ show_kinds, "e", "{\"e\":[{\"kind\":\"ended\"},{\"kind\":\"missing\"}]}", "ended,missing", "ended,missing" },
	{ show_kinds, "e", "{\"e\":[]}", "", "" },
	{ show_owner, "o", "{\"o\":{\"kind\":\"inferred\",\"lease\":false}}", "inferred", "inferred" },
	{ show_owner, "o", "{\"o\":{\"kind\":\"registered\",\"pid\":7,\"comm\":\"r\\n\",\"lease\":true}}",
	  "lease r\\x0a[7]", "lease r\\x0a[7]" },
	{ show_owner, "o", "{\"o\":{\"kind\":\"attested\",\"pid\":7,\"comm\":\"mount\",\"lease\":false}}",
	  "attested mount[7]", "attested mount[7]" },
	{ show_owner_pid, "pid", "{\"owner\":{\"pid\":7}}", "7", "7" },
	{ show_owner, "o", "{\"o\":{\"kind\":\"registered\",\"pid\":7,\"comm\":null,\"lease\":false}}",
	  "registered pid 7", "registered pid 7" },
	{ show_attacher, "by", "{\"by\":{\"attested\":true,\"pid\":9,\"comm\":\"mount\"}}", "mount[9]", "mount[9]" },
	{ show_attacher, "by", "{\"by\":{\"attested\":false,\"pid\":9,\"comm\":null}}", "pid 9", "pid 9" },
	{ show_attacher, "by", "{\"by\":{\"attested\":false}}", "", "" },
	{ show_words, "by", "{\"by\":\"pid 9 (a\\\\x0a)\"}", "pid 9 (a\\x0a)", "pid 9 (a\\x0a)" },
	{ show_words, "by", "{\"by\":\"no escape \\\\ \\u001b\"}", "no escape \\\\ \\x1b", "no escape \\ \x1b" },
	{ show_words, "by", "{\"by\":\"\\\\x41 \\u001b\"}", "A \\x1b", "\\x41 \x1b" },
	{ show_words, "by", "{\"by\":null}", "", "" },
	{ show_detail, "d", "{\"d\":{\"from\":\"/a\\nb\",\"n\":3,\"x\":null,\"l\":[1,\"\\u001b\"]}}",
	  "from=/a\\x0ab n=3 l=[1,\"\\u001B\"]", "from=/a\\x0ab n=3 l=[1,\"\\u001B\"]" },
	{ show_detail, "d", "{\"d\":{\"from\":\"\\\\xff\",\"from_b64\":\"/w==\"}}", "from=\\xff", "from=\\xff" },
	{ show_detail, "d", "{\"d\":null}", "", "" },
};

START_TEST(values_are_shown)
{
	const struct show people = { .now.real = INT64_C(1795341600) * NSEC_PER_SEC };
	const struct show raw = { .now = people.now, .raw = true };
	json_t *row = json_loads(cells[_i].row, 0, NULL);
	char *text;

	ck_assert_ptr_nonnull(row);
	text = cells[_i].cell(&people, row, cells[_i].key);
	ck_assert_str_eq(text, cells[_i].shown);
	free(text);
	text = cells[_i].cell(&raw, row, cells[_i].key);
	ck_assert_str_eq(text, cells[_i].raw);
	free(text);
	json_decref(row);
}
END_TEST

START_TEST(an_ambiguous_name_has_its_generation)
{
	const struct show show = { .ambiguous = true };
	json_t *row = json_pack("{s:s, s:i}", "name", "a", "generation", 1);
	char *text = show_name(&show, row, "name");

	ck_assert_str_eq(text, "a@1");
	free(text);
	json_decref(row);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cli");
	TCase *arguments = tcase_create("arguments"), *values = tcase_create("values");
	int commands = 0;

	while (reaperctl_commands[commands])
		commands++;
	tcase_add_loop_test(arguments, wrong_arguments_of_run_exit_125_and_say_what_is_wrong, 0,
			    ARRAY_SIZE(wrong_runs));
	tcase_add_loop_test(arguments, wrong_arguments_exit_2_and_say_what_is_wrong, 0, ARRAY_SIZE(wrong));
	tcase_add_loop_test(arguments, without_a_daemon_the_exit_status_is_4, 0, ARRAY_SIZE(asks_the_daemon));
	tcase_add_test(arguments, a_socket_path_that_is_too_long_is_no_daemon);
	tcase_add_loop_test(arguments, every_command_has_help, 0, commands);
	tcase_add_test(arguments, help_names_no_command_of_a_later_release);
	tcase_add_test(arguments, the_version_is_shown);
	tcase_add_loop_test(values, references_to_actions_go_round, 0, ARRAY_SIZE(references));
	tcase_add_loop_test(values, odd_names_are_read_back, 0, ARRAY_SIZE(odd_names));
	tcase_add_test(values, broken_references_are_refused);
	tcase_add_test(values, mount_references_are_numbers_after_mnt);
	tcase_add_loop_test(values, values_are_shown, 0, ARRAY_SIZE(cells));
	tcase_add_test(values, an_ambiguous_name_has_its_generation);
	suite_add_tcase(suite, arguments);
	suite_add_tcase(suite, values);
	return run_suite(suite);
}
