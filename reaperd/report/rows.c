/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report/internal.h"

#include <string.h>

static json_t *owner_object(const char *kind, int32_t pid, const char *comm, int64_t uid, const char *cgroup,
			    const char *container, bool lease)
{
	json_t *object = json_object();
	int failed = put(object, "kind", json_string(kind));

	failed += put_number(object, "pid", pid, 0);
	failed += report_set_bytes(object, "comm", comm);
	failed += put_number(object, "uid", uid, -1);
	failed += report_set_bytes(object, "cgroup", cgroup);
	failed += report_set_bytes(object, "container", container);
	failed += put(object, "lease", json_boolean(lease));
	return finish(object, failed);
}

json_t *report_action(const struct action *action)
{
	const struct owner *owner = &action->owner;
	json_t *object = json_object();
	int failed = report_set_bytes(object, "root", action->root->rules.path);

	failed += report_set_bytes(object, "name", action->name);
	failed += put_integer(object, "generation", action->generation);
	failed += put(object, "state", json_string(action_state_name(action->state)));
	failed += put(object, "evidence", report_evidence(action));
	failed += put_integer(object, "mounts", (int64_t)action->mount_count);
	failed += put(object, "owner",
		      owner_object(owner_kind_name(owner->kind), owner->pid, owner->comm, owner->uid, owner->cgroup,
				   owner->container, owner->lease));
	failed += report_set_time(object, "first_seen", action->first_seen.real);
	failed += report_set_time(object, "ended", action->ended.real);
	return finish(object, failed);
}

/* The ledger's evidence has nanoseconds beside the time that people read. */
static json_t *stored_evidence(const char *text)
{
	json_t *list = text ? json_loads(text, 0, NULL) : NULL;
	json_t *item;
	size_t i;

	if (!json_is_array(list)) {
		json_decref(list);
		return json_array();
	}
	json_array_foreach (list, i, item)
		json_object_del(item, "since_ns");
	return list;
}

json_t *report_action_row(const struct store_action_row *row)
{
	json_t *object = json_object();
	int failed = report_set_bytes(object, "root", row->root);

	failed += report_set_bytes(object, "name", row->name);
	failed += put_integer(object, "generation", row->generation);
	failed += put(object, "state", json_string(row->state));
	failed += put(object, "evidence", stored_evidence(row->evidence));
	failed += put_integer(object, "mounts", row->mounts);
	failed += put(
		object, "owner",
		owner_object(row->owner_kind, row->pid, row->comm, row->uid, row->cgroup, row->container, row->lease));
	failed += report_set_time(object, "first_seen", row->first_seen);
	failed += report_set_time(object, "ended", row->ended);
	return finish(object, failed);
}

/* Nobody is known where only the table was read, and of a process that had gone its pid alone. */
static json_t *attacher_object(const struct store_attacher *by)
{
	json_t *object = json_object();
	int failed = put(object, "attested", json_boolean(by->attested));

	failed += put_number(object, "pid", by->pid, 0);
	failed += report_set_bytes(object, "comm", by->comm);
	failed += put_number(object, "uid", by->attested ? by->uid : -1, -1);
	failed += report_set_bytes(object, "cgroup", by->cgroup);
	failed += report_set_bytes(object, "container", by->container);
	return finish(object, failed);
}

json_t *report_mount_row(const struct store_mount_row *row)
{
	json_t *object = json_object();
	int failed = put_integer(object, "id", (int64_t)row->id);

	failed += put_integer(object, "parent", (int64_t)row->parent);
	failed += put_number(object, "namespace", (int64_t)row->namespace, 0);
	failed += report_set_bytes(object, "root", row->root);
	failed += report_set_bytes(object, "action", row->action);
	failed += put_number(object, "generation", row->generation, 0);
	failed += report_set_bytes(object, "target", row->target);
	failed += report_set_bytes(object, "fstype", row->fstype);
	failed += report_set_bytes(object, "source", row->source);
	failed += report_set_bytes(object, "options", row->options);
	failed += put(object, "state", json_string(row->state));
	failed += report_set_time(object, "attached", row->attached);
	failed += put(object, "attached_by", attacher_object(&row->attached_by));
	failed += report_set_time(object, "detached", row->detached);
	failed += report_set_bytes(object, "detached_by", row->detached_by);
	return finish(object, failed);
}

json_t *report_mount(const struct mount *mount, uint64_t mnt_namespace)
{
	const struct root *root = mount->action ? mount->action->root : mount->instance ? mount->instance->root : NULL;
	const struct actor *by = mount->facts.attached_by;
	struct store_mount_row row = {
		.id = mount->facts.id,
		.parent = mount->facts.parent,
		.namespace = mount->ns->own ? mnt_namespace : mount->ns->inode,
		.root = root ? root->rules.path : NULL,
		.action = mount->action ? mount->action->name : NULL,
		.generation = mount->action ? mount->action->generation : 0,
		.target = mount->facts.target,
		.fstype = mount->facts.fstype,
		.source = mount->facts.source,
		.options = mount->facts.options,
		.state = mount_state_name(mount->state),
		.attached = mount->first_seen.real,
		.detached = mount->gone.real,
		.detached_by = mount->state == MOUNT_REAPED ? "reaperd" : NULL,
	};

	if (by)
		row.attached_by = (struct store_attacher){ .pid = by->pid,
							   .attested = by->attested,
							   .uid = by->uid,
							   .comm = by->comm,
							   .cgroup = by->cgroup,
							   .container = by->container };
	return report_mount_row(&row);
}

static json_t *event_detail(const char *text)
{
	json_t *detail = text ? json_loads(text, 0, NULL) : json_null();

	if (json_is_object(detail) || json_is_null(detail))
		return detail;
	json_decref(detail);
	detail = json_object();
	return finish(detail, report_set_bytes(detail, "text", text));
}

json_t *report_event(const struct store_event *event)
{
	json_t *object = json_object();
	int failed = put_integer(object, "seq", event->seq);

	failed += report_set_time(object, "time", event->time);
	failed += put(object, "type", json_string(event_type_name(event->type)));
	failed += put_number(object, "id", (int64_t)event->mount_id, 0);
	failed += report_set_bytes(object, "root", event->root);
	failed += report_set_bytes(object, "action", event->action);
	failed += put_number(object, "generation", event->generation, 0);
	failed += report_set_bytes(object, "target", event->target);
	failed += put_number(object, "pid", event->pid, 0);
	failed += report_set_bytes(object, "comm", event->comm);
	failed += put(object, "detail", event_detail(event->detail));
	return finish(object, failed);
}

static json_t *error_name(int32_t error)
{
	const char *name = error ? strerrorname_np(error) : NULL;

	if (error == 0)
		return json_null();
	return name ? json_string(name) : json_sprintf("errno %d", error);
}

json_t *report_attempt_row(const struct store_attempt_row *row)
{
	json_t *object = json_object();
	int failed = report_set_time(object, "time", row->intended);

	failed += report_set_time(object, "finished", row->finished);
	failed += put_integer(object, "id", (int64_t)row->mount_id);
	failed += report_set_bytes(object, "target", row->target);
	failed += put(object, "step", json_string(row->step));
	failed += put(object, "evidence", json_string(row->evidence));
	failed += put(object, "outcome", row->outcome ? json_string(row->outcome) : json_null());
	failed += put(object, "error", error_name(row->error));
	failed += report_set_bytes(object, "detail", row->detail);
	return finish(object, failed);
}
