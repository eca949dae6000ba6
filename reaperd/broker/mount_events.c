/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/mount_events.h"

#include <errno.h>
#include <fcntl.h>

#include "base/cleanup.h"
#include "kernel/mount_events.h"

int asroot_open_mount_events(int *ret_group, unsigned *ret_lack)
{
	CLEANUP_CLOSE int group = kernel_mount_events_open(ret_lack);
	CLEANUP_CLOSE int ns = -1;
	int r;

	if (group < 0)
		return group;
	ns = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (ns < 0)
		return -errno;
	r = kernel_mount_events_watch(group, ns);
	if (r < 0)
		return r;
	*ret_group = take_fd(&group);
	return 0;
}
