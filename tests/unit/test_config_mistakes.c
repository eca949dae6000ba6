/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is refused, and with which words. */
#include <stdlib.h>

#include "base/text.h"
#include "config_fixture.h"
#include "run_suite.h"

START_TEST(a_line_of_a_megabyte_is_one_mistake)
{
	enum { LENGTH = 1 << 20 };
	CLEANUP_FREE char *text = malloc(LENGTH + 64);
	static const struct {
		const char *before, *after, *words;
	} rows[] = {
		{ "[root /r]\nmode = ", "\n", "f:2: mode: \"xxxx" },
		{ "[root /r]\n", " = 1\n", "f:2: unknown key, of more than 1,000 characters" },
		{ "[root /r]\n", "\n", "f:2: no \"=\" here" },
		{ "[root /", "]\n", "f:1: the root's path is too long" },
		{ "[", "]\n", "f:1: unknown section \"xxxx" },
		{ "[", "\n", "f:1: a section ends with ]" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char *at = stpcpy(text, rows[i].before);

		memset(at, 'x', LENGTH);
		strcpy(at + LENGTH, rows[i].after);
		refused(text, 1, rows[i].words);
	}
}
END_TEST

START_TEST(all_mistakes_are_told_in_the_order_of_lines)
{
	static const char text[] = "[daemon]\nsorce = auto\nnonsense\n[root /r]\ngrace = 5\ngrace = 6\n[rot /x]\n";
	CLEANUP_FREE char *errors = bad_bytes(text, strlen(text));
	const char *at = errors;

	for (const char *const *line = (const char *const[]){ "f:2: ", "f:3: ", "f:5: ", "f:6: ", "f:7: ", NULL };
	     *line; line++) {
		ck_assert_msg(strncmp(at, *line, 5) == 0, "expected %s at: %s", *line, at);
		at = strchr(at, '\n') + 1;
	}
	ck_assert_str_eq(at, "");
}
END_TEST

START_TEST(an_unknown_word_comes_with_the_nearest)
{
	daemon_value_refused("sorce = auto", "f:2: sorce: [daemon] has no key \"sorce\", did you mean \"source\"?");
	daemon_value_refused("source = mountinof",
			     "f:2: source: \"mountinof\" is unknown here, did you mean \"mountinfo\"?");
	root_value_refused("grace.holow = 1s",
			   "f:2: grace.holow: [root] has no key \"grace.holow\", did you mean \"grace.hollow\"?");
	root_value_refused("Grace = 1s", "f:2: Grace: [root] has no key \"Grace\", did you mean \"grace\"?");
	root_value_refused("mode = enforced", "f:2: mode: \"enforced\" is unknown here, did you mean \"enforce\"?");
	root_value_refused("reap-when = mising",
			   "f:2: reap-when: \"mising\" is unknown here, did you mean \"missing\"?");
	root_value_refused("ladder = umuont", "f:2: ladder: \"umuont\" is unknown here, did you mean \"umount\"?");
	refused("[Daemon]\n", 1,
		"f:1: unknown section \"Daemon\": there are [daemon] and [root /path], did you mean \"daemon\"?");
	refused("[rooot /x]\n", 1, "did you mean \"root\"?");
	refused("[zzz]\n", 1, "f:1: unknown section \"zzz\": there are [daemon] and [root /path]\n");
	root_value_refused("zzzzzz = 1", "f:2: zzzzzz: [root] has no key \"zzzzzz\"\n");
}
END_TEST

START_TEST(what_is_not_built_yet_says_so_by_name)
{
	daemon_value_refused("metrics-listen = 127.0.0.1:9835",
			     "f:2: metrics-listen: metrics over HTTP (metrics-listen) is not built");
	root_value_refused("prune = yes", "f:2: prune: prune = yes is not built yet");
	root_value_refused("prune = ya", "f:2: prune: \"ya\" is unknown here");
}
END_TEST

START_TEST(roots_are_apart_in_other_namespaces_too)
{
	struct config *config;

	refused("[root /a]\npath.comm:r = /b\n[root /b]\n", 1, "f:3: by path.comm:r, this root stands already, in f:1");
	refused("[root /a]\n[root /b]\npath.comm:r = /a/c\n", 1,
		"f:2: by path.comm:r, this root lies inside another, in f:1");
	refused("[root /a]\npath.all = /c/d\n[root /b]\npath.all = /c\n", 1,
		"f:3: by path.all, another root lies inside this one, in f:1");
	config = good("[root /a]\npath.comm:r = /b\n[root /b]\npath.comm:r = /a\npath.all = /bb\n");
	config_free(config);
}
END_TEST

START_TEST(the_runners_socket_is_an_absolute_path_outside_every_root)
{
	struct config *config;

	daemon_value_refused("runner-socket = run/x", "f:2: runner-socket: \"run/x\" is no absolute path");
	daemon_value_refused(
		"runner-socket = /run/a-name-that-is-longer-than-a-hundred-and-seven-bytes/which-is-all-that-the-kernel-"
		"has-room-for-in-an-address",
		"f:2: runner-socket: too long for a socket's name: 107 bytes at most");
	refused("[daemon]\nrunner-socket = /b/socket\n[root /a]\n[root /b]\n", 1,
		"f:4: runner-socket lies in this root");
	config = good("[daemon]\nrunner-socket = /bb/socket\n[root /b]\n");
	config_free(config);
}
END_TEST

START_TEST(a_value_of_another_form_is_refused)
{
	daemon_value_refused("namespaces = slef",
			     "f:2: namespaces: this selects no mount namespace, did you mean \"self\"?");
	daemon_value_refused("namespaces = self pid:0", "f:2: namespaces: pid: is followed by the number of a process");
	daemon_value_refused("namespaces = pidfile:run/x", "f:2: namespaces: pidfile: is followed by an absolute path");
	daemon_value_refused("namespaces = comm:a-name-that-is-too-long", "f:2: namespaces: the kernel keeps 15 bytes");
	daemon_value_refused("namespaces = /run/../x", "f:2: namespaces: a namespace's path has no");
	root_value_refused("path.self = /build",
			   "f:2: path.self: in our own namespace the root stands at its own path");
	root_value_refused("path.comm:bb_runner = build", "f:2: path.comm:bb_runner: ");
	root_value_refused("path.comm:bb_runner = /", "f:2: path.comm:bb_runner: ");
	root_value_refused("path.com:x = /build", "f:2: path.com:x: this selects no mount namespace");
	daemon_value_refused("user = a b", "f:2: user: a user's name");
	daemon_value_refused("state-dir = var", "f:2: state-dir: \"var\" is no absolute path");
	daemon_value_refused("runtime-dir = /run/../x", "f:2: runtime-dir: \"/run/../x\" is no absolute path");
	daemon_value_refused("retain = 0", "f:2: retain: \"0\" is too short, at least 1s");
	daemon_value_refused("retain = 200000d", "f:2: retain: \"200000d\" is more than 100 years");
	daemon_value_refused("retain-size = 5X", "f:2: retain-size: \"5X\" has an unknown unit");
	daemon_value_refused("retain-size = 12MB", "f:2: retain-size: \"12MB\" is no size");
	daemon_value_refused("retain-size = 9999999999T", "f:2: retain-size: \"9999999999T\" is too large");
	daemon_value_refused("retain-size = 1", "f:2: retain-size: the journal needs at least 1M");
	daemon_value_refused("max-reaps-per-minute = -1", "f:2: max-reaps-per-minute: \"-1\" is no number from 0 to");
	daemon_value_refused("max-reaps-per-minute = 4294967296",
			     "f:2: max-reaps-per-minute: \"4294967296\" is no number");
	root_value_refused("layout = build", "f:2: layout: a layout has exactly one segment {action}, this one has 0");
	root_value_refused("layout = /{action}", "f:2: layout: a layout is segments with one slash between them");
	root_value_refused("layout = {action}/\\x2e\\x2e", "f:2: layout: a layout is segments");
	root_value_refused("match =", "f:2: match: without a pattern");
	root_value_refused("match = \\q", "f:2: match: a broken escape");
	root_value_refused("trash = a/b", "f:2: trash: a trash pattern is for the first segment");
	root_value_refused("reap-when = hung", "f:2: reap-when: \"hung\" is reported, it is never enough to reap");
	root_value_refused("reap-when = ended stale-copy", "f:2: reap-when: \"stale-copy\" is reported");
	root_value_refused("grace = 5", "f:2: grace: \"5\" is no duration");
	root_value_refused("grace = -5s", "f:2: grace: \"-5s\" is no duration");
	root_value_refused("step-timeout = 0", "f:2: step-timeout: \"0\" is too short, at least 10ms");
	root_value_refused("probe-interval = 1ms", "f:2: probe-interval: \"1ms\" is too short");
	root_value_refused("owner = pidfile:run", "f:2: owner: \"run\" is no absolute path");
	root_value_refused("owner = unit:bb_worker",
			   "f:2: owner: \"bb_worker\" is no unit's full name, as in bb-worker.service");
	root_value_refused("owner = unit:", "f:2: owner: \"\" is no unit's full name");
	root_value_refused("owner = unit:.service", "f:2: owner: \".service\" is no unit's full name");
	root_value_refused("owner = unit:a/b.service", "f:2: owner: \"a/b.service\" is no unit's full name");
	root_value_refused("owner = unit:worker.mount", "f:2: owner: \"worker.mount\" is no unit's full name");
	root_value_refused("owner = unit:bb\\x0worker.service", "f:2: owner: ");
	root_value_refused(
		"owner = cgroups",
		"f:2: owner: this is neither none, cgroup, pidfile:PATH nor unit:NAME, did you mean \"cgroup\"?");
	root_value_refused(
		"owner = non",
		"f:2: owner: this is neither none, cgroup, pidfile:PATH nor unit:NAME, did you mean \"none\"?");
	root_value_refused("ladder =", "f:2: ladder: a ladder has at least one step");
	root_value_refused("ladder = detach umount", "f:2: ladder: nothing is left to do after \"detach\"");
	root_value_refused("ladder = umount umount", "f:2: ladder: the step \"umount\" stands twice");
	root_value_refused("ladder. = umount", "f:2: ladder.: ladder. is followed by a filesystem type");
	root_value_refused("protect = /x", "f:2: protect: patterns are relative to the root");
	root_value_refused("register = a @", "f:2: register: these are users and @groups");
}
END_TEST

START_TEST(a_line_that_is_no_line_of_ini_is_refused)
{
	refused("user = x\n", 1, "f:1: this stands before the first section");
	refused("[daemon]\nuser = a\n  continued\n", 1, "f:3: no \"=\" here");
	refused("[daemon]\n= a\n", 1, "f:2: no key before the \"=\"");
	refused("[daemon]\nus\xc3\xa9r = a\n", 1, "f:2: no key is written with such characters");
	refused("[daemon]\nus er = a\n", 1, "f:2: no key is written with such characters");
	refused("[daemon] # comment\n", 1, "f:1: a section ends with ]");
	refused("[daemon\n", 1, "f:1: a section ends with ]");
	refused("[]\n", 1, "f:1: unknown section \"\"");
	refused("[daemon]\n/* no */\n", 1, "f:2: no \"=\" here");
	refused("[daemon]\nuser = caf\xe9\n", 1, "f:2: not UTF-8");
	refused("\xff\xfe[\n", 1, "f:1: not UTF-8");
}
END_TEST

START_TEST(a_broken_header_keeps_its_keys_from_the_section_before)
{
	refused("[daemon]\nuser = a\n[root /x\nuser = b\n", 1, "f:3: a section ends with ]");
}
END_TEST

START_TEST(a_nul_byte_is_refused)
{
	static const char text[] = "[daemon]\nuser = a\0b\n\0\n";
	CLEANUP_FREE char *errors = bad_bytes(text, sizeof(text) - 1);

	ck_assert_str_eq(errors, "f:2: a NUL byte: this is no text\nf:3: a NUL byte: this is no text\n");
}
END_TEST

START_TEST(an_overlong_key_is_refused)
{
	char text[3000] = "[daemon]\n";

	memset(text + 9, 'k', 2000);
	memcpy(text + 2009, " = 1\n", 6);
	refused(text, 1, "f:2: unknown key, of more than 1,000 characters");
}
END_TEST

START_TEST(what_stands_twice_is_refused_with_both_lines)
{
	refused("[daemon]\nuser = a\n\nuser = b\n", 1,
		"f:4: the key \"user\" stands in this section already, on line 2");
	refused("[daemon]\nuser = a\nUser = b\n", 1, "f:3: the key \"User\" stands in this section already, on line 2");
	refused("[daemon]\n[root /r]\n[daemon]\nuser = a\n", 1,
		"f:3: the section [daemon] stands twice in this file, first on line 1");
	refused("[root /r]\n[root /r/]\n", 1, "f:2: this root stands already, in f:1");
}
END_TEST

START_TEST(a_root_inside_another_is_refused_with_both_lines)
{
	refused("[root /r]\n\n[root /r/sub]\n", 1, "f:3: this root lies inside another, in f:1");
	refused("[root /r/sub]\n\n[root /r]\n", 1, "f:3: another root lies inside this one, in f:1");
}
END_TEST

START_TEST(a_root_that_cannot_be_one_is_refused)
{
	refused("[root /]\n", 1, "f:1: / cannot be a build root");
	refused("[root //]\n", 1, "f:1: / cannot be a build root");
	refused("[root]\n", 1, "f:1: a root is an absolute path");
	refused("[root build]\n", 1, "f:1: a root is an absolute path");
	refused("[root /a/../b]\n", 1, "f:1: a root's path has no . or .. segment");
	refused("[root /a\\q]\n", 1, "f:1: a broken escape");
	refused("[root /a\\x00]\n", 1, "f:1: a broken escape");
	refused("[root /]\ngrace = x\n", 2, "f:2: grace: \"x\" is no duration");
}
END_TEST

START_TEST(foreign_bytes_are_shown_escaped)
{
	refused("[sec\x1b[31mtion]\n", 1, "f:1: unknown section \"sec\\x1b[31mtion\"");
	root_value_refused("grace = \x1b[2J", "f:2: grace: \"\\x1b[2J\" is no duration");
	root_value_refused("layout = {a\tb\x1b[2J\x7f}", "f:2: layout: in the segment \"{a\\x09b\\x1b[2J\\x7f}\"");
}
END_TEST

START_TEST(a_value_that_is_cut_short_is_still_text)
{
	char text[512] = "[daemon]\nretain = x";
	CLEANUP_FREE char *errors = NULL;

	for (int i = 0; i < 80; i++)
		strcat(text, "\u65e5");
	errors = bad_bytes(text, strlen(text));
	ck_assert(text_is_utf8(errors, strlen(errors)));
	ck_assert_ptr_nonnull(strstr(errors, "...\" is no duration"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config: mistakes");
	TCase *tests = tcase_create("mistakes");

	tcase_add_test(tests, a_line_of_a_megabyte_is_one_mistake);
	tcase_add_test(tests, all_mistakes_are_told_in_the_order_of_lines);
	tcase_add_test(tests, an_unknown_word_comes_with_the_nearest);
	tcase_add_test(tests, what_is_not_built_yet_says_so_by_name);
	tcase_add_test(tests, roots_are_apart_in_other_namespaces_too);
	tcase_add_test(tests, a_value_of_another_form_is_refused);
	tcase_add_test(tests, the_runners_socket_is_an_absolute_path_outside_every_root);
	tcase_add_test(tests, a_line_that_is_no_line_of_ini_is_refused);
	tcase_add_test(tests, a_broken_header_keeps_its_keys_from_the_section_before);
	tcase_add_test(tests, a_nul_byte_is_refused);
	tcase_add_test(tests, an_overlong_key_is_refused);
	tcase_add_test(tests, what_stands_twice_is_refused_with_both_lines);
	tcase_add_test(tests, a_root_inside_another_is_refused_with_both_lines);
	tcase_add_test(tests, a_root_that_cannot_be_one_is_refused);
	tcase_add_test(tests, foreign_bytes_are_shown_escaped);
	tcase_add_test(tests, a_value_that_is_cut_short_is_still_text);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
