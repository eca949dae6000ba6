/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/mount_changes.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/text.h"
#include "engine/journal.h"
#include "engine/ledger.h"
#include "engine/metrics.h"
#include "engine/probe_result.h"
#include "engine/registry.h"
#include "engine/namespaces.h"

/*
 * The directory had gone, or been replaced, behind the kernel's back while the mount was still there: then a walk to
 * it, by whomever, makes the kernel detach what is mounted below. Without that evidence nobody can say who it was.
 */
static bool went_behind_the_kernel(const struct mount *mount)
{
	const uint32_t behind = EVIDENCE_BIT(EVIDENCE_MISSING) | EVIDENCE_BIT(EVIDENCE_REPLACED);

	return mount->ns->ended || (mount->action && mount->action->evidence & behind);
}

/* NULL: nobody knows, or out of memory. The caller frees it. */
static char *describe_actor(const struct actor *actor)
{
	CLEANUP_FREE char *comm = actor && actor->comm ? text_escape(actor->comm) : NULL;
	char *text;

	if (!actor || asprintf(&text, comm ? "pid %d (%s)" : "pid %d", actor->pid, comm) < 0)
		return NULL;
	return text;
}

static char *detached_by(const struct engine *engine, const struct mount *mount)
{
	if (!engine->ready)
		return strdup("not watching");
	if (mount->asked)
		return strdup("reaperd");
	return went_behind_the_kernel(mount) ? strdup("kernel") : describe_actor(mount->detached_by);
}

/*
 * Where all that an action had lies elsewhere now, its directory does: what is mounted at the name from this turn on is
 * another directory's, the next generation's. False where the action goes on.
 */
static bool name_was_left(const struct action *action, struct now now)
{
	size_t moved = 0;

	for (const struct mount *mount = action->mounts; mount; mount = mount->action_next) {
		if (mount->evidence & EVIDENCE_BIT(EVIDENCE_MOVED))
			moved++;
		else if (mount->joined.mono < now.mono)
			return false;
	}
	return moved > 0;
}

/*
 * All that it had was gone when the table was read: what is mounted at the name later is somebody else's where the
 * action was said to be over before, and may be where it hides the directory, so that nobody can tell which that is.
 */
static bool was_past(const struct action *action)
{
	return action->state == ACTION_CLEARED && (policy_said_over(action) != INT64_MAX || action->covered_by_own);
}

/*
 * Mounted after the action was said to be over, where no probe can find out whether that was in the same directory: it
 * was never learnt which one that is, or a mount of the action's own hides it. What a registered runner mounted before
 * its last word is its own though it is read after that, by the first read; whoever comes next to the name registers
 * too. Of one that nobody registered that cannot be said, nor of an earlier start's. And what was another action's when
 * it was read last may be so still: directories that change names are read, and asked about, at different moments.
 */
static bool came_after_the_word(const struct engine *engine, const struct mount *mount, bool from_another)
{
	const struct action *action = mount->action;
	int64_t said = policy_said_over(action);

	if (mount->joined.mono < said)
		return false;
	if (from_another)
		return true;
	if (action->identity.known && !action->covered_by_own)
		return false;
	return !engine->ready || action->owner.kind != OWNER_REGISTERED || action->owner.restored ||
	       table_was_read_since(engine, mount, said);
}

/*
 * The known directory was seen to be gone from the name: what is mounted there now is in another, whether or not a mount
 * on that one itself will hide it from the next probe.
 */
static bool came_after_the_directory(const struct mount *mount)
{
	const uint32_t gone = EVIDENCE_BIT(EVIDENCE_MISSING) | EVIDENCE_BIT(EVIDENCE_REPLACED);
	const struct action *action = mount->action;

	return action->identity.known && action->evidence & gone;
}

/* With what came to the action since then; what moved away stays behind. */
static void begin_next_generation(struct engine *engine, struct action *action, int64_t since)
{
	CLEANUP_FREE struct mount **newcomers = calloc(action->mount_count, sizeof(struct mount *));
	size_t count = 0;

	for (struct mount *mount = action->mounts; newcomers && mount; mount = mount->action_next)
		if (!(mount->evidence & EVIDENCE_BIT(EVIDENCE_MOVED)) && mount->joined.mono >= since)
			newcomers[count++] = mount;
	if (count > 0)
		model_next_generation(engine->model, action, newcomers, count, engine->now);
}

/* A mount came to an action, attached or moved there: which directory stands at the name has to be asked. */
static void joined(struct engine *engine, struct mount *mount, bool from_another)
{
	registry_review(engine, mount->action);
	if (!mount->evidence && (was_past(mount->action) || name_was_left(mount->action, engine->now)))
		begin_next_generation(engine, mount->action, INT64_MIN);
	else if (!mount->evidence &&
		 (came_after_the_word(engine, mount, from_another) || came_after_the_directory(mount)))
		begin_next_generation(engine, mount->action, engine->now.mono);
	if (mount->action)
		registry_noticed_attach(engine->registry, mount);
	if (!mount->evidence)
		probe_result_deny_absence(engine, mount->action);
	else
		engine_want_probe(engine, mount->action);
}

/* Who made the first of its mounts, where nobody registered it. */
static void take_owner(struct action *action, const struct actor *actor)
{
	struct owner *owner = &action->owner;

	if (owner->kind != OWNER_INFERRED || !actor || !actor->attested)
		return;
	owner->kind = OWNER_ATTESTED;
	owner->pid = actor->pid;
	owner->start_time = actor->start_time;
	owner->uid = actor->uid;
	owner->comm = actor->comm ? strdup(actor->comm) : NULL;
	owner->cgroup = actor->cgroup ? strdup(actor->cgroup) : NULL;
	owner->cgroup_id = actor->cgroup_id;
	owner->container = actor->container ? strdup(actor->container) : NULL;
	action->dirty = true;
}

static void attached(struct engine *engine, struct mount *mount)
{
	const struct actor *by = mount->facts.attached_by;

	if (mount->action)
		joined(engine, mount, false);
	if (mount->action)
		take_owner(mount->action, by);
	/* At the start they are found, whoever made them. */
	if (engine->ready && mount->instance)
		metrics_count_attach(engine->metrics, by && by->attested);
	ledger_save_mount(engine, mount, NULL);
	journal_write(engine, &(struct journal_event){
				      .type = EVENT_ATTACH,
				      .mount = mount,
				      .pid = by ? by->pid : 0,
				      .comm = by ? by->comm : NULL,
			      });
}

/* Nothing went: it is written down like what is below a root that is no longer configured. */
static void was_left(struct engine *engine, struct mount *mount)
{
	mount->state_dirty = true;
	ledger_save_mount(engine, mount, "not watching");
	if (mount->action)
		registry_review(engine, mount->action);
}

static void detached(struct engine *engine, struct mount *mount)
{
	CLEANUP_FREE char *by = detached_by(engine, mount);
	CLEANUP_FREE char *detail = journal_detail("by", by);

	if (mount->asked)
		mount->state = MOUNT_REAPED;
	mount->state_dirty = true;
	ledger_save_mount(engine, mount, by);
	journal_write(engine, &(struct journal_event){
				      .type = mount->asked ? EVENT_REAPED : EVENT_DETACH,
				      .mount = mount,
				      .pid = mount->detached_by ? mount->detached_by->pid : 0,
				      .comm = mount->detached_by ? mount->detached_by->comm : NULL,
				      .detail = detail,
			      });
	if (mount->asked)
		engine->reaped++;
	if (mount->action) {
		registry_review(engine, mount->action);
		engine_want_probe_soon(engine, mount->action);
	}
}

static void moved(struct engine *engine, const struct change *change)
{
	struct mount *mount = change->mount;
	CLEANUP_FREE char *detail = journal_detail("from", change->old_target);

	if (!mount->instance && change->old_action)
		log_warning("%s moved out of the build roots, to %s: it is left alone", change->old_target,
			    mount->facts.target);
	if (mount->action && mount->action != change->old_action)
		joined(engine, mount, change->old_action);
	else if (mount->action && !mount->evidence)
		probe_result_deny_absence(
			engine, mount->action); /* renamed as a whole: what was said was said of the old path */
	mount->dirty = true;
	ledger_save_mount(engine, mount, NULL);
	journal_write(engine,
		      &(struct journal_event){
			      .type = EVENT_MOVE, .mount = mount, .action = change->old_action, .detail = detail });
	if (mount->action)
		engine_want_probe(engine, mount->action);
}

static void remounted(struct engine *engine, struct mount *mount)
{
	CLEANUP_FREE char *detail = journal_detail("options", mount->facts.options);

	mount->dirty = true;
	ledger_save_mount(engine, mount, NULL);
	journal_write(engine, &(struct journal_event){ .type = EVENT_REMOUNT, .mount = mount, .detail = detail });
}

/* Of one that is not attested the pid alone is known: the same may be another's, but nothing says so. */
static bool is_said_of_another(const struct actor *actor, const struct actor *other)
{
	if (!actor || !other || actor->pid != other->pid)
		return actor && other;
	return actor->attested && other->attested && actor->start_time != other->start_time;
}

/*
 * Nobody can say where it was. Whoever looks for what an action did has its pid; that the one who unmounted was another
 * is said beside it.
 */
static void flashed(struct engine *engine, const struct flash *flash)
{
	const struct actor *by = flash->attached_by ? flash->attached_by : flash->detached_by;
	CLEANUP_FREE char *gone_by =
		is_said_of_another(flash->detached_by, by) ? describe_actor(flash->detached_by) : NULL;
	CLEANUP_FREE char *detail = journal_detail("detached_by", gone_by);

	journal_write_row(engine, &(struct store_event){
					  .type = EVENT_FLASH,
					  .mount_id = flash->id,
					  .pid = by ? by->pid : 0,
					  .comm = by ? by->comm : NULL,
					  .detail = detail,
				  });
}

/* Mounts below no root, and that were never an action's, are known to the model alone. */
static bool concerns_a_root(const struct change *change)
{
	return change->mount->instance || change->mount->action || change->old_action || change->mount->row > 0;
}

void mount_changes_take(struct engine *engine, const struct changes *changes, const struct scan *scan)
{
	for (size_t i = 0; i < scan->flash_count; i++)
		flashed(engine, &scan->flashes[i]);
	for (size_t i = 0; i < changes->count; i++) {
		const struct change *change = &changes->items[i];

		if (!concerns_a_root(change))
			continue;
		if (change->type == EVENT_ATTACH)
			attached(engine, change->mount);
		else if (change->type == EVENT_DETACH && change->mount->ns->left)
			was_left(engine, change->mount);
		else if (change->type == EVENT_DETACH)
			detached(engine, change->mount);
		else if (change->type == EVENT_MOVE)
			moved(engine, change);
		else
			remounted(engine, change->mount);
	}
}
