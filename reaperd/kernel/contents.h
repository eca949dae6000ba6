/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is in an action's directory, as far as it matters for the evidence `hollow`: contents, or nothing but ways to
 * its mounts. For kernel/probe.c, in the same child, on local filesystems only.
 */
#ifndef REAPERD_KERNEL_CONTENTS_H
#define REAPERD_KERNEL_CONTENTS_H

#include <dirent.h>

#include "kernel/probe.h"

/*
 * Sets ret->hollow and ret->full for the directory of the O_PATH fd; neither where it cannot be told. Never looks into
 * a mount.
 */
void kernel_look_inside(const struct kernel_probe *probe, int fd, struct kernel_probe_result *ret);

/* The names in the directory of an O_PATH fd. 0 or -errno. */
int kernel_open_listing(int fd, DIR **ret);

/* True for what a walk answers where nothing stands: -ENOENT, -ENOTDIR and the like. */
bool kernel_error_is_gone(int error);

#endif
