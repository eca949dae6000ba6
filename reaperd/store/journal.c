/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static int write_event(struct store *store, const struct store_event *event)
{
	struct binding binding;
	int64_t root;
	int r = store_root_row(store, event->root, NULL, &root);

	if (r < 0)
		return r;
	binding = store_bind(store, STATEMENT_EVENT);
	bind_integer(&binding, event->seq);
	bind_integer(&binding, event->time);
	bind_text(&binding, event_type_name(event->type));
	bind_number(&binding, (int64_t)event->mount_id);
	bind_number(&binding, event->mount_row);
	bind_number(&binding, event->action_row);
	bind_number(&binding, root);
	bind_bytes(&binding, event->action);
	bind_number(&binding, event->generation);
	bind_bytes(&binding, event->target);
	bind_number(&binding, event->pid);
	bind_bytes(&binding, event->comm);
	bind_text(&binding, event->detail);
	return store_run(store, STATEMENT_EVENT, NULL);
}

static int write_intent(struct store *store, const struct ring_intent *intent)
{
	struct binding binding;
	int64_t root, ns = store->namespace_row;
	int r = store_root_row(store, intent->root, NULL, &root);

	if (r == 0 && intent->namespace)
		r = store_namespace_row(store, intent->namespace, &ns);
	if (r < 0)
		return r;
	binding = store_bind(store, STATEMENT_INTENT);
	bind_integer(&binding, intent->attempt);
	bind_number(&binding, ns);
	bind_integer(&binding, (int64_t)intent->mount_id);
	bind_number(&binding, intent->mount_row);
	bind_number(&binding, intent->action_row);
	bind_number(&binding, root);
	bind_bytes(&binding, intent->action);
	bind_number(&binding, intent->generation);
	bind_bytes(&binding, intent->target);
	bind_text(&binding, step_name(intent->step));
	bind_text(&binding, evidence_name(intent->because));
	bind_integer(&binding, intent->time);
	return store_run(store, STATEMENT_INTENT, NULL);
}

static int write_outcome(struct store *store, const struct ring_outcome *outcome)
{
	struct binding binding = store_bind(store, STATEMENT_OUTCOME);

	bind_text(&binding, outcome_name(outcome->outcome));
	bind_integer(&binding, outcome->error);
	bind_text(&binding, outcome->detail);
	bind_integer(&binding, outcome->time);
	bind_integer(&binding, outcome->attempt);
	return store_run(store, STATEMENT_OUTCOME, NULL);
}

static int write_setting(struct store *store, const struct ring_setting *setting)
{
	enum statement number = setting->value ? STATEMENT_SET : STATEMENT_UNSET;
	struct binding binding = store_bind(store, number);

	bind_text(&binding, setting->key);
	if (setting->value)
		bind_text(&binding, setting->value);
	return store_run(store, number, NULL);
}

static int write_closing(struct store *store, const struct ring_closing *closing)
{
	enum statement number = closing->of_mount ? STATEMENT_CLOSE_MOUNT : STATEMENT_CLOSE_ACTION;
	struct binding binding = store_bind(store, number);

	bind_text(&binding, closing->state);
	bind_integer(&binding, closing->time);
	if (closing->of_mount)
		bind_text(&binding, closing->by);
	bind_integer(&binding, closing->row);
	return store_run(store, number, NULL);
}

static int write_root_closing(struct store *store, const struct ring_root_closing *closing)
{
	static const enum statement statements[] = { STATEMENT_CLOSE_ROOT_MOUNTS, STATEMENT_CLOSE_ROOT_ACTIONS };
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(statements); i++) {
		struct binding binding = store_bind(store, statements[i]);

		bind_integer(&binding, closing->time);
		bind_bytes(&binding, closing->path);
		r = store_run(store, statements[i], NULL);
	}
	return r;
}

int store_write_entry(struct store *store, const struct ring_entry *entry)
{
	switch (entry->kind) {
	case RING_EVENT:
		return write_event(store, &entry->event);
	case RING_INTENT:
		return write_intent(store, &entry->intent);
	case RING_OUTCOME:
		return write_outcome(store, &entry->outcome);
	case RING_SETTING:
		return write_setting(store, &entry->setting);
	case RING_CLOSING:
		return write_closing(store, &entry->closing);
	case RING_ROOT_CLOSING:
		return write_root_closing(store, &entry->root_closing);
	}
	return -EINVAL;
}

/*
 * Into the ring first, into the file then: whatever fails, and whenever in the turn, the entry is still in the ring.
 * What fails in here writes the ring to the log, or into a fresh file.
 */
static int add_entry(struct store *store, const struct ring_entry *entry)
{
	ring_push(&store->ring, entry);
	if (!store->writable) {
		ring_entry_log(entry);
		return -EIO;
	}
	if (store_begin(store) < 0)
		return -EIO;
	return store_write_entry(store, entry);
}

void store_add_event(struct store *store, struct store_event *event)
{
	/*
	 * Before the number: another process may have moved the file's on, which the transaction's beginning finds out.
	 */
	store_begin(store);
	event->seq = store_next_number(store, NUMBER_EVENT);
	add_entry(store, &(struct ring_entry){ .kind = RING_EVENT, .event = *event });
}

int64_t store_add_intent(struct store *store, const struct mount *mount, const char *root, enum step step,
			 enum evidence because, struct now now)
{
	struct ring_intent intent = {
		.namespace = mount->ns->own ? 0 : mount->ns->inode,
		.mount_id = mount->facts.id,
		.mount_row = mount->row,
		.root = root,
		.target = mount->facts.target,
		.step = step,
		.because = because,
		.time = now.real,
	};

	store_begin(store);
	intent.attempt = store_next_number(store, NUMBER_ATTEMPT);
	if (mount->action) {
		intent.action_row = mount->action->row;
		intent.action = mount->action->name;
		intent.generation = mount->action->generation;
	}
	add_entry(store, &(struct ring_entry){ .kind = RING_INTENT, .intent = intent });
	return store->guessed[NUMBER_ATTEMPT] ? -intent.attempt : intent.attempt;
}

void store_add_outcome(struct store *store, int64_t attempt, enum outcome outcome, int32_t error, const char *detail,
		       struct now now)
{
	struct ring_outcome row = { attempt, outcome, error, detail, now.real };

	if (attempt < 0)
		row.attempt = -attempt + store->attempts_moved;
	add_entry(store, &(struct ring_entry){ .kind = RING_OUTCOME, .outcome = row });
}

void store_close_root(struct store *store, const char *path, struct now now)
{
	const struct ring_root_closing closing = { path, now.real };

	add_entry(store, &(struct ring_entry){ .kind = RING_ROOT_CLOSING, .root_closing = closing });
}

int store_set(struct store *store, const char *key, const char *value)
{
	return add_entry(store, &(struct ring_entry){ .kind = RING_SETTING, .setting = { key, value } });
}

static const struct ring_setting *find_in_ring(struct store *store, const char *key)
{
	for (size_t i = store->ring.count; i-- > 0;) {
		const struct ring_entry *entry = ring_at(&store->ring, i);

		if (entry->kind == RING_SETTING && strcmp(entry->setting.key, key) == 0)
			return &entry->setting;
	}
	return NULL;
}

char *store_get(struct store *store, const char *key)
{
	const struct ring_setting *setting = find_in_ring(store, key);
	struct binding binding;
	char *value = NULL;
	int rc;

	if (setting)
		return setting->value ? strdup(setting->value) : NULL;
	if (!store->db)
		return NULL;
	binding = store_bind(store, STATEMENT_GET);
	bind_text(&binding, key);
	rc = sqlite3_step(binding.statement);
	if (rc == SQLITE_ROW)
		value = strdup(column_bytes(binding.statement, 0));
	if (rc == SQLITE_ROW || rc == SQLITE_DONE)
		sqlite3_reset(binding.statement);
	else
		store_fail_read(store, binding.statement, rc);
	return value;
}
