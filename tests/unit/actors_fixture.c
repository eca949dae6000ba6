/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "actors_fixture.h"

#include <check.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "../lib/skip.h"
#include "base/cleanup.h"
#include "kernel/process.h"
#include "run_suite.h"

/* --- what happens in the midst of a look (the linker's --wrap) --- */

void (*before_stat)(void), (*before_cgroup)(void);

int __wrap_kernel_process_stat(int32_t pid, struct process_stat *ret);
char *__real_kernel_process_cgroup(int32_t pid);
char *__wrap_kernel_process_cgroup(int32_t pid);

static void happen(void (**what)(void))
{
	void (*once)(void) = *what;

	*what = NULL;
	if (once)
		once();
}

int __wrap_kernel_process_stat(int32_t pid, struct process_stat *ret)
{
	happen(&before_stat);
	return __real_kernel_process_stat(pid, ret);
}

char *__wrap_kernel_process_cgroup(int32_t pid)
{
	happen(&before_cgroup);
	return __real_kernel_process_cgroup(pid);
}

/* --- processes --- */

struct actors *actors;
uint64_t batch;
pid_t child;

void setup(void)
{
	actors = actors_new();
	ck_assert_ptr_nonnull(actors);
	batch = 0;
}

void teardown(void)
{
	actors_free(actors);
}

/* Named so; does `work`, then stays until it is ended. */
pid_t start(const char *name, void (*work)(void))
{
	int ready[2];
	char byte;
	pid_t pid;

	ck_assert_int_eq(pipe(ready), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, name);
		if (write(ready[1], "x", 1) != 1)
			_exit(1);
		close(ready[0]);
		close(ready[1]);
		if (work)
			work();
		for (;;)
			pause();
	}
	close(ready[1]);
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

void end(pid_t pid)
{
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

/* As for an event of this process that has just been read, and was not read together with others. */
struct actor *look(pid_t pid, int pidfd)
{
	const struct mount_event event = { .id = 1, .attached = true, .pid = pid, .pidfd = pidfd };

	return actors_find(actors, &event, ++batch);
}

struct actor *look_now(pid_t pid)
{
	CLEANUP_CLOSE int pidfd = kernel_pidfd_open(pid);

	ck_assert_int_ge(pidfd, 0);
	return look(pid, pidfd);
}

/* NULL: not known. Takes the reference. */
void expect_cgroup(struct actor *actor, const struct cgroup *group)
{
	ck_assert_ptr_nonnull(actor);
	ck_assert(actor->attested);
	if (group) {
		ck_assert_pstr_eq(actor->cgroup, group->name);
		ck_assert_uint_eq(actor->cgroup_id, group->id);
	} else {
		ck_assert_msg(!actor->cgroup, "it is said to be in %s", actor->cgroup);
		ck_assert_uint_eq(actor->cgroup_id, 0);
	}
	actor_unref(actor);
}

/* --- the whole --- */

static bool pidfds_tell(void)
{
	CLEANUP_CLOSE int pidfd = kernel_pidfd_open(getpid());
	struct pidfd_info info;

	return pidfd >= 0 && kernel_pidfd_info(pidfd, &info) == 0;
}

int actors_run(const char *name, void (*add_tests)(TCase *tests))
{
	Suite *suite = suite_create(name);
	TCase *tests = tcase_create("actors");

	if (BELOW_VALGRIND) {
		SAY_SKIPPED("valgrind knows no pidfd_open");
		return EXIT_SKIP;
	}
	if (!pidfds_tell()) {
		SAY_SKIPPED("this kernel's pidfds tell nothing (Linux 6.13)");
		return EXIT_SKIP;
	}
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 30);
	add_tests(tests);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
