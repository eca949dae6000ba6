/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The text table /proc/PID/mountinfo, parsed by libmount. What libmount would drop or change in silence (a line that it
 * cannot read, a mount point that ends with " (deleted)") is caught here.
 */
#ifndef REAPERD_SOURCE_MOUNTINFO_H
#define REAPERD_SOURCE_MOUNTINFO_H

#include "model/facts.h"

#define MOUNTINFO_PATH "/proc/self/mountinfo"

/*
 * What ends the root of a mount whose directory within the filesystem is deleted. No other path has two slashes in a
 * row.
 */
#define MOUNTINFO_DELETED "//deleted"

/*
 * Adds every mount of the file to `ret` (a complete scan without unique ids). 0, -ENOMEM, -errno of reading, or
 * -EBADMSG: a line that is not one of mountinfo, or a last one without its end. On failure the caller clears `ret`.
 */
int mountinfo_read(const char *path, struct scan *ret);
int mountinfo_read_open(int fd, struct scan *ret); /* the same of an open one, from its start */

/* Takes MOUNTINFO_DELETED off the end of a mount's root: true where it was there. */
bool mountinfo_strip_deleted(char *root);

#endif
