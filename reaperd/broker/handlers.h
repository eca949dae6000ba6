/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What children do for each item of a request, and what its outcome looks like when a child could not finish it. All of
 * it may hang.
 */
#ifndef REAPERD_BROKER_HANDLERS_H
#define REAPERD_BROKER_HANDLERS_H

#include "base/batch.h"
#include "broker/detached.h"
#include "broker/selection.h"
#include "broker/step.h"
#include "config/config.h"
#include "wire/messages.h"

struct handler_context {
	const struct message_request *request;
	const struct config *config;
	const struct root_rules *rules; /* NULL where the request is about no root */
	int inotify;
	int passage; /* where a child puts the descriptors of a result */
	struct step_batch steps;
	const struct detached *detached;
	/* A child's own: */
	struct selection selection;
	struct root_rules there; /* of the root, with its path in the namespace that was entered; owns nothing */
};

struct handler_result {
	int32_t root_error; /* -errno of opening the root, or of entering the namespace */
	uint32_t holder_count;
	union {
		struct probe_result probe;
		struct watch_result watch;
		struct step_result step;
		struct holder_result holders[HOLDERS_MAX];
		struct namespaces_result namespaces;
		struct table_result table;
		struct events_result events;
	};
};

struct handler {
	const char *name;
	size_t result_size; /* what of struct handler_result is shared */
	bool each;	    /* serves each item of the request, else the request as a whole, with descriptors */
	/* In a child. */
	void (*serve)(size_t index, struct handler_result *result, struct handler_context *context);
	/* In the broker: the child hung or crashed in this item. */
	void (*give_up)(size_t index, struct handler_result *result, const struct handler_context *context,
			enum batch_item_state state);
	/* In a child: the namespace cannot be entered. */
	void (*refuse)(struct handler_result *result, int r);
};

/* In a child, before all else: goes where the request is to be served. 0 or -errno, see wire/messages.h. */
int handler_begin(struct handler_context *context);
void handler_context_clear(struct handler_context *context);

/* NULL: no such request. */
const struct handler *handler_of(enum message_type type);

#endif
