/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "engine/engine.h"
#include "engine/journal.h"
#include "engine/metrics.h"

struct engine_follower {
	engine_event_function *function;
	void *context;
	struct engine_follower *next;
};

static void tell_followers(struct journal *journal, const struct store_event *event)
{
	struct engine_follower *next;

	/* A follower may take itself off the list while it is called. */
	for (struct engine_follower *follower = journal->followers; follower; follower = next) {
		next = follower->next;
		follower->function(follower->context, event);
	}
}

void engine_journal_row(struct engine *engine, struct store_event *row)
{
	row->time = engine->now.real;
	store_add_event(engine->store, row);
	engine->events++;
	metrics_count_event(engine->metrics, row->type);
	tell_followers(engine->journal, row);
}

void engine_journal(struct engine *engine, const struct journal_event *event)
{
	const struct mount *mount = event->mount;
	const struct action *action = event->action ? event->action : mount ? mount->action : NULL;
	const struct root *root = event->root ? event->root : action ? action->root : NULL;
	struct store_event row = {
		.type = event->type,
		.pid = event->pid,
		.comm = event->comm,
		.detail = event->detail,
	};

	if (!root && mount && mount->instance)
		root = mount->instance->root;
	if (mount) {
		row.mount_id = mount->facts.id;
		row.mount_row = mount->row;
		row.target = mount->facts.target;
	}
	if (action) {
		row.action_row = action->row;
		row.action = action->name;
		row.generation = action->generation;
	}
	if (root)
		row.root = root->rules.path;
	engine_journal_row(engine, &row);
}

struct engine_follower *engine_follow(struct engine *engine, engine_event_function *function, void *context)
{
	struct engine_follower *follower = calloc(1, sizeof(*follower));

	if (!follower)
		return NULL;
	*follower = (struct engine_follower){ function, context, engine->journal->followers };
	engine->journal->followers = follower;
	return follower;
}

void engine_unfollow(struct engine *engine, struct engine_follower *follower)
{
	for (struct engine_follower **at = &engine->journal->followers; *at; at = &(*at)->next)
		if (*at == follower) {
			*at = follower->next;
			free(follower);
			return;
		}
}
