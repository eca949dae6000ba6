/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Processes that own actions; stands in for kernel/process.c. */
#include "kernel/process.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "world.h"

#define PROCESSES 512
#define FIRST_PID 1000

/* An eventfd, which becomes readable as a pidfd does, and stays so. */
static struct process {
	int fd;
	bool alive;
} processes[PROCESSES];
static int32_t process_count;

int32_t world_process_begin(void)
{
	struct process *process = &processes[process_count];

	if (process_count == PROCESSES)
		return 0;
	*process = (struct process){ .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .alive = true };
	return process->fd < 0 ? 0 : FIRST_PID + process_count++;
}

void world_process_end(int32_t pid)
{
	struct process *process = &processes[pid - FIRST_PID];

	eventfd_write(process->fd, 1);
	process->alive = false;
}

void world_process_end_all(void)
{
	for (int32_t i = 0; i < process_count; i++)
		close(processes[i].fd);
	process_count = 0;
}

static struct process *find(int32_t pid)
{
	return pid >= FIRST_PID && pid < FIRST_PID + process_count ? &processes[pid - FIRST_PID] : NULL;
}

int kernel_pidfd_open(int32_t pid)
{
	const struct process *process = find(pid);
	int fd;

	if (!process || !process->alive)
		return -ESRCH;
	fd = fcntl(process->fd, F_DUPFD_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

uint64_t kernel_process_start_time(int32_t pid)
{
	const struct process *process = find(pid);

	return process && process->alive ? (uint64_t)pid * 10 : 0;
}

char *kernel_process_comm(int32_t pid)
{
	const struct process *process = find(pid);

	return process && process->alive ? strdup("runner") : NULL;
}
