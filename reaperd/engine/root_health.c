/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/root_health.h"

#include <errno.h>

#include "base/log.h"

void root_health_set(struct engine *engine, struct root *root, enum root_health health)
{
	if (root->health == health)
		return;
	log_notice("%s: %s (was %s)", root->rules.path, root_health_name(health), root_health_name(root->health));
	root->health = health;
	engine_wake(engine);
}

static enum root_health health_of_error(int error)
{
	return error == ENOENT || error == ENOTDIR ? ROOT_HEALTH_ABSENT : ROOT_HEALTH_UNKNOWN;
}

static enum root_health health_of_answer(const struct probe_result *result)
{
	switch ((enum probe_state)result->state) {
	case PROBE_HUNG:
		return ROOT_HEALTH_HUNG;
	case PROBE_DEAD:
		return ROOT_HEALTH_DEAD;
	case PROBE_COVERED:
		return ROOT_HEALTH_COVERED;
	case PROBE_UNKNOWN:
		return health_of_error(result->error);
	case PROBE_PRESENT:
	case PROBE_MISSING:
	case PROBE_REPLACED:
	case PROBE_ELSEWHERE:
		break;
	}
	return ROOT_HEALTH_OK;
}

enum root_health root_health_of(const struct message_result *result)
{
	enum root_health health = ROOT_HEALTH_OK;

	if (result->error)
		return health_of_error(result->error);
	for (uint32_t i = 0; i < result->count; i++) {
		enum root_health one = health_of_answer(&result->probes[i]);

		if (one == ROOT_HEALTH_HUNG)
			return one;
		if (health == ROOT_HEALTH_OK)
			health = one;
	}
	return health;
}

void root_health_take_itself(struct engine *engine, struct root *root, uint64_t carrier, struct now sent,
			     const struct probe_result *answer)
{
	if (!answer || answer->state != PROBE_DEAD) {
		root->dead_mount = 0;
		return;
	}
	if (root->dead_mount != carrier)
		root->dead.since = engine->now;
	root->dead_mount = carrier;
	root->dead.checked = sent;
}
