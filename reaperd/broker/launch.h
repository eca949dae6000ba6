/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Starting reaperd-engine: never by PATH, with one descriptor, an environment of a few names, and no privilege. */
#ifndef REAPERD_BROKER_LAUNCH_H
#define REAPERD_BROKER_LAUNCH_H

#include <limits.h>

#include "base/log.h"
#include "broker/places.h"

/*
 * Beside our own program, in the build tree's folder for it, or where it is installed: 0, or -ENOENT, which is logged.
 */
int launch_find_engine(char ret[static PATH_MAX]);

/* Its pid, with our end of the socket pair in *ret_fd; or -errno, logged. */
pid_t asroot_launch_engine(const char *program, enum log_level level, const struct engine_user *user, int *ret_fd);

#endif
