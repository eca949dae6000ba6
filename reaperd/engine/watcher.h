/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * inotify on the directories that hold action directories: a removal or rename there is noticed at once where the
 * filesystem reports it. An event is no evidence, only a reason to ask. The instance is the broker's; its children add
 * the watches, for that can hang.
 */
#ifndef REAPERD_ENGINE_WATCHER_H
#define REAPERD_ENGINE_WATCHER_H

#include "engine/state.h"

/* Takes `fd`, the inotify instance. NULL when out of memory. */
struct watcher *watcher_new(struct engine *engine, int fd);
void watcher_free(struct watcher *watcher);

/* Asks for the watches that actions need and that are not there yet: part of each turn. NULL does nothing. */
void watcher_turn(struct watcher *watcher);

#endif
