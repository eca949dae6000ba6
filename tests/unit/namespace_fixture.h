/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * For unit tests with other mount namespaces: a process that has one of its own, and stays in it until it is ended. It
 * dies with the test.
 */
#ifndef TESTS_UNIT_NAMESPACE_FIXTURE_H
#define TESTS_UNIT_NAMESPACE_FIXTURE_H

#include <dirent.h>
#include <time.h>

#include "kernel/namespaces.h"
#include "kernel/table.h"
#include "mount_fixture.h"

struct other {
	pid_t pid;
	struct kernel_namespace ns;
};

/* In the other namespace, before others see it: 0 or an errno. */
typedef int other_function(void);

static inline int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : write(fd, text, strlen(text));

	close(fd);
	return length == (ssize_t)strlen(text) ? 0 : errno ? errno : EIO;
}

/* Of a user namespace of its own, where it is root, so that what it inherits is locked. */
static inline int enter_user_namespace(void)
{
	if (unshare(CLONE_NEWUSER) < 0)
		return errno;
	return write_text("/proc/self/setgroups", "deny") || write_text("/proc/self/uid_map", "0 0 1") ||
			       write_text("/proc/self/gid_map", "0 0 1") ?
		       EPERM :
		       0;
}

static inline void be_other(other_function *function, bool of_a_user, int ready)
{
	unsigned char status = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (of_a_user)
		status = (unsigned char)enter_user_namespace();
	if (status == 0 && unshare(CLONE_NEWNS) < 0)
		status = (unsigned char)errno;
	if (status == 0 && function)
		status = (unsigned char)function();
	if (write(ready, &status, 1) == 1)
		pause();
	_exit(1);
}

static inline struct kernel_namespace namespace_of(pid_t pid)
{
	int fd = kernel_namespace_open_process(pid);
	struct kernel_namespace ns;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(kernel_namespace_identify(fd, &ns), 0);
	close(fd);
	return ns;
}

static inline struct other start_other_of(other_function *function, bool of_a_user)
{
	struct other other;
	unsigned char status = 1;
	int ready[2];

	ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
	other.pid = fork();
	ck_assert_int_ge(other.pid, 0);
	if (other.pid == 0)
		be_other(function, of_a_user, ready[1]);
	close(ready[1]);
	ck_assert_int_eq(read(ready[0], &status, 1), 1);
	ck_assert_msg(status == 0, "another namespace: %s", strerror(status));
	close(ready[0]);
	other.ns = namespace_of(other.pid);
	return other;
}

static inline struct other start_other(other_function *function)
{
	return start_other_of(function, false);
}

static inline void end_other(struct other *other)
{
	ck_assert_int_eq(kill(other->pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(other->pid, NULL, 0), other->pid);
}

/* What is mounted there, in a child that enters it: whether `check` returns true. */
static inline bool in_other(const struct kernel_namespace *ns, bool (*check)(void))
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		int fd = kernel_namespace_open(ns, 0);

		_exit(fd < 0 ? 2 : kernel_namespace_enter(fd) < 0 ? 3 : check() ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) < 2);
	return WEXITSTATUS(status) == 0;
}

/* By a check(), which may have no /proc. */
static inline bool is_mounted_where_we_are(struct kernel_mount mount)
{
	struct mount_table table;
	struct mount_status status;
	bool found;

	if (mount.id)
		return kernel_statmount(mount.id, &status) == 0;
	if (kernel_table_read_own_mountinfo(&table) < 0)
		_exit(4);
	found = kernel_table_find_number(&table, mount.id32, mount.dev);
	kernel_table_clear(&table);
	return found;
}

static inline size_t count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t count = 0;

	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

/* Asks until it is so, or ten seconds are over. */
static inline bool comes_true(bool (*condition)(const void *), const void *context)
{
	for (int i = 0; i < 1000; i++) {
		if (condition(context))
			return true;
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	}
	return false;
}

#endif
