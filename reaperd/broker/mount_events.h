/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The group of mount events that the engine reads: making and marking it takes privilege, reading it does not. */
#ifndef REAPERD_BROKER_MOUNT_EVENTS_H
#define REAPERD_BROKER_MOUNT_EVENTS_H

/* A group that watches our mount namespace: 0 with what it lacks (MOUNT_EVENTS_*), or -errno. */
int asroot_open_mount_events(int *ret_group, unsigned *ret_lack);

#endif
