/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stddef.h>
#include <string.h>

#include "base/cleanup.h"
#include "policy/policy.h"

bool policy_evidence_set(struct action *action, enum evidence evidence, struct now now)
{
	struct evidence_state *state = &action->evidence_state[evidence];
	bool is_new = !(action->evidence & EVIDENCE_BIT(evidence));

	if (is_new) {
		action->evidence |= EVIDENCE_BIT(evidence);
		state->since = now;
		action->dirty = true;
	}
	state->checked = now;
	return is_new;
}

bool policy_evidence_clear(struct action *action, enum evidence evidence)
{
	if (!(action->evidence & EVIDENCE_BIT(evidence)))
		return false;
	action->evidence &= ~EVIDENCE_BIT(evidence);
	action->evidence_state[evidence] = (struct evidence_state){ 0 };
	action->dirty = true;
	return true;
}

int64_t policy_said_over(const struct action *action)
{
	static const enum evidence words[] = { EVIDENCE_ENDED, EVIDENCE_OWNER_EXITED, EVIDENCE_EXPIRED };
	int64_t since = INT64_MAX;

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (action->evidence & EVIDENCE_BIT(words[i]) && action->evidence_state[words[i]].since.mono < since)
			since = action->evidence_state[words[i]].since.mono;
	return since;
}

static const struct evidence_state *mount_evidence(const struct mount *mount, enum evidence evidence)
{
	return evidence == EVIDENCE_MOVED ? &mount->moved : &mount->source_deleted;
}

/* Since the last of the mounts lost its place, confirmed when the least recently read one was. */
static bool all_mounts_have(const struct action *action, enum evidence evidence, struct evidence_state *ret)
{
	struct evidence_state all = { .checked.mono = INT64_MAX };

	if (!action->mounts)
		return false;
	for (const struct mount *mount = action->mounts; mount; mount = mount->action_next) {
		const struct evidence_state *one = mount_evidence(mount, evidence);

		if (!(mount->evidence & EVIDENCE_BIT(evidence)))
			return false;
		if (one->since.mono >= all.since.mono)
			all.since = one->since;
		if (one->checked.mono < all.checked.mono)
			all.checked = one->checked;
	}
	*ret = all;
	return true;
}

static bool hoist_one(struct action *action, enum evidence evidence, struct now now)
{
	struct evidence_state all;
	bool changed;

	/* An action whose mounts have all gone keeps what was known of it: that is its history. */
	if (!action->mounts)
		return false;
	if (!all_mounts_have(action, evidence, &all))
		return policy_evidence_clear(action, evidence);
	changed = policy_evidence_set(action, evidence, now);
	action->evidence_state[evidence] = all;
	return changed;
}

/* Nothing acts on it, so since when each mount has it is not kept. */
static bool hoist_stale_copy(struct action *action, struct now now)
{
	bool all = action->mounts;

	for (const struct mount *mount = action->mounts; mount; mount = mount->action_next)
		all = all && mount->evidence & EVIDENCE_BIT(EVIDENCE_STALE_COPY);
	return all ? policy_evidence_set(action, EVIDENCE_STALE_COPY, now) :
		     policy_evidence_clear(action, EVIDENCE_STALE_COPY);
}

uint32_t policy_hoist(struct action *action, struct now now)
{
	uint32_t changed = 0;

	if (hoist_one(action, EVIDENCE_MOVED, now))
		changed |= EVIDENCE_BIT(EVIDENCE_MOVED);
	if (hoist_one(action, EVIDENCE_SOURCE_DELETED, now))
		changed |= EVIDENCE_BIT(EVIDENCE_SOURCE_DELETED);
	if (hoist_stale_copy(action, now))
		changed |= EVIDENCE_BIT(EVIDENCE_STALE_COPY);
	return changed;
}

bool policy_lies_below_dead_root(const struct action *action)
{
	const struct mount *carrier = action->instance ? action->instance->carrier : NULL;

	return carrier && carrier->ns->own && action->root->rules.reap_root &&
	       action->evidence & EVIDENCE_BIT(EVIDENCE_DEAD) && carrier->facts.id == action->root->dead_mount &&
	       !strcmp(carrier->facts.target, action->root->rules.path);
}

bool policy_goes_with_dead_root(const struct mount *mount)
{
	return mount->action && mount->ns->own && policy_lies_below_dead_root(mount->action);
}
