/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Asking the broker: requests out, results in, over the inherited SOCK_SEQPACKET. Asynchronous; nothing here blocks. A
 * broker that is gone ends the engine: a service manager starts both anew.
 */
#ifndef REAPERD_ENGINE_BROKER_CLIENT_H
#define REAPERD_ENGINE_BROKER_CLIENT_H

#include "engine/state.h"

/*
 * Called once, with the result; `result` is good during the call. error ECANCELED: the engine ends, nothing is known,
 * and nothing is to be done but to release `context`.
 */
typedef void broker_result_function(void *context, struct engine *engine, const struct message_result *result);

/* What the broker hands over at the start and after each reload. Descriptors that are taken become -1. */
typedef void broker_configuration_function(struct engine *engine, const struct message_configuration *message, int *fds,
					   size_t fd_count);

/* Takes `fd`. NULL when out of memory. */
struct broker *broker_new(struct engine *engine, int fd, broker_configuration_function *on_configuration);
void broker_free(struct broker *broker);

/*
 * Sends a request of the current configuration (serial and job are filled in here). 0, -EMSGSIZE (ask for less at
 * once), -ENOMEM or -EPIPE; after an error `function` is not called.
 */
int broker_request(struct broker *broker, struct message_request *request, broker_result_function *function,
		   void *context);

/* Before the engine is taken apart: every request that is under way is answered with ECANCELED. */
void broker_cancel(struct broker *broker);

/* How a request names a mount: by its unique id, or where the kernel gives none by number and device. */
struct mount_reference broker_reference(const struct mount *mount);

/* How it names the namespace that the mount is in. */
struct namespace_reference broker_namespace(const struct mount *mount);

/* A message without content: READY, RELOAD. */
int broker_say(struct broker *broker, enum message_type type);

/* The broker's children, as of its last answer. */
void broker_state(const struct broker *broker, uint32_t *ret_in_flight, uint32_t *ret_hung);

#endif
