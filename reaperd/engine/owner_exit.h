/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `owner-exited`, as evidence that comes and goes. Who the owner is, and when it exits, others know. */
#ifndef REAPERD_ENGINE_OWNER_EXIT_H
#define REAPERD_ENGINE_OWNER_EXIT_H

#include "engine/state.h"

/* `how` is for the journal: "process", "lease", "cgroup". */
void owner_exited(struct engine *engine, struct action *action, const char *how);
void owner_is_there(struct engine *engine, struct action *action, const char *how);

/*
 * The next one has come: what was read of its mounts just now begins the action's next generation, but for those that
 * `stay` (may be NULL: none).
 */
typedef bool owner_stays_function(const struct action *action, const struct mount *mount);
void owner_take_newcomers(struct engine *engine, struct action *action, owner_stays_function *stays);

#endif
