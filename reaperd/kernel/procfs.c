/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernel/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/vfs.h>
#include <unistd.h>

/* Of the process, as its working directory is. */
static struct {
	bool settled;
	int proc, sys; /* -1: none */
} brought = { .proc = -1, .sys = -1 };

__attribute__((format(printf, 4, 0))) static const char *name(char *buffer, size_t size, const char *prefix,
							      const char *format, va_list arguments)
{
	int used = snprintf(buffer, size, "%s", prefix);

	if (used >= 0 && (size_t)used < size)
		vsnprintf(buffer + used, size - (size_t)used, format, arguments);
	return buffer;
}

const char *procfs_name(char *buffer, size_t size, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	name(buffer, size, brought.settled ? "" : "/proc/", format, arguments);
	va_end(arguments);
	return buffer;
}

const char *sysfs_name(char *buffer, size_t size, const char *format, ...)
{
	char prefix[32] = "/sys/";
	va_list arguments;

	if (brought.settled)
		snprintf(prefix, sizeof(prefix), "self/fd/%d/", brought.sys);
	va_start(arguments, format);
	name(buffer, size, prefix, format, arguments);
	va_end(arguments);
	return buffer;
}

int procfs_bring(void)
{
	struct statfs fs;

	if (brought.proc >= 0)
		return -EALREADY;
	brought.proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (brought.proc < 0 || fstatfs(brought.proc, &fs) < 0)
		return -errno;
	if (fs.f_type != PROC_SUPER_MAGIC)
		return -EXDEV;
	/* Where there is none, a name in it leads nowhere, as it did before. */
	brought.sys = open("/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return 0;
}

int procfs_settle(void)
{
	if (fchdir(brought.proc) < 0)
		return -errno;
	brought.settled = true;
	return 0;
}
