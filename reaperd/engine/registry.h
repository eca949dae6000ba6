/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who said that an action begins, and what ends it: a runner's word, a process that goes (pidfd, so a pid that comes
 * again is another process), a lease whose connection closes; and, through pidfile_owner, group_owner and unit_owner, the
 * process that a root's pidfile names, the control group of who mounted, or of a unit. All it does is to set `ended` and
 * `owner-exited`; what follows is the policy's.
 */
#ifndef REAPERD_ENGINE_REGISTRY_H
#define REAPERD_ENGINE_REGISTRY_H

#include "engine/claim.h"
#include "engine/state.h"

struct registry *registry_new(struct engine *engine);
void registry_free(struct registry *registry);

/*
 * Registers an action. 0 with *ret_generation, -EINVAL (a name that no layout of the root can give, or that has a slash),
 * -EBUSY (another holds it, see registry_find()), -ENOENT (the root does not stand there), -ESRCH (no such process),
 * -ENOMEM. Where it fails for anything but want of memory, nothing is changed.
 */
int registry_begin(struct engine *engine, struct root *root, const char *name, const struct claim *claim,
		   uint32_t *ret_generation);
/* What a runner means by the name now; NULL: nothing. Good until the next turn. */
const struct action *registry_find(struct engine *engine, struct root *root, const char *name);
/*
 * For who adds to an action, whoever it is whose it is: 0 with *ret_generation where it is registered, or by the root's
 * rule has the control group of who mounted for its owner; nothing is changed, but that it is used. -ENOENT: it may be begun. -EOWNERDEAD: it
 * is over by somebody's word, and what it has goes.
 */
int registry_join(struct engine *engine, struct root *root, const char *name, uint32_t *ret_generation);
/* Of this generation, 0: the newest. 0 (also when it had ended already), or -ENOENT. */
int registry_end(struct engine *engine, struct root *root, const char *name, uint32_t generation,
		 uint32_t *ret_generation);
/*
 * Takes back one registry_begin() or registry_join(), for who could not do what it was for: the registration goes with
 * the last of them, unless the action has a mount or a lease; it is forgotten, not ended, for a mount of somebody else's
 * may just be on its way. *ret_over: there is no registration of this generation any more. 0, or -ENOENT.
 */
int registry_undo_begin(struct engine *engine, struct root *root, const char *name, uint32_t generation,
			bool *ret_over);
void registry_lease_ended(struct engine *engine, const char *root_path, const char *name, uint32_t generation);

/*
 * After a restart: actions that the ledger knows as registered get their owners watched again; a lease's connection
 * did not outlive us.
 */
void registry_restore(struct registry *registry);

/*
 * Mounts came to the action, or went. What the ledger missed while it could not be written, nobody knows: a registration
 * of an earlier start may have ended since, and its name be another's. So it is forgotten where nothing ties the action
 * to a directory.
 */
void registry_review(struct engine *engine, struct action *action);

/*
 * The directory that was known when `from` was registered is found to have gone, by the first answer since: the
 * registration, and what was said of it, is of the next generation. See owner.unplaced.
 */
void registry_pass_on(struct engine *engine, struct action *from, struct action *to);

/* Before the roots change: what was said by a rule that is no more is taken back. */
void registry_take_back(struct engine *engine, const struct config *next);

/* The roots changed: watch what their rules name. */
void registry_configure(struct registry *registry);

/* A mount came to an action: below a root with an owner it may be the next one's, and begin the next generation. */
void registry_noticed_attach(struct registry *registry, struct mount *mount);

/*
 * Takes what was told of owners, and looks for those of roots that are not there, at most once for each probe-interval:
 * part of each turn.
 */
void registry_turn(struct registry *registry);

#endif
