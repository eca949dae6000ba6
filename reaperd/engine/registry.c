/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/registry.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "engine/group_owner.h"
#include "engine/journal.h"
#include "engine/ledger.h"
#include "engine/owner_exit.h"
#include "engine/owner_watch.h"
#include "engine/pidfile_owner.h"
#include "engine/unit_owner.h"
#include "kernel/process.h"
#include "model/layout.h"

struct registry {
	struct engine *engine;
	struct owner_watches watches;
	struct pidfile_owners *pidfiles;
	struct group_owners *groups;
	struct unit_owners *units;
};

static bool was_begun_as(const struct action *action, const char *name, uint32_t generation)
{
	return action->owner.begun_name && action->owner.begun_generation == generation &&
	       strcmp(action->owner.begun_name, name) == 0;
}

/* By the name that it had then: it may have been renamed, to publish it. */
static struct action *find_begun(struct root *root, const char *name, uint32_t generation)
{
	for (struct action *action = root_first_action(root); action; action = root_next_action(action))
		if (was_begun_as(action, name, generation))
			return action;
	return NULL;
}

static void owner_has_gone(const struct owner_watches *watches, const char *root_path, const char *name,
			   uint32_t generation)
{
	struct engine *engine = watches->engine;
	struct root *root = model_root_by_path(engine->model, root_path);
	struct action *action = root ? find_begun(root, name, generation) : NULL;

	engine->now = clock_now();
	if (action && action->registered)
		owner_exited(engine, action, "process");
}

struct registry *registry_new(struct engine *engine)
{
	struct registry *registry = calloc(1, sizeof(*registry));

	if (!registry)
		return NULL;
	registry->engine = engine;
	registry->watches = (struct owner_watches){ .engine = engine, .on_exit = owner_has_gone };
	registry->pidfiles = pidfile_owners_new(engine);
	registry->groups = group_owners_new(engine);
	registry->units = unit_owners_new(engine);
	if (!registry->pidfiles || !registry->groups || !registry->units) {
		registry_free(registry);
		return NULL;
	}
	return registry;
}

void registry_free(struct registry *registry)
{
	if (!registry)
		return;
	owner_watches_clear(&registry->watches);
	pidfile_owners_free(registry->pidfiles);
	group_owners_free(registry->groups);
	unit_owners_free(registry->units);
	free(registry);
}

/* --- begin, end --- */

static bool is_current(const struct action *action)
{
	const uint32_t over = EVIDENCE_BIT(EVIDENCE_ENDED) | EVIDENCE_BIT(EVIDENCE_MOVED) |
			      EVIDENCE_BIT(EVIDENCE_REPLACED) | EVIDENCE_BIT(EVIDENCE_MISSING);

	return action->instance->visible && !action->in_trash && action->state != ACTION_CLEARED &&
	       !(action->evidence & over);
}

/* The action that a runner means by a name: the newest in the directory that stands at the root now. */
static struct action *current_action(struct engine *engine, struct root *root, const char *name)
{
	struct action *found[64];
	size_t count = model_find_actions(engine->model, root, name, found, ARRAY_SIZE(found));

	for (size_t i = 0; i < count && i < ARRAY_SIZE(found); i++)
		if (found[i]->instance->visible && !found[i]->in_trash)
			return found[i];
	return NULL;
}

/* Where a name can stand: the layout's own words, and the segment's form. */
static int check_name(const struct root *root, const char *name)
{
	CLEANUP_FREE char *path = model_action_path(root, name);
	const char *found;
	size_t name_length, length;

	if (!*name || strchr(name, '/') || strlen(name) > 255)
		return -EINVAL;
	if (!path)
		return 0; /* a layout with "*": only an action that is there already can be meant */
	if (layout_place(&root->rules, path, &found, &name_length, &length) != PLACE_ACTION)
		return -EINVAL;
	return 0;
}

static int next_action(struct engine *engine, struct root *root, const char *name, struct action *former,
		       struct action **ret)
{
	CLEANUP_FREE struct mount **mounts = NULL;
	size_t count = 0;

	if (!former)
		return model_announce(engine->model, root, name, engine->now, ret);
	mounts = calloc(former->mount_count + 1, sizeof(struct mount *));
	if (!mounts)
		return -ENOMEM;
	/*
	 * Without unique ids a mount that was unmounted and made anew since the last read of the table looks like the
	 * former one: in doubt it belongs to who begins now.
	 */
	for (struct mount *mount = former->mounts; mount; mount = mount->action_next)
		if (mount_id_is_synthetic(mount->facts.id) && !mount->in_flight)
			mounts[count++] = mount;
	*ret = model_next_generation(engine->model, former, mounts, count, engine->now);
	return *ret ? 0 : -ENOMEM;
}

static int note_begun(struct action *action)
{
	char *name = strdup(action->name);

	if (!name)
		return -ENOMEM;
	free(action->owner.begun_name);
	action->owner.begun_name = name;
	action->owner.begun_generation = action->generation;
	return 0;
}

static void set_owner(struct action *action, const struct claim *claim, struct now now)
{
	struct owner *owner = &action->owner;
	int32_t pid = claim->pid;

	owner->kind = OWNER_REGISTERED;
	owner->pid = pid;
	owner->start_time = pid ? kernel_process_start_time(pid) : 0;
	free(owner->comm);
	owner->comm = pid ? kernel_process_comm(pid) : NULL;
	/* Who registers is another than who was seen to mount: what is known of that one is not this one's. */
	free(take_ptr(owner->cgroup));
	free(take_ptr(owner->container));
	owner->cgroup_id = 0;
	owner->uid = claim->uid;
	owner->lease = claim->lease;
	owner->max_age = claim->max_age;
	owner->begun = now;
	owner->restored = false;
	owner->unplaced = action->identity.known;
	action->registered = true;
	action->dirty = true;
}

/* Before the owner is set. Who used what an earlier start registered is in no ledger. */
static void add_use(struct action *action)
{
	struct owner *owner = &action->owner;

	if (!action->registered)
		owner->uses = 1;
	else if (owner->restored)
		owner->uses = UINT32_MAX;
	else if (owner->uses < UINT32_MAX)
		owner->uses++;
}

/* Begun before for a process or a lease that is still there: who begins again and names nobody leaves it that. */
static bool has_living_owner(const struct action *action)
{
	return action->registered && (action->owner.pid || action->owner.lease) &&
	       !(action->evidence & EVIDENCE_BIT(EVIDENCE_OWNER_EXITED));
}

static int take_new_owner(struct owner_watches *watches, const struct root *root, struct action *action, int32_t pid)
{
	int r = 0;

	if (pid)
		r = owner_watch_add(watches, root->rules.path, action->name, action->generation, pid, 0);
	if (r < 0)
		return r;
	/* Whoever was said to own the action is not its owner any more. */
	owner_watch_drop(watches, root->rules.path, &action->owner, pid ? watches->newest : NULL);
	return note_begun(action);
}

/* The action that a claim is for, which may be a new one; -EBUSY: it is another's. */
static int find_claimed(struct engine *engine, struct root *root, const char *name, const struct claim *claim,
			struct action **ret)
{
	struct owner_watches *watches = &engine->registry->watches;
	struct action *action = current_action(engine, root, name);

	/* Before anything is made for it. */
	if (claim->pid && !owner_watch_is_there(claim->pid))
		return -ESRCH;
	/* Also where its directory is missed: a question from before it was made may be answered only now. */
	if (action && claim_is_anothers(action, claim, owner_watch_lives(watches, root->rules.path, &action->owner)))
		return -EBUSY;
	if (!action || !is_current(action))
		return next_action(engine, root, name, action, ret);
	*ret = action;
	return 0;
}

int registry_begin(struct engine *engine, struct root *root, const char *name, const struct claim *claim,
		   uint32_t *ret_generation)
{
	struct claim taken = *claim;
	struct action *action;
	int r = check_name(root, name);

	if (r < 0)
		return r;
	engine->now = clock_now();
	r = find_claimed(engine, root, name, claim, &action);
	if (r < 0)
		return r;
	if (!claim->pid && !claim->lease && has_living_owner(action)) {
		taken.pid = action->owner.pid;
		taken.lease = action->owner.lease;
	} else {
		r = take_new_owner(&engine->registry->watches, root, action, claim->pid);
	}
	if (r < 0)
		return r;
	add_use(action);
	set_owner(action, &taken, engine->now);
	/* A lease that comes back within the grace goes on; whether it is too old still is asked anew. */
	owner_is_there(engine, action, "registered again");
	if (policy_evidence_clear(action, EVIDENCE_EXPIRED))
		journal_evidence(engine, action, EVIDENCE_EXPIRED, false, "registered again");
	ledger_save_action(engine, action);
	journal_write(engine,
		      &(struct journal_event){
			      .type = EVENT_BEGIN, .action = action, .pid = taken.pid, .comm = action->owner.comm });
	engine_want_probe(engine, action);
	*ret_generation = action->generation;
	return 0;
}

const struct action *registry_find(struct engine *engine, struct root *root, const char *name)
{
	return current_action(engine, root, name);
}

int registry_join(struct engine *engine, struct root *root, const char *name, uint32_t *ret_generation)
{
	const uint32_t said =
		EVIDENCE_BIT(EVIDENCE_ENDED) | EVIDENCE_BIT(EVIDENCE_OWNER_EXITED) | EVIDENCE_BIT(EVIDENCE_EXPIRED);
	struct action *action = current_action(engine, root, name);
	bool by_group;

	if (!action || action->state == ACTION_CLEARED)
		return -ENOENT;
	if (policy_acting(action) & said)
		return -EOWNERDEAD;
	by_group = root->rules.owner == OWNER_RULE_CGROUP && action->owner.kind == OWNER_ATTESTED;
	if (!is_current(action) || !(action->registered || by_group))
		return -ENOENT;
	if (action->registered)
		add_use(action);
	*ret_generation = action->generation;
	return 0;
}

/*
 * Which one is ended: of this generation, 0: the newest. 0, with NULL where it is past: then there is nothing more to
 * end, and the next one of that name is another's. Or -ENOENT.
 */
static int find_meant(struct engine *engine, struct root *root, const char *name, uint32_t generation,
		      struct action **ret)
{
	struct action *action = current_action(engine, root, name);
	bool is_past = action && generation && action->generation > generation;

	/* It may have been renamed meanwhile. */
	if (generation && (!action || action->generation != generation))
		action = find_begun(root, name, generation);
	*ret = action;
	return action || is_past ? 0 : -ENOENT;
}

int registry_end(struct engine *engine, struct root *root, const char *name, uint32_t generation,
		 uint32_t *ret_generation)
{
	struct action *action;
	int r = find_meant(engine, root, name, generation, &action);

	*ret_generation = action ? action->generation : generation;
	if (!action)
		return r;
	engine->now = clock_now();
	if (action->evidence & EVIDENCE_BIT(EVIDENCE_ENDED))
		return 0;
	/*
	 * What it mounted last may not have been seen yet: without a mount, the reaper takes the registration back
	 * after the next read.
	 */
	action->registered = !action->mounts;
	owner_watch_drop(&engine->registry->watches, root->rules.path, &action->owner, NULL);
	policy_evidence_set(action, EVIDENCE_ENDED, engine->now);
	action->ended = engine->now;
	ledger_save_action(engine, action);
	journal_write(engine, &(struct journal_event){ .type = EVENT_END, .action = action });
	engine_want_read(engine);
	return 0;
}

/* It is as if nobody had registered it; that says nothing of its end. */
static void forget_registration(struct engine *engine, struct action *action)
{
	struct owner *owner = &action->owner;

	owner_watch_drop(&engine->registry->watches, action->root->rules.path, owner, NULL);
	action->registered = owner->lease = false;
	owner->kind = OWNER_INFERRED;
	owner->pid = 0;
	owner->max_age = 0;
	action->dirty = true;
}

int registry_undo_begin(struct engine *engine, struct root *root, const char *name, uint32_t generation, bool *ret_over)
{
	struct action *action;
	int r = find_meant(engine, root, name, generation, &action);
	CLEANUP_FREE char *detail = NULL;
	struct owner *owner;

	*ret_over = !action || !action->registered || action->evidence & EVIDENCE_BIT(EVIDENCE_ENDED);
	if (*ret_over)
		return r;
	owner = &action->owner;
	if (owner->restored || owner->uses == UINT32_MAX)
		return 0;
	if (owner->uses > 0)
		owner->uses--;
	*ret_over = owner->uses == 0 && !owner->lease && !action->mounts;
	if (!*ret_over)
		return 0;
	engine->now = clock_now();
	detail = journal_detail("because", "taken back");
	/* Before it is forgotten: the journal says whose it was. */
	journal_write(engine, &(struct journal_event){ .type = EVENT_END, .action = action, .detail = detail });
	forget_registration(engine, action);
	engine_wake(engine);
	return 0;
}

void registry_lease_ended(struct engine *engine, const char *root_path, const char *name, uint32_t generation)
{
	struct root *root = model_root_by_path(engine->model, root_path);
	struct action *action = root ? find_begun(root, name, generation) : NULL;

	if (!action || !action->registered || !action->owner.lease) /* or begun anew for a process */
		return;
	engine->now = clock_now();
	action->owner.lease = false;
	owner_exited(engine, action, "lease");
}

/* --- restarts, pidfiles --- */

/* The directory is known and can be compared, or a mount that the action had is still there. */
static bool is_surely_its_own(const struct action *action)
{
	bool is = action->identity.known && !action->covered_by_own;

	for (const struct mount *mount = action->mounts; mount && !is; mount = mount->action_next)
		is = mount->restored && !mount_id_is_synthetic(mount->facts.id);
	return is;
}

void registry_review(struct engine *engine, struct action *action)
{
	const struct owner *owner = &action->owner;

	group_owners_noticed_change(engine->registry->groups, action);
	if (!action->registered || !owner->restored || policy_said_over(action) != INT64_MAX ||
	    is_surely_its_own(action))
		return;
	log_notice("%s: an earlier start knew %s as registered; nobody knows any more which directory that was, so it "
		   "is forgotten",
		   action->root->rules.path, action->name);
	forget_registration(engine, action);
}

static void restore_owner(struct registry *registry, struct action *action)
{
	struct engine *engine = registry->engine;
	int r;

	registry_review(engine, action);
	if (!action->registered)
		return;
	/*
	 * When it was registered last is not in the ledger: it gets its whole time once more, rather than too little.
	 */
	action->owner.begun = engine->now;
	if (action->owner.lease) {
		action->owner.lease = false;
		owner_exited(engine, action, "lease");
		return;
	}
	if (action->owner.pid == 0)
		return;
	r = note_begun(action);
	if (r == 0)
		r = owner_watch_add(&registry->watches, action->root->rules.path, action->name, action->generation,
				    action->owner.pid, action->owner.start_time);
	if (r == -ESRCH)
		owner_exited(engine, action, "process");
	else if (r < 0)
		log_warning("%s: cannot watch process %d, the owner of %s: %s", action->root->rules.path,
			    action->owner.pid, action->name, strerror(-r));
}

void registry_restore(struct registry *registry)
{
	for (struct action *action = model_first_action(registry->engine->model); action;
	     action = model_next_action(action))
		restore_owner(registry, action);
}

void registry_configure(struct registry *registry)
{
	pidfile_owners_configure(registry->pidfiles);
	group_owners_configure(registry->groups);
	unit_owners_configure(registry->units);
	engine_wake(registry->engine);
}

/* Of these, one is what the root asks for. */
void registry_noticed_attach(struct registry *registry, struct mount *mount)
{
	pidfile_owners_noticed_attach(registry->pidfiles, mount);
	group_owners_noticed_attach(registry->groups, mount);
	unit_owners_noticed_attach(registry->units, mount);
	group_owners_noticed_change(registry->groups, mount->action);
}

void registry_turn(struct registry *registry)
{
	pidfile_owners_turn(registry->pidfiles);
	group_owners_turn(registry->groups);
	unit_owners_turn(registry->units);
}
