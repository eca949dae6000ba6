/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The methods of io.reaperd: what the control socket can be asked, answered from the engine's model and ledger. */
#ifndef REAPERD_ENGINE_METHODS_H
#define REAPERD_ENGINE_METHODS_H

#include "engine/control.h"
#include "engine/state.h"

/*
 * Serves the listening socket (taken) and sets engine->control. Beside root, the user who made the socket listen has
 * root's privileges: that is the broker's user. 0 or -errno.
 */
int methods_serve(struct engine *engine, int listen_fd);

/* The same for the runners' socket, and engine->runners. Nobody has root's privileges there. */
int methods_serve_runners(struct engine *engine, int listen_fd);

/* The handlers, for the table in methods.c. */
control_handler method_get_status, method_list_actions, method_list_mounts, method_metrics, method_get_configuration;
control_handler method_events, method_explain;
control_handler method_reap, method_pause, method_resume, method_begin, method_end, method_lease, method_reload;

/* Whether the caller is among the users and @groups that `register` names for the root in the parameters. */
control_authorize method_may_register;

/* Whether `register` of any root names the caller. */
control_welcome method_may_connect;

#endif
