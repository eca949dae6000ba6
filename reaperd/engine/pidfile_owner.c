/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/pidfile_owner.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "engine/owner_exit.h"
#include "engine/owner_watch.h"
#include "kernel/pidfile.h"

struct root_owner {
	bool watched;
	bool told_gone; /* that the pidfile names no process was seen, and taken as evidence */
	int64_t next;	/* mono: when the pidfile is read again */
};

struct pidfile_owners {
	struct engine *engine;
	struct owner_watches watches;
	struct root_owner *roots; /* by index; NULL: not configured yet, or out of memory */
};

static void root_owner_exited(struct engine *engine, struct root *root)
{
	for (struct action *action = root_first_action(root); action; action = root_next_action(action))
		if (action->mounts || action->registered)
			owner_exited(engine, action, "pidfile");
}

static void owner_has_gone(const struct owner_watches *watches, const char *root_path, const char *name,
			   uint32_t generation)
{
	struct pidfile_owners *owners = watches->context;
	struct engine *engine = watches->engine;
	struct root *root = model_root_by_path(engine->model, root_path);

	(void)name, (void)generation;
	engine->now = clock_now();
	if (!root || !owners->roots)
		return;
	owners->roots[root->index].watched = false;
	log_notice("%s: the process that its pidfile named has gone", root->rules.path);
	root_owner_exited(engine, root);
}

struct pidfile_owners *pidfile_owners_new(struct engine *engine)
{
	struct pidfile_owners *owners = calloc(1, sizeof(*owners));

	if (!owners)
		return NULL;
	owners->engine = engine;
	owners->watches = (struct owner_watches){ .engine = engine, .on_exit = owner_has_gone, .context = owners };
	return owners;
}

void pidfile_owners_free(struct pidfile_owners *owners)
{
	if (!owners)
		return;
	owner_watches_clear(&owners->watches);
	free(owners->roots);
	free(owners);
}

void pidfile_owners_configure(struct pidfile_owners *owners)
{
	size_t count = model_root_count(owners->engine->model);

	owner_watches_clear(&owners->watches);
	free(owners->roots);
	owners->roots = calloc(count ? count : 1, sizeof(*owners->roots));
}

static void watch_pidfile(struct pidfile_owners *owners, struct root *root, struct root_owner *owner)
{
	int32_t pid = 0;
	int r = kernel_pidfile_read(root->rules.owner_argument, &pid);

	if (r == 0)
		r = owner_watch_add(&owners->watches, root->rules.path, NULL, 0, pid, 0);
	if (r == 0) {
		owner->watched = true;
		owner->told_gone = false;
	} else if (r == -ESRCH && !owner->told_gone) {
		/* A crash left the file behind: whoever it named is not there any more. */
		owner->told_gone = true;
		root_owner_exited(owners->engine, root);
	}
}

/*
 * The worker that left the action has gone, and another one, which writes its pidfile before it mounts, uses the
 * directory that it found. What it mounts there is its own.
 */
void pidfile_owners_noticed_attach(struct pidfile_owners *owners, struct mount *mount)
{
	struct action *action = mount->action;
	struct root_owner *owner;

	if (!owners->roots || action->registered || action->root->rules.owner != OWNER_RULE_PIDFILE ||
	    !(action->evidence & EVIDENCE_BIT(EVIDENCE_OWNER_EXITED)))
		return;
	owner = &owners->roots[action->root->index];
	if (!owner->watched)
		watch_pidfile(owners, action->root, owner);
	if (owner->watched)
		owner_take_newcomers(owners->engine, action, NULL);
}

void pidfile_owners_turn(struct pidfile_owners *owners)
{
	struct engine *engine = owners->engine;

	for (struct root *root = model_roots(engine->model); owners->roots && root; root = root->next) {
		struct root_owner *owner = &owners->roots[root->index];

		if (root->rules.owner != OWNER_RULE_PIDFILE || owner->watched)
			continue;
		if (engine->now.mono >= owner->next) {
			watch_pidfile(owners, root, owner);
			owner->next = engine->now.mono + root->rules.probe_interval;
		}
		if (!owner->watched)
			engine_wake_at(engine, owner->next);
	}
}
