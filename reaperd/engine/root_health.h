/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the broker's answers say of a root as a whole. Who asks, and when, is the prober's business. */
#ifndef REAPERD_ENGINE_ROOT_HEALTH_H
#define REAPERD_ENGINE_ROOT_HEALTH_H

#include "engine/state.h"

/* Shows it, and says so in the log where it changes. */
void root_health_set(struct engine *engine, struct root *root, enum root_health health);

/* The worst that an answer says of the root; an action that is merely gone says that the root answers. */
enum root_health root_health_of(const struct message_result *result);

/*
 * Of the root itself, which reap-root = yes is about: an action's filesystem may be another one. `carrier`: the mount that
 * was asked about; answer: NULL where there is none.
 */
void root_health_take_itself(struct engine *engine, struct root *root, uint64_t carrier, struct now sent,
			     const struct probe_result *answer);

#endif
