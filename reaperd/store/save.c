/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* One kind and two times are at most 96 bytes. */
#define EVIDENCE_SIZE (EVIDENCE_COUNT * 96 + 3)

static size_t put_evidence(char *buf, size_t used, enum evidence kind, int64_t since)
{
	char time[32];

	/* since_ns is what a restart goes on with, since what people and programs read. */
	return used + (size_t)snprintf(buf + used, EVIDENCE_SIZE - used,
				       "%s{\"kind\":\"%s\",\"since\":\"%s\",\"since_ns\":%lld}", used > 1 ? "," : "",
				       evidence_name(kind), time_format_rfc3339(since, time, sizeof(time)),
				       (long long)since);
}

static void action_evidence(const struct action *action, char *buf)
{
	size_t used = (size_t)snprintf(buf, EVIDENCE_SIZE, "[");

	for (int i = 0; i < EVIDENCE_COUNT; i++)
		if (action->evidence & EVIDENCE_BIT(i))
			used = put_evidence(buf, used, (enum evidence)i, action->evidence_state[i].since.real);
	snprintf(buf + used, EVIDENCE_SIZE - used, "]");
}

/* A stale copy is found again by each scan: only what needs its time is kept. */
static void mount_evidence(const struct mount *mount, char *buf)
{
	size_t used = (size_t)snprintf(buf, EVIDENCE_SIZE, "[");

	if (mount->evidence & EVIDENCE_BIT(EVIDENCE_MOVED))
		used = put_evidence(buf, used, EVIDENCE_MOVED, mount->moved.since.real);
	if (mount->evidence & EVIDENCE_BIT(EVIDENCE_SOURCE_DELETED))
		used = put_evidence(buf, used, EVIDENCE_SOURCE_DELETED, mount->source_deleted.since.real);
	snprintf(buf + used, EVIDENCE_SIZE - used, "]");
}

int store_root_row(struct store *store, const char *path, const char *mode, int64_t *ret_row)
{
	struct binding binding;
	int r;

	*ret_row = 0;
	if (!path)
		return 0;
	if (!mode)
		*ret_row = root_rows_find(store->roots, path);
	if (*ret_row)
		return 0;
	binding = store_bind(store, STATEMENT_ROOT);
	bind_bytes(&binding, path);
	bind_text(&binding, mode);
	r = store_run(store, STATEMENT_ROOT, ret_row);
	if (r == 0 && !mode)
		root_rows_add(&store->roots, path, *ret_row);
	return r;
}

int store_save_root(struct store *store, struct root *root)
{
	int64_t row = 0;
	int r = store_begin(store);

	if (r == 0)
		r = store_root_row(store, root->rules.path, root_mode_name(root->rules.mode), &row);
	if (r == 0)
		root->row = row;
	return r;
}

static const char *or_empty(const char *text)
{
	return text ? text : "";
}

static bool owner_is_known(const struct owner *owner)
{
	return owner->kind != OWNER_INFERRED || owner->pid || owner->uid > 0 || owner->comm || owner->cgroup ||
	       owner->container;
}

static int write_owner(struct store *store, const struct owner *owner, int64_t *ret_row)
{
	struct binding binding = store_bind(store, STATEMENT_OWNER);

	bind_integer(&binding, store->boot_row);
	bind_text(&binding, owner_kind_name(owner->kind));
	bind_integer(&binding, owner->pid);
	bind_integer(&binding, (int64_t)owner->start_time);
	bind_integer(&binding, owner->uid);
	bind_bytes(&binding, or_empty(owner->comm));
	bind_bytes(&binding, or_empty(owner->cgroup));
	bind_integer(&binding, (int64_t)owner->cgroup_id);
	bind_bytes(&binding, or_empty(owner->container));
	return store_run(store, STATEMENT_OWNER, ret_row);
}

static int save_owner(struct store *store, const struct owner *owner, int64_t *ret_row)
{
	*ret_row = 0;
	return owner_is_known(owner) ? write_owner(store, owner, ret_row) : 0;
}

static int save_actor(struct store *store, const struct actor *actor, int64_t *ret_row)
{
	*ret_row = 0;
	if (!actor)
		return 0;
	return write_owner(store,
			   &(struct owner){
				   .kind = actor->attested ? OWNER_ATTESTED : OWNER_INFERRED,
				   .pid = actor->pid,
				   .start_time = actor->start_time,
				   .uid = actor->uid,
				   .comm = actor->comm,
				   .cgroup = actor->cgroup,
				   .cgroup_id = actor->cgroup_id,
				   .container = actor->container,
			   },
			   ret_row);
}

static void bind_identity(struct binding *binding, const struct dir_identity *identity)
{
	if (!identity->known) {
		for (int i = 0; i < 5; i++)
			bind_null(binding);
		return;
	}
	bind_integer(binding, (int64_t)identity->dev);
	bind_integer(binding, (int64_t)identity->ino);
	bind_integer(binding, identity->birth);
	bind_integer(binding, identity->handle_type);
	bind_blob(binding, identity->handle, identity->handle_length);
}

static int write_action(struct store *store, const struct action *action, int64_t row, int64_t root, int64_t owner)
{
	enum statement statement = action->row ? STATEMENT_ACTION : STATEMENT_NEW_ACTION;
	struct binding binding = store_bind(store, statement);
	char evidence[EVIDENCE_SIZE];

	action_evidence(action, evidence);
	bind_integer(&binding, row);
	bind_number(&binding, store->boot_row);
	bind_number(&binding, store->namespace_row);
	bind_integer(&binding, root);
	bind_bytes(&binding, action->name);
	bind_bytes(&binding, action->path);
	bind_integer(&binding, action->generation);
	bind_integer(&binding, action->instance ? (int64_t)action->instance->dev : 0);
	bind_bytes(&binding, action->instance ? or_empty(action->instance->fs_path) : "");
	bind_text(&binding, action_state_name(action->state));
	bind_identity(&binding, &action->identity);
	bind_integer(&binding, action->in_trash);
	bind_integer(&binding, action->registered);
	bind_integer(&binding, action->seen_full);
	bind_number(&binding, owner);
	bind_integer(&binding, action->owner.lease);
	bind_integer(&binding, action->owner.max_age);
	bind_text(&binding, evidence);
	bind_integer(&binding, action->first_seen.real);
	bind_number(&binding, action->ended.real);
	return store_run(store, statement, NULL);
}

/*
 * What is over is saved once and then forgotten by all: where this turn is rolled back, or the file takes nothing, the
 * row that an earlier turn wrote must be closed all the same.
 */
static void keep_closing(struct store *store, bool of_mount, int64_t row, const char *state, int64_t time,
			 const char *by)
{
	const struct ring_closing closing = { of_mount, row, state, time, by };

	if (row && (store->writable || !ring_has_closing(&store->ring, of_mount, row)))
		ring_push(&store->ring, &(struct ring_entry){ .kind = RING_CLOSING, .closing = closing });
}

int store_save_action(struct store *store, struct action *action)
{
	int64_t root = 0, owner = 0, row = action->row;
	int r;

	if (action->state == ACTION_CLEARED)
		keep_closing(store, false, row, action_state_name(action->state), action->ended.real, NULL);
	r = store_begin(store);
	if (r == 0)
		r = store_root_row(store, action->root->rules.path, NULL, &root);
	if (r == 0)
		r = save_owner(store, &action->owner, &owner);
	if (r < 0)
		return r;
	if (row == 0)
		row = store_next_number(store, NUMBER_ACTION);
	r = write_action(store, action, row, root, owner);
	if (r < 0)
		return r;
	action->row = row;
	action->dirty = false;
	return 0;
}

static void bind_facts(struct binding *binding, const struct mount_facts *facts)
{
	bind_integer(binding, (int64_t)facts->id);
	bind_integer(binding, (int64_t)facts->parent);
	bind_integer(binding, facts->id32);
	bind_integer(binding, facts->parent32);
	bind_integer(binding, (int64_t)facts->dev);
	bind_bytes(binding, or_empty(facts->root));
	bind_integer(binding, facts->root_deleted);
	bind_bytes(binding, or_empty(facts->target));
	bind_bytes(binding, or_empty(facts->fstype));
	bind_bytes(binding, or_empty(facts->source));
	bind_bytes(binding, or_empty(facts->options));
	bind_bytes(binding, or_empty(facts->super_options));
	bind_integer(binding, (int64_t)facts->peer_group);
	bind_integer(binding, (int64_t)facts->master);
}

static bool is_gone(const struct mount *mount)
{
	return mount->state == MOUNT_DETACHED || mount->state == MOUNT_REAPED;
}

/* `evidence` is read when the statement runs. */
static void bind_state(struct binding *binding, const struct mount *mount, const char *evidence,
		       const char *detached_by)
{
	bool gone = is_gone(mount);

	bind_text(binding, mount_state_name(mount->state));
	bind_text(binding, evidence);
	if (gone)
		bind_integer(binding, mount->gone.real);
	else
		bind_null(binding);
	bind_text(binding, gone ? detached_by : NULL);
	bind_integer(binding, mount->next_step);
	bind_integer(binding, mount->attempts);
	bind_integer(binding, mount->rounds);
	bind_text(binding, mount->attempts > 0 ? outcome_name(mount->last_outcome) : NULL);
	bind_integer(binding, mount->confirmed);
}

static int namespace_row(struct store *store, struct mount_namespace *ns, int64_t *ret)
{
	int r = ns->own || ns->row ? 0 : store_namespace_row(store, ns->inode, &ns->row);

	*ret = ns->own ? store->namespace_row : ns->row;
	return r;
}

static int write_mount(struct store *store, const struct mount *mount, int64_t row, int64_t ns, int64_t root,
		       int64_t attached_by, const char *detached_by)
{
	enum statement statement = mount->row ? STATEMENT_MOUNT : STATEMENT_NEW_MOUNT;
	struct binding binding = store_bind(store, statement);
	char evidence[EVIDENCE_SIZE];

	mount_evidence(mount, evidence);
	bind_integer(&binding, row);
	bind_number(&binding, ns);
	bind_facts(&binding, &mount->facts);
	bind_number(&binding, root);
	bind_number(&binding, mount->action ? mount->action->row : 0);
	bind_integer(&binding, mount->first_seen.real);
	bind_state(&binding, mount, evidence, detached_by);
	bind_number(&binding, attached_by);
	bind_integer(&binding, mount->saved_protected);
	return store_run(store, statement, NULL);
}

/* Of a mount whose facts are in its row. *ret_found: whether there is such a row. */
static int write_state(struct store *store, const struct mount *mount, const char *detached_by, bool *ret_found)
{
	struct binding binding = store_bind(store, STATEMENT_MOUNT_STATE);
	char evidence[EVIDENCE_SIZE];
	int r;

	mount_evidence(mount, evidence);
	bind_state(&binding, mount, evidence, detached_by);
	bind_integer(&binding, mount->row);
	r = store_run(store, STATEMENT_MOUNT_STATE, NULL);
	*ret_found = r == 0 && sqlite3_changes(store->db) > 0;
	return r;
}

static const char *mount_root_path(const struct mount *mount)
{
	if (mount->action)
		return mount->action->root->rules.path;
	return mount->instance ? mount->instance->root->rules.path : NULL;
}

int store_save_mount(struct store *store, struct mount *mount, const char *detached_by)
{
	int64_t root = 0, attached_by = 0, row = mount->row, ns = 0;
	bool done = false;
	int r;

	if (is_gone(mount))
		keep_closing(store, true, row, mount_state_name(mount->state), mount->gone.real, detached_by);
	r = store_begin(store);
	if (r == 0 && mount->action && mount->action->row == 0)
		r = store_save_action(store, mount->action);
	if (r == 0)
		r = store_root_row(store, mount_root_path(mount), NULL, &root);
	if (r == 0)
		r = namespace_row(store, mount->ns, &ns);
	if (r < 0)
		return r;
	if (row == 0)
		row = store_next_number(store, NUMBER_MOUNT);
	if (!mount->dirty && mount->row)
		r = write_state(store, mount, detached_by, &done);
	if (r == 0 && !done)
		r = save_actor(store, mount->facts.attached_by, &attached_by);
	if (r == 0 && !done) {
		mount->saved_protected = mount_is_protected(mount);
		r = write_mount(store, mount, row, ns, root, attached_by, detached_by);
	}
	if (r < 0)
		return r;
	mount->row = row;
	mount->dirty = mount->state_dirty = false;
	return 0;
}
