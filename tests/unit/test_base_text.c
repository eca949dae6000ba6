/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bytes as text and back: what is shown escaped, base64, and the word that was meant. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
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

int main(void)
{
	Suite *suite = suite_create("base: text");
	TCase *tests = tcase_create("text");

	tcase_add_test(tests, every_byte_but_nul_goes_round);
	tcase_add_test(tests, each_byte_alone_goes_round);
	tcase_add_test(tests, odd_names_go_round);
	tcase_add_test(tests, text_that_deceives_is_escaped);
	tcase_add_test(tests, bytes_that_json_readers_refuse_are_no_utf8);
	tcase_add_test(tests, a_broken_escape_is_refused);
	tcase_add_test(tests, what_the_kernel_escapes_is_read_back);
	tcase_add_test(tests, base64_is_padded);
	tcase_add_test(tests, the_nearest_word_is_near);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
