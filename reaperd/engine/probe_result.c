/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/probe_result.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "engine/journal.h"
#include "engine/ledger.h"
#include "engine/registry.h"

#define PROBED                                                                                                         \
	(EVIDENCE_BIT(EVIDENCE_MISSING) | EVIDENCE_BIT(EVIDENCE_REPLACED) | EVIDENCE_BIT(EVIDENCE_HOLLOW) |            \
	 EVIDENCE_BIT(EVIDENCE_DEAD) | EVIDENCE_BIT(EVIDENCE_HUNG) | EVIDENCE_BIT(EVIDENCE_UNKNOWN))

/*
 * Of all that a probe can tell, exactly `seen` holds: since now, for it may have come about at any moment of the probe,
 * and confirmed as of the moment when the probe was sent, for the same reason. So the shortest grace, none, still takes
 * a second look.
 */
static void hold_exactly(struct engine *engine, struct action *action, uint32_t seen, const char *because,
			 struct now sent)
{
	for (unsigned bit = 0; bit < EVIDENCE_COUNT; bit++) {
		if (!(PROBED & EVIDENCE_BIT(bit)))
			continue;
		if (seen & EVIDENCE_BIT(bit)) {
			if (policy_evidence_set(action, bit, engine->now)) {
				journal_evidence(engine, action, bit, true, because);
				/* It may have been renamed, which wakes nobody: the mounts' paths tell. */
				engine_want_refresh(engine);
			}
			action->evidence_state[bit].checked = sent;
		} else if (policy_evidence_clear(action, bit)) {
			journal_evidence(engine, action, bit, false, because);
		}
	}
}

void probe_result_deny_absence(struct engine *engine, struct action *action)
{
	const uint32_t absence =
		EVIDENCE_BIT(EVIDENCE_MISSING) | EVIDENCE_BIT(EVIDENCE_REPLACED) | EVIDENCE_BIT(EVIDENCE_HOLLOW);

	if (action->evidence & absence) {
		hold_exactly(engine, action, action->evidence & PROBED & ~absence, "a mount was attached", engine->now);
		engine_want_probe(engine, action);
	} else {
		engine_want_probe_soon(engine, action);
	}
}

static struct dir_identity identity_of(const struct probe_result *result)
{
	struct dir_identity identity = {
		.known = true,
		.dev = result->dev,
		.ino = result->ino,
		.birth = result->birth,
		.handle_type = result->handle_type,
		.handle_length = result->handle_length,
	};

	memcpy(identity.handle, result->handle, sizeof(identity.handle));
	return identity;
}

static void take_identity(struct action *action, const struct probe_result *result)
{
	action->identity = identity_of(result);
	action->dirty = true;
}

/* Told at two moments by the same filesystem, so whatever it tells must be the same. */
static bool is_identity(const struct dir_identity *identity, const struct probe_result *result)
{
	return identity->dev == result->dev && identity->ino == result->ino && identity->birth == result->birth &&
	       identity->handle_type == result->handle_type && identity->handle_length == result->handle_length &&
	       memcmp(identity->handle, result->handle, identity->handle_length) == 0;
}

/*
 * What joined in the turn in which the question was sent, or after, is asked about once more at once, so that little
 * comes between.
 */
static void confirm(struct engine *engine, struct action *action, struct now sent)
{
	bool all = true;

	action->identity_checked = sent;
	for (struct mount *mount = action->mounts; mount; mount = mount->action_next) {
		if (!mount->confirmed && mount->joined.mono < sent.mono)
			mount->confirmed = mount->state_dirty = true;
		all &= mount->confirmed;
	}
	if (!all)
		engine_want_probe(engine, action);
}

/* An earlier answer made it: these mounts came while that was under way. NULL where it is another directory's. */
static struct action *known_next(struct engine *engine, const struct action *action, const struct probe_result *result)
{
	struct action *newest = NULL;

	model_find_actions(engine->model, action->root, action->name, &newest, 1);
	if (!newest || newest->generation <= action->generation || newest->instance != action->instance ||
	    strcmp(newest->path, action->path) != 0 || policy_has_evidence(newest))
		return NULL;
	return result && newest->identity.known && !is_identity(&newest->identity, result) ? NULL : newest;
}

/*
 * With these mounts, of the directory that stands at the name (which the answer may tell), and with the registration
 * where that was said of this one. NULL where nothing begins.
 */
static struct action *begin_next(struct engine *engine, struct action *action, struct mount **mounts, size_t count,
				 const struct probe_result *result)
{
	struct action *next;

	if (count == 0 && !action->owner.unplaced)
		return NULL;
	next = known_next(engine, action, result);
	if (next)
		model_give_mounts(engine->model, next, mounts, count, engine->now);
	else
		next = model_next_generation(engine->model, action, mounts, count, engine->now);
	if (next && action->owner.unplaced)
		registry_pass_on(engine, action, next);
	return next;
}

/* Those of the action that `begin_anew` is true of begin the next generation, whose directory is not known yet. */
static void part_with(struct engine *engine, struct action *action, bool (*begin_anew)(const struct mount *))
{
	CLEANUP_FREE struct mount **newcomers = calloc(action->mount_count + 1, sizeof(struct mount *));
	struct action *next;
	size_t count = 0;

	for (struct mount *mount = action->mounts; newcomers && mount; mount = mount->action_next)
		if (begin_anew(mount))
			newcomers[count++] = mount;
	next = begin_next(engine, action, newcomers, count, NULL);
	if (!next)
		return;
	ledger_save_action(engine, next);
	engine_want_probe(engine, next);
}

static bool is_unconfirmed(const struct mount *mount)
{
	return !mount->confirmed;
}

/*
 * Mounts that came after the known directory was last seen may stand in another, made at the same name when this one
 * had gone: it was asked for by its handle, which says nothing of the name.
 */
static void part_with_newcomers(struct engine *engine, struct action *action)
{
	if (action->identity.known)
		part_with(engine, action, is_unconfirmed);
}

/* As far as is known, but its number may have come again: it was met after the action was said to be over. */
static bool is_of_an_earlier_start(const struct mount *mount)
{
	return mount->restored && !mount->confirmed && mount_id_is_synthetic(mount->facts.id) &&
	       mount->joined.mono >= policy_said_over(mount->action);
}

/*
 * The directory at the path is the action's, as far as anybody knows. Not where the action was said to be over before
 * it was learnt which one that is: by now it may be another's, and what stands in it with it.
 */
static void recognise(struct engine *engine, struct action *action, const struct probe_result *result)
{
	if (action->identity.known)
		return;
	if (policy_said_over(action) != INT64_MAX)
		part_with(engine, action, is_of_an_earlier_start);
	else if (result->identity_known)
		take_identity(action, result);
}

static void present(struct engine *engine, struct action *action, const struct probe_result *result, struct now sent)
{
	uint32_t seen = 0;

	recognise(engine, action, result);
	/*
	 * Where a mount of its own stands on the directory, a walk to the path reached that, which is all that can be
	 * compared.
	 */
	if (result->identity_known || action->covered_by_own)
		confirm(engine, action, sent);
	if (result->full && !action->seen_full) {
		action->seen_full = true;
		action->dirty = true;
	}
	/* Emptied by somebody, not merely never filled; and a registered action's own word counts for more. */
	if (result->hollow && result->local && action->seen_full && !action->registered)
		seen |= EVIDENCE_BIT(EVIDENCE_HOLLOW);
	hold_exactly(engine, action, seen, NULL, sent);
}

static void missing(struct engine *engine, struct action *action, struct now sent)
{
	part_with_newcomers(engine, action);
	/* Announced before its directory was made: that it is not there yet says nothing. */
	if (!action->identity.known && !action->mounts)
		return;
	hold_exactly(engine, action, EVIDENCE_BIT(EVIDENCE_MISSING), NULL, sent);
}

/*
 * What a walk could not be asked about, in another namespace or one too many, goes with the living. What came after the
 * question was sent is asked about by the next one.
 */
static bool may_be_reached(const struct mount *mount, struct mount *const *mounts, size_t mount_count,
			   uint64_t reachable)
{
	for (size_t i = 0; i < mount_count && i < PROBE_MOUNTS_MAX; i++)
		if (mounts[i] == mount)
			return reachable & (UINT64_C(1) << i);
	return mount_count == PROBE_MOUNTS_MAX || !mount->ns->own;
}

/*
 * Another directory stands at the path. The mounts that a walk through it reaches belong to it: to the next generation
 * of the name. What is left behind belongs to the recorded directory, and that is over.
 */
static void replaced(struct engine *engine, struct action *action, const struct probe_result *result,
		     struct mount *const *mounts, size_t mount_count, struct now sent)
{
	CLEANUP_FREE struct mount **reached = calloc(action->mount_count + 1, sizeof(struct mount *));
	size_t count = 0;
	struct action *next;

	/*
	 * Seen without walking there. Where mounts have no unique ids, those that are listed now may have taken the
	 * numbers and the places of those that the kernel detached when somebody walked to the new directory: in doubt
	 * nothing is over.
	 */
	if (!result->local && !engine->source.ops->unique_ids) {
		hold_exactly(engine, action, EVIDENCE_BIT(EVIDENCE_UNKNOWN), "replaced, but mounts have no unique ids",
			     sent);
		return;
	}
	if (!result->local)
		part_with_newcomers(engine, action);
	for (struct mount *mount = action->mounts; reached && mount; mount = mount->action_next)
		if (may_be_reached(mount, mounts, mount_count, result->reachable))
			reached[count++] = mount;
	if (count > 0 || action->owner.unplaced) {
		next = begin_next(engine, action, reached, count, result);
		if (!next)
			return;
		take_identity(next, result);
		next->identity_checked = sent;
		ledger_save_action(engine, next);
		log_info("%s: another directory stands at %s: it is generation %u", action->root->rules.path,
			 action->path, next->generation);
	}
	hold_exactly(engine, action, EVIDENCE_BIT(EVIDENCE_REPLACED), NULL, sent);
}

/*
 * Where the directory is now, the paths of its mounts tell when they have been read again. What is mounted at the name
 * after that is another directory's.
 */
static void elsewhere(struct engine *engine, struct action *action, struct now sent)
{
	if (action->evidence & EVIDENCE_BIT(EVIDENCE_UNKNOWN) || action->owner.unplaced)
		part_with_newcomers(engine, action);
	hold_exactly(engine, action, EVIDENCE_BIT(EVIDENCE_UNKNOWN), "the directory has another name", sent);
}

static void unknown(struct engine *engine, struct action *action, const struct probe_result *result, struct now sent)
{
	const char *why = result->state == PROBE_COVERED ? "covered" : strerrorname_np(result->error);

	hold_exactly(engine, action, EVIDENCE_BIT(EVIDENCE_UNKNOWN), why ? why : "unexpected answer", sent);
}

static void take(struct engine *engine, struct action *action, const struct probe_result *result,
		 struct mount *const *mounts, size_t mount_count, struct now sent)
{
	switch ((enum probe_state)result->state) {
	case PROBE_PRESENT:
		present(engine, action, result, sent);
		return;
	case PROBE_MISSING:
		missing(engine, action, sent);
		return;
	case PROBE_REPLACED:
		replaced(engine, action, result, mounts, mount_count, sent);
		return;
	case PROBE_DEAD:
		hold_exactly(engine, action, EVIDENCE_BIT(EVIDENCE_DEAD), strerrorname_np(result->error), sent);
		return;
	case PROBE_HUNG:
		hold_exactly(engine, action, EVIDENCE_BIT(EVIDENCE_HUNG), NULL, sent);
		return;
	case PROBE_ELSEWHERE:
		elsewhere(engine, action, sent);
		return;
	case PROBE_COVERED:
	case PROBE_UNKNOWN:
	default:
		unknown(engine, action, result, sent);
	}
}

void probe_result_take(struct engine *engine, struct action *action, const struct probe_result *result,
		       struct mount *const *mounts, size_t mount_count, struct now sent)
{
	action->probed = sent;
	take(engine, action, result, mounts, mount_count, sent);
	/* Only the first answer to a question of later: what it does not find gone, goes after it was registered. */
	if (sent.mono > action->owner.begun.mono)
		action->owner.unplaced = false;
}
