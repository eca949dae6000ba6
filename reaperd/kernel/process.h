/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Processes by pidfd (Linux 5.3), and what /proc says of them. procfs never blocks on another filesystem for these. */
#ifndef REAPERD_KERNEL_PROCESS_H
#define REAPERD_KERNEL_PROCESS_H

#include <stdint.h>

/* A close-on-exec pidfd, readable once the process has ended; -ESRCH where there is none. */
int kernel_pidfd_open(int32_t pid);

/* Clock ticks since boot, field 22 of /proc/PID/stat; 0 where it cannot be read. */
uint64_t kernel_process_start_time(int32_t pid);

/* The command's name; NULL where it cannot be read or memory is out. The caller frees it. */
char *kernel_process_comm(int32_t pid);

#endif
