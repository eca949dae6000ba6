/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* reaperctl hook: whose files it makes and removes, and that it never fails. */
#include <fcntl.h>
#include <glob.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/skip.h"
#include "base/cleanup.h"
#include "cli/sentinel.h"
#include "cli_daemon.h"
#include "run_suite.h"

static const struct canned clean[] = { { "GetStatus", { STATUS("0", "ok") } }, { 0 } };
static const struct canned leftovers[] = { { "GetStatus", { STATUS("2", "ok") } }, { 0 } };
static const struct canned both[] = { { "GetStatus", { STATUS("2", "ok") } },
				      { "GetStatus", { STATUS("0", "ok") } },
				      { 0 } };

static char sentinel[256];

static void serve(const struct canned *canned)
{
	daemon_start(canned);
	snprintf(sentinel, sizeof(sentinel), "%s", scratch_path("sentinel"));
}

/* Runs it; what it said. */
static const char *hook(const char *more)
{
	char command[600];
	const struct shown *shown;

	snprintf(command, sizeof(command), "hook --sentinel %s %s", sentinel, more);
	shown = ask(command);
	ck_assert_int_eq(shown->status, 0);
	ck_assert_str_eq(shown->out, "");
	return shown->err;
}

static void write_file(const char *path, const char *content)
{
	FILE *file = fopen(path, "we");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(content, file), 0);
	ck_assert_int_eq(fclose(file), 0);
}

static bool is_there(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

START_TEST(the_sentinel_is_there_while_nothing_is_in_the_way)
{
	struct stat first, second;

	serve(both);
	ck_assert_int_eq(sentinel_put(sentinel), 0);
	ck_assert_ptr_nonnull(strstr(hook(""), "2 leftover mounts are in the way"));
	ck_assert(!is_there(sentinel));
	ck_assert_str_eq(hook(""), "");
	ck_assert_int_eq(lstat(sentinel, &first), 0);
	ck_assert(S_ISREG(first.st_mode));
	ck_assert_str_eq(hook(""), "");
	ck_assert_int_eq(lstat(sentinel, &second), 0);
	ck_assert_uint_eq(first.st_ino, second.st_ino);
}
END_TEST

START_TEST(only_the_root_that_was_named_counts)
{
	serve(leftovers);
	ck_assert_ptr_nonnull(strstr(hook("--root /other"), "no such build root"));
	ck_assert(!is_there(sentinel));
	ck_assert_int_eq(sentinel_put(sentinel), 0);
	ck_assert_ptr_nonnull(strstr(hook("--root /other"), "no such build root"));
	ck_assert(is_there(sentinel));
	hook("--root /b");
	ck_assert(!is_there(sentinel));
}
END_TEST

START_TEST(a_file_that_is_not_ours_stays_whatever_is_in_the_way)
{
	static const char *const contents[] = { "", "made by reaperctl hook", "somebody's\n" };
	char more[256];

	serve(leftovers);
	for (size_t i = 0; i < ARRAY_SIZE(contents); i++) {
		write_file(sentinel, contents[i]);
		ck_assert_ptr_nonnull(strstr(hook(""), "is not a sentinel of ours"));
		ck_assert(is_there(sentinel));
	}
	snprintf(more, sizeof(more), "%sand more", sentinel_mark);
	write_file(sentinel, more);
	ck_assert_int_eq(sentinel_take(sentinel), -EEXIST);
	ck_assert_int_eq(sentinel_put(sentinel), -EEXIST);
	ck_assert_int_eq(unlink(sentinel), 0);
	ck_assert_int_eq(mkdir(sentinel, 0700), 0);
	ck_assert_int_eq(sentinel_take(sentinel), -EEXIST);
	ck_assert_int_eq(rmdir(sentinel), 0);
	ck_assert_int_eq(mkfifo(sentinel, 0600), 0);
	ck_assert_int_eq(sentinel_take(sentinel), -EEXIST);
	ck_assert_int_eq(sentinel_put(sentinel), -EEXIST);
	ck_assert(is_there(sentinel));
}
END_TEST

START_TEST(a_file_of_another_users_stays)
{
	if (geteuid() != 0)
		SKIP_TEST("only root can give a file away");
	serve(leftovers);
	write_file(sentinel, sentinel_mark);
	ck_assert_int_eq(chown(sentinel, 65534, (gid_t)-1), 0);
	ck_assert_ptr_nonnull(strstr(hook(""), "is not a sentinel of ours"));
	ck_assert(is_there(sentinel));
}
END_TEST

START_TEST(no_symbolic_link_is_followed)
{
	char link[300], target[300], below[340];

	serve(clean);
	snprintf(target, sizeof(target), "%s.target", sentinel);
	ck_assert_int_eq(symlink(target, sentinel), 0);
	ck_assert_int_eq(sentinel_put(sentinel), -EEXIST);
	ck_assert(!is_there(target));
	write_file(target, sentinel_mark);
	ck_assert_int_eq(sentinel_take(sentinel), -EEXIST);
	ck_assert(is_there(target) && is_there(sentinel));
	snprintf(link, sizeof(link), "%s.link", sentinel);
	ck_assert_int_eq(symlink("/tmp", link), 0);
	snprintf(below, sizeof(below), "%s/x", link);
	ck_assert_int_eq(sentinel_put(below), -ELOOP);
	ck_assert_int_eq(sentinel_take(below), -ELOOP);
	ck_assert_int_eq(unlink(link), 0);
	ck_assert_int_eq(unlink(target), 0);
}
END_TEST

struct swapping {
	char others[300];
	atomic_bool done;
};

static void *swap(void *context)
{
	struct swapping *swapping = context;

	while (!swapping->done)
		renameat2(AT_FDCWD, sentinel, AT_FDCWD, swapping->others, RENAME_EXCHANGE);
	return NULL;
}

static unsigned count_files(const char *content)
{
	glob_t found;
	unsigned count = 0;
	char pattern[300], text[256];

	snprintf(pattern, sizeof(pattern), "%.*s/{,.}sentinel*", (int)(strrchr(sentinel, '/') - sentinel), sentinel);
	ck_assert_int_eq(glob(pattern, GLOB_BRACE, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		int fd = open(found.gl_pathv[i], O_RDONLY | O_CLOEXEC);
		ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof(text));

		count += length == (ssize_t)strlen(content) && !memcmp(text, content, strlen(content));
		if (fd >= 0)
			close(fd);
	}
	globfree(&found);
	return count;
}

START_TEST(a_file_that_takes_the_sentinels_name_at_the_last_moment_is_not_removed)
{
	struct swapping swapping = { .done = false };
	pthread_t thread;

	serve(clean);
	snprintf(swapping.others, sizeof(swapping.others), "%s.others", sentinel);
	write_file(swapping.others, "somebody's\n");
	ck_assert_int_eq(pthread_create(&thread, NULL, swap, &swapping), 0);
	for (int i = 0; i < 10000; i++) {
		sentinel_put(sentinel);
		sentinel_take(sentinel);
	}
	swapping.done = true;
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_uint_eq(count_files("somebody's\n"), 1);
}
END_TEST

START_TEST(without_an_answer_the_sentinel_stays_as_it_is)
{
	static const struct canned refusing[] = {
		{ "GetStatus", { "!io.reaperd.NotAllowed {\"reason\":\"the runners' socket\"}" } }, { 0 }
	};
	static const struct canned foreign[] = { { "GetStatus", { "{\"status\":7}" } }, { 0 } };
	const struct canned *const unhelpful[] = { refusing, foreign };

	for (size_t i = 0; i < ARRAY_SIZE(unhelpful); i++) {
		serve(unhelpful[i]);
		ck_assert_str_ne(hook(""), "");
		ck_assert(!is_there(sentinel));
		ck_assert_int_eq(sentinel_put(sentinel), 0);
		ck_assert_str_ne(hook(""), "");
		ck_assert(is_there(sentinel));
		daemon_stop();
	}
	serve(clean);
}
END_TEST

START_TEST(of_a_root_that_says_nothing_the_sentinel_stays_as_it_is)
{
	static const struct canned silent[][2] = { { { "GetStatus", { STATUS("0", "dead") } }, { 0 } },
						   { { "GetStatus", { STATUS("0", "hung") } }, { 0 } },
						   { { "GetStatus", { STATUS("0", "covered") } }, { 0 } } };

	for (size_t i = 0; i < ARRAY_SIZE(silent); i++) {
		serve(silent[i]);
		ck_assert_ptr_nonnull(strstr(hook(""), "cannot be told"));
		ck_assert(!is_there(sentinel));
		ck_assert_int_eq(sentinel_put(sentinel), 0);
		ck_assert_ptr_nonnull(strstr(hook(""), "cannot be told"));
		ck_assert(is_there(sentinel));
		ck_assert_int_eq(sentinel_take(sentinel), 0);
		daemon_stop();
	}
	/* As each is for a moment when the daemon starts. */
	serve((const struct canned[]){ { "GetStatus", { STATUS("0", "unknown") } }, { 0 } });
	ck_assert_str_eq(hook(""), "");
	ck_assert(is_there(sentinel));
	daemon_stop();
	serve((const struct canned[]){ { "GetStatus", { STATUS("2", "dead") } }, { 0 } });
	ck_assert_ptr_nonnull(strstr(hook(""), "2 leftover mounts are in the way"));
	ck_assert(!is_there(sentinel));
}
END_TEST

START_TEST(what_is_stuck_is_counted_once)
{
	serve((const struct canned[]){ { "GetStatus", { STATUS_STUCK("2", "1", "ok") } }, { 0 } });
	ck_assert_ptr_nonnull(strstr(hook(""), "2 leftover mounts are in the way"));
}
END_TEST

START_TEST(it_never_fails)
{
	static const char *const wrong[] = {
		"hook --no-such-option", "hook --sentinel",	    "hook --sentinel relative",
		"hook --timeout 0",	 "hook --timeout soon",	    "hook operand",
		"hook --sentinel /",	 "hook --sentinel /proc/x", "hook",
	};

	serve(clean);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		const struct shown *shown = ask(wrong[i]);

		ck_assert_msg(shown->status == 0, "%s: %d", wrong[i], shown->status);
		ck_assert_msg(!*shown->err == !strcmp(wrong[i], "hook"), "%s: %s", wrong[i], shown->err);
	}
	ck_assert_int_eq(run("--socket /nowhere/socket hook --sentinel /nowhere/x")->status, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("hook");
	TCase *tests = tcase_create("hook");

	tcase_set_timeout(tests, 60);
	tcase_add_checked_fixture(tests, NULL, daemon_stop);
	tcase_add_test(tests, the_sentinel_is_there_while_nothing_is_in_the_way);
	tcase_add_test(tests, only_the_root_that_was_named_counts);
	tcase_add_test(tests, a_file_that_is_not_ours_stays_whatever_is_in_the_way);
	tcase_add_test(tests, a_file_of_another_users_stays);
	tcase_add_test(tests, no_symbolic_link_is_followed);
	tcase_add_test(tests, a_file_that_takes_the_sentinels_name_at_the_last_moment_is_not_removed);
	tcase_add_test(tests, without_an_answer_the_sentinel_stays_as_it_is);
	tcase_add_test(tests, of_a_root_that_says_nothing_the_sentinel_stays_as_it_is);
	tcase_add_test(tests, what_is_stuck_is_counted_once);
	tcase_add_test(tests, it_never_fails);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
