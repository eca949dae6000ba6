/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/owner_exit.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "engine/journal.h"

void owner_exited(struct engine *engine, struct action *action, const char *how)
{
	if (policy_evidence_set(action, EVIDENCE_OWNER_EXITED, engine->now))
		journal_evidence(engine, action, EVIDENCE_OWNER_EXITED, true, how);
	/* What it mounted last may not have been seen yet. */
	engine_want_read(engine);
}

void owner_is_there(struct engine *engine, struct action *action, const char *how)
{
	if (!policy_evidence_clear(action, EVIDENCE_OWNER_EXITED))
		return;
	journal_evidence(engine, action, EVIDENCE_OWNER_EXITED, false, how);
	engine_wake(engine);
}

void owner_take_newcomers(struct engine *engine, struct action *action, owner_stays_function *stays)
{
	CLEANUP_FREE struct mount **newcomers = calloc(action->mount_count + 1, sizeof(struct mount *));
	size_t count = 0;

	for (struct mount *mount = action->mounts; newcomers && mount; mount = mount->action_next)
		if (mount->joined.mono == engine->now.mono && !mount->evidence && !(stays && stays(action, mount)))
			newcomers[count++] = mount;
	if (count > 0)
		model_next_generation(engine->model, action, newcomers, count, engine->now);
}
