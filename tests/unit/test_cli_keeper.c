/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/keeper.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "run_suite.h"

/* With something that it has started, and before it says what it came to. */
static int be_killed(void *context, struct place *place, int socket)
{
	const int *ends = context;
	pid_t child = fork();

	(void)place;
	if (child == 0) {
		close(socket); /* as where it is another program */
		for (;;)
			pause();
	}
	if (write(ends[1], &child, sizeof(child)) == sizeof(child))
		kill(getpid(), SIGKILL);
	return -1;
}

START_TEST(what_was_started_when_the_keeper_is_killed_is_killed)
{
	int ends[2];
	sigset_t mask;
	const struct keeper_work work = { .make = be_killed, .context = ends, .mask = &mask };
	struct keeper keeper;
	pid_t started = 0;

	sigemptyset(&mask);
	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(keeper_start(&keeper, open("/dev/null", O_RDONLY | O_CLOEXEC), &work), 0);
	ck_assert(keeper.adopts);
	ck_assert_int_eq(keeper_made(&keeper), -ECHILD);
	ck_assert_int_eq(read(ends[0], &started, sizeof(started)), sizeof(started));
	ck_assert_int_gt(started, 0);
	ck_assert(kill(started, 0) < 0 && errno == ESRCH);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cli keeper");
	TCase *tests = tcase_create("killed");

	tcase_add_test(tests, what_was_started_when_the_keeper_is_killed_is_killed);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
