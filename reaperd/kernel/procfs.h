/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The names of files in procfs and sysfs. In another mount namespace /proc and /sys may be missing, be covered, or be
 * what somebody there made of them. A process that enters one brings its own along: two O_PATH fds from before, and its
 * working directory, which is procfs from then on, so that "self/fd/N/name" leads where "/proc/self/fd/N/name" did.
 *
 * Tried on 6.18: umount2, inotify_add_watch and open by such a name act in the namespace that was entered, although the
 * name begins in a mount of the old one. A procfs of one's own by fsopen(2) and fsmount(2), attached nowhere, works as
 * well; it needs more calls and more privilege, and gains nothing, for we trust the /proc that we were started with.
 */
#ifndef REAPERD_KERNEL_PROCFS_H
#define REAPERD_KERNEL_PROCFS_H

#include <stddef.h>

#define PROCFS_NAME_SIZE 96 /* room for every name but those that end with a foreign one */

/* "/proc/" or "/sys/" and the rest, as this process reaches it, in `buffer`; cut where it has no room. Returns buffer. */
const char *procfs_name(char *buffer, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
const char *sysfs_name(char *buffer, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

/*
 * Before and after this process enters another mount namespace. 0 or -errno: -EXDEV where /proc is no procfs, -EALREADY
 * the second time, for what is /proc now is no longer ours. There is no way back.
 */
int procfs_bring(void);
int procfs_settle(void);

#endif
