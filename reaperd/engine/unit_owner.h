/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * `owner = unit:NAME`: when nobody lives any more in the control group of a systemd unit, or it is gone, all actions of
 * the root that nobody registered and that were there by then have lost their owner. A start of a unit has a group of
 * its own: where somebody lives in the same one again before the grace has ended, the unit was between two processes
 * and that is taken back; the next start of the unit does not take it back, and what it mounts is its own. A unit that
 * was never seen says nothing, for it may be mistyped; nor does one that cannot be looked for.
 *
 * Which group was the unit's outlives a start of ours, so that one that went meanwhile is missed.
 */
#ifndef REAPERD_ENGINE_UNIT_OWNER_H
#define REAPERD_ENGINE_UNIT_OWNER_H

#include "engine/state.h"

struct unit_owners;

struct unit_owners *unit_owners_new(struct engine *engine); /* NULL when out of memory */
void unit_owners_free(struct unit_owners *owners);

void unit_owners_configure(struct unit_owners *owners); /* the roots changed */

/* A mount came to an action: where that was over and the unit runs again, it begins the next generation. */
void unit_owners_noticed_attach(struct unit_owners *owners, struct mount *mount);

/* Looks for units that do not run, at most once for each probe-interval: part of each turn. */
void unit_owners_turn(struct unit_owners *owners);

#endif
