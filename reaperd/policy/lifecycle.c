/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "base/cleanup.h"
#include "policy/policy.h"

#define S(state) (1u << (state))

/*
 * From each state, which others an action may come to. Any state may clear, for mounts may go at any time by any hand.
 */
static const unsigned allowed[ACTION_STATE_COUNT] = {
	[ACTION_ACTIVE] = S(ACTION_SUSPECT) | S(ACTION_OVER) | S(ACTION_REAPING) | S(ACTION_CLEARED) | S(ACTION_STUCK),
	[ACTION_SUSPECT] = S(ACTION_ACTIVE) | S(ACTION_OVER) | S(ACTION_REAPING) | S(ACTION_CLEARED) | S(ACTION_STUCK),
	[ACTION_OVER] = S(ACTION_ACTIVE) | S(ACTION_SUSPECT) | S(ACTION_REAPING) | S(ACTION_CLEARED) | S(ACTION_STUCK),
	[ACTION_REAPING] = S(ACTION_ACTIVE) | S(ACTION_SUSPECT) | S(ACTION_OVER) | S(ACTION_CLEARED) | S(ACTION_STUCK),
	[ACTION_CLEARED] = S(ACTION_ACTIVE) | S(ACTION_SUSPECT) | S(ACTION_OVER) | S(ACTION_REAPING),
	[ACTION_STUCK] = S(ACTION_ACTIVE) | S(ACTION_SUSPECT) | S(ACTION_OVER) | S(ACTION_REAPING) | S(ACTION_CLEARED),
};

int policy_set_state(struct action *action, enum action_state state)
{
	if ((size_t)state >= ARRAY_SIZE(allowed))
		return -EINVAL;
	if (action->state == state)
		return 0;
	if (!(allowed[action->state] & S(state)))
		return -EINVAL;
	action->state = state;
	action->dirty = true;
	return 0;
}

static bool has_stuck_mount(const struct action *action)
{
	for (const struct mount *mount = action->mounts; mount; mount = mount->action_next)
		if (mount->state == MOUNT_STUCK)
			return true;
	return false;
}

enum action_state policy_state(const struct action *action, const struct decision *decision)
{
	if (!action->mounts && !action->registered)
		return ACTION_CLEARED;
	switch (decision->verdict) {
	case VERDICT_SUSPECT:
		return ACTION_SUSPECT;
	case VERDICT_WAIT:
	case VERDICT_RECHECK:
		return ACTION_OVER;
	case VERDICT_REAP:
		if (has_stuck_mount(action))
			return ACTION_STUCK;
		return decision->hold == HOLD_NONE ? ACTION_REAPING : ACTION_OVER;
	case VERDICT_KEEP:
	case VERDICT_COUNT:
		break;
	}
	return ACTION_ACTIVE;
}

int64_t policy_backoff(uint32_t rounds)
{
	const int64_t longest = 300 * NSEC_PER_SEC;

	if (rounds == 0)
		return 0;
	if (rounds > 9)
		return longest;
	return (INT64_C(1) << (rounds - 1)) * NSEC_PER_SEC;
}

void policy_forget_attempts(struct mount *mount)
{
	if (mount->next_step == 0 && mount->rounds == 0 && mount->state != MOUNT_STUCK)
		return;
	mount->next_step = 0;
	mount->rounds = 0;
	mount->retry_mono = 0;
	if (mount->state == MOUNT_STUCK)
		mount->state = MOUNT_ATTACHED;
	mount->state_dirty = true;
}

static bool end_round(struct mount *mount, struct now now)
{
	bool newly = mount->state != MOUNT_STUCK;

	mount->next_step = 0;
	mount->rounds++;
	mount->retry_mono = now.mono + policy_backoff(mount->rounds);
	mount->state = MOUNT_STUCK;
	return newly;
}

bool policy_give_up(struct mount *mount, struct now now)
{
	mount->state_dirty = true;
	return end_round(mount, now);
}

/* The index of the step after `step`; the ladder's length where there is none, or where a reload took the step away. */
static uint8_t step_after(const struct ladder *ladder, enum step step)
{
	for (uint8_t i = 0; i < ladder->count; i++)
		if (ladder->steps[i] == step)
			return i + 1;
	return ladder->count;
}

static bool climb(struct mount *mount, enum step step, struct now now)
{
	const struct ladder *ladder;

	if (!mount->action)
		return end_round(mount, now);
	ladder = rules_ladder(&mount->action->root->rules, mount->facts.fstype);
	mount->next_step = step_after(ladder, step);
	return mount->next_step >= ladder->count ? end_round(mount, now) : false;
}

bool policy_take_outcome(struct mount *mount, enum step step, enum outcome outcome, struct now now)
{
	bool newly;

	if (outcome == OUTCOME_SKIPPED)
		return false;
	mount->state_dirty = true;
	mount->attempts++;
	mount->last_outcome = outcome;
	switch (outcome) {
	case OUTCOME_GONE:
		/*
		 * The table has the last word: if it shows the mount all the same, there is no hurry to be told so
		 * again.
		 */
		mount->retry_mono = now.mono + policy_backoff(1);
		return false;
	case OUTCOME_MISMATCH:
		mount->rounds++;
		mount->retry_mono = now.mono + policy_backoff(mount->rounds);
		return false;
	case OUTCOME_LOCKED:
		newly = end_round(mount, now);
		mount->retry_mono = INT64_MAX;
		return newly;
	case OUTCOME_BUSY:
	case OUTCOME_REFUSED:
	case OUTCOME_HUNG:
	case OUTCOME_FAILED:
	case OUTCOME_SKIPPED:
	case OUTCOME_COUNT:
		break;
	}
	return climb(mount, step, now);
}
