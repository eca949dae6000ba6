/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/explain_text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/text.h"

#define AGE_SIZE     32
#define HOLDERS_SAID 8

void explain_say(json_t *text, const char *format, ...)
{
	CLEANUP_FREE char *sentence = NULL;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vasprintf(&sentence, format, arguments);
	va_end(arguments);
	if (length < 0)
		sentence = NULL;
	else
		json_array_append_new(text, json_string(sentence));
}

static char *shown(const char *bytes)
{
	return text_escape(bytes ? bytes : "");
}

/* ---- the action ---- */

static void say_what(json_t *text, const struct action *action)
{
	CLEANUP_FREE char *name = shown(action->name);
	CLEANUP_FREE char *root = shown(action->root->rules.path);
	CLEANUP_FREE char *path = shown(action->path);

	explain_say(text, "Action %s, generation %" PRIu32 ", below %s is %s and has %zu %s.", name, action->generation,
		    root, action_state_name(action->state), action->mount_count,
		    action->mount_count == 1 ? "mount" : "mounts");
	explain_say(text, "Its directory is %s below the root%s.", path,
		    action->in_trash ? ", where a trash pattern says that a cleaner moved it" : "");
}

/* "pid 9 (mount), uid 0, cgroup /a, container b", as far as it is known; NULL when out of memory. */
static char *say_process(int32_t pid, const char *comm, int64_t uid, const char *cgroup, const char *container)
{
	CLEANUP_FREE char *shown_comm = shown(comm), *shown_cgroup = shown(cgroup), *shown_container = shown(container);
	char *process, user[32] = "";

	if (uid >= 0)
		snprintf(user, sizeof(user), ", uid %" PRId64, uid);
	if (asprintf(&process, "pid %" PRId32 "%s%s%s%s%s%s%s%s", pid, *shown_comm ? " (" : "", shown_comm,
		     *shown_comm ? ")" : "", user, *shown_cgroup ? ", cgroup " : "", shown_cgroup,
		     *shown_container ? ", container " : "", shown_container) < 0)
		return NULL;
	return process;
}

static void say_owner(json_t *text, const struct action *action)
{
	const struct owner *owner = &action->owner;
	CLEANUP_FREE char *process = say_process(owner->pid, owner->comm, owner->uid, owner->cgroup, owner->container);

	if (owner->kind == OWNER_INFERRED && owner->pid == 0)
		explain_say(text, "Nobody registered it: that it is an action follows from its path alone.");
	else if (owner->pid == 0)
		explain_say(text, "It was registered by uid %" PRId64 ", without a process that it depends on.",
			    owner->uid);
	else
		explain_say(text, "Its owner is %s: %s.", owner_kind_name(owner->kind), process ? process : "");
	if (owner->lease)
		explain_say(text, "A runner %s it by a lease: an open connection.",
			    action->state == ACTION_CLEARED ? "held" : "holds");
	else if (action->registered)
		explain_say(text, "A runner began it and has not ended it.");
}

static void say_one_evidence(json_t *text, const struct engine *engine, const char *whose, enum evidence evidence,
			     const struct evidence_state *state, bool acts)
{
	char since[32], age[AGE_SIZE], checked[AGE_SIZE], confirmed[AGE_SIZE + 32] = "";

	time_format_rfc3339(state->since.real, since, sizeof(since));
	age_format(engine->now.mono - state->since.mono, age, sizeof(age));
	age_format(engine->now.mono - state->checked.mono, checked, sizeof(checked));
	/* What nobody is asked for, or has not been asked for again yet, was said once. */
	if (state->checked.mono > state->since.mono)
		snprintf(confirmed, sizeof(confirmed), ", confirmed %s ago", checked);
	explain_say(text, "%s `%s` since %s (%s)%s%s.", whose, evidence_name(evidence), since, age, confirmed,
		    acts ? "" : "; this is recorded and shown, nothing is reaped for it here");
}

static void say_evidence(json_t *text, const struct engine *engine, const struct action *action)
{
	uint32_t acting = policy_acting(action);

	for (int i = 0; i < EVIDENCE_COUNT; i++) {
		if (action->evidence & EVIDENCE_BIT(i))
			say_one_evidence(text, engine, "Evidence:", i, &action->evidence_state[i],
					 acting & EVIDENCE_BIT(i));
	}
}

static void say_shadowed(json_t *text, const struct engine *engine, const struct action *action)
{
	const struct mount *carrier = action->instance->carrier;
	const struct mount *cover =
		carrier ? model_mount_at(engine->model, carrier->facts.id, carrier->facts.target) : NULL;
	CLEANUP_FREE char *target = cover ? shown(cover->facts.target) : NULL;
	CLEANUP_FREE char *type = cover ? shown(cover->facts.fstype) : NULL;

	if (target && type)
		explain_say(text,
			    "It is shadowed: no path leads to it, for another filesystem (%s, mnt:%" PRIu64
			    ") was mounted over the one on which it lies, on %s. It is judged again once that is "
			    "unmounted.",
			    type, cover->facts.id, target);
	else
		explain_say(text, "It is shadowed: no path leads to the directory of the build root in which it lies.");
}

static const char *const hold_sentences[HOLD_COUNT] = {
	[HOLD_OBSERVE] = "mode = observe: it says what it would do, and does nothing",
	[HOLD_PAUSED] = "reaping is paused",
	[HOLD_BRAKE] = "the brake is on: max-reaps-per-minute is reached",
	[HOLD_PROTECTED] = "a protect pattern keeps it",
	[HOLD_UNOWNED] = "no layout names an action there",
	[HOLD_LIVE_CHILD] = "something that is not over is mounted below it",
	[HOLD_COVERED] = "another mount lies over it, so that no path reaches it",
	[HOLD_LOCKED] = "it was inherited from another user namespace, where alone it can be unmounted",
	[HOLD_BACKOFF] = "it survived its ladder, and is tried again later",
	[HOLD_IN_FLIGHT] = "the broker is at it",
	[HOLD_DEAD_ROOT] = "it goes with the dead root below which it lies (reap-root = yes)",
	[HOLD_DEAD] = "nobody serves its filesystem, so that no path leads to it",
	[HOLD_STALE_COPY] = "that it is a stale copy is not certain enough",
	[HOLD_UNCONFIRMED] = "it was attached after the evidence, or moved, and its directory is not confirmed yet",
};

/* What becomes of the root's own mount, which nobody serves, and of what is below it with that. */
static bool say_dead_root(json_t *text, const struct engine *engine, const struct action *action)
{
	struct root_decision decision = policy_decide_root(engine->model, action->root, &engine->facts, engine->now);
	CLEANUP_FREE char *root = shown(action->root->rules.path);
	CLEANUP_FREE char *other = shown(decision.because ? decision.because->facts.target : NULL);

	if (decision.verdict < VERDICT_WAIT || !action->mounts || !policy_goes_with_dead_root(action->mounts))
		return false;
	if (decision.verdict == VERDICT_WAIT)
		explain_say(text,
			    "Nobody serves %s any more: it is unmounted with all that is below it in %.1f s, unless it "
			    "answers before (reap-root = yes).",
			    root, (double)(decision.due - engine->now.mono) / NSEC_PER_SEC);
	else if (decision.hold == HOLD_NONE || decision.hold == HOLD_IN_FLIGHT)
		explain_say(text, "Nobody serves %s any more: it is being unmounted with all that is below it.", root);
	else
		explain_say(text, "Nobody serves %s any more, and it is left, with all that is below it: %s%s%s.", root,
			    hold_sentences[decision.hold], *other ? ": " : "", other);
	return true;
}

/* Every walk into it meets the dead filesystem; only the mount itself can be named. */
static void say_dead(json_t *text, const struct engine *engine, const struct action *action)
{
	CLEANUP_FREE char *path = path_join(action->root->rules.path, action->path);
	const struct mount *dead = path ? model_mount_for_path(engine->model, path) : NULL;
	CLEANUP_FREE char *target = dead ? shown(dead->facts.target) : NULL;

	if (target)
		explain_say(text,
			    "Nobody serves its filesystem any more, so that no path leads to what is mounted below. "
			    "`umount --lazy` of %s (mnt:%" PRIu64 ") takes it all away.",
			    target, dead->facts.id);
}

static void say_out_of_reach(json_t *text, const struct engine *engine, const struct action *action)
{
	if (!action->mounts || !action->instance)
		return;
	if (!action->instance->visible)
		say_shadowed(text, engine, action);
	else if (action->evidence & EVIDENCE_BIT(EVIDENCE_DEAD) && !say_dead_root(text, engine, action))
		say_dead(text, engine, action);
}

static void say_when(json_t *text, const struct engine *engine, const struct decision *decision)
{
	int64_t left = decision->due - engine->now.mono;
	char time[32], age[AGE_SIZE];

	time_format_rfc3339(engine->now.real + left, time, sizeof(time));
	age_format(left > 0 ? left : 0, age, sizeof(age));
	explain_say(text, "It is reaped for `%s` at %s (in %s) if the evidence still holds then.",
		    evidence_name(decision->because), time, age);
}

static void say_decision(json_t *text, const struct engine *engine, const struct decision *decision)
{
	const char *because = evidence_name(decision->because);

	switch (decision->verdict) {
	case VERDICT_KEEP:
		explain_say(text, "Nothing says that it is over: its mounts stay.");
		break;
	case VERDICT_SUSPECT:
		explain_say(text, "It is suspect for `%s`, which is not enough to reap it here.", because);
		break;
	case VERDICT_WAIT:
		say_when(text, engine, decision);
		break;
	case VERDICT_RECHECK:
		explain_say(
			text,
			"The grace for `%s` is over; that it still holds is asked once more before anything is touched.",
			because);
		break;
	case VERDICT_REAP:
		if (decision->hold == HOLD_NONE)
			explain_say(text, "It is being reaped for `%s`.", because);
		else
			explain_say(text, "It is over for `%s`, and not reaped: %s.", because,
				    hold_sentences[decision->hold]);
		break;
	case VERDICT_COUNT:
		break;
	}
}

void explain_say_action(json_t *text, const struct engine *engine, const struct action *action,
			const struct decision *decision)
{
	say_what(text, action);
	say_owner(text, action);
	say_evidence(text, engine, action);
	say_out_of_reach(text, engine, action);
	if (action->state == ACTION_CLEARED)
		explain_say(
			text,
			"No mount of it is left below the build root: nothing more is to be done. What was moved out of the roots is nobody's here.");
	else
		say_decision(text, engine, decision);
}

/* ---- mounts ---- */

static void say_attempts(json_t *text, const struct engine *engine, const char *target, const struct mount *mount)
{
	int64_t left = mount->retry_mono - engine->now.mono;
	char age[AGE_SIZE];

	if (mount->attempts == 0)
		return;
	explain_say(text, "On %s %" PRIu32 " %s tried; the last came to `%s`.", target, mount->attempts,
		    mount->attempts == 1 ? "step was" : "steps were", outcome_name(mount->last_outcome));
	if (left > 0)
		explain_say(text, "%s is tried again in %s.", target, age_format(left, age, sizeof(age)));
}

/* Only of another than the action's owner, of whom it is said already. */
static void say_attacher(json_t *text, const char *target, const struct mount *mount)
{
	const struct actor *by = mount->facts.attached_by;
	CLEANUP_FREE char *process = NULL;

	if (!by ||
	    (mount->action && by->pid == mount->action->owner.pid && by->start_time == mount->action->owner.start_time))
		return;
	process = say_process(by->pid, by->comm, by->uid, by->cgroup, by->container);
	if (process)
		explain_say(text, "%s was attached by %s%s.", target, process,
			    by->attested ? "" : ", which was gone before more could be learnt of it");
}

void explain_say_mount(json_t *text, const struct engine *engine, const struct mount *mount,
		       const struct decision *decision, const struct mount *in_the_way)
{
	CLEANUP_FREE char *target = shown(mount->facts.target);
	CLEANUP_FREE char *whose = NULL;
	uint32_t acts = mount->action ? mount->action->root->rules.reap_when : 0;

	say_attacher(text, target, mount);
	if (asprintf(&whose, "Evidence about the mount on %s alone:", target) < 0)
		whose = NULL;
	if (whose && (mount->evidence & EVIDENCE_BIT(EVIDENCE_MOVED)))
		say_one_evidence(text, engine, whose, EVIDENCE_MOVED, &mount->moved,
				 acts & EVIDENCE_BIT(EVIDENCE_MOVED));
	if (whose && (mount->evidence & EVIDENCE_BIT(EVIDENCE_SOURCE_DELETED)))
		say_one_evidence(text, engine, whose, EVIDENCE_SOURCE_DELETED, &mount->source_deleted,
				 acts & EVIDENCE_BIT(EVIDENCE_SOURCE_DELETED));
	/* The holds up to the brake are the whole action's, and said there. */
	if (decision->verdict == VERDICT_REAP && decision->hold > HOLD_BRAKE) {
		CLEANUP_FREE char *other = shown(in_the_way ? in_the_way->facts.target : NULL);

		explain_say(text, "%s is left alone: %s%s%s.", target, hold_sentences[decision->hold],
			    *other ? ": " : "", other);
	}
	say_attempts(text, engine, target, mount);
}

/* A build root's own mount lies below none, and yet there is one case in which it is unmounted. */
static bool say_root_itself(json_t *text, const struct engine *engine, const struct mount *mount)
{
	CLEANUP_FREE char *target = shown(mount->facts.target);

	for (const struct root *root = model_roots(engine->model); root; root = root->next) {
		if (strcmp(root->rules.path, mount->facts.target) != 0)
			continue;
		explain_say(text, "The mount on %s is that of a build root itself: it %s.", target,
			    root->rules.reap_root ?
				    "is unmounted, with all that is below it, only when nobody serves it any more "
				    "and all of that is over (reap-root = yes)" :
				    "is never touched (reap-root = no)");
		return true;
	}
	return false;
}

void explain_say_unowned(json_t *text, const struct engine *engine, const struct mount *mount)
{
	CLEANUP_FREE char *target = shown(mount->facts.target);
	CLEANUP_FREE char *root = shown(mount->instance ? mount->instance->root->rules.path : NULL);
	CLEANUP_FREE char *layout = shown(mount->instance ? mount->instance->root->rules.layout : NULL);

	if (mount->instance)
		explain_say(
			text,
			"The mount on %s lies below %s, where the layout %s names no action: it is shown, never reaped.",
			target, root, layout);
	else if (!say_root_itself(text, engine, mount))
		explain_say(text, "The mount on %s lies below no configured build root: it is never touched.", target);
}

void explain_say_past(json_t *text, const struct store_action_row *row)
{
	CLEANUP_FREE char *name = shown(row->name);
	CLEANUP_FREE char *root = shown(row->root);
	char first[32], ended[32];

	time_format_rfc3339(row->first_seen, first, sizeof(first));
	time_format_rfc3339(row->ended, ended, sizeof(ended));
	explain_say(text, "Action %s, generation %" PRIu32 ", below %s is past: first seen %s, %s%s%s.", name,
		    row->generation, root, first, row->state, row->ended ? " at " : "", row->ended ? ended : "");
}

static void say_holder(json_t *text, const char *target, const struct holder_result *holder)
{
	CLEANUP_FREE char *comm = shown(holder->comm);
	const char *how = holder->how;

	if (strcmp(how, "fd") == 0)
		explain_say(text, "pid %" PRId32 " (%s) holds %s by its fd %" PRIu32 ".", holder->pid, comm, target,
			    holder->number);
	else if (strcmp(how, "namespace") == 0)
		explain_say(text,
			    "pid %" PRId32
			    " (%s) lives in another mount namespace, where what %s shows is mounted, too.",
			    holder->pid, comm, target);
	else if (strcmp(how, "loop") == 0)
		explain_say(text, "The loop device loop%" PRIu32 " has its file in %s.", holder->number, target);
	else if (strcmp(how, "layer") == 0)
		explain_say(text,
			    "An overlay, mount %" PRIu32 " in mountinfo, has a layer in %s and keeps its filesystem.",
			    holder->number, target);
	else
		explain_say(text, "pid %" PRId32 " (%s) holds %s by its %s.", holder->pid, comm, target, how);
}

void explain_say_holders(json_t *text, const char *target, const struct holder_result *holders, int count)
{
	if (count < 0)
		explain_say(text, "Who holds %s could not be told.", target);
	for (int i = 0; i < count && i < HOLDERS_SAID; i++)
		say_holder(text, target, &holders[i]);
	if (count > HOLDERS_SAID)
		explain_say(text, "%d more hold %s.", count - HOLDERS_SAID, target);
}
