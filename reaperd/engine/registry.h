/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who said that an action begins, and what ends it: a runner's word, a process that goes (pidfd, so a pid that comes
 * again is another process), a lease whose connection closes, the process that a root's pidfile names. All it does is
 * to set `ended` and `owner-exited`; what follows is the policy's. Control methods call engine_begin(), engine_end()
 * and engine_lease_ended() (engine/engine.h), which are here.
 */
#ifndef REAPERD_ENGINE_REGISTRY_H
#define REAPERD_ENGINE_REGISTRY_H

#include "engine/engine.h"

struct registry *registry_new(struct engine *engine);
void registry_free(struct registry *registry);

/*
 * After a restart: actions that the ledger knows as registered get their owners watched again; a lease's connection did
 * not outlive us.
 */
void registry_restore(struct registry *registry);

/* The roots changed: watch what their pidfiles name. */
void registry_configure(struct registry *registry);

/* A mount was attached: below a root with a pidfile it may be a new worker's, and begin the next generation. */
void registry_noticed_attach(struct registry *registry, struct mount *mount);

/* Reads the pidfiles of roots whose owner is not watched: part of each turn, at most once for each probe-interval. */
void registry_turn(struct registry *registry);

#endif
