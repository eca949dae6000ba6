/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "scratch.h"
#include "skip.h"

static char directory[PATH_MAX];

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, text, strlen(text));
	close(fd);
	return n < 0 ? -EIO : 0;
}

/* Without privilege: as root of a user namespace of our own. */
static int enter_user_namespace(void)
{
	char uids[64], gids[64];

	snprintf(uids, sizeof(uids), "0 %u 1", geteuid());
	snprintf(gids, sizeof(gids), "0 %u 1", getegid());
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return -errno;
	if (write_file("/proc/self/setgroups", "deny") < 0 || write_file("/proc/self/uid_map", uids) < 0 ||
	    write_file("/proc/self/gid_map", gids) < 0)
		return -EPERM;
	return 0;
}

static int enter(void)
{
	if (unshare(CLONE_NEWNS) < 0) {
		int r = errno == EPERM ? enter_user_namespace() : -errno;

		if (r < 0)
			return r;
	}
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("scratch", directory, "tmpfs", 0, "mode=0755") < 0)
		return -errno;
	return 0;
}

bool scratch_begin(void)
{
	const char *base = getenv("TMPDIR");
	int status;
	pid_t pid;

	snprintf(directory, sizeof(directory), "%s/reaperd-test-XXXXXX", base && *base == '/' ? base : "/tmp");
	if (!mkdtemp(directory))
		err(1, "%s", directory);
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (pid == 0)
		_exit(enter() < 0);
	if (waitpid(pid, &status, 0) < 0)
		err(1, "waitpid");
	if (status == 0)
		return true;
	SAY_SKIPPED("this process may not make a mount namespace of its own");
	scratch_end();
	return false;
}

void scratch_end(void)
{
	rmdir(directory);
}

const char *scratch_path(void)
{
	return directory;
}

void scratch_enter(void)
{
	int r = enter();

	if (r < 0)
		errx(1, "no mount namespace: %s", strerror(-r));
}

const char *scratch_file(const char *format, ...)
{
	static char buffers[4][2 * PATH_MAX];
	static unsigned next;
	char *buffer = buffers[next++ % 4];
	size_t used = snprintf(buffer, sizeof(buffers[0]), "%s/", directory);
	va_list args;

	va_start(args, format);
	vsnprintf(buffer + used, sizeof(buffers[0]) - used, format, args);
	va_end(args);
	return buffer;
}

void scratch_tmpfs(const char *path)
{
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		err(1, "mkdir %s", path);
	if (mount("scratch", path, "tmpfs", 0, "mode=0755") < 0)
		err(1, "mount tmpfs at %s", path);
}

void scratch_bind(const char *from, const char *to)
{
	if (mkdir(to, 0755) < 0 && errno != EEXIST)
		err(1, "mkdir %s", to);
	if (mount(from, to, NULL, MS_BIND, NULL) < 0)
		err(1, "bind %s to %s", from, to);
}
