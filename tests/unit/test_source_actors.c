/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is said of who mounted: certainly true of that process, or not said. */
#include <check.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sysexits.h>

#include "../lib/skip.h"
#include "actors_fixture.h"
#include "base/cleanup.h"

/* --- who it is --- */

static void expect_comm(struct actor *actor, const char *comm)
{
	ck_assert_ptr_nonnull(actor);
	ck_assert(actor->attested);
	ck_assert_pstr_eq(actor->comm, comm);
	actor_unref(actor);
}

static void expect_pid_alone(struct actor *actor, pid_t pid)
{
	ck_assert_ptr_nonnull(actor);
	ck_assert_int_eq(actor->pid, pid);
	ck_assert(!actor->attested);
	ck_assert_msg(!actor->comm, "it is said to be %s", actor->comm);
	ck_assert(!actor->cgroup && !actor->container);
	ck_assert_uint_eq(actor->cgroup_id, 0);
	ck_assert_uint_eq(actor->start_time, 0);
	ck_assert_int_eq(actor->uid, -1);
	actor_unref(actor);
}

static int orders[2]; /* a byte for each step that the child takes */

static void await_order(void)
{
	char byte;

	if (read(orders[0], &byte, 1) != 1)
		_exit(1);
}

static void take_another_uid(void)
{
	if (setresuid(4711, 0, 0) < 0 || write(orders[1], "x", 1) != 1)
		_exit(1);
}

START_TEST(a_process_is_told_by_all_that_is_known_of_it)
{
	struct actor *actor;

	child = start("the (mounter)\n", NULL);
	actor = look_now(child);
	ck_assert_ptr_nonnull(actor);
	ck_assert(actor->attested);
	ck_assert_int_eq(actor->pid, child);
	ck_assert_str_eq(actor->comm, "the (mounter)\n");
	ck_assert_int_eq(actor->uid, getuid());
	ck_assert_uint_eq(actor->start_time, kernel_process_start_time(child));
	actor_unref(actor);
	end(child);
}
END_TEST

START_TEST(its_user_is_the_real_one)
{
	struct actor *actor;
	char byte;

	if (geteuid() != 0)
		SKIP_TEST("only root can take another uid");
	ck_assert_int_eq(pipe(orders), 0);
	child = start("mounter", take_another_uid);
	ck_assert_int_eq(read(orders[0], &byte, 1), 1);
	actor = look_now(child);
	ck_assert_ptr_nonnull(actor);
	ck_assert_int_eq(actor->uid, 4711);
	actor_unref(actor);
	end(child);
}
END_TEST

START_TEST(without_a_pidfd_the_pid_alone_is_known)
{
	expect_pid_alone(look(getpid(), -1), getpid());
	ck_assert_ptr_null(look(0, -1));
}
END_TEST

/* --- another one has its pid --- */

/* The next process with this very pid. */
static pid_t start_with_pid(pid_t wanted)
{
	struct clone_args arguments = { .exit_signal = SIGCHLD, .set_tid = (uintptr_t)&wanted, .set_tid_size = 1 };
	pid_t pid = (pid_t)syscall(SYS_clone3, &arguments, sizeof(arguments));

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, "another");
		for (;;)
			pause();
	}
	return pid;
}

static bool pids_can_be_chosen(void)
{
	pid_t pid = start("first", NULL);

	end(pid);
	if (start_with_pid(pid) != pid)
		return false;
	end(pid);
	return true;
}

static void give_pid_to_another(void)
{
	end(child);
	ck_assert_int_eq(start_with_pid(child), child);
}

static struct cgroup next;

static void give_pid_to_another_in_the_next_group(void)
{
	give_pid_to_another();
	ck_assert(cgroup_put(&next, child));
}

START_TEST(of_one_that_had_gone_its_pids_next_owner_is_not_told)
{
	CLEANUP_CLOSE int pidfd = -1;

	if (!pids_can_be_chosen())
		SKIP_TEST("this process may not choose pids");
	child = start("mounter", NULL);
	pidfd = kernel_pidfd_open(child);
	give_pid_to_another();
	expect_pid_alone(look(child, pidfd), child);
	end(child);
}
END_TEST

START_TEST(of_one_that_goes_in_the_midst_of_the_look_its_pids_next_owner_is_not_told)
{
	CLEANUP_CLOSE int pidfd = -1;

	if (!pids_can_be_chosen())
		SKIP_TEST("this process may not choose pids");
	child = start("mounter", NULL);
	pidfd = kernel_pidfd_open(child);
	before_stat = give_pid_to_another;
	expect_pid_alone(look(child, pidfd), child);
	end(child);
	child = start("mounter", NULL);
	close(pidfd);
	pidfd = kernel_pidfd_open(child);
	before_cgroup = give_pid_to_another;
	expect_pid_alone(look(child, pidfd), child);
	end(child);
}
END_TEST

/* The pid's next owner is in another group; that one's path must not be kept as the first one's. */
START_TEST(a_group_is_not_learnt_from_who_got_the_pid)
{
	struct cgroup first;
	CLEANUP_CLOSE int pidfd = -1;
	pid_t other;

	if (!pids_can_be_chosen())
		SKIP_TEST("this process may not choose pids");
	NEED_CGROUP(&first, true, "first");
	NEED_CGROUP(&next, true, "next");
	child = start("mounter", NULL);
	other = start("other", NULL);
	ck_assert(cgroup_put(&first, child) && cgroup_put(&first, other));
	pidfd = kernel_pidfd_open(child);
	before_cgroup = give_pid_to_another_in_the_next_group;
	expect_pid_alone(look(child, pidfd), child);
	expect_cgroup(look_now(other), &first);
	end(child);
	end(other);
	ck_assert(cgroup_remove(&first) && cgroup_remove(&next));
}
END_TEST

static void in_another_pid_namespace(void)
{
	pid_t pid;

	ck_assert(!kernel_proc_is_ours());
	actors = actors_new();
	ck_assert_ptr_nonnull(actors);
	pid = start("mounter", NULL);
	expect_pid_alone(look_now(pid), pid);
	actors_free(actors);
}

/* Ends with the status of the first process of a new pid namespace. */
static void make_another_pid_namespace(void)
{
	int status = 0;

	if (unshare(CLONE_NEWPID) < 0)
		_exit(EX_NOPERM);
	child = fork();
	if (child == 0) {
		in_another_pid_namespace();
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	_exit(status ? 1 : 0);
}

/* The namespace is another process's affair: who has made one whose first process ended cannot fork any more, which LeakSanitizer does at the end. */
START_TEST(a_proc_with_others_numbers_tells_nothing)
{
	int status = 0;

	ck_assert(kernel_proc_is_ours());
	child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0)
		make_another_pid_namespace();
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status));
	if (WEXITSTATUS(status) == EX_NOPERM)
		SKIP_TEST("this process may not make a pid namespace");
	ck_assert_int_eq(status, 0);
}
END_TEST

/* --- what it became --- */

static void rename_when_told(void)
{
	await_order();
	prctl(PR_SET_NAME, "second");
}

static void run_when_told(void)
{
	await_order();
	execlp("sleep", "sleep", "1000", NULL);
	_exit(1);
}

static void becomes(void (*work)(void), const char *comm)
{
	struct actor *actor = NULL;

	ck_assert_int_eq(pipe(orders), 0);
	child = start("first", work);
	expect_comm(look_now(child), "first");
	ck_assert_int_eq(write(orders[1], "x", 1), 1);
	for (int i = 0; i < 10000; i++) {
		CLEANUP_FREE char *now = kernel_process_comm(child);

		ck_assert_ptr_nonnull(now);
		if (strcmp(now, comm) == 0)
			break;
		usleep(1000);
	}
	actor = look_now(child);
	expect_comm(actor, comm);
	end(child);
}

START_TEST(a_command_is_asked_for_with_each_reading)
{
	becomes(rename_when_told, "second");
	becomes(run_when_told, "sleep");
}
END_TEST

START_TEST(events_that_were_read_together_share_one_look)
{
	CLEANUP_CLOSE int pidfd = -1;
	struct actor *first, *second;

	child = start("mounter", NULL);
	pidfd = kernel_pidfd_open(child);
	first = look(child, pidfd);
	second = actors_find(actors, &(struct mount_event){ .id = 2, .pid = child, .pidfd = pidfd }, batch);
	ck_assert_ptr_eq(first, second);
	actor_unref(first);
	actor_unref(second);
	end(child);
}
END_TEST

static void *wait_in_thread(void *unused)
{
	(void)unused;
	prctl(PR_SET_NAME, "thread");
	for (;;)
		pause();
	return NULL;
}

/* The first thread ends, and what is left is the process of which it was the first. */
static void leave_to_a_thread(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, wait_in_thread, NULL) != 0)
		_exit(1);
	await_order();
	pthread_exit(NULL);
}

static bool is_exiting(pid_t pid)
{
	struct process_stat status;

	return __real_kernel_process_stat(pid, &status) == 0 && status.exiting;
}

START_TEST(a_process_is_told_by_its_first_thread_though_that_has_ended)
{
	struct cgroup group;

	NEED_CGROUP(&group, true, "group");
	ck_assert_int_eq(pipe(orders), 0);
	child = start("process", leave_to_a_thread);
	ck_assert(cgroup_put(&group, child));
	expect_comm(look_now(child), "process");
	ck_assert_int_eq(write(orders[1], "x", 1), 1);
	for (int i = 0; i < 10000 && !is_exiting(child); i++)
		usleep(1000);
	ck_assert(is_exiting(child));
	expect_comm(look_now(child), "process");
	expect_cgroup(look_now(child), &group);
	end(child);
	ck_assert(cgroup_remove(&group));
}
END_TEST

static void add_tests(TCase *tests)
{
	tcase_add_test(tests, a_process_is_told_by_all_that_is_known_of_it);
	tcase_add_test(tests, its_user_is_the_real_one);
	tcase_add_test(tests, without_a_pidfd_the_pid_alone_is_known);
	tcase_add_test(tests, of_one_that_had_gone_its_pids_next_owner_is_not_told);
	tcase_add_test(tests, of_one_that_goes_in_the_midst_of_the_look_its_pids_next_owner_is_not_told);
	tcase_add_test(tests, a_group_is_not_learnt_from_who_got_the_pid);
	tcase_add_test(tests, a_proc_with_others_numbers_tells_nothing);
	tcase_add_test(tests, a_command_is_asked_for_with_each_reading);
	tcase_add_test(tests, events_that_were_read_together_share_one_look);
	tcase_add_test(tests, a_process_is_told_by_its_first_thread_though_that_has_ended);
}

int main(void)
{
	int exit_status;

	cgroups_begin();
	exit_status = actors_run("source: actors", add_tests);
	cgroups_end();
	return exit_status;
}
