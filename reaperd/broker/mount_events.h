/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The group of mount events that the engine reads: making and marking it takes privilege, reading it does not. */
#ifndef REAPERD_BROKER_MOUNT_EVENTS_H
#define REAPERD_BROKER_MOUNT_EVENTS_H

/* A group that watches that mount namespace, an fd of it: 0 with what it lacks (MOUNT_EVENTS_*), or -errno. */
int asroot_open_mount_events(int ns, int *ret_group, unsigned *ret_lack);

/* The open mountinfo of that namespace, which this process enters for it; -1: of the one that it is in. 0 or -errno. */
int asroot_open_mountinfo(int ns, int *ret_fd);

int asroot_open_own_mount_events(int *ret_group, unsigned *ret_lack);

#endif
