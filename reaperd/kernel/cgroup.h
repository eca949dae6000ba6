/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which control group a process is in, cgroups(7), and which container or service that path speaks of. */
#ifndef REAPERD_KERNEL_CGROUP_H
#define REAPERD_KERNEL_CGROUP_H

#include <stdint.h>

/*
 * "/a/b" of cgroup version 2. Where that is the top, as on hosts that use version 1 beside it: "HIERARCHY:/a/b" of the
 * first of version 1 that is not, with what /proc/PID/cgroup names it by ("memory", "name=systemd"); else "/". As seen
 * from our own cgroup namespace. NULL where it cannot be told or memory is out. The caller frees it.
 *
 * Of a process that exits version 1 says the top, whatever group it was in: then nothing is told.
 */
char *kernel_process_cgroup(int32_t pid);

/*
 * The container's id (64 hexadecimal digits: docker, containerd and CRI-O, podman), else the name of the innermost
 * systemd unit ("worker.service", "session-1.scope"); NULL: neither, or memory is out. The caller frees it.
 */
char *kernel_cgroup_container(const char *path);

#endif
