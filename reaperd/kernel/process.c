/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernel/process.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

int kernel_pidfd_open(int32_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	return fd < 0 ? -errno : fd;
}

static FILE *open_of(int32_t pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return fopen(path, "re");
}

uint64_t kernel_process_start_time(int32_t pid)
{
	CLEANUP_FCLOSE FILE *file = open_of(pid, "stat");
	unsigned long long start;
	char line[1024];
	char *end;

	if (!file || !fgets(line, sizeof(line), file))
		return 0;
	/* The command may hold spaces and parentheses itself: the fields go on behind the last one. */
	end = strrchr(line, ')');
	if (!end || sscanf(end + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
			   &start) != 1)
		return 0;
	return start;
}

char *kernel_process_comm(int32_t pid)
{
	CLEANUP_FCLOSE FILE *file = open_of(pid, "comm");
	char *line = NULL;
	size_t size = 0;
	ssize_t length;

	if (!file)
		return NULL;
	/* A command may hold a newline: the last one is the file's. */
	length = getdelim(&line, &size, '\0', file);
	if (length <= 0) {
		free(line);
		return NULL;
	}
	if (line[length - 1] == '\n')
		line[length - 1] = '\0';
	return line;
}
