/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * `owner = pidfile:PATH`: the actions of a root are over when the process that its pidfile names has gone. It is held
 * by a pidfd from when the file was first read; a file that names nobody is read again, at most once for each
 * probe-interval.
 */
#ifndef REAPERD_ENGINE_PIDFILE_OWNER_H
#define REAPERD_ENGINE_PIDFILE_OWNER_H

#include "engine/state.h"

struct pidfile_owners;

struct pidfile_owners *pidfile_owners_new(struct engine *engine); /* NULL when out of memory */
void pidfile_owners_free(struct pidfile_owners *owners);

void pidfile_owners_configure(struct pidfile_owners *owners); /* the roots changed */

/* A mount came to an action: where its root's process has gone it is the next one's, and begins the next generation. */
void pidfile_owners_noticed_attach(struct pidfile_owners *owners, struct mount *mount);

void pidfile_owners_turn(struct pidfile_owners *owners); /* part of each turn */

#endif
