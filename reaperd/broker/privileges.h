/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What each process may do. Where we are not root, or in a user namespace, the same code runs and gives up what there
 * is. Failures are logged.
 */
#ifndef REAPERD_BROKER_PRIVILEGES_H
#define REAPERD_BROKER_PRIVILEGES_H

#include "broker/places.h"
#include "sandbox/sandbox.h"

/*
 * In the child that becomes the engine: another user, no capability in any set, no way back. -errno: it must not run.
 */
int asroot_become_engine(const struct engine_user *user);

/* In the broker, once everything is made: keeps only what requests and starting an engine need. */
void asroot_keep_needed(void);

/*
 * After that: the broker's list of system calls, which children and engine inherit, and with it one to be loaded by
 * each child that serves a request. NULL where there is none (sandbox.h). 0, or -errno: we must not run.
 */
int asroot_enter_sandbox(struct sandbox **ret_children);

#endif
