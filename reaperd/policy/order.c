/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which mounts go, in which order. Everything here works on one set, "what is over": the mounts that the plan's REAP
 * decisions name, less what is protected. A mount is left alone while anything outside the set is mounted below it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "policy/internal.h"

struct candidate {
	struct mount *mount;
	enum evidence evidence;
	enum hold hold;
	struct mount *because;	  /* what holds it up */
	struct candidate *parent; /* of its parent mount, where that is over too */
	bool several;		  /* one lazy call on it would not do all that its subtree's ladders say */
};

struct candidates {
	struct candidate *items;
	size_t count, allocated;
};

void reap_list_clear(struct reap_list *list)
{
	free(list->items);
	*list = (struct reap_list){ 0 };
}

static int candidates_add(struct candidates *candidates, struct mount *mount, enum evidence evidence, enum hold hold)
{
	if (candidates->count == candidates->allocated) {
		size_t allocated = candidates->allocated ? candidates->allocated * 2 : 64;
		struct candidate *items = reallocarray(candidates->items, allocated, sizeof(*items));

		if (!items)
			return -ENOMEM;
		candidates->items = items;
		candidates->allocated = allocated;
	}
	candidates->items[candidates->count++] =
		(struct candidate){ .mount = mount, .evidence = evidence, .hold = hold };
	return 0;
}

static int compare_by_pointer(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	return (x->mount > y->mount) - (x->mount < y->mount);
}

static struct candidate *find(const struct candidates *candidates, const struct mount *mount)
{
	struct candidate key = { .mount = (struct mount *)mount };

	return bsearch(&key, candidates->items, candidates->count, sizeof(key), compare_by_pointer);
}

/*
 * Whom the word of an earlier start was of is known by the directory alone: the ledger may have missed its end, and who
 * has the name since.
 */
static bool must_be_found(const struct mount *mount)
{
	return mount->action->owner.restored && (!mount->restored || mount_id_is_synthetic(mount->facts.id));
}

/*
 * A mount that came after its action's evidence may belong to the next action of that name: the name alone would judge
 * it until a probe that was sent after it came has found the recorded directory at the path, or has found the evidence
 * again.
 */
static bool is_confirmed_by(const struct mount *mount, enum evidence evidence)
{
	const struct action *action = mount->action;
	const struct evidence_state *state = &action->evidence_state[evidence];

	if (action->identity_checked.mono > mount->joined.mono)
		return true;
	if (mount->joined.mono < state->since.mono && !must_be_found(mount))
		return true;
	return policy_is_asked_of_the_filesystem(evidence) && state->checked.mono > mount->joined.mono;
}

/* By what the mount goes: the decision's evidence, or another that is enough too. False where none says so of it. */
static bool is_confirmed(const struct mount *mount, const struct decision *decision, struct now now,
			 enum evidence *ret_evidence)
{
	*ret_evidence = decision->because;
	if (decision->mount || mount->evidence & EVIDENCE_BIT(decision->because) ||
	    is_confirmed_by(mount, decision->because))
		return true;
	for (unsigned bit = 0; bit < EVIDENCE_COUNT; bit++) {
		if (!policy_is_over_by(mount->action, bit, now) || !is_confirmed_by(mount, bit))
			continue;
		*ret_evidence = bit;
		return true;
	}
	return false;
}

enum hold policy_hold_of_mount(const struct mount *mount, const struct decision *decision, struct now now,
			       enum evidence *ret_evidence)
{
	*ret_evidence = decision->because;
	if (decision->hold != HOLD_NONE)
		return decision->hold;
	if (!mount->instance)
		return HOLD_UNOWNED;
	if (mount_is_protected(mount))
		return HOLD_PROTECTED;
	if (mount->astray || !is_confirmed(mount, decision, now, ret_evidence))
		return HOLD_UNCONFIRMED;
	if (mount->in_flight)
		return HOLD_IN_FLIGHT;
	if (mount->retry_mono == INT64_MAX)
		return HOLD_LOCKED;
	if (mount->retry_mono > now.mono)
		return HOLD_BACKOFF;
	return HOLD_NONE;
}

static int collect_one(struct mount *mount, const struct decision *decision, struct now now, struct candidates *ret)
{
	enum evidence evidence;
	enum hold hold = policy_hold_of_mount(mount, decision, now, &evidence);

	return candidates_add(ret, mount, evidence, hold);
}

static int collect(const struct plan *plan, struct now now, struct candidates *ret)
{
	int r = 0;

	for (size_t i = 0; i < plan->count && r == 0; i++) {
		const struct decision *decision = &plan->items[i];

		if (decision->verdict != VERDICT_REAP)
			continue;
		if (decision->mount) {
			r = collect_one(decision->mount, decision, now, ret);
			continue;
		}
		for (struct mount *mount = decision->action->mounts; mount && r == 0; mount = mount->action_next)
			r = collect_one(mount, decision, now, ret);
	}
	if (ret->count > 0)
		qsort(ret->items, ret->count, sizeof(*ret->items), compare_by_pointer);
	return r;
}

static void link_parents(struct candidates *candidates)
{
	for (size_t i = 0; i < candidates->count; i++)
		if (candidates->items[i].mount->parent)
			candidates->items[i].parent = find(candidates, candidates->items[i].mount->parent);
}

/* Over, and nobody asked for it to stay. */
static bool is_leftover(const struct candidate *candidate)
{
	return candidate && candidate->hold != HOLD_PROTECTED && candidate->hold != HOLD_UNOWNED &&
	       candidate->hold != HOLD_UNCONFIRMED;
}

static const struct ladder *ladder_of(const struct mount *mount)
{
	return rules_ladder(&mount->instance->root->rules, mount->facts.fstype);
}

static enum step step_of(const struct mount *mount)
{
	const struct ladder *ladder = ladder_of(mount);

	return ladder->steps[mount->next_step < ladder->count ? mount->next_step : 0];
}

/*
 * What is live below a mount is live below all that it is mounted on. Loops, not recursion: a build can stack mounts as
 * deep as the table is large.
 */
static void mark_live_below(struct candidates *candidates)
{
	for (size_t i = 0; i < candidates->count; i++)
		for (struct mount *child = candidates->items[i].mount->children; child; child = child->sibling) {
			if (is_leftover(find(candidates, child)))
				continue;
			for (struct candidate *at = &candidates->items[i]; at && !at->because; at = at->parent)
				at->because = child;
		}
}

static bool is_detach_alone(const struct candidate *candidate)
{
	const struct ladder *ladder;

	if (candidate->hold != HOLD_NONE)
		return false;
	ladder = ladder_of(candidate->mount);
	return ladder->count == 1 && ladder->steps[0] == STEP_DETACH;
}

static void mark_several(struct candidates *candidates)
{
	for (size_t i = 0; i < candidates->count; i++) {
		if (is_detach_alone(&candidates->items[i]))
			continue;
		for (struct candidate *at = &candidates->items[i]; at && !at->several; at = at->parent)
			at->several = true;
	}
}

static bool has_stacked_child(const struct mount *mount)
{
	for (const struct mount *child = mount->children; child; child = child->sibling)
		if (strcmp(child->facts.target, mount->facts.target) == 0)
			return true;
	return false;
}

/*
 * What lies over a mount is in its way, unless it goes first. What is stacked on the mount itself is its child:
 * mark_live_below() saw to it.
 */
static struct mount *cover_of(const struct model *model, const struct candidates *candidates, const struct mount *mount)
{
	struct mount *top;

	if (has_stacked_child(mount) || model_mount_is_reachable(model, mount))
		return NULL;
	top = model_mount_in(model, mount->ns, mount->facts.target);
	return is_leftover(find(candidates, top)) ? NULL : top;
}

static void hold_what_is_in_the_way(const struct model *model, struct candidates *candidates)
{
	mark_live_below(candidates);
	for (size_t i = 0; i < candidates->count; i++) {
		struct candidate *candidate = &candidates->items[i];

		if (candidate->hold != HOLD_NONE && candidate->hold != HOLD_OBSERVE && candidate->hold != HOLD_PAUSED) {
			candidate->because = NULL;
			continue;
		}
		if (candidate->because) {
			candidate->hold = HOLD_LIVE_CHILD;
			continue;
		}
		candidate->because = cover_of(model, candidates, candidate->mount);
		if (candidate->because)
			candidate->hold = HOLD_COVERED;
		else if (candidate->evidence == EVIDENCE_DEAD || policy_goes_with_dead_root(candidate->mount))
			candidate->hold = HOLD_DEAD_ROOT;
	}
	mark_several(candidates);
}

static int list_add(struct reap_list *list, const struct candidate *candidate)
{
	if (list->count == list->allocated) {
		size_t allocated = list->allocated ? list->allocated * 2 : 64;
		struct reap_item *items = reallocarray(list->items, allocated, sizeof(*items));

		if (!items)
			return -ENOMEM;
		list->items = items;
		list->allocated = allocated;
	}
	list->items[list->count++] = (struct reap_item){
		.mount = candidate->mount,
		.step = candidate->mount->instance ? step_of(candidate->mount) : STEP_UMOUNT,
		.evidence = candidate->evidence,
		.hold = candidate->hold,
		.because = candidate->because,
	};
	return 0;
}

/* The first mount from `mount` on along its siblings that is over too. */
static struct candidate *first_candidate(const struct candidates *candidates, const struct mount *mount)
{
	for (; mount; mount = mount->sibling) {
		struct candidate *candidate = find(candidates, mount);

		if (candidate)
			return candidate;
	}
	return NULL;
}

static struct candidate *deepest(const struct candidates *candidates, struct candidate *candidate)
{
	struct candidate *child;

	while (candidate->several && (child = first_candidate(candidates, candidate->mount->children)))
		candidate = child;
	return candidate;
}

/* Children first, the newest of them before older ones, for what was mounted later may cover what was there. */
static int emit_tree(const struct candidates *candidates, struct candidate *top, struct reap_list *list)
{
	struct candidate *at = deepest(candidates, top);

	for (;;) {
		struct candidate *sibling;
		int r = list_add(list, at);

		if (r < 0)
			return r;
		if (at == top)
			return 0;
		sibling = first_candidate(candidates, at->mount->sibling);
		at = sibling ? deepest(candidates, sibling) : at->parent;
	}
}

static int compare_newest_first(const void *a, const void *b)
{
	const struct candidate *x = *(struct candidate *const *)a, *y = *(struct candidate *const *)b;
	uint64_t i = x->mount->facts.id, j = y->mount->facts.id;

	return (i < j) - (i > j);
}

int policy_order(struct model *model, const struct plan *plan, struct now now, struct reap_list *ret)
{
	struct candidates candidates = { 0 };
	struct candidate **tops = NULL;
	size_t top_count = 0;
	int r;

	*ret = (struct reap_list){ 0 };
	r = collect(plan, now, &candidates);
	if (r == 0 && candidates.count > 0) {
		link_parents(&candidates);
		hold_what_is_in_the_way(model, &candidates);
		tops = calloc(candidates.count, sizeof(*tops));
		r = tops ? 0 : -ENOMEM;
	}
	for (size_t i = 0; r == 0 && i < candidates.count; i++)
		if (!candidates.items[i].parent)
			tops[top_count++] = &candidates.items[i];
	if (r == 0 && top_count > 0)
		qsort(tops, top_count, sizeof(*tops), compare_newest_first);
	for (size_t i = 0; r == 0 && i < top_count; i++)
		r = emit_tree(&candidates, tops[i], ret);
	free(tops);
	free(candidates.items);
	if (r < 0)
		reap_list_clear(ret);
	return r;
}
