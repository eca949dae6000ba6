/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * For unit tests that mount: each test, already in a process of its own, gets a private mount namespace with an empty
 * tmpfs at PLACE; everything goes with the process. Programs it starts die with it.
 */
#ifndef TESTS_UNIT_MOUNT_FIXTURE_H
#define TESTS_UNIT_MOUNT_FIXTURE_H

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/skip.h"
#include "kernel/at.h"
#include "kernel/mounts.h"
#include "kernel/table.h"

#define PLACE "/mnt"

static inline bool fixture_enter(void)
{
	return unshare(CLONE_NEWNS) == 0 && mount("", "/", "", MS_REC | MS_PRIVATE, "") == 0 &&
	       mount("place", PLACE, "tmpfs", 0, "") == 0;
}

/* Whether this process may do all that; tried in a child. Says why where it may not. */
static inline bool fixture_is_possible(void)
{
	int status;
	pid_t child = fork();

	if (child == 0)
		_exit(fixture_enter() ? 0 : errno);
	if (child < 0 || waitpid(child, &status, 0) < 0 || !WIFEXITED(status))
		return false;
	if (WEXITSTATUS(status))
		SAY_SKIPPED("a private mount namespace with a tmpfs: %s", strerror(WEXITSTATUS(status)));
	return WEXITSTATUS(status) == 0;
}

static inline void fixture_setup(void)
{
	ck_assert_msg(fixture_enter(), "%s", strerror(errno));
}

static inline void make_directory(const char *path)
{
	ck_assert_msg(mkdir(path, 0755) == 0, "%s: %s", path, strerror(errno));
}

static inline void make_mount(const char *type, const char *source, const char *target, unsigned long flags)
{
	ck_assert_msg(mount(source, target, type, flags, NULL) == 0, "%s: %s", target, strerror(errno));
}

/* The directory, made, with a tmpfs on it. */
static inline void make_tmpfs(const char *target)
{
	if (mkdir(target, 0755) < 0)
		ck_assert_int_eq(errno, EEXIST);
	make_mount("tmpfs", "tmpfs", target, 0);
}

static inline struct place_status place_of(const char *path)
{
	struct place_status place;
	int fd = kernel_open_root(path);

	ck_assert_msg(fd >= 0, "%s: %s", path, strerror(-fd));
	ck_assert_int_eq(kernel_status_at(fd, "", false, &place), 0);
	close(fd);
	return place;
}

/* The mount on which `path` lies: its top one. */
static inline struct kernel_mount mount_of(const char *path)
{
	struct place_status place = place_of(path);
	struct mount_status status = { .id32 = place.mount_id32 };

	if (place.mount_id)
		ck_assert_int_eq(kernel_statmount(place.mount_id, &status), 0);
	return (struct kernel_mount){ .id = place.mount_id, .id32 = status.id32, .dev = place.dev };
}

/* By number and device, as the kernel's table tells them. */
static inline bool is_listed(struct kernel_mount mount)
{
	FILE *table = fopen("/proc/self/mountinfo", "re");
	unsigned id32, major, minor;
	bool found = false;

	ck_assert_ptr_nonnull(table);
	while (!found && fscanf(table, "%u %*u %u:%u%*[^\n]", &id32, &major, &minor) == 3)
		found = id32 == mount.id32 && makedev(major, minor) == mount.dev;
	fclose(table);
	return found;
}

static inline bool is_mounted(struct kernel_mount mount)
{
	struct mount_status status;

	return mount.id ? kernel_statmount(mount.id, &status) == 0 : is_listed(mount);
}

/* In our namespace. */
static inline size_t count_mounts(void)
{
	struct mount_table table = { 0 };
	size_t count;

	ck_assert_int_eq(kernel_table_read_own_mountinfo(&table), 0);
	count = table.count;
	kernel_table_clear(&table);
	return count;
}

/* What a result calls it: its unique id, or where the kernel has none the number in mountinfo. */
static inline uint64_t shown_id(struct kernel_mount mount)
{
	return mount.id ? mount.id : mount.id32;
}

/* Beside this program, in the build tree: "../lib/misfuse". */
static inline bool beside_us(const char *relative, char path[static PATH_MAX])
{
	ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - 1);
	char *slash;

	if (length < 0)
		return false;
	path[length] = '\0';
	slash = strrchr(path, '/');
	snprintf(slash + 1, (size_t)(path + PATH_MAX - slash - 1), "%s", relative);
	return access(path, X_OK) == 0;
}

#endif
