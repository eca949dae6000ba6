/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From an event's process to what can be told of it, at once, for it may be gone a moment later and its pid another's.
 * Those seen last are kept, for who mounts one thing mounts more.
 */
#ifndef REAPERD_SOURCE_ACTORS_H
#define REAPERD_SOURCE_ACTORS_H

#include "kernel/mount_events.h"
#include "model/actor.h"

struct actors;

struct actors *actors_new(void); /* NULL when out of memory */
void actors_free(struct actors *actors);

/*
 * A reference to who caused the event, NULL where nothing is known or memory is out. `mono` is now; what was read of a
 * process in the last second is not read again.
 */
struct actor *actors_find(struct actors *actors, const struct mount_event *event, int64_t mono);

#endif
