/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which system calls a process may make once it is in its sandbox: each is tried in a process of its own. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/sanitized.h"
#include "run_suite.h"
#include "sandbox/filter.h"
#include "sandbox/sandbox.h"

#define KILLED 256 /* no errno */

/* The C library's wrappers would look at the arguments first. What is refused is not to happen where it is not. */
struct attempt {
	const char *what;
	long number;
	long arguments[5];
};

#define CALL(name, ...)                                                                                                \
	{                                                                                                              \
#name "(" #__VA_ARGS__ ")", SYS_##name,                                                                \
		{                                                                                                      \
			__VA_ARGS__                                                                                    \
		}                                                                                                      \
	}
#define NOWHERE (-1)
#define PATH	((long)"/nowhere/at/all")

/* As it is in the daemon: a child's filter and the engine's are on top of the broker's. */
static void enter(enum caller whose)
{
	CLEANUP_FREE struct sandbox *sandbox = NULL;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || sandbox_start(CALLER_BROKER) < 0)
		_exit(KILLED - 1);
	if (whose == CALLER_ENGINE && sandbox_start(whose) < 0)
		_exit(KILLED - 1);
	if (whose == CALLER_CHILD && (sandbox_compile(whose, &sandbox) < 0 || sandbox_enter(sandbox) < 0))
		_exit(KILLED - 1);
}

/* KILLED, or the errno that it got; 0: it succeeded. */
static int outcome(enum caller whose, const struct attempt *attempt)
{
	const long *a = attempt->arguments;
	int status;
	pid_t child = fork();

	ck_assert_int_ge(child, 0);
	if (child == 0) {
		enter(whose);
		_exit(syscall(attempt->number, a[0], a[1], a[2], a[3], a[4]) < 0 ? errno : 0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		return KILLED;
	ck_assert_msg(WIFEXITED(status), "%s: signal %d", attempt->what, WTERMSIG(status));
	ck_assert_int_ne(WEXITSTATUS(status), KILLED - 1);
	return WEXITSTATUS(status);
}

static void ck_outcome(enum caller whose, const struct attempt *attempts, size_t count, int wanted)
{
	for (size_t i = 0; i < count; i++) {
		int found = outcome(whose, &attempts[i]);

		ck_assert_msg(found == wanted, "%s: %d instead of %d", attempts[i].what, found, wanted);
	}
}

#define CK_OUTCOME(whose, attempts, wanted) ck_outcome(whose, attempts, ARRAY_SIZE(attempts), wanted)

/* Whatever the kernel says of the arguments: the call reaches it. */
static void ck_passes(enum caller whose, const struct attempt *attempts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int found = outcome(whose, &attempts[i]);

		ck_assert_msg(found != ENOSYS && found != KILLED, "%s: %d", attempts[i].what, found);
	}
}

#define CK_PASSES(whose, attempts) ck_passes(whose, attempts, ARRAY_SIZE(attempts))

/* ---- nobody ---- */

static const struct attempt nobodys[] = {
	CALL(mount, PATH, PATH, PATH),
	CALL(move_mount, NOWHERE, PATH, NOWHERE, PATH),
	CALL(open_tree, NOWHERE, PATH),
	CALL(fsopen, PATH),
	CALL(unshare, 0),
	CALL(chroot, PATH),
	CALL(pivot_root, PATH, PATH),
	CALL(process_vm_readv, NOWHERE),
	CALL(process_vm_writev, NOWHERE),
	CALL(pidfd_getfd, NOWHERE, NOWHERE),
	CALL(bpf, NOWHERE),
	CALL(init_module, 0),
	CALL(finit_module, NOWHERE),
	CALL(mknodat, NOWHERE, PATH, S_IFREG),
	CALL(reboot, 0),
	CALL(swapon, PATH),
};

START_TEST(what_none_of_us_ever_calls_ends_whoever_does)
{
	static const enum caller all[] = { CALLER_BROKER, CALLER_CHILD, CALLER_ENGINE };

	CK_OUTCOME(all[_i], nobodys, KILLED);
}
END_TEST

START_TEST(what_is_not_in_the_list_is_answered_as_by_a_kernel_that_has_it_not)
{
	static const struct attempt unknown[] = {
		CALL(keyctl, NOWHERE), CALL(perf_event_open, 0), CALL(userfaultfd, 0), CALL(io_uring_setup, 0),
		CALL(clone3, 0),       CALL(mlockall, 0),	 CALL(chmod, PATH),    { "no call", 5555, { 0 } },
	};
	static const enum caller all[] = { CALLER_BROKER, CALLER_CHILD, CALLER_ENGINE };

	CK_OUTCOME(all[_i], unknown, ENOSYS);
}
END_TEST

START_TEST(no_memory_is_written_and_run)
{
	static const struct attempt written_and_run[] = {
		CALL(mmap, 0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1),
	};
	static const struct attempt plain[] = {
		CALL(mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1),
		CALL(mmap, 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1),
		CALL(mprotect, 0, 0, PROT_READ),
	};
	static const enum caller both[] = { CALLER_BROKER, CALLER_ENGINE };
#ifndef __aarch64__
	static const struct attempt exec[] = { CALL(mprotect, 0, 0, PROT_READ | PROT_EXEC) };

	CK_OUTCOME(both[_i], exec, ENOSYS);
#endif
	CK_OUTCOME(both[_i], written_and_run, ENOSYS);
	CK_PASSES(both[_i], plain);
}
END_TEST

/* ---- the engine ---- */

START_TEST(the_engine_is_ended_by_what_is_the_brokers)
{
	static const struct attempt brokers[] = {
		CALL(execve, PATH, 0, 0),
		CALL(execveat, NOWHERE, PATH, 0, 0),
		CALL(umount2, PATH, UMOUNT_NOFOLLOW),
		CALL(mount_setattr, NOWHERE, PATH, AT_EMPTY_PATH),
		CALL(setns, NOWHERE, CLONE_NEWNS),
		CALL(open_by_handle_at, NOWHERE, 0, 0),
		CALL(setresuid, -1, -1, -1),
		CALL(setresgid, -1, -1, -1),
		CALL(setgroups, 0, 0),
		CALL(capset, 0, 0),
	};

	CK_OUTCOME(CALLER_ENGINE, brokers, KILLED);
}
END_TEST

START_TEST(the_engine_has_sockets_of_this_machine_alone_no_process_and_no_terminal)
{
	static const struct attempt others[] = {
		CALL(socket, AF_INET, SOCK_STREAM),
		CALL(socket, AF_INET6, SOCK_STREAM),
		CALL(socket, AF_NETLINK, SOCK_RAW),
		CALL(socket, AF_PACKET, SOCK_RAW),
		CALL(socketpair, AF_INET, SOCK_STREAM),
		CALL(bind, NOWHERE, 0, 0),
		CALL(kill, 1, 0),
		CALL(tgkill, 1, 1, 0),
		CALL(pidfd_send_signal, NOWHERE, 0),
		CALL(prlimit64, 1, 0, 0, 0),
		CALL(ioctl, NOWHERE, TIOCSTI),
		CALL(ioctl, NOWHERE, 0xB701), /* NS_GET_USERNS */
		CALL(memfd_create, PATH, 0),
		CALL(fanotify_init, 0, 0),
		CALL(name_to_handle_at, NOWHERE, PATH),
#ifndef SANITIZED
		CALL(clone, SIGCHLD),
		CALL(wait4, -1),
		CALL(prctl, PR_SET_PDEATHSIG, 0),
#endif
	};
	static const struct attempt own[] = {
		CALL(socket, AF_UNIX, SOCK_STREAM), CALL(accept4, NOWHERE),	      CALL(ioctl, NOWHERE, TCGETS),
		CALL(prlimit64, 0, 0, 0, 0),	    CALL(ioctl, NOWHERE, 0xC048FF0B), CALL(epoll_create1, 0),
	};

	CK_OUTCOME(CALLER_ENGINE, others, ENOSYS);
	CK_PASSES(CALLER_ENGINE, own);
}
END_TEST

START_TEST(abort_ends_the_engine_as_it_should)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		enter(CALLER_ENGINE);
		abort();
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFSIGNALED(status));
	ck_assert_int_eq(WTERMSIG(status), SIGABRT);
}
END_TEST

/* ---- the broker ---- */

START_TEST(the_broker_enters_mount_namespaces_and_changes_one_mount_at_a_time)
{
	static const struct attempt others[] = {
		CALL(setns, NOWHERE, 0), /* whatever it is */
		CALL(setns, NOWHERE, CLONE_NEWUSER),
		CALL(mount_setattr, NOWHERE, PATH, AT_EMPTY_PATH | AT_RECURSIVE),
		CALL(mount_setattr, NOWHERE, PATH, 0),
		CALL(clone, CLONE_NEWUSER | SIGCHLD),
		CALL(clone, CLONE_NEWNS | SIGCHLD),
		CALL(socket, AF_INET, SOCK_STREAM),
		CALL(ioctl, NOWHERE, TIOCSTI),
	};
	static const struct attempt own[] = {
		CALL(umount2, PATH, UMOUNT_NOFOLLOW), CALL(umount2, PATH, UMOUNT_NOFOLLOW | MNT_DETACH),
		CALL(setns, NOWHERE, CLONE_NEWNS),    CALL(mount_setattr, NOWHERE, PATH, AT_EMPTY_PATH),
		CALL(ioctl, NOWHERE, 0xB701),	      CALL(execve, PATH, 0, 0),
	};

	CK_OUTCOME(CALLER_BROKER, others, ENOSYS);
	CK_PASSES(CALLER_BROKER, own);
}
END_TEST

START_TEST(a_child_runs_no_program_becomes_nobody_and_starts_no_process)
{
	static const struct attempt deadly[] = {
		CALL(execve, PATH, 0, 0),    CALL(execveat, NOWHERE, PATH, 0, 0),
		CALL(setresuid, -1, -1, -1), CALL(setgroups, 0, 0),
		CALL(capset, 0, 0),
	};
	static const struct attempt others[] = {
		CALL(clone, SIGCHLD),
		CALL(kill, 1, 0),
		CALL(tgkill, 1, 1, 0),
		CALL(socket, AF_UNIX, SOCK_STREAM),
		CALL(connect, NOWHERE),
		CALL(unlinkat, NOWHERE, PATH, 0),
		CALL(renameat2, NOWHERE, PATH),
		CALL(setns, NOWHERE, CLONE_NEWUSER), /* the broker's filter holds as well */
	};
	static const struct attempt own[] = {
		CALL(umount2, PATH, UMOUNT_NOFOLLOW),
		CALL(setns, NOWHERE, CLONE_NEWNS),
		CALL(open_by_handle_at, NOWHERE, 0, 0),
		CALL(openat, NOWHERE, PATH, O_RDONLY),
		CALL(sendmsg, NOWHERE),
	};

	CK_OUTCOME(CALLER_CHILD, deadly, KILLED);
	CK_OUTCOME(CALLER_CHILD, others, ENOSYS);
	CK_PASSES(CALLER_CHILD, own);
}
END_TEST

/* ---- the variable ---- */

START_TEST(a_test_may_ask_for_the_end_at_whatever_is_not_in_the_list)
{
	static const struct attempt attempts[] = { CALL(keyctl, NOWHERE), CALL(clone3, 0),
						   CALL(mount, PATH, PATH, PATH) };

	setenv("REAPERD_SANDBOX", "kill", 1);
	CK_OUTCOME(CALLER_BROKER, attempts, KILLED);
	CK_OUTCOME(CALLER_CHILD, attempts, KILLED);
	CK_OUTCOME(CALLER_ENGINE, attempts, KILLED);
}
END_TEST

START_TEST(whoever_must_can_do_without)
{
	static const struct attempt attempts[] = { CALL(mount, PATH, PATH, PATH), CALL(unshare, 0) };

	setenv("REAPERD_SANDBOX", "off", 1);
	CK_PASSES(CALLER_ENGINE, attempts);
}
END_TEST

/* ---- the table ---- */

static unsigned who_may(const char *name)
{
	unsigned who = 0;

	for (size_t i = 0; i < sandbox_call_count; i++)
		if (!strcmp(sandbox_calls[i].name, name))
			who |= sandbox_calls[i].who;
	return who;
}

START_TEST(each_row_names_a_call_that_the_broker_may_make_too_where_another_may)
{
	for (size_t i = 0; i < sandbox_call_count; i++) {
		const struct sandbox_call *call = &sandbox_calls[i];
		unsigned who = who_may(call->name);

		ck_assert_msg(seccomp_syscall_resolve_name(call->name) != __NR_SCMP_ERROR, "%s", call->name);
		ck_assert_msg((who & ~(unsigned)CALLER_DEADLY) == 0 || who & CALLER_BROKER, "%s", call->name);
		if (call->who & CALLER_BROKER)
			ck_assert_msg((call->who & CALLER_CHILD) == (who & CALLER_CHILD), "%s", call->name);
		ck_assert_msg((call->value & ~call->mask) == 0, "%s", call->name);
	}
}
END_TEST

START_TEST(there_is_a_list_for_each_architecture)
{
	static const uint32_t architectures[] = {
		SCMP_ARCH_X86_64,  SCMP_ARCH_AARCH64, SCMP_ARCH_RISCV64, SCMP_ARCH_ARM,
		SCMP_ARCH_PPC64LE, SCMP_ARCH_S390X,   SCMP_ARCH_X86,
	};
	static const char *const needed[] = { "openat", "read",	   "write", "close", "exit_group", "futex",
					      "brk",	"sendmsg", "statx", "ppoll", "fcntl",	   "rt_sigreturn" };
	static const enum caller lists[] = { CALLER_BROKER, CALLER_ENGINE };
	static char text[1 << 20];

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		CLEANUP_CLOSE int fd = memfd_create("filter", MFD_CLOEXEC);
		scmp_filter_ctx filter;
		ssize_t length;
		int r;

		filter = filter_build(lists[i], false, architectures[_i], &r);
		ck_assert_msg(filter, "%s", strerror(-r));
		ck_assert_int_eq(seccomp_export_pfc(filter, fd), 0);
		seccomp_release(filter);
		length = pread(fd, text, sizeof(text) - 1, 0);
		ck_assert_int_gt(length, 0);
		text[length] = '\0';
		for (size_t j = 0; j < ARRAY_SIZE(needed); j++) {
			char line[64];

			snprintf(line, sizeof(line), "# filter for syscall \"%s\"", needed[j]);
			ck_assert_msg(strstr(text, line), "%s", needed[j]);
		}
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sandbox");
	TCase *tests = tcase_create("sandbox");

	log_open("test_sandbox", LOG_LEVEL_INFO);
	unsetenv("REAPERD_SANDBOX");
	tcase_add_loop_test(tests, what_none_of_us_ever_calls_ends_whoever_does, 0, 3);
	tcase_add_loop_test(tests, what_is_not_in_the_list_is_answered_as_by_a_kernel_that_has_it_not, 0, 3);
	tcase_add_loop_test(tests, no_memory_is_written_and_run, 0, 2);
	tcase_add_test(tests, the_engine_is_ended_by_what_is_the_brokers);
	tcase_add_test(tests, the_engine_has_sockets_of_this_machine_alone_no_process_and_no_terminal);
	tcase_add_test(tests, abort_ends_the_engine_as_it_should);
	tcase_add_test(tests, the_broker_enters_mount_namespaces_and_changes_one_mount_at_a_time);
	tcase_add_test(tests, a_child_runs_no_program_becomes_nobody_and_starts_no_process);
	tcase_add_test(tests, a_test_may_ask_for_the_end_at_whatever_is_not_in_the_list);
	tcase_add_test(tests, whoever_must_can_do_without);
	tcase_add_test(tests, each_row_names_a_call_that_the_broker_may_make_too_where_another_may);
	tcase_add_loop_test(tests, there_is_a_list_for_each_architecture, 0, 7);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
