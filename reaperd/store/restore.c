/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

struct intent_list {
	struct store_intent *items;
	size_t count;
};

static void intent_list_clear(struct intent_list *list)
{
	free(list->items);
}

static int intent_list_add(struct intent_list *list, sqlite3_stmt *statement)
{
	struct store_intent *items = reallocarray(list->items, list->count + 1, sizeof(*items));

	if (!items)
		return -ENOMEM;
	list->items = items;
	items[list->count++] = (struct store_intent){
		.attempt = sqlite3_column_int64(statement, 0),
		.mount_id = (uint64_t)sqlite3_column_int64(statement, 1),
		.namespace = (uint64_t)sqlite3_column_int64(statement, 2),
	};
	return 0;
}

/* All rows before the first call, for that writes outcomes. */
static int read_open_intents(struct store *store, struct intent_list *list)
{
	struct binding binding = store_bind(store, STATEMENT_OPEN_INTENTS);
	int r = 0, rc;

	bind_integer(&binding, store->boot_row);
	while (r == 0 && (rc = sqlite3_step(binding.statement)) == SQLITE_ROW)
		r = intent_list_add(list, binding.statement);
	if (r == 0 && rc != SQLITE_DONE)
		return store_fail_read(store, binding.statement, rc);
	sqlite3_reset(binding.statement);
	return r;
}

int store_each_open_intent(struct store *store, store_intent_function *function, void *context)
{
	CLEANUP(intent_list_clear) struct intent_list list = { NULL, 0 };
	int r = store->db ? read_open_intents(store, &list) : -EIO;

	for (size_t i = 0; r == 0 && i < list.count; i++)
		if (store->first_attempt == 0 || list.items[i].attempt < store->first_attempt)
			r = function(context, &list.items[i]);
	return r;
}

uint32_t store_last_generation(void *context, const struct root *root, const char *name)
{
	struct store *store = context;
	struct binding binding;
	uint32_t generation = 0;
	int rc;

	if (!store->db)
		return 0;
	binding = store_bind(store, STATEMENT_LAST_GENERATION);
	bind_bytes(&binding, name);
	bind_bytes(&binding, root->rules.path);
	rc = sqlite3_step(binding.statement);
	if (rc == SQLITE_ROW)
		generation = (uint32_t)sqlite3_column_int64(binding.statement, 0);
	if (rc == SQLITE_ROW || rc == SQLITE_DONE)
		sqlite3_reset(binding.statement);
	else
		store_fail_read(store, binding.statement, rc);
	return generation;
}

/* The recorded time with what the monotonic clock of this boot said then; at least 1, for 0 means never. */
static struct now then(int64_t real, struct now now)
{
	struct now time = { .mono = now.mono - (now.real - real), .real = real };

	if (time.mono > now.mono)
		time.mono = now.mono;
	if (time.mono < 1)
		time.mono = 1;
	return time;
}

typedef void evidence_function(void *context, enum evidence kind, struct evidence_state state);

static int each_evidence(struct store *store, const char *json, struct now now, evidence_function *function,
			 void *context)
{
	struct binding binding = store_bind(store, STATEMENT_PARSE_EVIDENCE);
	int rc;

	bind_text(&binding, json);
	while ((rc = sqlite3_step(binding.statement)) == SQLITE_ROW) {
		const char *kind = column_bytes(binding.statement, 0);
		struct now since = { .mono = now.mono, .real = sqlite3_column_int64(binding.statement, 1) };
		enum evidence evidence;

		/*
		 * Nobody watched meanwhile, and the clock on the wall may have been set: shown as it was recorded, it
		 * has to hold for the whole grace from now on, and is not confirmed.
		 */
		if (kind && evidence_parse(kind, &evidence) == 0)
			function(context, evidence, (struct evidence_state){ .since = since });
	}
	if (rc != SQLITE_DONE)
		return store_fail_read(store, binding.statement, rc);
	sqlite3_reset(binding.statement);
	return 0;
}

static void give_action_evidence(void *context, enum evidence kind, struct evidence_state state)
{
	struct action *action = context;

	action->evidence |= EVIDENCE_BIT(kind);
	action->evidence_state[kind] = state;
}

static void give_mount_evidence(void *context, enum evidence kind, struct evidence_state state)
{
	struct mount *mount = context;

	if (kind != EVIDENCE_MOVED && kind != EVIDENCE_SOURCE_DELETED)
		return;
	mount->evidence |= EVIDENCE_BIT(kind);
	mount->told_evidence |= EVIDENCE_BIT(kind);
	*(kind == EVIDENCE_MOVED ? &mount->moved : &mount->source_deleted) = state;
}

static int copy_string(sqlite3_stmt *statement, int column, char **ret)
{
	const char *bytes = column_bytes(statement, column);

	free(*ret);
	*ret = bytes ? strdup(bytes) : NULL;
	return bytes && !*ret ? -ENOMEM : 0;
}

static void restore_identity(sqlite3_stmt *statement, int column, struct dir_identity *identity)
{
	size_t length = (size_t)sqlite3_column_bytes(statement, column + 4);

	if (sqlite3_column_type(statement, column) == SQLITE_NULL || length > sizeof(identity->handle))
		return;
	identity->known = true;
	identity->dev = (uint64_t)sqlite3_column_int64(statement, column);
	identity->ino = (uint64_t)sqlite3_column_int64(statement, column + 1);
	identity->birth = sqlite3_column_int64(statement, column + 2);
	identity->handle_type = sqlite3_column_int(statement, column + 3);
	identity->handle_length = (uint32_t)length;
	if (length > 0)
		memcpy(identity->handle, sqlite3_column_blob(statement, column + 4), length);
}

static enum owner_kind parse_owner_kind(const char *name)
{
	for (int kind = OWNER_INFERRED; kind <= OWNER_ATTESTED; kind++)
		if (strcmp(name, owner_kind_name((enum owner_kind)kind)) == 0)
			return (enum owner_kind)kind;
	return OWNER_INFERRED;
}

static int restore_owner(sqlite3_stmt *statement, int column, struct owner *owner)
{
	if (sqlite3_column_type(statement, column) == SQLITE_NULL)
		return 0;
	owner->kind = parse_owner_kind(column_bytes(statement, column));
	owner->pid = sqlite3_column_int(statement, column + 1);
	owner->start_time = (uint64_t)sqlite3_column_int64(statement, column + 2);
	owner->uid = sqlite3_column_int64(statement, column + 3);
	if (copy_string(statement, column + 4, &owner->comm) < 0 ||
	    copy_string(statement, column + 5, &owner->cgroup) < 0 ||
	    copy_string(statement, column + 6, &owner->container) < 0)
		return -ENOMEM;
	owner->cgroup_id = (uint64_t)sqlite3_column_int64(statement, column + 7);
	return 0;
}

/* Numbers come again: who attached the mount that had it is not known of the one that has it now. */
static int restore_attacher(sqlite3_stmt *statement, int column, struct mount_facts *facts)
{
	struct actor actor;

	if (mount_id_is_synthetic(facts->id) || sqlite3_column_type(statement, column) == SQLITE_NULL)
		return 0;
	actor = (struct actor){
		.pid = sqlite3_column_int(statement, column + 1),
		.attested = parse_owner_kind(column_bytes(statement, column)) == OWNER_ATTESTED,
		.start_time = (uint64_t)sqlite3_column_int64(statement, column + 2),
		.uid = sqlite3_column_int64(statement, column + 3),
		.comm = (char *)column_bytes(statement, column + 4),
		.cgroup = (char *)column_bytes(statement, column + 5),
		.container = (char *)column_bytes(statement, column + 6),
		.cgroup_id = (uint64_t)sqlite3_column_int64(statement, column + 7),
	};
	facts->attached_by = actor_new(&actor);
	return facts->attached_by ? 0 : -ENOMEM;
}

static int fill_action(struct store *store, sqlite3_stmt *statement, struct action *action, struct now now)
{
	int r;

	if (action_state_parse(column_bytes(statement, 7), &action->state) < 0)
		action->state = ACTION_ACTIVE;
	restore_identity(statement, 8, &action->identity);
	action->in_trash = sqlite3_column_int(statement, 13);
	action->registered = action->owner.restored = sqlite3_column_int(statement, 14);
	action->seen_full = sqlite3_column_int(statement, 15);
	r = restore_owner(statement, 16, &action->owner);
	action->owner.lease = sqlite3_column_int(statement, 24);
	action->owner.max_age = sqlite3_column_int64(statement, 25);
	if (r == 0)
		r = each_evidence(store, column_bytes(statement, 26), now, give_action_evidence, action);
	action->first_seen = then(sqlite3_column_int64(statement, 27), now);
	if (sqlite3_column_type(statement, 28) != SQLITE_NULL)
		action->ended = then(sqlite3_column_int64(statement, 28), now);
	action->row = sqlite3_column_int64(statement, 0);
	action->dirty = false;
	return r;
}

struct restored {
	int64_t row;
	struct action *action;
};

struct restored_list {
	struct restored *items; /* by row */
	size_t count;
};

static void restored_list_clear(struct restored_list *list)
{
	free(list->items);
}

static int compare_rows(const void *a, const void *b)
{
	int64_t x = ((const struct restored *)a)->row, y = ((const struct restored *)b)->row;

	return (x > y) - (x < y);
}

static struct action *find_restored(const struct restored_list *list, int64_t row)
{
	struct restored key = { row, NULL };
	const struct restored *found =
		list->count ? bsearch(&key, list->items, list->count, sizeof(key), compare_rows) : NULL;

	return found ? found->action : NULL;
}

static int restore_action(struct store *store, struct model *model, sqlite3_stmt *statement, struct now now,
			  struct restored_list *list)
{
	struct root *root = model_root_by_path(model, column_bytes(statement, 1));
	struct restored *items;
	struct action *action;

	if (!root)
		return 0;
	items = reallocarray(list->items, list->count + 1, sizeof(*items));
	if (!items)
		return -ENOMEM;
	list->items = items;
	action = model_restore_action(model, root, (uint64_t)sqlite3_column_int64(statement, 2),
				      column_bytes(statement, 3), column_bytes(statement, 4),
				      column_bytes(statement, 5), (uint32_t)sqlite3_column_int64(statement, 6));
	if (!action)
		return -ENOMEM;
	items[list->count++] = (struct restored){ sqlite3_column_int64(statement, 0), action };
	return fill_action(store, statement, action, now);
}

static int restore_actions(struct store *store, struct model *model, struct now now, struct restored_list *list)
{
	struct binding binding = store_bind(store, STATEMENT_RESTORE_ACTIONS);
	int r = 0, rc;

	bind_integer(&binding, store->boot_row);
	bind_integer(&binding, store->namespace_row);
	while (r == 0 && (rc = sqlite3_step(binding.statement)) == SQLITE_ROW)
		r = restore_action(store, model, binding.statement, now, list);
	if (r == 0 && rc != SQLITE_DONE)
		return store_fail_read(store, binding.statement, rc);
	sqlite3_reset(binding.statement);
	return r;
}

static int read_facts(sqlite3_stmt *statement, struct mount_facts *facts)
{
	facts->id = (uint64_t)sqlite3_column_int64(statement, 1);
	facts->parent = (uint64_t)sqlite3_column_int64(statement, 2);
	facts->id32 = (uint32_t)sqlite3_column_int64(statement, 3);
	facts->parent32 = (uint32_t)sqlite3_column_int64(statement, 4);
	facts->dev = (uint64_t)sqlite3_column_int64(statement, 5);
	facts->root_deleted = sqlite3_column_int(statement, 7);
	facts->peer_group = (uint64_t)sqlite3_column_int64(statement, 13);
	facts->master = (uint64_t)sqlite3_column_int64(statement, 14);
	if (copy_string(statement, 6, &facts->root) < 0 || copy_string(statement, 8, &facts->target) < 0 ||
	    copy_string(statement, 9, &facts->fstype) < 0 || copy_string(statement, 10, &facts->source) < 0 ||
	    copy_string(statement, 11, &facts->options) < 0 || copy_string(statement, 12, &facts->super_options) < 0)
		return -ENOMEM;
	return restore_attacher(statement, 24, facts);
}

static int fill_mount(struct store *store, sqlite3_stmt *statement, struct mount *mount, struct now now)
{
	const char *outcome = column_bytes(statement, 22);

	if (mount_state_parse(column_bytes(statement, 16), &mount->state) < 0)
		mount->state = MOUNT_ATTACHED;
	mount->first_seen = then(sqlite3_column_int64(statement, 18), now);
	mount->next_step = (uint8_t)sqlite3_column_int(statement, 19);
	mount->attempts = (uint32_t)sqlite3_column_int64(statement, 20);
	mount->rounds = (uint32_t)sqlite3_column_int64(statement, 21);
	if (!outcome || outcome_parse(outcome, &mount->last_outcome) < 0)
		mount->attempts = 0;
	mount->joined = mount->first_seen;
	mount->confirmed = sqlite3_column_int(statement, 23);
	mount->row = sqlite3_column_int64(statement, 0);
	mount->restored = true;
	mount->saved_protected = sqlite3_column_int(statement, 32);
	mount->dirty = false;
	return each_evidence(store, column_bytes(statement, 17), now, give_mount_evidence, mount);
}

static int restore_mount(struct store *store, struct model *model, sqlite3_stmt *statement, struct now now,
			 const struct restored_list *list)
{
	int64_t action_row = sqlite3_column_int64(statement, 15);
	struct action *action = find_restored(list, action_row);
	CLEANUP(mount_facts_clear) struct mount_facts facts = { 0 };
	struct mount *mount;
	int r;

	/* Its root is no longer configured. */
	if (action_row && !action)
		return 0;
	r = read_facts(statement, &facts);
	if (r < 0)
		return r;
	mount = model_restore_mount(model, &facts, action);
	return mount ? fill_mount(store, statement, mount, now) : -ENOMEM;
}

static int restore_mounts(struct store *store, struct model *model, struct now now, const struct restored_list *list)
{
	struct binding binding = store_bind(store, STATEMENT_RESTORE_MOUNTS);
	int r = 0, rc;

	bind_integer(&binding, store->namespace_row);
	while (r == 0 && (rc = sqlite3_step(binding.statement)) == SQLITE_ROW)
		r = restore_mount(store, model, binding.statement, now, list);
	if (r == 0 && rc != SQLITE_DONE)
		return store_fail_read(store, binding.statement, rc);
	sqlite3_reset(binding.statement);
	return r;
}

struct path_list {
	char **items;
	size_t count;
};

static void path_list_clear(struct path_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
}

static int path_list_add(struct path_list *list, const char *path)
{
	char **items = reallocarray(list->items, list->count + 1, sizeof(*items));

	if (!items)
		return -ENOMEM;
	list->items = items;
	items[list->count] = strdup(path);
	if (!items[list->count])
		return -ENOMEM;
	list->count++;
	return 0;
}

static int close_other_roots(struct store *store, struct model *model, struct now now)
{
	CLEANUP(path_list_clear) struct path_list others = { NULL, 0 };
	struct binding binding = store_bind(store, STATEMENT_OPEN_ROOTS);
	int r = 0, rc;

	while (r == 0 && (rc = sqlite3_step(binding.statement)) == SQLITE_ROW)
		if (!model_root_by_path(model, column_bytes(binding.statement, 0)))
			r = path_list_add(&others, column_bytes(binding.statement, 0));
	if (r == 0 && rc != SQLITE_DONE)
		return store_fail_read(store, binding.statement, rc);
	sqlite3_reset(binding.statement);
	for (size_t i = 0; r == 0 && i < others.count; i++)
		store_close_root(store, others.items[i], now);
	return r;
}

int store_restore(struct store *store, struct model *model, struct now now)
{
	CLEANUP(restored_list_clear) struct restored_list list = { NULL, 0 };
	int r;

	r = store->db && store->namespace_row ? restore_actions(store, model, now, &list) : -EIO;
	if (r == 0)
		r = restore_mounts(store, model, now, &list);
	if (r == 0 && !store->readonly)
		r = close_other_roots(store, model, now);
	if (r == 0 || store->readonly)
		return r;
	/* Also what was restored before it failed is then to be saved again. */
	store->unrestored = store->lost = true;
	if (store_begin(store) == 0)
		store_close_unrestored(store);
	return r;
}
