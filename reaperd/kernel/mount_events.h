/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernel's own events of mounts: fanotify(7) with FAN_REPORT_MNT, from Linux 6.15 on (0f46d81f2bce, 833f2f5a82d5).
 * A group is made and marked by whoever has the privilege, and may be read by another process.
 *
 * An event says which mount was attached or detached, both at once for a move, and by which process; it does not say
 * where. Not one for a remount, a rename, a change of propagation, nor for what a move carries along.
 */
#ifndef REAPERD_KERNEL_MOUNT_EVENTS_H
#define REAPERD_KERNEL_MOUNT_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What a group lacks that a privileged one has. */
#define MOUNT_EVENTS_NAMELESS 1u /* no pid and no pidfd: we are in a user namespace */
#define MOUNT_EVENTS_BOUNDED  2u /* at most fs.fanotify.max_queued_events wait to be read, then some are lost */

/*
 * A close-on-exec, non-blocking group without marks, the best that we may have. -EINVAL or -ENOSYS before Linux 6.15,
 * -EPERM, -EMFILE.
 */
int kernel_mount_events_open(unsigned *ret_lacks);

/* `ns`: an fd of a mount namespace (nsfs). The mark does not keep it alive. 0 or -errno: -EPERM, -EINVAL. */
int kernel_mount_events_watch(int group, int ns);

struct mount_event {
	uint64_t id;   /* unique; 0: events were lost here (FAN_Q_OVERFLOW) */
	bool attached; /* now in the namespace */
	bool detached; /* no longer where it was; with `attached`: it moved */
	int32_t pid;   /* who did it, in our pid namespace; 0: not known, or not seen from there */
	int pidfd;     /* of the same, the caller's to close; -1: none, for it has been reaped or fds are short */
};

#define MOUNT_EVENTS_READ_MAX 256 /* in one read */

/*
 * At most `size` (2 and more) events of those that wait, each of which may take an fd: how many, 0: none wait, or
 * -errno. -EBADMSG: the kernel wrote what we do not understand, and what was read is lost.
 */
ssize_t kernel_mount_events_read(int group, struct mount_event *events, size_t size);

/* The pidfds that are left. */
void kernel_mount_events_close(struct mount_event *events, size_t count);

#endif
