/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kernel/process.h"
#include "kernel/procfs.h"

/* As the kernel has it since Linux 6.13; Debian 12's headers have not. */
struct info_request {
	uint64_t mask;
	uint64_t cgroup_id;
	uint32_t pid, tgid, ppid;
	uint32_t ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid;
	int32_t exit_code;
};
_Static_assert(sizeof(struct info_request) == 64, "the kernel's first version of it");

#define INFO_PID       UINT64_C(1)
#define INFO_CREDS     UINT64_C(2)
#define INFO_CGROUP_ID UINT64_C(4)
#define GET_INFO       _IOWR(0xff, 11, struct info_request)

int kernel_pidfd_info(int pidfd, struct pidfd_info *ret)
{
	struct info_request info = { .mask = INFO_PID | INFO_CREDS | INFO_CGROUP_ID };

	if (ioctl(pidfd, GET_INFO, &info) < 0)
		return -errno;
	if (~info.mask & (INFO_PID | INFO_CREDS))
		return -ESRCH;
	*ret = (struct pidfd_info){
		.pid = (int32_t)info.tgid,
		.ppid = (int32_t)info.ppid,
		.uid = info.ruid,
		.cgroup_id = info.mask & INFO_CGROUP_ID ? info.cgroup_id : 0,
	};
	return 0;
}

uint64_t kernel_pidfd_inode(int pidfd)
{
	struct stat status;

	return fstat(pidfd, &status) < 0 ? 0 : status.st_ino;
}

#define EXITING 0x00000004u /* the kernel's PF_EXITING */

/* The command may hold spaces, newlines and parentheses: it ends at the last one, and the fields go on behind it. */
static int parse_stat(char *text, struct process_stat *ret)
{
	char *begin = strchr(text, '('), *end = strrchr(text, ')');
	unsigned long long start;
	unsigned flags, threads;

	if (!begin || !end || end <= begin || end - begin > PROCESS_COMM_SIZE ||
	    sscanf(end + 1, " %*c %*d %*d %*d %*d %*d %u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %u %*d %llu", &flags,
		   &threads, &start) != 3)
		return -EBADMSG;
	*end = '\0';
	*ret = (struct process_stat){ .start_time = start, .exiting = flags & EXITING, .threads = threads };
	snprintf(ret->comm, sizeof(ret->comm), "%s", begin + 1);
	return 0;
}

int kernel_process_stat(int32_t pid, struct process_stat *ret)
{
	CLEANUP_CLOSE int fd = -1;
	char text[1024];
	ssize_t length;

	fd = open(procfs_name(text, sizeof(text), "%d/stat", pid), O_RDONLY | O_CLOEXEC);
	length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (length < 0)
		return -errno;
	text[length] = '\0';
	return parse_stat(text, ret);
}

/* NSpid has a number for each pid namespace from the one of this /proc down to ours. */
bool kernel_proc_is_ours(void)
{
	CLEANUP_FCLOSE FILE *file = NULL;
	CLEANUP_FREE char *line = NULL;
	char path[PROCFS_NAME_SIZE];
	size_t size = 0;
	int first, second;

	file = fopen(procfs_name(path, sizeof(path), "self/status"), "re");
	while (file && getline(&line, &size, file) > 0)
		if (strncmp(line, "NSpid:", strlen("NSpid:")) == 0)
			return sscanf(line + strlen("NSpid:"), "%d %d", &first, &second) == 1;
	return false;
}
