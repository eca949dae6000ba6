/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The engine's state in numbers, for GetStatus and for metrics. Reads the model; changes nothing. */
#ifndef REAPERD_ENGINE_STATUS_H
#define REAPERD_ENGINE_STATUS_H

#include <jansson.h>

#include "engine/state.h"

struct root_status {
	const struct root *root;
	const char *path;
	uint64_t mounts; /* below it: live, over, stuck, protected or unowned */
	uint64_t live;
	uint64_t over; /* of the leftovers, those that are not stuck */
	uint64_t stuck;
	uint64_t protected; /* over, and kept by a protect pattern: no leftovers */
	uint64_t unowned;
	uint64_t leftovers; /* mounts whose action is over, or that are over themselves */
	uint64_t actions[ACTION_STATE_COUNT];
};

struct status {
	struct root_status *roots;
	size_t root_count;
	uint64_t table;	 /* mounts in the whole table */
	uint64_t mounts; /* below roots */
	uint64_t unowned;
	uint64_t leftovers;
	uint64_t stuck;
	int64_t oldest_leftover; /* ns; 0: none */
	bool paused_somewhere;
	uint32_t in_flight, hung; /* the broker's children */
};

/* Good until the roots change. 0 or -ENOMEM. */
int status_collect(struct engine *engine, struct status *ret);
void status_clear(struct status *status);

/* The object that users read. NULL when out of memory. */
json_t *status_json(struct engine *engine, const struct status *status);

/* True for a mount whose action is over, or that is over itself; what the operator protects is no leftover. */
bool status_is_leftover(const struct engine *engine, const struct mount *mount);

const char *status_version(void);

#endif
