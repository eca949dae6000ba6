/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/state.h"

#include <string.h>

void engine_wake(struct engine *engine)
{
	engine->plan_wanted = engine->turn_wanted = true;
}

void engine_wake_at(struct engine *engine, int64_t mono_ns)
{
	if (mono_ns < engine->turn_at)
		engine->turn_at = mono_ns;
}

void engine_plan_at(struct engine *engine, int64_t mono_ns)
{
	if (mono_ns < engine->plan_at)
		engine->plan_at = mono_ns;
}

void engine_want_read(struct engine *engine)
{
	engine->read_wanted = true;
	engine_wake(engine);
}

void engine_want_refresh(struct engine *engine)
{
	engine->refresh_of_others_wanted = true;
	if (engine->refresh_wanted) /* waking now would spin until it may be done */
		return;
	engine->refresh_wanted = true;
	engine_wake(engine);
}

bool action_can_be_probed(const struct action *action)
{
	return (action->mounts || action->registered) && !action->in_trash && action->instance->carrier &&
	       strnlen(action->path, PATH_MAX) < PATH_MAX;
}

void engine_want_probe(struct engine *engine, struct action *action)
{
	if (!action_can_be_probed(action) || action->probe_wanted) /* waking again would spin until it is answered */
		return;
	action->probe_wanted = true;
	engine_wake(engine);
}

void engine_want_probes(struct engine *engine, struct root *root)
{
	for (struct action *action = root_first_action(root); action; action = root_next_action(action))
		engine_want_probe(engine, action);
}

void engine_want_probe_soon(struct engine *engine, struct action *action)
{
	if (!action->identity.known || action->evidence) {
		engine_want_probe(engine, action);
	} else if (action_can_be_probed(action) && !action->probe_soon) {
		action->probe_soon = true;
		engine_wake(engine);
	}
}

int64_t engine_next_turn(const struct engine *engine)
{
	if (engine->turn_wanted)
		return 0;
	return engine->turn_at < engine->plan_at ? engine->turn_at : engine->plan_at;
}
