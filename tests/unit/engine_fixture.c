/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine_fixture.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "engine/broker_client.h"
#include "engine/registry.h"
#include "engine_broker.h"

#define MOUNTS_MAX 64

struct engine *engine;
struct now now;
uint64_t step_namespace;
size_t steps_asked, steps_intended;
const char *engine_root_lines = "";

static struct {
	uint64_t id, parent;
	char target[128];
	struct actor *by; /* a reference */
} table[MOUNTS_MAX];
static uint64_t last_id;
static bool table_changed, table_fails;
bool engine_numbers;
int64_t engine_gathers, engine_read_takes;
size_t tables_read;

static char state_directory[64], configuration[256];

/* --- the clock, in place of base/clock_now.c --- */

struct now clock_now(void)
{
	return now;
}

/* --- the mount table, in place of source/source.c --- */

static int drain(struct source *source)
{
	uint64_t count;

	return read(source->fd, &count, sizeof(count)) == sizeof(count);
}

void fail_table(bool fails)
{
	table_fails = fails;
}

static int read_table(struct source *source, const struct model *model, bool complete, struct scan *ret)
{
	(void)source;
	(void)model;
	(void)complete;
	tables_read++;
	now.mono += engine_read_takes;
	now.real += engine_read_takes;
	if (table_fails)
		return -EIO;
	ret->complete = true;
	ret->unique_ids = !engine_numbers;
	for (size_t i = 0; i < MOUNTS_MAX; i++) {
		struct mount_facts *facts;

		if (!table[i].id)
			continue;
		facts = scan_add(ret);
		ck_assert_ptr_nonnull(facts);
		*facts = (struct mount_facts){
			.id = engine_numbers ? 0 : table[i].id,
			.parent = engine_numbers ? 0 : table[i].parent,
			.id32 = (uint32_t)table[i].id,
			.parent32 = (uint32_t)table[i].parent,
			.dev = 100 + table[i].id,
			.root = strdup("/"),
			.target = strdup(table[i].target),
			.fstype = strdup(table[i].id == 1 ? "ext4" : "tmpfs"),
			.source = strdup("none"),
			.options = strdup("rw"),
			.super_options = strdup("rw"),
			.attached_by = actor_ref(table[i].by),
		};
	}
	return 0;
}

static int refresh(struct source *source, const struct model *model, struct scan *ret)
{
	return read_table(source, model, true, ret);
}

static const struct source_ops with_ids = {
	.kind = SOURCE_LISTMOUNT,
	.unique_ids = true,
	.drain = drain,
	.read = read_table,
	.refresh = refresh,
};

static const struct source_ops with_numbers = {
	.kind = SOURCE_MOUNTINFO,
	.drain = drain,
	.read = read_table,
	.refresh = refresh,
};
static struct source_ops ops;

int source_open(enum source_kind kind, struct source_inputs *inputs, struct source *ret, char *why, size_t size)
{
	(void)kind;
	(void)inputs;
	(void)size;
	*why = '\0';
	ops = engine_numbers ? with_numbers : with_ids;
	ops.rest = engine_gathers;
	ops.told = engine_gathers != 0;
	*ret = (struct source){ .ops = &ops, .fd = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC) };
	return ret->fd < 0 ? -errno : 0;
}

void source_close(struct source *source)
{
	close(source->fd);
}

static uint64_t add_mount(uint64_t parent, const char *target)
{
	for (size_t i = 0; i < MOUNTS_MAX; i++) {
		if (table[i].id)
			continue;
		table[i].id = ++last_id;
		table[i].parent = parent;
		actor_unref(take_ptr(table[i].by));
		snprintf(table[i].target, sizeof(table[i].target), "%s", target);
		table_changed = true;
		return last_id;
	}
	ck_abort_msg("too many mounts");
}

uint64_t attach_on(uint64_t parent, const char *below)
{
	char target[128];

	snprintf(target, sizeof(target), ROOT "/%s", below);
	return add_mount(parent, target);
}

uint64_t attach(const char *below)
{
	return attach_on(1, below);
}

uint64_t attach_by(struct actor *by, const char *below)
{
	uint64_t id = attach(below);

	for (size_t i = 0; i < MOUNTS_MAX; i++)
		if (table[i].id == id)
			table[i].by = by;
	return id;
}

void detach(uint64_t id)
{
	for (size_t i = 0; i < MOUNTS_MAX; i++) {
		if (table[i].id == id)
			table[i].id = 0;
		else if (table[i].id && table[i].parent == id)
			detach(table[i].id);
	}
	table_changed = true;
}

void move(uint64_t id, const char *below)
{
	for (size_t i = 0; i < MOUNTS_MAX; i++)
		if (table[i].id == id)
			snprintf(table[i].target, sizeof(table[i].target), ROOT "/%s", below);
	table_changed = true;
}

/* --- what is in the ledger at the very moment when the engine asks (the linker's --wrap) --- */

int __real_broker_request(struct broker *broker, struct message_request *request, broker_result_function *function,
			  void *context);
int __wrap_broker_request(struct broker *broker, struct message_request *request, broker_result_function *function,
			  void *context);

int __wrap_broker_request(struct broker *broker, struct message_request *request, broker_result_function *function,
			  void *context)
{
	if (request->type == MESSAGE_STEP)
		step_namespace = request->ns.inode;
	for (uint32_t i = 0; request->type == MESSAGE_STEP && i < request->count; i++) {
		char sql[128];

		steps_asked++;
		snprintf(sql, sizeof(sql),
			 "SELECT count(*) > 0 FROM attempts WHERE outcome IS NULL AND mount_id = %llu",
			 (unsigned long long)request->steps[i].mount.id);
		if (*state_directory && !strcmp(ledger_value(sql), "1"))
			steps_intended++;
	}
	return __real_broker_request(broker, request, function, context);
}

static sqlite3 *others;

static void hold_ledger(const char *sql)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/ledger.db", state_directory);
	ck_assert_int_eq(sqlite3_open(path, &others), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(others, sql, NULL, NULL, NULL), SQLITE_OK);
}

void ledger_lock(bool lock)
{
	sqlite3_close(others);
	others = NULL;
	if (lock)
		hold_ledger("BEGIN IMMEDIATE");
}

void ledger_lock_out(void)
{
	hold_ledger(
		"PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE; DELETE FROM settings WHERE key = 'none'; COMMIT");
}

const char *ledger_value(const char *sql)
{
	static char value[256];
	sqlite3_stmt *statement;
	char path[128];
	sqlite3 *db;
	int rc;

	snprintf(path, sizeof(path), "%s/ledger.db", state_directory);
	ck_assert_int_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	ck_assert_msg(sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK, "%s", sqlite3_errmsg(db));
	rc = sqlite3_step(statement);
	snprintf(value, sizeof(value), "%s",
		 rc != SQLITE_ROW				  ? "none" :
		 sqlite3_column_type(statement, 0) == SQLITE_NULL ? "" :
								    (const char *)sqlite3_column_text(statement, 0));
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return value;
}

/* --- the engine --- */

static void write_configuration(const char *daemon)
{
	snprintf(configuration, sizeof(configuration), "[daemon]\n%s\n[root " ROOT "]\n%s\n", daemon,
		 engine_root_lines);
}

static void configure(void)
{
	static uint8_t buffer[WIRE_FRAME_MAX];
	struct message_configuration message = { .serial = 1 };
	int fd = memfd_create("configuration", MFD_CLOEXEC);
	ssize_t length;

	snprintf(message.state_dir, sizeof(message.state_dir), "%s",
		 *state_directory ? state_directory : "/proc/no-such-directory");
	ck_assert_int_eq(write(fd, configuration, strlen(configuration)), (ssize_t)strlen(configuration));
	length = message_encode_configuration(&message, MESSAGE_CONFIGURATION, buffer);
	ck_assert_int_gt(length, 0);
	engine_broker_send(buffer, (size_t)length, &fd, 1);
	close(fd);
}

void engine_start(void)
{
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
	engine_broker_begin(fds[0]);
	engine = engine_new(fds[1]);
	ck_assert_ptr_nonnull(engine);
	configure();
	for (int i = 0; i < 20 && !engine->ready; i++)
		turn();
	ck_assert_msg(engine->ready, "the engine did not get ready");
}

void engine_stop(void)
{
	engine_free(engine);
	engine_broker_end();
}

void engine_begin_world(const char *daemon, bool with_ledger)
{
	for (size_t i = 0; i < MOUNTS_MAX; i++) {
		actor_unref(take_ptr(table[i].by));
		table[i].id = 0;
	}
	engine_broker_forget();
	last_id = steps_asked = steps_intended = tables_read = 0;
	now = (struct now){ .mono = 1000 * NSEC_PER_SEC, .real = 1700000000 * NSEC_PER_SEC };
	write_configuration(daemon);
	snprintf(state_directory, sizeof(state_directory), "%s", with_ledger ? "/tmp/test_engine.XXXXXX" : "");
	if (with_ledger)
		ck_assert_ptr_nonnull(mkdtemp(state_directory));
	add_mount(0, "/");
	engine_start();
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
	(void)status;
	(void)type;
	(void)ftw;
	return remove(path);
}

void engine_end_world(void)
{
	engine_stop();
	if (*state_directory)
		nftw(state_directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void engine_reconfigure(const char *lines)
{
	engine_root_lines = lines;
	write_configuration("");
	configure();
	turn();
}

void engine_restart(void)
{
	engine_stop();
	/* Of what was there before nobody tells who made it. */
	for (size_t i = 0; i < MOUNTS_MAX; i++)
		actor_unref(take_ptr(table[i].by));
	engine_start();
}

/* No two turns are at the same moment. */
static void loop_once(void)
{
	now.mono++;
	now.real++;
	ev_run(engine->loop, EVRUN_NOWAIT);
}

void turn(void)
{
	if (table_changed && engine->source.fd > 0) {
		table_changed = false;
		eventfd_write(engine->source.fd, 1);
	}
	/* Without waiting, for time is ours; and once more, for a callback's wish is granted in the turn after. */
	for (int i = 0; i < 2; i++) {
		loop_once();
		engine_broker_turn();
	}
	loop_once();
}

void pass(double seconds)
{
	for (int i = 0; i < (int)(seconds * 10 + 0.5); i++) {
		now.mono += NSEC_PER_SEC / 10;
		now.real += NSEC_PER_SEC / 10;
		turn();
	}
}

struct root *the_root(void)
{
	return model_root_by_path(engine->model, ROOT);
}

struct action *action(const char *name)
{
	struct action *found[8];

	return model_find_actions(engine->model, the_root(), name, found, 8) ? found[0] : NULL;
}

uint32_t begin(const char *name, int64_t max_age, bool lease)
{
	uint32_t generation;

	ck_assert_int_eq(
		registry_begin(
			engine, the_root(), name,
			&(struct claim){ .max_age = max_age, .lease = lease, .generation = CLAIM_GENERATION_UNSAID },
			&generation),
		0);
	turn();
	return generation;
}

void end(const char *name)
{
	uint32_t generation;

	ck_assert_int_eq(registry_end(engine, the_root(), name, 0, &generation), 0);
	turn();
}
