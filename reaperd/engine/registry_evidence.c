/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What was said of a registration, where it turns out to be the next one's, or is no longer asked for. */
#include "engine/registry.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "engine/journal.h"
#include "engine/owner_exit.h"

void registry_pass_on(struct engine *engine, struct action *from, struct action *to)
{
	static const enum evidence words[] = { EVIDENCE_ENDED, EVIDENCE_OWNER_EXITED, EVIDENCE_EXPIRED };
	struct owner registered = from->owner;

	from->owner.unplaced = false;
	if (to->owner.kind == OWNER_REGISTERED) /* by whoever came later */
		return;
	from->owner = to->owner;
	to->owner = registered;
	to->owner.unplaced = false;
	to->registered = from->registered || (from->evidence & EVIDENCE_BIT(EVIDENCE_ENDED) && !to->mounts);
	to->ended = from->ended;
	to->dirty = from->dirty = true;
	from->registered = false;
	from->ended = (struct now){ 0 };
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		const struct now since = from->evidence_state[words[i]].since;

		/* By the root's rule the directory is too old, not the registration. */
		if ((words[i] == EVIDENCE_EXPIRED && !to->owner.max_age) || !policy_evidence_clear(from, words[i]))
			continue;
		policy_evidence_set(to, words[i], since);
		journal_evidence(engine, from, words[i], false, "said of the next generation");
		journal_evidence(engine, to, words[i], true, "said before it was known");
	}
	log_info("%s: %s was registered as generation %u when generation %u had its name", to->root->rules.path,
		 to->name, from->generation, to->generation);
}

static bool has_the_same_owner(const struct root_rules *a, const struct root_rules *b)
{
	const char *of_a = a->owner_argument ? a->owner_argument : "",
		   *of_b = b->owner_argument ? b->owner_argument : "";

	return a->owner == b->owner && strcmp(of_a, of_b) == 0;
}

void registry_take_back(struct engine *engine, const struct config *next)
{
	for (size_t i = 0; i < next->root_count; i++) {
		struct root *root = model_root_by_path(engine->model, next->roots[i].path);

		if (!root || has_the_same_owner(&root->rules, &next->roots[i]))
			continue;
		for (struct action *action = root_first_action(root); action; action = root_next_action(action))
			if (!action->registered)
				owner_is_there(engine, action, "no longer asked for");
	}
}
