/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files in which a daemon wrote its pid. */
#ifndef REAPERD_KERNEL_PIDFILE_H
#define REAPERD_KERNEL_PIDFILE_H

#include <stdint.h>

/* The pid that the file names: 0, -errno, or -EINVAL: it names none. It may hang with the file's filesystem. */
int kernel_pidfile_read(const char *path, int32_t *ret_pid);

#endif
