/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From an event's process to what can be told of it, at once, for it may be gone a moment later and its pid another's.
 * All of it is certainly of that process, as it is now: it may have taken another command, user or group since.
 */
#ifndef REAPERD_SOURCE_ACTORS_H
#define REAPERD_SOURCE_ACTORS_H

#include "kernel/mount_events.h"
#include "model/actor.h"

struct actors;

struct actors *actors_new(void); /* NULL when out of memory */
void actors_free(struct actors *actors);

/*
 * A reference to who caused the event, NULL where nothing is known or memory is out. `batch` is another number for each
 * reading of events: what is read of a process after all of them came is good for all of them.
 */
struct actor *actors_find(struct actors *actors, const struct mount_event *event, uint64_t batch);

#endif
