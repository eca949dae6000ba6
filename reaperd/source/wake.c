/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "source/wake.h"

#include <errno.h>

/*
 * The kernel hands EPOLLPRI on mountinfo to whoever polls first, so a level-triggered fd inside two epolls would lose
 * it in the outer one. The monitor asks for edges, which stay until they are fetched from the monitor itself.
 */
int wake_open(struct libmnt_monitor **ret, int *ret_fd)
{
	struct libmnt_monitor *monitor = mnt_new_monitor();
	int r;

	if (!monitor)
		return -ENOMEM;
	r = mnt_monitor_enable_kernel(monitor, 1);
	if (r >= 0)
		r = mnt_monitor_get_fd(monitor);
	if (r < 0) {
		mnt_unref_monitor(monitor);
		return r;
	}
	*ret = monitor;
	*ret_fd = r;
	return 0;
}

int wake_drain(struct libmnt_monitor *monitor)
{
	int changed = 0, r;

	while ((r = mnt_monitor_next_change(monitor, NULL, NULL)) == 0)
		changed = 1;
	return r < 0 ? r : changed;
}
