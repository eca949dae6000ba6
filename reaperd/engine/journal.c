/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/journal.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/metrics.h"
#include "report/report.h"

struct journal_follower {
	journal_function *function;
	void *context;
	struct journal_follower *next;
};

static void tell_followers(struct journal *journal, const struct store_event *event)
{
	struct journal_follower *next;

	/* A follower may take itself off the list while it is called. */
	for (struct journal_follower *follower = journal->followers; follower; follower = next) {
		next = follower->next;
		follower->function(follower->context, event);
	}
}

void journal_write_row(struct engine *engine, struct store_event *row)
{
	row->time = engine->now.real;
	store_add_event(engine->store, row);
	engine->events++;
	metrics_count_event(engine->metrics, row->type);
	tell_followers(engine->journal, row);
}

void journal_write(struct engine *engine, const struct journal_event *event)
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
	journal_write_row(engine, &row);
}

char *journal_detail(const char *key, const char *value)
{
	json_t *object;
	char *text = NULL;

	if (!value)
		return NULL;
	object = json_object();
	if (object && report_set_bytes(object, key, value) == 0)
		text = json_dumps(object, JSON_COMPACT);
	json_decref(object);
	return text;
}

static void write_evidence(struct engine *engine, const struct action *action, const struct mount *mount,
			   enum evidence evidence, bool holds, const char *because)
{
	char detail[160];

	snprintf(detail, sizeof(detail), "{\"kind\":\"%s\",\"holds\":%s%s%s%s}", evidence_name(evidence),
		 holds ? "true" : "false", because ? ",\"because\":\"" : "", because ? because : "",
		 because ? "\"" : "");
	journal_write(engine, &(struct journal_event){
				      .type = EVENT_EVIDENCE, .action = action, .mount = mount, .detail = detail });
}

void journal_evidence(struct engine *engine, const struct action *action, enum evidence evidence, bool holds,
		      const char *because)
{
	write_evidence(engine, action, NULL, evidence, holds, because);
}

void journal_mount_evidence(struct engine *engine, struct mount *mount)
{
	uint32_t changed = mount->evidence ^ mount->told_evidence;

	mount->told_evidence = mount->evidence;
	for (unsigned bit = 0; bit < EVIDENCE_COUNT; bit++)
		if (changed & EVIDENCE_BIT(bit))
			write_evidence(engine, mount->action, mount, bit, mount->evidence & EVIDENCE_BIT(bit), NULL);
}

struct journal_follower *journal_follow(struct engine *engine, journal_function *function, void *context)
{
	struct journal_follower *follower = calloc(1, sizeof(*follower));

	if (!follower)
		return NULL;
	*follower = (struct journal_follower){ function, context, engine->journal->followers };
	engine->journal->followers = follower;
	return follower;
}

void journal_unfollow(struct engine *engine, struct journal_follower *follower)
{
	for (struct journal_follower **at = &engine->journal->followers; *at; at = &(*at)->next)
		if (*at == follower) {
			*at = follower->next;
			free(follower);
			return;
		}
}
