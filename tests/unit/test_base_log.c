/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the log writes, whatever it is given. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "run_suite.h"

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

int main(void)
{
	Suite *suite = suite_create("base: log");
	TCase *tests = tcase_create("log");

	tcase_add_test(tests, a_message_is_one_line_whatever_is_in_it);
	tcase_add_test(tests, an_endless_message_is_cut);
	tcase_add_test(tests, log_levels_have_names);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
