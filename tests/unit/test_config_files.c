/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A file with a directory of more beside it. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config_fixture.h"
#include "run_suite.h"

/* Files in a directory of their own, which is the working directory then. */
static void write_file(const char *name, const char *text)
{
	FILE *out = fopen(name, "w");

	ck_assert_ptr_nonnull(out);
	fputs(text, out);
	fclose(out);
}

static char directory[64];

static void enter_directory(void)
{
	strcpy(directory, "/tmp/reaperd-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	ck_assert_int_eq(chdir(directory), 0);
	ck_assert_int_eq(mkdir("c.d", 0700), 0);
}

static void leave_directory(void)
{
	for (const char *const *name = (const char *const[]){ "c", "c.d/1.conf", "c.d/2.conf", "c.d/10.conf",
							      "c.d/.x.conf", "c.d/readme", NULL };
	     *name; name++)
		unlink(*name);
	rmdir("c.d");
	ck_assert_int_eq(chdir("/"), 0);
	rmdir(directory);
}

START_TEST(later_files_override_the_daemons_keys)
{
	struct config *config = NULL;
	char *errors = NULL;

	write_file("c", "[daemon]\nuser = a\nretain = 1d\n[root /c]\n");
	write_file("c.d/2.conf", "[daemon]\nuser = two\n");
	write_file("c.d/10.conf", "[daemon]\nuser = ten\n[root /ten]\n");
	write_file("c.d/.x.conf", "nonsense");
	write_file("c.d/readme", "nonsense");
	ck_assert_int_eq(config_load("c", &config, &errors), 0);
	ck_assert_str_eq(config->user, "two");
	ck_assert_int_eq(config->retain, SECONDS(86400));
	ck_assert_uint_eq(config->root_count, 2);
	ck_assert_str_eq(config->roots[1].path, "/ten");
	config_free(config);
}
END_TEST

START_TEST(a_root_stands_in_one_file_only)
{
	struct config *config = NULL;
	CLEANUP_FREE char *errors = NULL;

	write_file("c", "\n[root /r]\n");
	write_file("c.d/1.conf", "[root /r]\ngrace = x\n");
	write_file("c.d/2.conf", "[root /r/s]\n");
	ck_assert_int_eq(config_load("c", &config, &errors), -EINVAL);
	ck_assert_ptr_null(config);
	ck_assert_str_eq(errors, "c.d/1.conf:1: this root stands already, in c:2\n"
				 "c.d/1.conf:2: grace: \"x\" is no duration; such are 500ms, 5s, 2m, 1h, 30d\n"
				 "c.d/2.conf:1: this root lies inside another, in c:2\n");
}
END_TEST

START_TEST(a_file_that_cannot_be_read_is_said)
{
	struct config *config = NULL;
	char *errors = NULL;

	ck_assert_int_eq(config_load("none", &config, &errors), -ENOENT);
	ck_assert_str_eq(errors, "none: cannot be read: No such file or directory\n");
	free(errors);
	ck_assert_int_eq(config_load("c.d", &config, &errors), -EISDIR);
	ck_assert_str_eq(errors, "c.d: cannot be read: Is a directory\n");
	free(errors);
	ck_assert_int_eq(mkfifo("fifo", 0600), 0);
	ck_assert_int_eq(config_load("fifo", &config, &errors), -EMEDIUMTYPE);
	ck_assert_str_eq(errors, "fifo: cannot be read: not a regular file\n");
	free(errors);
	ck_assert_int_eq(config_load("/dev/zero", &config, &errors), -EMEDIUMTYPE);
	ck_assert_str_eq(errors, "/dev/zero: cannot be read: not a regular file\n");
	free(errors);
	ck_assert_int_eq(symlink("loop", "loop"), 0);
	ck_assert_int_eq(config_load("loop", &config, &errors), -ELOOP);
	ck_assert_str_eq(errors, "loop: cannot be read: Too many levels of symbolic links\n");
	free(errors);
	ck_assert_int_eq(config_load("/dev/null", &config, &errors), 0);
	config_free(config);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config: files");
	TCase *tests = tcase_create("files");

	tcase_add_checked_fixture(tests, enter_directory, leave_directory);
	tcase_add_test(tests, later_files_override_the_daemons_keys);
	tcase_add_test(tests, a_root_stands_in_one_file_only);
	tcase_add_test(tests, a_file_that_cannot_be_read_is_said);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
