/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernel/pidfile.h"

#include <errno.h>
#include <stdio.h>

#include "base/cleanup.h"

int kernel_pidfile_read(const char *path, int32_t *ret_pid)
{
	CLEANUP_FCLOSE FILE *file = fopen(path, "re");
	long pid;

	if (!file)
		return -errno;
	if (fscanf(file, "%ld", &pid) != 1 || pid <= 0 || pid > INT32_MAX)
		return -EINVAL;
	*ret_pid = (int32_t)pid;
	return 0;
}
