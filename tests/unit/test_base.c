/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/layout.h"
#include "base/log.h"
#include "base/path.h"
#include "base/rules.h"
#include "base/text.h"
#include "base/words.h"
#include "odd_names.h"
#include "run_suite.h"

START_TEST(every_byte_but_nul_goes_round)
{
	char bytes[512];
	CLEANUP_FREE char *text = NULL;
	CLEANUP_FREE char *back = NULL;
	size_t used = 0;

	for (int byte = 1; byte < 256; byte++)
		bytes[used++] = (char)byte;
	bytes[used] = '\0';
	text = text_escape(bytes);
	ck_assert(text_is_utf8(text, strlen(text)));
	ck_assert_int_eq(text_unescape(text, &back), 0);
	ck_assert_str_eq(back, bytes);
}
END_TEST

START_TEST(each_byte_alone_goes_round)
{
	for (int byte = 1; byte < 256; byte++) {
		char bytes[2] = { (char)byte };
		CLEANUP_FREE char *text = text_escape(bytes);
		CLEANUP_FREE char *back = NULL;

		ck_assert_int_eq(text_unescape(text, &back), 0);
		ck_assert_str_eq(back, bytes);
	}
}
END_TEST

START_TEST(odd_names_go_round)
{
	for (size_t i = 0; i < ARRAY_SIZE(odd_names); i++) {
		CLEANUP_FREE char *text = text_escape(odd_names[i]);
		CLEANUP_FREE char *again = text_escape(text);
		CLEANUP_FREE char *back = NULL;
		CLEANUP_FREE char *once_back = NULL;

		ck_assert_int_eq(text_unescape(text, &back), 0);
		ck_assert_str_eq(back, odd_names[i]);
		ck_assert(text_is_utf8(text, strlen(text)));
		for (const char *c = text; *c; c++)
			ck_assert((unsigned char)*c >= 0x20 && *c != 0x7f);
		ck_assert_int_eq(text_unescape(again, &once_back), 0);
		ck_assert_str_eq(once_back, text);
	}
}
END_TEST

static void escapes_to(const char *bytes, const char *expected)
{
	CLEANUP_FREE char *text = text_escape(bytes);

	ck_assert_str_eq(text, expected);
}

START_TEST(text_that_deceives_is_escaped)
{
	escapes_to("büro €𝄞", "büro €𝄞");
	escapes_to("a\\b\n\t\x7f", "a\\\\b\\x0a\\x09\\x7f");
	escapes_to("\u2028", "\\xe2\\x80\\xa8");
	escapes_to("\u202etxt", "\\xe2\\x80\\xaetxt");
	escapes_to("\u2066", "\\xe2\\x81\\xa6");
	escapes_to("\xc2\x9b", "\\xc2\\x9b");
	escapes_to("\xff", "\\xff");
	escapes_to("", "");
}
END_TEST

START_TEST(bytes_that_json_readers_refuse_are_no_utf8)
{
	static const char *const bad[] = {
		"\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80",
		"\x80",	    "\xc3",	    "a\xe2\x82",    "\xf0\x9d\x84"
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_msg(!text_is_utf8(bad[i], strlen(bad[i])), "case %zu", i);
	ck_assert(text_is_utf8("\n\x01\xf4\x8f\xbf\xbf\u2028", 9));
	ck_assert(text_is_utf8("", 0));
}
END_TEST

START_TEST(what_the_kernel_escapes_is_read_back)
{
	char text[] = "a\\040b\\011\\012\\134x \\3770\\", short_one[] = "\\04", no_octal[] = "\\089\\x40";

	text_unescape_octal(text);
	ck_assert_str_eq(text, "a b\t\n\\x \xff"
			       "0\\");
	text_unescape_octal(short_one);
	ck_assert_str_eq(short_one, "\\04");
	text_unescape_octal(no_octal);
	ck_assert_str_eq(no_octal, "\\089\\x40");
}
END_TEST

START_TEST(a_broken_escape_is_refused)
{
	static const char *const bad[] = { "\\",    "a\\",   "\\x", "\\x4",  "\\x0g",
					   "\\xg0", "\\x00", "\\n", "\\101", "\\X41" };
	char *bytes = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_int_eq(text_unescape(bad[i], &bytes), -EINVAL);
	ck_assert_ptr_null(bytes);
	ck_assert_int_eq(text_unescape("\\x4A\\x4b\\\\x", &bytes), 0);
	ck_assert_str_eq(bytes, "JK\\x");
	free(bytes);
}
END_TEST

START_TEST(base64_is_padded)
{
	static const struct {
		const char *bytes, *text;
	} cases[] = { { "", "" },	 { "f", "Zg==" },	   { "fo", "Zm8=" },
		      { "foo", "Zm9v" }, { "foobar", "Zm9vYmFy" }, { "\xff\xfe\xfd", "//79" } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP_FREE char *text = text_base64(cases[i].bytes, strlen(cases[i].bytes));

		ck_assert_str_eq(text, cases[i].text);
	}
}
END_TEST

START_TEST(the_nearest_word_is_near)
{
	static const char *const words[] = { "status", "actions", "mounts", "events", "no", "yes", NULL };

	ck_assert_str_eq(text_nearest("mount", words), "mounts");
	ck_assert_str_eq(text_nearest("sttaus", words), "status");
	ck_assert_str_eq(text_nearest("action", words), "actions");
	ck_assert_str_eq(text_nearest("yse", words), "yes");
	ck_assert_str_eq(text_nearest("status", words), "status");
	ck_assert_ptr_null(text_nearest("banana", words));
	ck_assert_ptr_null(text_nearest("", words));
	ck_assert_ptr_null(text_nearest("x", words));
	ck_assert_ptr_null(text_nearest("sttaussttaussttaussttaussttaussttaussttaussttaussttaussttaussttaus", words));
}
END_TEST

START_TEST(a_path_is_below_by_whole_segments)
{
	ck_assert_str_eq(path_relative("/b/1/x", "/b/1"), "x");
	ck_assert_str_eq(path_relative("/b/1", "/b/1"), "");
	ck_assert_ptr_null(path_relative("/b/10", "/b/1"));
	ck_assert_ptr_null(path_relative("/b", "/b/1"));
	ck_assert_str_eq(path_relative("/x", "/"), "x");
	ck_assert_str_eq(path_relative("/", "/"), "");
	ck_assert(path_is_below("/b/1/x", "/b/1"));
	ck_assert(!path_is_below("/b/1", "/b/1"));
	ck_assert(!path_is_below("/b/10", "/b/1"));
}
END_TEST

static void normalizes_to(const char *path, const char *expected)
{
	char *normal = NULL;

	ck_assert_int_eq(path_normalize(path, &normal), 0);
	ck_assert_str_eq(normal, expected);
	free(normal);
}

START_TEST(paths_are_normalized_without_a_filesystem)
{
	static const char *const bad[] = { "", "a", "./a", "/.", "/..", "/a/./b", "/a/../b", "/a/.." };
	char *normal = NULL;
	char longest[PATH_MAX + 1] = "/";

	normalizes_to("/", "/");
	normalizes_to("///", "/");
	normalizes_to("/a//b/", "/a/b");
	normalizes_to("/...", "/...");
	normalizes_to("/.a/b..", "/.a/b..");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_int_eq(path_normalize(bad[i], &normal), -EINVAL);
	memset(longest + 1, 'x', PATH_MAX - 1);
	ck_assert_int_eq(path_normalize(longest, &normal), -ENAMETOOLONG);
	longest[PATH_MAX - 1] = '\0';
	normalizes_to(longest, longest);
}
END_TEST

START_TEST(a_plain_relative_path_has_ordinary_segments)
{
	ck_assert(path_is_plain_relative("a"));
	ck_assert(path_is_plain_relative("a/b/..."));
	ck_assert(!path_is_plain_relative(""));
	ck_assert(!path_is_plain_relative("/a"));
	ck_assert(!path_is_plain_relative("a/"));
	ck_assert(!path_is_plain_relative("a//b"));
	ck_assert(!path_is_plain_relative("."));
	ck_assert(!path_is_plain_relative("a/.."));
	ck_assert(!path_is_plain_relative("a/./b"));
}
END_TEST

START_TEST(segments_are_walked)
{
	const char *cursor = "/a//bc/";
	const char *segment;
	size_t length;

	segment = path_next_segment(&cursor, &length);
	ck_assert(length == 1 && *segment == 'a');
	segment = path_next_segment(&cursor, &length);
	ck_assert(length == 2 && strncmp(segment, "bc", 2) == 0);
	ck_assert_ptr_null(path_next_segment(&cursor, &length));
	ck_assert_ptr_null(path_next_segment(&cursor, &length));
}
END_TEST

START_TEST(paths_are_joined_with_one_slash)
{
	static const struct {
		const char *dir, *name, *joined;
	} cases[] = { { "/a", "b/c", "/a/b/c" }, { "/", "b", "/b" }, { "/a", "", "/a" }, { "/", "", "/" } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP_FREE char *joined = path_join(cases[i].dir, cases[i].name);

		ck_assert_str_eq(joined, cases[i].joined);
	}
}
END_TEST

START_TEST(durations_are_read_and_written)
{
	static const struct {
		const char *text;
		int64_t ns;
	} cases[] = {
		{ "0", 0 },
		{ "500ms", 500 * NSEC_PER_MSEC },
		{ "90s", 90 * NSEC_PER_SEC },
		{ "2m", 120 * NSEC_PER_SEC },
		{ "1h", 3600 * NSEC_PER_SEC },
		{ "30d", 30 * 86400 * NSEC_PER_SEC },
		{ "1ns", 1 },
		{ "36525d", INT64_C(36525) * 86400 * NSEC_PER_SEC },
	};
	char text[24];
	int64_t ns;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ck_assert_int_eq(duration_parse(cases[i].text, &ns), 0);
		ck_assert_int_eq(ns, cases[i].ns);
		ck_assert_str_eq(duration_format(ns, text, sizeof(text)), cases[i].text);
	}
	ck_assert_str_eq(duration_format(3155760000000000001, text, sizeof(text)), "3155760000000000001ns");
	ck_assert_int_eq(duration_parse("0s", &ns), 0);
}
END_TEST

START_TEST(what_is_no_duration_is_refused)
{
	static const char *const bad[] = {
		"", "s", "5", "5x", "-1s", "1.5s", " 5s", "5s ", "5 s", "5sm", "0x5s", "+5s"
	};
	static const char *const large[] = { "36526d", "99999999999d", "99999999999999999999999ns", "3155760001s" };
	int64_t ns = 7;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_int_eq(duration_parse(bad[i], &ns), -EINVAL);
	for (size_t i = 0; i < ARRAY_SIZE(large); i++)
		ck_assert_int_eq(duration_parse(large[i], &ns), -ERANGE);
	ck_assert_int_eq(ns, 7);
}
END_TEST

START_TEST(ages_are_for_people)
{
	char text[24];

	ck_assert_str_eq(age_format(-5, text, sizeof(text)), "0ms");
	ck_assert_str_eq(age_format(120 * NSEC_PER_MSEC, text, sizeof(text)), "120ms");
	ck_assert_str_eq(age_format(3 * NSEC_PER_SEC + 1, text, sizeof(text)), "3s");
	ck_assert_str_eq(age_format(250 * NSEC_PER_SEC, text, sizeof(text)), "4m 10s");
	ck_assert_str_eq(age_format(7500 * NSEC_PER_SEC, text, sizeof(text)), "2h 5m");
	ck_assert_str_eq(age_format((3 * 86400 + 4 * 3600) * NSEC_PER_SEC, text, sizeof(text)), "3d 4h");
}
END_TEST

#define MOMENT (INT64_C(1795341600123) * NSEC_PER_MSEC) /* 2026-11-22T10:00:00.123Z, a Sunday */

static void use_zone(const char *zone)
{
	setenv("TZ", zone, 1);
	tzset();
}

START_TEST(moments_are_written_in_utc)
{
	char text[32];

	use_zone("CET-1CEST,M3.5.0,M10.5.0/3");
	ck_assert_str_eq(time_format_rfc3339(MOMENT, text, sizeof(text)), "2026-11-22T10:00:00.123Z");
	ck_assert_str_eq(time_format_rfc3339(0, text, sizeof(text)), "1970-01-01T00:00:00.000Z");
	ck_assert_str_eq(time_format_rfc3339(-1, text, sizeof(text)), "1969-12-31T23:59:59.999Z");
}
END_TEST

static int64_t moment_of(const char *text)
{
	int64_t ns = -1;

	ck_assert_msg(time_parse(text, MOMENT, &ns) == 0, "%s", text);
	return ns;
}

START_TEST(moments_are_read_in_every_form)
{
	const int64_t hour = 3600 * NSEC_PER_SEC;
	const int64_t ten = MOMENT - 123 * NSEC_PER_MSEC;

	use_zone("CET-1CEST,M3.5.0,M10.5.0/3"); /* now is 11:00:00.123 there */
	ck_assert_int_eq(moment_of("2026-11-22T10:00:00.123Z"), MOMENT);
	ck_assert_int_eq(moment_of("2026-11-22 10:00:00Z"), ten);
	ck_assert_int_eq(moment_of("2026-11-22T12:30:00.5+02:30"), ten + 500 * NSEC_PER_MSEC);
	ck_assert_int_eq(moment_of("2026-11-22t05:00:00-05:00"), ten);
	ck_assert_int_eq(moment_of("2026-11-22T11:00:00"), ten);
	ck_assert_int_eq(moment_of("2026-07-01 12:00:00"), moment_of("2026-07-01T10:00:00Z"));
	ck_assert_int_eq(moment_of("10:30"), ten - hour / 2);
	ck_assert_int_eq(moment_of("11:00:00"), ten);
	ck_assert_int_eq(moment_of("11:00:01"), ten - 24 * hour + NSEC_PER_SEC);
	ck_assert_int_eq(moment_of("-2h"), MOMENT - 2 * hour);
	ck_assert_int_eq(moment_of("@1795341600"), ten);
	ck_assert_int_eq(moment_of("1970-01-01T00:00:00Z"), 0);
	ck_assert_int_eq(moment_of("1970-01-01T00:00:00.123456789999Z"), 123456789);
}
END_TEST

START_TEST(an_earlier_day_has_the_hour_that_its_clock_showed)
{
	int64_t ns;

	use_zone("CET-1CEST,M3.5.0,M10.5.0/3");
	/* Now 01:30 on the day after the clocks went back: "12:00" is the day before, and 12:00 by its clock. */
	ck_assert_int_eq(time_parse("12:00", moment_of("2026-10-26T00:30:00Z"), &ns), 0);
	ck_assert_int_eq(ns, moment_of("2026-10-25T11:00:00Z"));
	ck_assert_int_eq(time_parse("12:00", moment_of("2026-10-25T00:30:00Z"), &ns), 0);
	ck_assert_int_eq(ns, moment_of("2026-10-24T10:00:00Z"));
}
END_TEST

START_TEST(what_is_no_moment_is_refused)
{
	static const char *const bad[] = {
		"",
		"now",
		"2026-11-22",
		"2026-11-22T10:00Z",
		"2026-13-01T00:00:00Z",
		"2026-02-29T00:00:00Z",
		"2026-00-10T00:00:00Z",
		"2026-11-22T24:00:00Z",
		"2026-11-22T10:00:00.Z",
		"2026-11-22T10:00:00+1",
		"24:00",
		"12:60",
		"12:3",
		"12:30:",
		"12:30x",
		"-",
		"-2",
		"-2x",
		"@",
		"@x",
		"@99999999999999",
		"9999-12-31T00:00:00Z",
		"2026-11-22T10:00:00Zx",
	};
	int64_t ns = 7;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_msg(time_parse(bad[i], MOMENT, &ns) == -EINVAL, "%s", bad[i]);
	ck_assert_int_eq(ns, 7);
}
END_TEST

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
	ck_assert_int_eq(rules_copy(&rules, &copy), 0);
	ck_assert_ptr_ne(rules.path, copy.path);
	ck_assert_ptr_ne(rules.protect.items[0], copy.protect.items[0]);
	rules_clear(&rules);
	ck_assert_str_eq(copy.path, "/r");
	ck_assert_str_eq(copy.protect.items[0], "keep");
	ck_assert_ptr_null(copy.protect.items[1]);
	ck_assert_str_eq(copy.owner_argument, "unit");
	ck_assert_uint_eq(rules_ladder(&copy, "fuse")->count, 3);
	rules_clear(&copy);
	rules_clear(&copy);
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

/* What log_write() puts out, with stderr in a file; `journal` says whether that is announced as the journal's. */
static void logged(bool journal, char *buf, size_t size)
{
	FILE *file = tmpfile();
	struct stat st;
	char stream[64];
	int saved = dup(STDERR_FILENO);
	ssize_t length;

	ck_assert_int_ge(dup2(fileno(file), STDERR_FILENO), 0);
	ck_assert_int_eq(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino + !journal);
	setenv("JOURNAL_STREAM", stream, 1);
	log_open("tester", LOG_LEVEL_NOTICE);
	errno = ENOENT;
	log_warning("%s: %m", "/mnt/a\nreaperd: forged\x1b[0m \\x41 \u202e");
	log_info("dropped");
	ck_assert_int_eq(errno, ENOENT);
	dup2(saved, STDERR_FILENO);
	close(saved);
	length = pread(fileno(file), buf, size - 1, 0);
	buf[length > 0 ? length : 0] = '\0';
	fclose(file);
}

START_TEST(a_message_is_one_line_whatever_is_in_it)
{
	char text[512];

	logged(false, text, sizeof(text));
	ck_assert_str_eq(
		text, "tester: /mnt/a\\x0areaperd: forged\\x1b[0m \\x41 \\xe2\\x80\\xae: No such file or directory\n");
	logged(true, text, sizeof(text));
	ck_assert_str_eq(text,
			 "<4>/mnt/a\\x0areaperd: forged\\x1b[0m \\x41 \\xe2\\x80\\xae: No such file or directory\n");
}
END_TEST

START_TEST(an_endless_message_is_cut)
{
	CLEANUP_FREE char *message = malloc(100001);
	CLEANUP_CLOSE int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	int saved = dup(STDERR_FILENO);

	memset(message, '\n', 100000);
	message[100000] = '\0';
	dup2(null, STDERR_FILENO);
	log_open("tester", LOG_LEVEL_DEBUG);
	log_debug("%s", message);
	dup2(saved, STDERR_FILENO);
	close(saved);
}
END_TEST

START_TEST(log_levels_have_names)
{
	enum log_level level = LOG_LEVEL_NOTICE;

	ck_assert_int_eq(log_level_parse("Debug", &level), -EINVAL);
	ck_assert_int_eq(level, LOG_LEVEL_NOTICE);
	ck_assert_int_eq(log_level_parse("debug", &level), 0);
	log_open("tester", level);
	ck_assert_int_eq(log_level(), LOG_LEVEL_DEBUG);
}
END_TEST

static Suite *base_suite(void)
{
	Suite *suite = suite_create("base");
	TCase *text = tcase_create("text");
	TCase *path = tcase_create("path");
	TCase *time = tcase_create("time");
	TCase *rules = tcase_create("rules");
	TCase *logging = tcase_create("log");

	tcase_add_test(text, every_byte_but_nul_goes_round);
	tcase_add_test(text, each_byte_alone_goes_round);
	tcase_add_test(text, odd_names_go_round);
	tcase_add_test(text, text_that_deceives_is_escaped);
	tcase_add_test(text, bytes_that_json_readers_refuse_are_no_utf8);
	tcase_add_test(text, a_broken_escape_is_refused);
	tcase_add_test(text, what_the_kernel_escapes_is_read_back);
	tcase_add_test(text, base64_is_padded);
	tcase_add_test(text, the_nearest_word_is_near);
	tcase_add_test(path, a_path_is_below_by_whole_segments);
	tcase_add_test(path, paths_are_normalized_without_a_filesystem);
	tcase_add_test(path, a_plain_relative_path_has_ordinary_segments);
	tcase_add_test(path, segments_are_walked);
	tcase_add_test(path, paths_are_joined_with_one_slash);
	tcase_add_test(time, durations_are_read_and_written);
	tcase_add_test(time, what_is_no_duration_is_refused);
	tcase_add_test(time, ages_are_for_people);
	tcase_add_test(time, moments_are_written_in_utc);
	tcase_add_test(time, moments_are_read_in_every_form);
	tcase_add_test(time, an_earlier_day_has_the_hour_that_its_clock_showed);
	tcase_add_test(time, what_is_no_moment_is_refused);
	tcase_add_test(rules, words_have_one_name_each);
	tcase_add_test(rules, a_word_that_is_unknown_changes_nothing);
	tcase_add_test(rules, rules_are_copied_deeply);
	tcase_add_test(rules, the_longest_matching_type_names_the_ladder);
	tcase_add_test(rules, lists_split_at_white_space_and_unescape);
	tcase_add_test(rules, patterns_do_not_meet_a_leading_dot);
	tcase_add_test(rules, a_layout_names_the_action_once);
	tcase_add_test(logging, a_message_is_one_line_whatever_is_in_it);
	tcase_add_test(logging, an_endless_message_is_cut);
	tcase_add_test(logging, log_levels_have_names);
	suite_add_tcase(suite, text);
	suite_add_tcase(suite, path);
	suite_add_tcase(suite, time);
	suite_add_tcase(suite, rules);
	suite_add_tcase(suite, logging);
	return suite;
}

int main(void)
{
	return run_suite(base_suite());
}
