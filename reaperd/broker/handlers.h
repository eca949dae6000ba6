/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What children do for each item of a request, and what its outcome looks like when a child could not finish it. All of
 * it may hang.
 */
#ifndef REAPERD_BROKER_HANDLERS_H
#define REAPERD_BROKER_HANDLERS_H

#include "base/batch.h"
#include "broker/step.h"
#include "wire/messages.h"

struct handler_context {
	const struct message_request *request;
	const struct root_rules *rules;
	int inotify;
	struct step_batch steps;
};

struct handler_result {
	int32_t root_error; /* -errno of opening the root */
	uint32_t holder_count;
	union {
		struct probe_result probe;
		struct watch_result watch;
		struct step_result step;
		struct holder_result holders[HOLDERS_MAX];
	};
};

struct handler {
	const char *name;
	size_t result_size; /* what of struct handler_result is shared */
	/* In a child. */
	void (*serve)(size_t index, struct handler_result *result, struct handler_context *context);
	/* In the broker: the child hung or crashed in this item. */
	void (*give_up)(size_t index, struct handler_result *result, const struct handler_context *context,
			enum batch_item_state state);
};

/* NULL: no such request. */
const struct handler *handler_of(enum message_type type);

#endif
