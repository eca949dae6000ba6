/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/namespaces.h"

#include <stdlib.h>

#include "base/log.h"
#include "engine/ledger.h"
#include "engine/namespace_list.h"
#include "engine/namespace_read.h"
#include "engine/tracker.h"
#include "report/report.h"

#define IN_FLIGHT_MAX 4 /* so that the broker has room for others */

struct namespaces *namespaces_new(struct engine *engine, namespaces_changes_function *on_changes)
{
	struct namespaces *namespaces = calloc(1, sizeof(*namespaces));

	if (!namespaces)
		return NULL;
	namespaces->engine = engine;
	namespaces->on_changes = on_changes;
	return namespaces;
}

void namespaces_free(struct namespaces *namespaces)
{
	if (!namespaces)
		return;
	while (namespaces->others) {
		struct other_namespace *other = namespaces->others;

		namespaces->others = other->next;
		other_free(other);
	}
	free(namespaces);
}

static const struct other_namespace *find_ns(const struct namespaces *namespaces, const struct mount_namespace *ns)
{
	const struct other_namespace *other = namespaces->others;

	while (other && other->ns != ns)
		other = other->next;
	return other;
}

static void turn_one(struct other_namespace *other)
{
	struct engine *engine = other->namespaces->engine;
	int64_t now = engine->now.mono;

	if (other->answer)
		namespace_read_take(other);
	if (other->ns && !other->selected)
		namespace_read_leave(other);
	if (other->ns && !other->watch && !other->watch_asked && now >= other->watch_at)
		namespace_read_watch(other);
	/* A first table of one that is not watched yet would be read again. */
	if (other->ns && !other->watch && other->watch_asked)
		return;
	if (!other->wanted || other->asked)
		return;
	if (now < other->table_at)
		engine_wake_at(engine, other->table_at);
	else if (other->namespaces->in_flight < IN_FLIGHT_MAX)
		namespace_read_ask(other);
}

static void bury(struct namespaces *namespaces)
{
	for (struct other_namespace **at = &namespaces->others; *at;) {
		struct other_namespace *other = *at;

		if (other->gone && other->ns)
			namespace_read_leave(other);
		if (!other->gone || other->ns || other->asked || other->watch_asked) {
			at = &other->next;
			continue;
		}
		*at = other->next;
		namespaces->engine->reconcile_others_wanted = true;
		other_free(other);
	}
}

/* Of one that is not there any more there is nothing to be read. */
static enum ledger_table table_of(const struct engine *engine, uint64_t inode)
{
	const struct other_namespace *other = engine->namespaces->others;

	while (other && other->reference.inode != inode)
		other = other->next;
	if (!other)
		return LEDGER_TABLE_READ;
	if (other->gone || (other->selected && (other->ns ? !other->read_at : !other->looked)))
		return LEDGER_TABLE_UNREAD;
	return other->selected ? LEDGER_TABLE_READ : LEDGER_TABLE_UNWATCHED;
}

static void reconcile(struct namespaces *namespaces)
{
	struct engine *engine = namespaces->engine;

	if (!engine->reconcile_others_wanted || !namespaces->complete)
		return;
	engine->reconcile_others_wanted = false;
	ledger_reconcile_others(engine, table_of);
}

/* Once: what is mounted in there alone nobody reaps. */
static void warn(struct namespaces *namespaces)
{
	size_t count;

	if (namespaces->warned || !namespaces->holding_known || namespaces_are_busy(namespaces))
		return;
	namespaces->warned = true;
	count = namespaces_unwatched(namespaces);
	if (count > 0)
		log_warning("%zu other mount namespace%s a build root and %s not watched: what is mounted in there "
			    "alone is not seen (namespaces in reaperd.conf(5))",
			    count, count == 1 ? " holds" : "s hold", count == 1 ? "is" : "are");
}

void namespaces_turn(struct namespaces *namespaces)
{
	const struct engine *engine = namespaces->engine;

	if (namespaces->engine->refresh_of_others_wanted)
		namespaces_want_all(namespaces);
	namespaces->engine->refresh_of_others_wanted = false;
	if (!namespaces->list_asked && engine->now.mono >= namespaces->list_at)
		namespace_list_ask(namespaces);
	bury(namespaces);
	for (struct other_namespace *other = namespaces->others; other; other = other->next)
		turn_one(other);
	reconcile(namespaces);
	warn(namespaces);
	/* One that is asked for, and late, is not waited for by the clock: that would be at once, again and again. */
	if (!namespaces->list_asked)
		engine_wake_at(namespaces->engine, namespaces->list_at);
}

void namespaces_configure(struct namespaces *namespaces)
{
	namespaces->list_at = 0;
	for (struct other_namespace *other = namespaces->others; other; other = other->next)
		other_want(other);
}

bool namespaces_are_busy(const struct namespaces *namespaces)
{
	if (!namespaces->listed)
		return true;
	for (const struct other_namespace *other = namespaces->others; other; other = other->next)
		if (other->selected && !other->gone && (other->ns ? !other->read_at : other->look_rest == LOOK_FIRST))
			return true;
	return false;
}

void namespaces_want(struct namespaces *namespaces, const struct mount_namespace *ns)
{
	for (struct other_namespace *other = namespaces->others; other; other = other->next)
		if (other->ns && other->ns == ns)
			other_want(other);
}

void namespaces_want_all(struct namespaces *namespaces)
{
	for (struct other_namespace *other = namespaces->others; other; other = other->next)
		if (other->ns)
			other_want(other);
}

bool namespaces_is_wanted(const struct namespaces *namespaces, const struct mount_namespace *ns)
{
	const struct other_namespace *other = find_ns(namespaces, ns);

	return other && (other->wanted || other->asked || other->answer);
}

bool namespaces_have_read_since(const struct namespaces *namespaces, const struct mount_namespace *ns, int64_t mono)
{
	for (const struct other_namespace *other = namespaces->others; other; other = other->next)
		if (other->ns && (!ns || other->ns == ns) && other->read_at <= mono)
			return false;
	return true;
}

bool table_was_read_since(const struct engine *engine, const struct mount *mount, int64_t mono)
{
	return mount->ns->own ? tracker_has_read_since(engine->tracker, mono) :
				namespaces_have_read_since(engine->namespaces, mount->ns, mono);
}

bool table_was_looked_at_since(const struct engine *engine, const struct mount *mount, int64_t mono)
{
	return mount->ns->own ? tracker_has_looked_since(engine->tracker, mono) :
				namespaces_have_read_since(engine->namespaces, mount->ns, mono);
}

size_t namespaces_unwatched(const struct namespaces *namespaces)
{
	size_t count = 0;

	for (const struct other_namespace *other = namespaces ? namespaces->others : NULL; other; other = other->next)
		count += other->holds && !other->ns && !other->gone;
	return count;
}

static json_t *other_json(const struct other_namespace *other)
{
	const char *source = !other->watch					? "none" :
			     namespace_watch_kind(other->watch) == EVENTS_GROUP ? "fanotify" :
										  "mountinfo";
	json_t *object =
		json_pack("{s:I, s:i, s:I, s:s}", "inode", (json_int_t)other->reference.inode, "pid",
			  (int)other->reference.pid, "mounts", (json_int_t)other->ns->mounts, "source", source);

	if (object && report_set_bytes(object, "comm", other->comm) < 0) {
		json_decref(object);
		return NULL;
	}
	return object;
}

json_t *namespaces_json(const struct namespaces *namespaces)
{
	json_t *list = json_array();

	for (const struct other_namespace *other = namespaces ? namespaces->others : NULL; list && other;
	     other = other->next)
		if (other->ns)
			json_array_append_new(list, other_json(other));
	return list;
}
