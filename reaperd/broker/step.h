/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One step of a ladder on one mount. Here are the invariants that hold whatever the engine asks for: the mount is
 * reached from the root's own fd without a symlink, compared by id at the last moment, lies where the request says, and
 * nothing outside the action goes with it. It may hang: only children with a deadline call it.
 */
#ifndef REAPERD_BROKER_STEP_H
#define REAPERD_BROKER_STEP_H

#include "broker/step_batch.h"

/* 0, or -errno of opening the root directory; *ret (zeroed by the caller) says what came of it in any case. */
int asroot_step(struct step_batch *batch, uint32_t index, struct step_result *ret);

#endif
