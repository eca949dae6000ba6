/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * mounters ROOT COUNT LOG: processes that mount and exit at once, one after the other, each with a name and a real uid
 * of its own: "m7" with 20007 makes ROOT/m7, mounts a tmpfs called m7 on it, and unmounts it where its number can be
 * divided by 3. As soon as one is buried its pid is given to a "decoy" with uid 65000, which stays for a while: whoever
 * looks up a pid without asking whose it is sees that one. Each tenth stays for some milliseconds itself, so that there
 * is something to see.
 *
 * Into LOG goes a line for each: number, pid, the mount's unique id. Exit status 1 where something cannot be done.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef STATX_MNT_ID_UNIQUE
#define STATX_MNT_ID_UNIQUE 0x00004000U
#endif

#define UID_FIRST 20000
#define UID_DECOY 65000
#define DECOYS	  64 /* at a time */
#define STAYS_NS  5000000

static void must(bool done, const char *what)
{
	if (!done) {
		fprintf(stderr, "mounters: %s: %s\n", what, strerror(errno));
		_exit(1);
	}
}

/* The effective uid stays, for that one may mount. */
static void become(const char *name, uid_t uid)
{
	must(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && prctl(PR_SET_NAME, name) == 0, "prctl");
	must(setresuid(uid, 0, 0) == 0, "setresuid");
}

static void mount_and_exit(const char *root, unsigned number, int log)
{
	char name[16], target[4096];
	struct statx status;

	snprintf(name, sizeof(name), "m%u", number);
	snprintf(target, sizeof(target), "%s/%s", root, name);
	become(name, UID_FIRST + number);
	must(mkdir(target, 0755) == 0, target);
	must(mount(name, target, "tmpfs", 0, "size=4k") == 0, target);
	must(statx(AT_FDCWD, target, 0, STATX_MNT_ID_UNIQUE, &status) == 0, target);
	must(dprintf(log, "%u %d %llu\n", number, getpid(), (unsigned long long)status.stx_mnt_id) > 0, "log");
	if (number % 10 == 0)
		nanosleep(&(struct timespec){ .tv_nsec = STAYS_NS }, NULL);
	if (number % 3 == 0)
		must(umount2(target, UMOUNT_NOFOLLOW) == 0, target);
	_exit(0);
}

static void run_mounter(const char *root, unsigned number, int log, pid_t *ret_pid)
{
	pid_t pid = fork();
	int status;

	must(pid >= 0, "fork");
	if (pid == 0)
		mount_and_exit(root, number, log);
	must(waitpid(pid, &status, 0) == pid, "wait");
	if (status != 0)
		_exit(1);
	*ret_pid = pid;
}

/* Where another process was quicker the pid is taken all the same. */
static pid_t make_decoy(pid_t wanted)
{
	struct clone_args arguments = { .exit_signal = SIGCHLD, .set_tid = (uintptr_t)&wanted, .set_tid_size = 1 };
	pid_t pid = (pid_t)syscall(SYS_clone3, &arguments, sizeof(arguments));

	if (pid == 0) {
		become("decoy", UID_DECOY);
		for (;;)
			pause();
	}
	must(pid > 0 || errno == EEXIST, "clone3");
	return pid;
}

static void end_decoy(pid_t pid)
{
	if (pid <= 0)
		return;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

int main(int argc, char **argv)
{
	pid_t decoys[DECOYS] = { 0 };
	unsigned count;
	int log;

	if (argc != 4)
		return 2;
	count = (unsigned)strtoul(argv[2], NULL, 10);
	log = open(argv[3], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	must(log >= 0, argv[3]);
	for (unsigned number = 0; number < count; number++) {
		pid_t pid;

		end_decoy(decoys[number % DECOYS]);
		run_mounter(argv[1], number, log, &pid);
		decoys[number % DECOYS] = make_decoy(pid);
	}
	for (unsigned i = 0; i < DECOYS; i++)
		end_decoy(decoys[i]);
	return 0;
}
