/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernel/process.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kernel/procfs.h"

int kernel_pidfd_open(int32_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	return fd < 0 ? -errno : fd;
}

/* A command may hold newlines itself, in stat too: what ends the text is the end of the file. */
static char *read_of(int32_t pid, const char *name)
{
	CLEANUP_FCLOSE FILE *file = NULL;
	CLEANUP_FREE char *text = NULL;
	char path[PROCFS_NAME_SIZE];
	size_t size = 0;
	ssize_t length;

	file = fopen(procfs_name(path, sizeof(path), "%d/%s", pid, name), "re");
	if (!file)
		return NULL;
	length = getdelim(&text, &size, '\0', file);
	if (length <= 0)
		return NULL;
	if (text[length - 1] == '\n')
		text[length - 1] = '\0';
	return take_ptr(text);
}

uint64_t kernel_process_start_time(int32_t pid)
{
	struct process_stat status;

	return kernel_process_stat(pid, &status) < 0 ? 0 : status.start_time;
}

char *kernel_process_comm(int32_t pid)
{
	return read_of(pid, "comm");
}
