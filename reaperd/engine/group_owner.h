/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * `owner = cgroup`: an action that nobody registered is over when nobody lives any more in the control groups of those
 * who mounted it, as the kernel's events attested. Whoever is not known may live: a mount of which no event told keeps
 * its action. So does the top, in which all are; a group that cannot be asked, or whose path another cgroup namespace
 * said; a mounter that went over to another group; and a unit of systemd's that mounts and is left at once.
 *
 * Somebody who is in the group again takes it back, as long as the grace has not ended.
 */
#ifndef REAPERD_ENGINE_GROUP_OWNER_H
#define REAPERD_ENGINE_GROUP_OWNER_H

#include "engine/state.h"

struct group_owners;

struct group_owners *group_owners_new(struct engine *engine); /* NULL when out of memory */
void group_owners_free(struct group_owners *owners);

/* The roots changed: what was said of a root that does not ask for it any more is taken back. */
void group_owners_configure(struct group_owners *owners);

/*
 * A mount came to an action, by whom it may be: where its owner's group was over by then it is another one's, and begins
 * the next generation.
 */
void group_owners_noticed_attach(struct group_owners *owners, struct mount *mount);

/* A mount came to it, or went. */
void group_owners_noticed_change(struct group_owners *owners, struct action *action);

void group_owners_turn(struct group_owners *owners); /* part of each turn */

#endif
