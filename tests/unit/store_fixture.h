/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * For tests of the ledger: a directory of their own, one root with one action and one mount, made by hand, and what
 * readers give as text.
 */
#ifndef TESTS_UNIT_STORE_FIXTURE_H
#define TESTS_UNIT_STORE_FIXTURE_H

#include <check.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "store/store.h"

#define BOOT	   "11111111-2222-3333-4444-555555555555"
#define OTHER_BOOT "99999999-2222-3333-4444-555555555555"
#define NAMESPACE  UINT64_C(4026531841)
#define START	   INT64_C(1795000000000000000) /* some moment of 2026, ns */
#define ROOT_PATH  "/worker/build"
#define ANY	   ((struct store_filter){ .type = -1 })

struct world {
	char dir[64];
	char path[128];
	struct now now;
	struct model *model; /* empty: our own namespace */
	struct root root;
	struct root_instance instance;
	struct action action;
	struct mount mount;
};

static struct world world;

static inline struct now at_second(int64_t second)
{
	return (struct now){ .mono = (1000 + second) * NSEC_PER_SEC, .real = START + second * NSEC_PER_SEC };
}

static inline void world_mount(struct mount *mount, struct action *action, uint64_t id, const char *target)
{
	*mount = (struct mount){
		.facts = { .id = id,
			   .parent = 7,
			   .id32 = 40,
			   .parent32 = 20,
			   .dev = 99,
			   .root = (char *)"/",
			   .target = (char *)target,
			   .fstype = (char *)"proc",
			   .source = (char *)"/proc",
			   .options = (char *)"rw,noexec",
			   .super_options = (char *)"rw" },
		.ns = model_namespaces(world.model),
		.instance = &world.instance,
		.action = action,
		.first_seen = world.now,
		.dirty = true,
	};
}

static inline void world_action(struct action *action, const char *name, uint32_t generation)
{
	*action = (struct action){
		.root = &world.root,
		.instance = &world.instance,
		.name = (char *)name,
		.path = (char *)name,
		.generation = generation,
		.owner = { .uid = -1 },
		.first_seen = world.now,
		.dirty = true,
	};
}

static inline void world_begin(void)
{
	const char *tmp = getenv("TMPDIR");

	memset(&world, 0, sizeof(world));
	/* What a degraded ledger says is expected here. */
	log_open("test", getenv("TEST_VERBOSE") ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR);
	snprintf(world.dir, sizeof(world.dir), "%.40s/store-XXXXXX", tmp ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(world.dir));
	snprintf(world.path, sizeof(world.path), "%s/ledger.db", world.dir);
	world.now = at_second(0);
	world.model = model_new();
	ck_assert_ptr_nonnull(world.model);
	ck_assert_int_eq(rules_init(&world.root.rules, ROOT_PATH), 0);
	world.instance =
		(struct root_instance){ .root = &world.root, .dev = 42, .fs_path = (char *)"/build", .visible = true };
	world_action(&world.action, "f3fb7c74c3b342a0", 1);
	world_mount(&world.mount, &world.action, 1001, ROOT_PATH "/f3fb7c74c3b342a0/root/proc");
}

static inline int world_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void world_end(void)
{
	rules_clear(&world.root.rules);
	model_free(world.model);
	nftw(world.dir, world_remove, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

/* An open ledger of BOOT. */
static inline struct store *world_open(void)
{
	struct store *store = store_open(world.path);

	ck_assert_ptr_nonnull(store);
	store_begin_boot(store, BOOT, NAMESPACE, world.now);
	return store;
}

static inline struct store_event world_event(enum event_type type, const struct action *action,
					     const struct mount *mount, int64_t time)
{
	struct store_event event = { .time = time, .type = type, .root = ROOT_PATH };

	if (action) {
		event.action = action->name;
		event.generation = action->generation;
		event.action_row = action->row;
	}
	if (mount) {
		event.mount_id = mount->facts.id;
		event.mount_row = mount->row;
		event.target = mount->facts.target;
	}
	return event;
}

/* What a reader gave, as text: one line a row. */
struct lines {
	char text[65536];
	size_t used;
	size_t count;
};

__attribute__((format(printf, 2, 3))) static inline void lines_add(struct lines *into, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	into->used += (size_t)vsnprintf(into->text + into->used, sizeof(into->text) - into->used, format, arguments);
	va_end(arguments);
	ck_assert_uint_lt(into->used, sizeof(into->text));
	into->count++;
}

#define shown_or(text) ((text) ? (text) : "-")

static inline int add_event_line(void *context, const struct store_event *event)
{
	lines_add(context, "%lld %s %s %s@%u %llu %s %d %s %s\n", (long long)event->seq, event_type_name(event->type),
		  shown_or(event->root), shown_or(event->action), event->generation,
		  (unsigned long long)event->mount_id, shown_or(event->target), event->pid, shown_or(event->comm),
		  shown_or(event->detail));
	return 0;
}

static inline int add_action_line(void *context, const struct store_action_row *row)
{
	lines_add(context, "%s %s@%u %s mounts=%lld %s pid=%d uid=%lld %s\n", row->root, row->name, row->generation,
		  row->state, (long long)row->mounts, row->owner_kind, row->pid, (long long)row->uid,
		  shown_or(row->comm));
	return 0;
}

static inline int add_mount_line(void *context, const struct store_mount_row *row)
{
	lines_add(context, "%llu %s %s@%u %s %s %s %s\n", (unsigned long long)row->id, shown_or(row->root),
		  shown_or(row->action), row->generation, row->target, row->fstype, row->state,
		  shown_or(row->detached_by));
	return 0;
}

static inline int add_attempt_line(void *context, const struct store_attempt_row *row)
{
	lines_add(context, "%lld %llu %s@%u %s %s %s %s %d %s\n", (long long)row->row,
		  (unsigned long long)row->mount_id, shown_or(row->action), row->generation, row->target, row->step,
		  row->evidence, shown_or(row->outcome), row->error, shown_or(row->detail));
	return 0;
}

static inline const char *read_events(struct store *store, struct store_filter filter, struct lines *into)
{
	into->used = into->count = 0;
	into->text[0] = '\0';
	ck_assert_int_eq(store_events(store, &filter, add_event_line, into), 0);
	return into->text;
}

static inline const char *read_actions(struct store *store, struct store_filter filter, struct lines *into)
{
	into->used = into->count = 0;
	into->text[0] = '\0';
	ck_assert_int_eq(store_actions(store, &filter, add_action_line, into), 0);
	return into->text;
}

static inline const char *read_mounts(struct store *store, struct store_filter filter, struct lines *into)
{
	into->used = into->count = 0;
	into->text[0] = '\0';
	ck_assert_int_eq(store_mounts(store, &filter, add_mount_line, into), 0);
	return into->text;
}

static inline const char *read_attempts(struct store *store, struct store_filter filter, struct lines *into)
{
	into->used = into->count = 0;
	into->text[0] = '\0';
	ck_assert_int_eq(store_attempts(store, &filter, add_attempt_line, into), 0);
	return into->text;
}

static struct lines lines; /* for whoever needs no second */

static inline void write_some(struct store *store)
{
	struct store_event event;

	ck_assert_int_eq(store_save_root(store, &world.root), 0);
	ck_assert_int_eq(store_save_action(store, &world.action), 0);
	ck_assert_int_eq(store_save_mount(store, &world.mount, NULL), 0);
	event = world_event(EVENT_ATTACH, &world.action, &world.mount, world.now.real);
	event.pid = 77;
	event.comm = "runner";
	event.detail = "{\"by\":\"test\"}";
	store_add_event(store, &event);
	ck_assert_int_eq(store_commit(store), 0);
}

static inline void add_events(struct store *store)
{
	static const enum event_type types[] = { EVENT_ATTACH, EVENT_EVIDENCE, EVENT_REAPED };
	struct action other;

	world_action(&other, "other", 1);
	for (int i = 0; i < 30; i++) {
		struct store_event event = world_event(types[i % 3], i % 2 ? &world.action : &other,
						       i % 2 ? &world.mount : NULL, at_second(i).real);

		if (i == 29)
			event.root = "/elsewhere";
		store_add_event(store, &event);
	}
	ck_assert_int_eq(store_commit(store), 0);
}

static inline int64_t add(struct store *store, enum event_type type, int64_t second)
{
	struct store_event event = world_event(type, &world.action, &world.mount, at_second(second).real);

	store_add_event(store, &event);
	return event.seq;
}

static inline size_t count_events(struct store *store)
{
	read_events(store, ANY, &lines);
	return lines.count;
}

static inline void run_sql(const char *sql)
{
	sqlite3 *db;

	ck_assert_int_eq(sqlite3_open(world.path, &db), SQLITE_OK);
	ck_assert_msg(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, "%s", sqlite3_errmsg(db));
	sqlite3_close(db);
}

static inline void make_ledger(int events)
{
	struct store *store = world_open();

	ck_assert_int_eq(store_save_mount(store, &world.mount, NULL), 0);
	for (int i = 0; i < events; i++)
		add(store, EVENT_ATTACH, i);
	ck_assert_int_eq(store_commit(store), 0);
	store_close(store);
}

#endif
