/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The words of the language, and a root's rules, lists and layout. */
#include <check.h>
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/layout.h"
#include "base/rules.h"
#include "base/selector.h"
#include "base/text.h"
#include "base/words.h"
#include "run_suite.h"

/* Each value of the enum has a name, which is read back as that value, and the table ends behind the last. */
#define CHECK_WORDS(prefix, type, count)                                                                               \
	do {                                                                                                           \
		type value;                                                                                            \
                                                                                                                       \
		for (unsigned i = 0; i < (count); i++) {                                                               \
			ck_assert_msg(prefix##_names[i], #prefix " %u has no name", i);                                \
			ck_assert_int_eq(prefix##_parse(prefix##_name((type)i), &value), 0);                           \
			ck_assert_uint_eq(value, i);                                                                   \
		}                                                                                                      \
		ck_assert_ptr_null(prefix##_names[count]);                                                             \
	} while (0)

START_TEST(words_have_one_name_each)
{
	CHECK_WORDS(evidence, enum evidence, EVIDENCE_COUNT);
	CHECK_WORDS(step, enum step, STEP_COUNT);
	CHECK_WORDS(root_mode, enum root_mode, ROOT_MODE_OBSERVE + 1);
	CHECK_WORDS(source, enum source_kind, SOURCE_MOUNTINFO + 1);
	CHECK_WORDS(action_state, enum action_state, ACTION_STATE_COUNT);
	CHECK_WORDS(mount_state, enum mount_state, MOUNT_STATE_COUNT);
	CHECK_WORDS(event_type, enum event_type, EVENT_TYPE_COUNT);
	CHECK_WORDS(outcome, enum outcome, OUTCOME_COUNT);
}
END_TEST

START_TEST(a_word_that_is_unknown_changes_nothing)
{
	enum evidence evidence = EVIDENCE_DEAD;

	ck_assert_int_eq(evidence_parse("Dead", &evidence), -EINVAL);
	ck_assert_int_eq(evidence, EVIDENCE_DEAD);
	ck_assert_str_eq(evidence_name(EVIDENCE_COUNT), "?");
	ck_assert_str_eq(step_name((enum step) - 1), "?");
}
END_TEST

START_TEST(rules_are_copied_deeply)
{
	struct root_rules rules, copy;

	ck_assert_int_eq(rules_init(&rules, "/r"), 0);
	ck_assert_int_eq(string_list_add(&rules.protect, "keep"), 0);
	rules.owner_argument = strdup("unit");
	ck_assert_int_eq(rules_add_path(&rules, "comm:bb_runner", "/build"), 0);
	ck_assert_int_eq(rules_copy(&rules, &copy), 0);
	ck_assert_ptr_ne(rules.path, copy.path);
	ck_assert_ptr_ne(rules.protect.items[0], copy.protect.items[0]);
	rules_clear(&rules);
	ck_assert_str_eq(copy.path, "/r");
	ck_assert_uint_eq(copy.path_count, 1);
	ck_assert_str_eq(copy.paths[0].selector, "comm:bb_runner");
	ck_assert_str_eq(copy.paths[0].path, "/build");
	ck_assert_str_eq(copy.protect.items[0], "keep");
	ck_assert_ptr_null(copy.protect.items[1]);
	ck_assert_str_eq(copy.owner_argument, "unit");
	ck_assert_uint_eq(rules_ladder(&copy, "fuse")->count, 3);
	rules_clear(&copy);
	rules_clear(&copy);
}
END_TEST

START_TEST(a_selector_is_known_by_its_first_word)
{
	static const struct {
		const char *text;
		enum selector_kind kind;
		const char *argument;
		int32_t pid;
	} good[] = {
		{ "self", SELECTOR_SELF, "", 0 },
		{ "all", SELECTOR_ALL, "", 0 },
		{ "pid:1", SELECTOR_PID, "1", 1 },
		{ "pid:2147483647", SELECTOR_PID, "2147483647", INT32_MAX },
		{ "pidfile:/run/w.pid", SELECTOR_PIDFILE, "/run/w.pid", 0 },
		{ "comm:bb_runner", SELECTOR_COMM, "bb_runner", 0 },
		{ "comm:fifteen bytes:/", SELECTOR_COMM, "fifteen bytes:/", 0 },
		{ "/run/ns/mnt", SELECTOR_PATH, "/run/ns/mnt", 0 },
	};
	static const char *const bad[] = {
		"",
		"selfish",
		"Self",
		"all ",
		"pid:",
		"pid:0",
		"pid:-1",
		"pid:12x",
		"pid:2147483648",
		"pid: 1",
		"pidfile:",
		"pidfile:run/w.pid",
		"comm:",
		"pidfile:/a//b",
		"pidfile:/a/../b",
		"comm:sixteen bytes :x",
		"/run/../etc/shadow",
		"run/ns/mnt",
	};
	struct selector selector;
	char why[200];

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		ck_assert_int_eq(selector_parse(good[i].text, &selector, why, sizeof(why)), 0);
		ck_assert_int_eq(selector.kind, good[i].kind);
		ck_assert_str_eq(selector.argument, good[i].argument);
		ck_assert_int_eq(selector.pid, good[i].pid);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		*why = '\0';
		ck_assert_msg(selector_parse(bad[i], &selector, why, sizeof(why)) == -EINVAL, "%s", bad[i]);
		ck_assert_str_ne(why, "");
	}
}
END_TEST

START_TEST(the_longest_matching_type_names_the_ladder)
{
	struct ladder_for_type ladders[] = {
		{ (char *)"fuse", { 1, { STEP_ABORT } } },
		{ (char *)"fuse.bindfs", { 1, { STEP_FORCE } } },
		{ (char *)"nfs", { 1, { STEP_DETACH } } },
	};
	const struct root_rules rules = { .ladder = { 2, { STEP_UMOUNT } }, .ladders = ladders, .ladder_count = 3 };

	ck_assert_int_eq(rules_ladder(&rules, "fuse")->steps[0], STEP_ABORT);
	ck_assert_int_eq(rules_ladder(&rules, "fuse.other")->steps[0], STEP_ABORT);
	ck_assert_int_eq(rules_ladder(&rules, "fuse.bindfs")->steps[0], STEP_FORCE);
	ck_assert_int_eq(rules_ladder(&rules, "nfs4")->steps[0], STEP_DETACH);
	ck_assert_int_eq(rules_ladder(&rules, "fusectl")->count, 2);
	ck_assert_int_eq(rules_ladder(&rules, "fuseblk")->count, 2);
	ck_assert_int_eq(rules_ladder(&rules, "nfsd")->count, 2);
	ck_assert_int_eq(rules_ladder(&rules, "tmpfs")->count, 2);
}
END_TEST

START_TEST(lists_split_at_white_space_and_unescape)
{
	struct string_list list, copy;

	ck_assert_int_eq(string_list_split("  a\tb\\x20c  \\\\d ", &list), 0);
	ck_assert_uint_eq(list.count, 3);
	ck_assert_str_eq(list.items[1], "b c");
	ck_assert_str_eq(list.items[2], "\\d");
	ck_assert_int_eq(string_list_copy(&list, &copy), 0);
	ck_assert_uint_eq(copy.count, 3);
	ck_assert_ptr_null(copy.items[3]);
	string_list_clear(&list);
	string_list_clear(&copy);
	ck_assert_int_eq(string_list_split(" ", &list), 0);
	ck_assert_ptr_null(list.items);
	ck_assert_int_eq(string_list_split("good \\q", &list), -EINVAL);
	ck_assert_ptr_null(list.items);
}
END_TEST

START_TEST(patterns_do_not_meet_a_leading_dot)
{
	struct string_list list;

	ck_assert_int_eq(string_list_split("* .trash* [0-9]?", &list), 0);
	ck_assert(string_list_matches(&list, "anything"));
	ck_assert(string_list_matches(&list, ".trash-1"));
	ck_assert(!string_list_matches(&list, ".hidden"));
	string_list_clear(&list);
	ck_assert(!string_list_matches(&list, "anything"));
}
END_TEST

START_TEST(a_layout_names_the_action_once)
{
	static const char *const good[] = { "{action}", "*/{action}", "{action}/root", "a-b/*/{action}" };
	static const char *const bad[] = { "",
					   "*",
					   "a/b",
					   "{action}/{action}",
					   "/{action}",
					   "{action}/",
					   "a//{action}",
					   "./{action}",
					   "../{action}",
					   ".a/{action}",
					   "x{action}",
					   "{action}x",
					   "{act}/{action}",
					   "a*/{action}",
					   "**/{action}" };
	char why[256];

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		ck_assert_msg(layout_check(good[i], why, sizeof(why)) == 0, "%s", good[i]);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		why[0] = '\0';
		ck_assert_msg(layout_check(bad[i], why, sizeof(why)) == -EINVAL, "%s", bad[i]);
		ck_assert_str_ne(why, "");
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("base: rules");
	TCase *tests = tcase_create("rules");

	tcase_add_test(tests, words_have_one_name_each);
	tcase_add_test(tests, a_word_that_is_unknown_changes_nothing);
	tcase_add_test(tests, rules_are_copied_deeply);
	tcase_add_test(tests, a_selector_is_known_by_its_first_word);
	tcase_add_test(tests, the_longest_matching_type_names_the_ladder);
	tcase_add_test(tests, lists_split_at_white_space_and_unescape);
	tcase_add_test(tests, patterns_do_not_meet_a_leading_dot);
	tcase_add_test(tests, a_layout_names_the_action_once);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
