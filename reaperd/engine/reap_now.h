/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reaping that somebody asks for: without grace, and what it would do. */
#ifndef REAPERD_ENGINE_REAP_NOW_H
#define REAPERD_ENGINE_REAP_NOW_H

#include "engine/state.h"

/*
 * The action is marked, the next plan acts. `active`: also an action without evidence. 0, or -EPERM (active, and not
 * asked for). What will be done is in policy_order() with the mark set.
 */
int reap_now(struct engine *engine, struct action *action, bool active);

/*
 * The items that reaping these actions now would try, and those that it would leave, with why: a suspect stays, though
 * somebody asks, where what is known of it never acts here. Nothing is changed. The caller clears *ret. 0 or -ENOMEM.
 */
int reap_now_preview(struct engine *engine, struct action *const *actions, size_t count, bool active,
		     struct reap_list *ret);

#endif
