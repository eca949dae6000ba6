/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whom an unmount would reach, asked before it is done: by propagation, and in the tree below that a detach takes. */
#ifndef REAPERD_BROKER_TRAVEL_H
#define REAPERD_BROKER_TRAVEL_H

#include "broker/doing.h"

/*
 * Invariant 5, and for a detach that nothing in the tree below lies elsewhere or is protected. May make a parent mount
 * private, where it belongs to the action. False: concluded.
 */
bool travel_stays_inside(struct doing *doing);

/*
 * That the mount, and the tree below, is as it was judged: 0, -errno of asking, -ENOTUNIQ where something came into the
 * tree, or -ESTALE where something of it is mounted in another one by now, or what it is mounted in is shared otherwise;
 * that one is the stranger then. Without unique ids nobody can tell: 0.
 */
int travel_check_tree(struct doing *doing);

#endif
