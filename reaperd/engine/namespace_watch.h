/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Being woken by what is mounted in another namespace: by a group of mount events (Linux 6.15), whose processes are
 * looked up at once, or by an open mountinfo. Says that something changed, never what.
 */
#ifndef REAPERD_ENGINE_NAMESPACE_WATCH_H
#define REAPERD_ENGINE_NAMESPACE_WATCH_H

#include <ev.h>

#include "source/told.h"
#include "wire/messages.h"

struct namespace_watch;
typedef void namespace_watch_function(void *context);

/*
 * Takes the result's descriptors. `on_change` is called once for any number of changes, until namespace_watch_take();
 * `on_end` when the process that a mountinfo was opened of has ended: then the watch is to be freed, for it would keep
 * the namespace alive. NULL when out of memory or fds.
 */
struct namespace_watch *namespace_watch_new(struct ev_loop *loop, struct message_result *result,
					    namespace_watch_function *on_change, namespace_watch_function *on_end,
					    void *context);
void namespace_watch_free(struct namespace_watch *watch);

enum events_kind namespace_watch_kind(const struct namespace_watch *watch);

/*
 * Before the table is asked for: hands over what was told until now, to be closed by the caller; what changes from now
 * on is a new change.
 */
struct told_list namespace_watch_take(struct namespace_watch *watch);

#endif
