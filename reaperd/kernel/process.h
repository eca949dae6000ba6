/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Processes by pidfd (Linux 5.3), and what /proc says of them. procfs never blocks on another filesystem for these. */
#ifndef REAPERD_KERNEL_PROCESS_H
#define REAPERD_KERNEL_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

/* A close-on-exec pidfd, readable once the process has ended; -ESRCH where there is none. */
int kernel_pidfd_open(int32_t pid);

/* Clock ticks since boot, field 22 of /proc/PID/stat; 0 where it cannot be read. */
uint64_t kernel_process_start_time(int32_t pid);

/* The command's name; NULL where it cannot be read or memory is out. The caller frees it. */
char *kernel_process_comm(int32_t pid);

/* What a pidfd's kernel object knows, Linux 6.13. */
struct pidfd_info {
	int32_t pid; /* in our pid namespace; 0: not seen from there */
	int32_t ppid;
	uint32_t uid;	    /* real */
	uint64_t cgroup_id; /* of version 2; 0: unknown. 1 is the top, which says nothing where version 1 is in use */
};

/* 0, -ESRCH: reaped, -ENOTTY: an older kernel, or no pidfd. While it answers 0 no other process has this pid. */
int kernel_pidfd_info(int pidfd, struct pidfd_info *ret);

/* Of the process for as long as the system runs, from Linux 6.9 on; 0 where it cannot be asked. */
uint64_t kernel_pidfd_inode(int pidfd);

#define PROCESS_COMM_SIZE 65 /* kernel threads have the longest */

/* What one reading of /proc/PID/stat says of a process: of its first thread, though another one may have done it. */
struct process_stat {
	char comm[PROCESS_COMM_SIZE]; /* bytes without NUL */
	uint64_t start_time;	      /* clock ticks since boot */
	bool exiting;		      /* or a zombie; other threads may go on */
	uint32_t threads;	      /* with this one */
};

/* 0 or -errno, -EBADMSG where it cannot be understood. */
int kernel_process_stat(int32_t pid, struct process_stat *ret);

/*
 * True where the numbers in /proc are those by which our own pid namespace knows processes: in a container that was
 * given the host's /proc they are others', of other processes.
 */
bool kernel_proc_is_ours(void);

#endif
