/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Control groups that somebody depends on: whether anyone lives in them, noticed as soon as the kernel tells. What it
 * tells is a reason to ask, never an answer. A group is a path with its number, for paths come again.
 *
 * The engine watches them itself: everybody may, asking the cgroup filesystem waits for nobody, and so the broker is
 * told of no path.
 */
#ifndef REAPERD_ENGINE_GROUP_WATCH_H
#define REAPERD_ENGINE_GROUP_WATCH_H

#include "engine/state.h"

enum group_life {
	GROUP_UNKNOWN, /* it cannot be asked */
	GROUP_LIVES,   /* somebody is in it or below it; with version 1: it is there */
	GROUP_OVER,    /* nobody is in it, or it is no longer there */
};

struct group_watches;
struct group_watch;

struct group_watches *group_watches_new(struct engine *engine); /* NULL when out of memory */
void group_watches_free(struct group_watches *watches);

/* Asks for all of which something was told. True where any has another life since. Part of each turn. */
bool group_watches_turn(struct group_watches *watches);

/*
 * Of a group as `struct actor` says it, watched from now on, with the life that it has now. It stays the watches'.
 * NULL when out of memory.
 */
struct group_watch *group_watch_get(struct group_watches *watches, const char *group, uint64_t id);

enum group_life group_watch_life(const struct group_watch *watch);
enum group_life group_watch_ask(struct group_watch *watch);   /* now */
bool group_watch_is_removed(const struct group_watch *watch); /* nobody can come back to it */
int64_t group_watch_asked(const struct group_watch *watch);   /* mono: when it was asked last */

/* What is neither got nor kept between the two is forgotten by the second. */
void group_watches_begin_use(struct group_watches *watches);
void group_watch_keep(struct group_watch *watch);
void group_watches_end_use(struct group_watches *watches);

#endif
