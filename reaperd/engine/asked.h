/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a step was asked for: the intent in the ledger before the broker is asked, the outcome after it. What becomes of the
 * mount is the caller's business.
 */
#ifndef REAPERD_ENGINE_ASKED_H
#define REAPERD_ENGINE_ASKED_H

#include "engine/state.h"
#include "wire/messages.h"

/* By value: by the time of the answer the mount has usually gone from the model. */
struct asked {
	uint64_t mount_id;
	enum step step;
	enum evidence because;
	int64_t attempt; /* the ledger's */
	int64_t mount_row, action_row;
	char *root, *action, *target; /* owned; action NULL: of the mount that is the root itself */
	uint32_t generation;
};

/* Writes the intent: 0 or -ENOMEM, then there is none. ledger_commit() before the step is asked for. */
int asked_intend(struct engine *engine, const struct mount *mount, const struct root *root, enum step step,
		 enum evidence because, struct asked *ret);
void asked_clear(struct asked *asked);

/* Writes the outcome, the event, and what the metrics count. */
void asked_answer(struct engine *engine, const struct asked *asked, const struct step_result *result);

/* An event about it; detail: a JSON object as text, or NULL. */
void asked_journal(struct engine *engine, enum event_type type, const struct asked *asked, const char *detail);

#endif
