/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * oldkernel VERSION -- COMMAND [ARGUMENT...]: runs the command, and all that it starts, as if this kernel were that
 * one, as far as mounts go: what came later answers as it did before it came. VERSION is 5.14 or newer; 6.1 is Debian
 * 12's kernel, 6.8 Ubuntu 24.04's, 6.12 Debian 13's; RHEL 9 calls its own 5.14.
 *
 * What an old kernel refuses, a seccomp filter refuses. But it does not refuse everything: of the fields that statx(2)
 * and statmount(2) are asked for, those that it does not know are passed over. For these the filter stops the process,
 * and a tracer takes the bits out of the question, lets the real call answer in the process's own context, and puts
 * them back. The tracer is nobody's child here, so that the command keeps its pid, its parent and its children.
 *
 * A process has one tracer, so what runs here can be under no debugger, nor under a second oldkernel;
 * LeakSanitizer, which traces, is told to stay away.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ioctl.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "skip.h"

#define KERNEL(major, minor) ((unsigned)(major) << 8 | (minor))

/* The numbers of the newer calls are the same everywhere. */
enum { FCHMODAT2 = 452, STATMOUNT = 457, LISTMOUNT = 458, OPEN_TREE_ATTR = 467, LISTNS = 470 };

enum argument {
	WHOLE_CALL = -1,
	ARG0,
	ARG1,
	ARG2,
	ARG3,
	ARG4,
	PARAM_OF_ARG0 = 16, /* the u64 at byte 16 of struct mnt_id_req, to which the first argument points */
};

#define PASSED_OVER 0 /* no error: the bits are not looked at */
#define BIT(bit)    bit, bit
#define COMMAND(nr) UINT32_MAX, nr

/*
 * What is there since when, and the answer before: statx(2), name_to_handle_at(2), move_mount(2), fanotify_init(2) and
 * statmount(2) of man-pages 6.18 say "since Linux"; else the commit, or the pull request, in Linus Torvalds's tree.
 */
static const struct feature {
	unsigned since;
	int call;
	int error;
	enum argument argument;
	uint64_t mask, value; /* where the argument is like this */
} features[] = {
	{ KERNEL(5, 15), SCMP_SYS(move_mount), EINVAL, ARG4, BIT(0x100) },	 /* SET_GROUP: 9ffb14ef61ba */
	{ KERNEL(5, 15), SCMP_SYS(fanotify_init), EINVAL, ARG0, BIT(0x80) },	 /* FAN_REPORT_PIDFD: af579beb666a */
	{ KERNEL(6, 1), SCMP_SYS(statx), PASSED_OVER, ARG3, BIT(0x2000) },	 /* STATX_DIOALIGN */
	{ KERNEL(6, 5), SCMP_SYS(move_mount), EINVAL, ARG4, BIT(0x200) },	 /* MOVE_MOUNT_BENEATH */
	{ KERNEL(6, 5), SCMP_SYS(name_to_handle_at), EINVAL, ARG4, BIT(0x200) }, /* AT_HANDLE_FID */
	{ KERNEL(6, 6), FCHMODAT2, ENOSYS, WHOLE_CALL, 0, 0 },			 /* 09da082b07bb */
	{ KERNEL(6, 8), STATMOUNT, ENOSYS, WHOLE_CALL, 0, 0 },			 /* 46eae99ef733 */
	{ KERNEL(6, 8), LISTMOUNT, ENOSYS, WHOLE_CALL, 0, 0 },			 /* b4c2bea8ceaa */
	{ KERNEL(6, 8), SCMP_SYS(statx), PASSED_OVER, ARG3, BIT(0x4000) },	 /* STATX_MNT_ID_UNIQUE */
	{ KERNEL(6, 10), SCMP_SYS(statx), PASSED_OVER, ARG3, BIT(0x8000) },	 /* STATX_SUBVOL */
	{ KERNEL(6, 11), SCMP_SYS(statx), PASSED_OVER, ARG3, BIT(0x10000) },	 /* STATX_WRITE_ATOMIC */
	{ KERNEL(6, 11), STATMOUNT, PASSED_OVER, PARAM_OF_ARG0, BIT(0x40) },	 /* STATMOUNT_MNT_NS_ID */
	{ KERNEL(6, 11), STATMOUNT, PASSED_OVER, PARAM_OF_ARG0, BIT(0x80) },	 /* STATMOUNT_MNT_OPTS */
	{ KERNEL(6, 11), LISTMOUNT, EINVAL, ARG3, BIT(1) },			 /* LISTMOUNT_REVERSE */
	{ KERNEL(6, 11), SCMP_SYS(ioctl), ENOTTY, ARG1, COMMAND(0x8008B705) },	 /* NS_GET_MNTNS_ID */
	{ KERNEL(6, 11), SCMP_SYS(ioctl), ENOTTY, ARG1, COMMAND(0x8004B706) },	 /* NS_GET_PID_FROM_PIDNS */
	{ KERNEL(6, 11), SCMP_SYS(ioctl), ENOTTY, ARG1, COMMAND(0x8004B707) },	 /* NS_GET_TGID_FROM_PIDNS */
	{ KERNEL(6, 11), SCMP_SYS(ioctl), ENOTTY, ARG1, COMMAND(0x8004B708) },	 /* NS_GET_PID_IN_PIDNS */
	{ KERNEL(6, 11), SCMP_SYS(ioctl), ENOTTY, ARG1, COMMAND(0x8004B709) },	 /* NS_GET_TGID_IN_PIDNS */
	{ KERNEL(6, 11), SCMP_SYS(ioctl), ENOTTY, ARG1, COMMAND(0xFF01) },	 /* PIDFD_GET_…_NAMESPACE: */
	{ KERNEL(6, 11), SCMP_SYS(ioctl), ENOTTY, ARG1, COMMAND(0xFF02) },	 /* 5b08bd408534 */
	{ KERNEL(6, 11), SCMP_SYS(ioctl), ENOTTY, ARG1, COMMAND(0xFF03) },	 /* … MNT */
	{ KERNEL(6, 11), SCMP_SYS(ioctl), ENOTTY, ARG1, COMMAND(0xFF04) },	 /* … NET */
	{ KERNEL(6, 11), SCMP_SYS(ioctl), ENOTTY, ARG1, COMMAND(0xFF05) },	 /* … PID */
	{ KERNEL(6, 11), SCMP_SYS(ioctl), ENOTTY, ARG1, COMMAND(0xFF06) },	 /* … PID_FOR_CHILDREN */
	{ KERNEL(6, 11), SCMP_SYS(ioctl), ENOTTY, ARG1, COMMAND(0xFF07) },	 /* … TIME */
	{ KERNEL(6, 11), SCMP_SYS(ioctl), ENOTTY, ARG1, COMMAND(0xFF08) },	 /* … TIME_FOR_CHILDREN */
	{ KERNEL(6, 11), SCMP_SYS(ioctl), ENOTTY, ARG1, COMMAND(0xFF09) },	 /* … USER */
	{ KERNEL(6, 11), SCMP_SYS(ioctl), ENOTTY, ARG1, COMMAND(0xFF0A) },	 /* … UTS */
	{ KERNEL(6, 12), SCMP_SYS(ioctl), ENOTTY, ARG1, 0xFFFF, 0xB70A },	 /* NS_MNT_GET_INFO, of any size: */
	{ KERNEL(6, 12), SCMP_SYS(ioctl), ENOTTY, ARG1, 0xFFFF, 0xB70B },	 /* … NEXT: a1d220d9dafa */
	{ KERNEL(6, 12), SCMP_SYS(ioctl), ENOTTY, ARG1, 0xFFFF, 0xB70C },	 /* … PREV */
	{ KERNEL(6, 12), SCMP_SYS(name_to_handle_at), EINVAL, ARG4, BIT(1) },	 /* AT_HANDLE_MNT_ID_UNIQUE */
	{ KERNEL(6, 13), SCMP_SYS(name_to_handle_at), EINVAL, ARG4, BIT(2) },	 /* AT_HANDLE_CONNECTABLE */
	{ KERNEL(6, 13), SCMP_SYS(ioctl), ENOTTY, ARG1, 0xFFFF, 0xFF0B },	 /* PIDFD_GET_INFO, of any size */
	{ KERNEL(6, 13), SCMP_SYS(fanotify_init), EINVAL, ARG0, BIT(0x2000) },	 /* FAN_REPORT_FD_ERROR: 522249f05c55 */
	{ KERNEL(6, 13), STATMOUNT, PASSED_OVER, PARAM_OF_ARG0, BIT(0x100) },	 /* STATMOUNT_FS_SUBTYPE: ed9d95f */
	{ KERNEL(6, 13), STATMOUNT, PASSED_OVER, PARAM_OF_ARG0, BIT(0x200) },	 /* STATMOUNT_SB_SOURCE: 4401054 */
	{ KERNEL(6, 13), STATMOUNT, PASSED_OVER, PARAM_OF_ARG0, BIT(0x400) },	 /* STATMOUNT_OPT_ARRAY: 2f4d450 */
	{ KERNEL(6, 13), STATMOUNT, PASSED_OVER, PARAM_OF_ARG0, BIT(0x800) },	 /* STATMOUNT_OPT_SEC_ARRAY: aefff51 */
	{ KERNEL(6, 14), SCMP_SYS(statx), PASSED_OVER, ARG3, BIT(0x20000) },	 /* STATX_DIO_READ_ALIGN */
	{ KERNEL(6, 15), SCMP_SYS(fanotify_init), EINVAL, ARG0, BIT(0x4000) },	 /* FAN_REPORT_MNT */
	{ KERNEL(6, 15), SCMP_SYS(fanotify_mark), EINVAL, ARG1, BIT(0x110) },	 /* FAN_MARK_MNTNS */
	{ KERNEL(6, 15), SCMP_SYS(fanotify_mark), EINVAL, ARG2, BIT(0x1000000) }, /* FAN_MNT_ATTACH */
	{ KERNEL(6, 15), SCMP_SYS(fanotify_mark), EINVAL, ARG2, BIT(0x2000000) }, /* FAN_MNT_DETACH */
	{ KERNEL(6, 15), OPEN_TREE_ATTR, ENOSYS, WHOLE_CALL, 0, 0 },		  /* vfs-6.15-rc1.mount.api */
	{ KERNEL(6, 15), STATMOUNT, PASSED_OVER, PARAM_OF_ARG0, BIT(0x1000) },	  /* STATMOUNT_SUPPORTED_MASK */
	{ KERNEL(6, 15), STATMOUNT, PASSED_OVER, PARAM_OF_ARG0, BIT(0x2000) },	  /* STATMOUNT_MNT_UIDMAP */
	{ KERNEL(6, 15), STATMOUNT, PASSED_OVER, PARAM_OF_ARG0, BIT(0x4000) },	  /* STATMOUNT_MNT_GIDMAP */
	{ KERNEL(6, 19), LISTNS, ENOSYS, WHOLE_CALL, 0, 0 },			  /* namespace-6.19-rc1 */
	{ KERNEL(6, 19), SCMP_SYS(ioctl), ENOTTY, ARG1, COMMAND(0x8008B70D) },	  /* NS_GET_ID */
};

static unsigned version;

/* ---- the filter ---- */

static bool call_is_missing(int call)
{
	for (size_t i = 0; i < ARRAY_SIZE(features); i++)
		if (features[i].call == call && features[i].argument == WHOLE_CALL && features[i].since > version)
			return true;
	return false;
}

static int add_rule(scmp_filter_ctx filter, const struct feature *feature)
{
	uint32_t action = feature->error ? SCMP_ACT_ERRNO((uint32_t)feature->error) : SCMP_ACT_TRACE(0);
	int r;

	if (feature->argument == WHOLE_CALL || feature->argument == PARAM_OF_ARG0)
		r = seccomp_rule_add_exact(filter, action, feature->call, 0);
	else
		r = seccomp_rule_add_exact(
			filter, action, feature->call, 1,
			SCMP_CMP64((unsigned)feature->argument, SCMP_CMP_MASKED_EQ, feature->mask, feature->value));
	/* The same call is stopped for each of its bits. */
	return r == -EEXIST ? 0 : r;
}

/* Without no_new_privs where that may be: what runs here may start a program of another user, as on the real kernel. */
static int load(scmp_filter_ctx filter)
{
	int r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0);

	if (r < 0 || seccomp_load(filter) == 0)
		return r;
	r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 1);
	return r < 0 ? r : seccomp_load(filter);
}

static int install_filter(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int r = filter ? 0 : -ENOMEM;

	for (size_t i = 0; i < ARRAY_SIZE(features) && r == 0; i++) {
		const struct feature *feature = &features[i];

		if (feature->since <= version)
			continue;
		if (feature->argument == WHOLE_CALL || !call_is_missing(feature->call))
			r = add_rule(filter, feature);
	}
	if (r == 0)
		r = load(filter);
	seccomp_release(filter);
	return r;
}

/* ---- the tracer ---- */

#ifdef __x86_64__

/* A question that was changed, until the call returns: by then nobody may see that it was. */
struct edit {
	pid_t tid;
	int call;
	uint64_t saved;
	unsigned long address; /* of the word in memory */
};

static struct edit edits[256];

static struct edit *find_edit(pid_t tid)
{
	for (size_t i = 0; i < ARRAY_SIZE(edits); i++)
		if (edits[i].tid == tid)
			return &edits[i];
	return NULL;
}

static uint64_t unknown_bits(int call)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < ARRAY_SIZE(features); i++)
		if (features[i].call == call && features[i].error == PASSED_OVER && features[i].since > version)
			bits |= features[i].mask;
	return bits;
}

static bool change_question(struct edit *edit, struct user_regs_struct *registers)
{
	uint64_t unknown = unknown_bits(edit->call);

	if (edit->call == SYS_statx) {
		edit->saved = registers->r10;
		registers->r10 &= ~unknown;
		return ptrace(PTRACE_SETREGS, edit->tid, NULL, registers) == 0;
	}
	edit->address = registers->rdi + PARAM_OF_ARG0;
	errno = 0;
	edit->saved = (uint64_t)ptrace(PTRACE_PEEKDATA, edit->tid, edit->address, NULL);
	return errno == 0 && ptrace(PTRACE_POKEDATA, edit->tid, edit->address, edit->saved & ~unknown) == 0;
}

static void restore_question(struct edit *edit)
{
	struct user_regs_struct registers;

	if (edit->call != SYS_statx) {
		ptrace(PTRACE_POKEDATA, edit->tid, edit->address, edit->saved);
	} else if (ptrace(PTRACE_GETREGS, edit->tid, NULL, &registers) == 0) {
		registers.r10 = edit->saved;
		ptrace(PTRACE_SETREGS, edit->tid, NULL, &registers);
	}
	edit->tid = 0;
}

/* At the filter's stop: how to let the process go on. An address that cannot be read is the kernel's to refuse. */
static enum __ptrace_request begin_call(pid_t tid)
{
	struct user_regs_struct registers;
	struct edit *edit = find_edit(0);

	if (!edit)
		errx(125, "too many calls at once");
	if (ptrace(PTRACE_GETREGS, tid, NULL, &registers) < 0)
		return PTRACE_CONT;
	*edit = (struct edit){ .tid = tid, .call = (int)registers.orig_rax };
	if (change_question(edit, &registers))
		return PTRACE_SYSCALL;
	edit->tid = 0;
	return PTRACE_CONT;
}

static bool is_stopping_signal(int signal)
{
	return signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
}

/* Errors are those of processes that were killed meanwhile. */
static void go_on(pid_t tid, int status)
{
	enum __ptrace_request request = PTRACE_CONT;
	int signal = WSTOPSIG(status), event = status >> 16, deliver = 0;
	struct edit *edit = find_edit(tid);

	if (event == PTRACE_EVENT_SECCOMP)
		request = begin_call(tid);
	else if (event == PTRACE_EVENT_STOP && is_stopping_signal(signal))
		request = PTRACE_LISTEN;
	else if (signal == (SIGTRAP | 0x80) && edit)
		restore_question(edit);
	else if (event == 0 && signal != (SIGTRAP | 0x80))
		deliver = signal;
	ptrace(request, tid, NULL, (long)deliver);
}

static void trace(void)
{
	for (;;) {
		int status;
		pid_t tid = waitpid(-1, &status, __WALL);
		struct edit *edit;

		if (tid < 0 && errno == ECHILD)
			return;
		if (tid < 0)
			continue;
		if (WIFSTOPPED(status))
			go_on(tid, status);
		else if ((edit = find_edit(tid)))
			edit->tid = 0;
	}
}

#define TRACE_OPTIONS                                                                                                  \
	(PTRACE_O_TRACESECCOMP | PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |                    \
	 PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL)

_Noreturn static void be_tracer(pid_t pid, int ready)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	setsid();
	if (ptrace(PTRACE_SEIZE, pid, NULL, (long)TRACE_OPTIONS) < 0)
		err(125, "%d cannot be traced", pid);
	if (write(ready, "", 1) != 1)
		_exit(125);
	/* Who reads what the command writes waits for the end of all that hold the other end; who unmounts where it worked, likewise. */
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	close_range(STDERR_FILENO + 1, ~0U, 0);
	if (chdir("/") < 0)
		err(125, "the working directory is kept");
	trace();
	_exit(0);
}

static void start_tracer(void)
{
	pid_t pid = getpid(), child;
	int ready[2];
	char byte;

	/* Where only children may be traced (Yama). */
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
	if (pipe2(ready, O_CLOEXEC) < 0)
		err(125, "pipe");
	child = fork();
	if (child == 0) {
		child = fork();
		if (child == 0)
			be_tracer(pid, ready[1]);
		_exit(child < 0 ? 125 : 0);
	}
	close(ready[1]);
	if (child < 0 || waitpid(child, NULL, 0) < 0)
		err(125, "fork");
	if (read(ready[0], &byte, 1) != 1)
		errx(125, "there is no tracer");
	close(ready[0]);
}

#else

static void start_tracer(void)
{
	SAY_SKIPPED("it changes a processor's registers, and knows only x86-64's");
	exit(EXIT_SKIP);
}

#endif

static void keep_leak_sanitizer_away(void)
{
	const char *options = getenv("ASAN_OPTIONS");
	char text[4096];

	snprintf(text, sizeof(text), "%s%sdetect_leaks=0", options ? options : "", options && *options ? ":" : "");
	setenv("ASAN_OPTIONS", text, 1);
}

int main(int argc, char **argv)
{
	unsigned major, minor;
	int r;

	if (argc < 4 || sscanf(argv[1], "%u.%u", &major, &minor) != 2 || strcmp(argv[2], "--") != 0 || minor > 255)
		errx(125, "usage: oldkernel VERSION -- COMMAND [ARGUMENT...]");
	version = KERNEL(major, minor);
	if (version < KERNEL(5, 14))
		errx(125, "Linux 5.14 is the oldest that is known here");
	keep_leak_sanitizer_away();
	start_tracer();
	r = install_filter();
	if (r < 0)
		errx(125, "no filter: %s", strerror(-r));
	execvp(argv[3], argv + 3);
	err(errno == ENOENT ? 127 : 126, "%s", argv[3]);
}
