/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The processes that an action, or a whole root, depends on. Each is held by a pidfd, so a pid that comes again is
 * another process. An action is called as when it began, for it may be renamed, to publish it.
 */
#ifndef REAPERD_ENGINE_OWNER_WATCH_H
#define REAPERD_ENGINE_OWNER_WATCH_H

#include "engine/state.h"

struct owner_watch;
struct owner_watches;

/* The process has gone. `name` as it was given. */
typedef void owner_watch_function(const struct owner_watches *watches, const char *root_path, const char *name,
				  uint32_t generation);

struct owner_watches {
	struct engine *engine;
	owner_watch_function *on_exit;
	void *context; /* on_exit's */
	struct owner_watch *newest;
};

void owner_watches_clear(struct owner_watches *watches);

/*
 * `name` NULL: the whole root's. `start_time` 0: of whatever process has this pid. 0, -ESRCH where there is no such process (or, with a start time,
 * not that one), or -errno.
 */
int owner_watch_add(struct owner_watches *watches, const char *root_path, const char *name, uint32_t generation,
		    int32_t pid, uint64_t start_time);

/* Those of the action that `owner` says how it began; `keep` may be NULL. */
void owner_watch_drop(struct owner_watches *watches, const char *root_path, const struct owner *owner,
		      const struct owner_watch *keep);

/*
 * Whether the process that `owner` says lives, as the kernel knows by now: that it has gone may not have been told yet.
 * Where none is watched nobody can say that it has gone: then it lives.
 */
bool owner_watch_lives(const struct owner_watches *watches, const char *root_path, const struct owner *owner);

bool owner_watch_is_there(int32_t pid); /* any process of this number */

#endif
