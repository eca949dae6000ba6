/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/mount_events.h"

#include <errno.h>
#include <fcntl.h>

#include "base/cleanup.h"
#include "broker/entry.h"
#include "kernel/mount_events.h"
#include "kernel/namespaces.h"
#include "kernel/procfs.h"

int asroot_open_mount_events(int ns, int *ret_group, unsigned *ret_lack)
{
	CLEANUP_CLOSE int group = kernel_mount_events_open(ret_lack);
	int r = group < 0 ? group : kernel_mount_events_watch(group, ns);

	if (r < 0)
		return r;
	*ret_group = take_fd(&group);
	return 0;
}

int asroot_open_mountinfo(int ns, int *ret_fd)
{
	char name[PROCFS_NAME_SIZE];
	int r = ns < 0 ? 0 : asroot_enter_namespace(ns);

	if (r < 0)
		return r;
	*ret_fd = open(procfs_name(name, sizeof(name), "self/mountinfo"), O_RDONLY | O_CLOEXEC);
	return *ret_fd < 0 ? -errno : 0;
}

int asroot_open_own_mount_events(int *ret_group, unsigned *ret_lack)
{
	CLEANUP_CLOSE int ns = kernel_namespace_open_own();

	return ns < 0 ? ns : asroot_open_mount_events(ns, ret_group, ret_lack);
}
