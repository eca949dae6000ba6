/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "methods_fixture.h"

#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "control_fixture.h"
#include "engine/broker_client.h"
#include "engine/control.h"
#include "engine/methods.h"
#include "engine/metrics.h"
#include "engine/pause.h"
#include "engine/reap_now.h"
#include "engine/registry.h"

struct engine engine;
struct journal journal;
struct fake *fake;
static char directory[] = "/tmp/test_methods.XXXXXX";
static char state_directory[64];
static struct source_ops source_ops = { .kind = SOURCE_LISTMOUNT, .unique_ids = true };

/* ---- what the engine was asked ---- */

struct asked asked;

void pause_begin(struct engine *e, struct root *root, double seconds)
{
	(void)e;
	asked.pauses++;
	snprintf(asked.text, sizeof(asked.text), "pause %s %g", root ? root->rules.path : "all", seconds);
}

void pause_end(struct engine *e, struct root *root)
{
	(void)e;
	snprintf(asked.text, sizeof(asked.text), "resume %s", root ? root->rules.path : "all");
}

int registry_begin(struct engine *e, struct root *root, const char *name, const struct claim *claim,
		   uint32_t *ret_generation)
{
	(void)e;
	snprintf(asked.text, sizeof(asked.text), "begin %s %s %d %lld %d", root->rules.path, name, (int)claim->pid,
		 (long long)(claim->max_age / NSEC_PER_SEC), claim->lease);
	asked.claimed_generation = claim->generation;
	*ret_generation = 7;
	return asked.begin_error;
}

const struct action *registry_find(struct engine *e, struct root *root, const char *name)
{
	(void)e, (void)root;
	return action_named(fake, name);
}

int registry_join(struct engine *e, struct root *root, const char *name, uint32_t *ret_generation)
{
	(void)e;
	snprintf(asked.text, sizeof(asked.text), "join %s %s", root->rules.path, name);
	*ret_generation = 7;
	return asked.join_error;
}

int registry_end(struct engine *e, struct root *root, const char *name, uint32_t generation, uint32_t *ret_generation)
{
	(void)e;
	(void)generation;
	snprintf(asked.text, sizeof(asked.text), "end %s %s", root->rules.path, name);
	*ret_generation = 7;
	return strcmp(name, "unknown") == 0 ? -ENOENT : 0;
}

int registry_undo_begin(struct engine *e, struct root *root, const char *name, uint32_t generation, bool *ret_over)
{
	(void)e;
	snprintf(asked.text, sizeof(asked.text), "undo %s %s %u", root->rules.path, name, (unsigned)generation);
	*ret_over = generation == 7;
	return strcmp(name, "unknown") == 0 ? -ENOENT : 0;
}

void registry_lease_ended(struct engine *e, const char *root_path, const char *name, uint32_t generation)
{
	(void)e;
	asked.leases_ended++;
	snprintf(asked.text, sizeof(asked.text), "lease ended %s %s %u", root_path, name, (unsigned)generation);
}

int reap_now(struct engine *e, struct action *action, bool active)
{
	(void)e;
	asked.reaped++;
	snprintf(asked.text, sizeof(asked.text), "reap %s@%u %d", action->name, (unsigned)action->generation, active);
	return 0;
}

int reap_now_preview(struct engine *e, struct action *const *actions, size_t count, bool active, struct reap_list *ret)
{
	(void)e;
	(void)active;
	*ret = (struct reap_list){ .items = calloc(1000, sizeof(*ret->items)), .allocated = 1000 };
	for (size_t i = 0; i < count; i++) {
		for (struct mount *mount = actions[i]->mounts; mount; mount = mount->action_next)
			ret->items[ret->count++] = (struct reap_item){ .mount = mount, .step = STEP_UMOUNT };
	}
	return 0;
}

void holders_ask(struct engine *e, const struct mount *mount, holders_function *function, void *context)
{
	(void)e;
	(void)mount;
	if (asked.holders_at_once) {
		function(context, NULL, -1);
		return;
	}
	asked.holders[asked.holders_asked] = function;
	asked.holders_context[asked.holders_asked++] = context;
}

void holders_ask_reaped(struct engine *e, const struct root *root, const char *relative, uint64_t id,
			holders_function *function, void *context)
{
	ck_assert_str_eq(root->rules.path, ROOT);
	snprintf(asked.text, sizeof(asked.text), "%s %" PRIu64, relative, id);
	holders_ask(e, NULL, function, context);
}

void answer_holders(void)
{
	static const struct holder_result holders[] = {
		{ .pid = 12, .comm = "sleep", .how = "fd", .number = 3 },
		{ .pid = 13, .comm = "cc1", .how = "cwd" },
		{ .pid = 14, .comm = "runc", .how = "namespace" },
		{ .how = "loop", .number = 7 },
		{ .how = "layer", .number = 221 },
	};

	for (unsigned i = 0; i < asked.holders_asked; i++)
		asked.holders[i](asked.holders_context[i], holders, ARRAY_SIZE(holders));
	asked.holders_asked = 0;
}

void answer_no_holders(void)
{
	for (unsigned i = 0; i < asked.holders_asked; i++)
		asked.holders[i](asked.holders_context[i], NULL, -1);
	asked.holders_asked = 0;
}

int broker_say(struct broker *broker, enum message_type type)
{
	(void)broker;
	ck_assert_int_eq(type, MESSAGE_RELOAD);
	snprintf(asked.text, sizeof(asked.text), "reload");
	return 0;
}

/* Nobody asks: there is no other namespace. */
int broker_request(struct broker *broker, struct message_request *request, broker_result_function *function,
		   void *context)
{
	(void)broker, (void)request, (void)function, (void)context;
	return -EPIPE;
}

void broker_state(const struct broker *broker, uint32_t *ret_in_flight, uint32_t *ret_hung)
{
	(void)broker;
	*ret_in_flight = 2;
	*ret_hung = 1;
}

/* ---- the engine ---- */

static void open_store(const char *path)
{
	engine.store = store_open(path);
	ck_assert_ptr_nonnull(engine.store);
	store_begin_boot(engine.store, "boot", 4026531841, engine.now);
	store_save_root(engine.store, fake_root(fake));
	store_commit(engine.store);
}

void engine_start(void)
{
	char path[128];

	memset(&engine, 0, sizeof(engine));
	memset(&asked, 0, sizeof(asked));
	ck_assert_ptr_nonnull(mkdtemp(strcpy(directory, "/tmp/test_methods.XXXXXX")));
	snprintf(state_directory, sizeof(state_directory), "%s", directory);
	snprintf(path, sizeof(path), "%s/ledger.db", directory);
	loop_open();
	fake = fake_new();
	fake->now = clock_now();
	feed(fake);
	engine.loop = loop;
	engine.model = fake->model;
	engine.now = engine.started = clock_now();
	engine.config = config_new();
	engine.metrics = metrics_new();
	engine.journal = &journal;
	engine.source.ops = &source_ops;
	engine.mnt_namespace = 4026531841;
	open_store(path);
	ck_assert_int_eq(methods_serve(&engine, listen_anywhere()), 0);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
	(void)status;
	(void)type;
	(void)ftw;
	return remove(path);
}

void engine_stop(void)
{
	control_free(engine.control);
	ck_assert_ptr_null(journal.followers);
	store_close(engine.store);
	metrics_free(engine.metrics);
	config_free(engine.config);
	fake_free(fake);
	loop_close();
	nftw(state_directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void break_store(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/none/ledger.db", directory);
	store_close(engine.store);
	open_store(path);
	ck_assert_int_eq(store_state(engine.store), STORE_DEGRADED);
}

struct action *mounted(const char *name, const char *below, uint64_t *ret_id)
{
	char target[256];
	uint64_t id;

	snprintf(target, sizeof(target), ROOT "/%s/%s", name, below);
	id = fake_mount(fake, target, "proc", 50);
	feed(fake);
	if (ret_id)
		*ret_id = id;
	return action_named(fake, name);
}

void make_over(struct action *action)
{
	policy_evidence_set(action, EVIDENCE_ENDED, engine.now);
	ck_assert_int_eq(policy_set_state(action, ACTION_OVER), 0);
}

void save(struct action *action)
{
	ck_assert_int_eq(store_save_action(engine.store, action), 0);
	for (struct mount *mount = action->mounts; mount; mount = mount->action_next)
		ck_assert_int_eq(store_save_mount(engine.store, mount, NULL), 0);
	store_commit(engine.store);
}

void clear(struct action *action)
{
	uint64_t ids[16];
	size_t count = 0;

	for (struct mount *mount = action->mounts; mount; mount = mount->action_next)
		ids[count++] = mount->facts.id;
	for (size_t i = 0; i < count; i++)
		fake_umount(fake, ids[i]);
	feed(fake);
	for (size_t i = 0; i < fake->changes.count; i++) {
		struct mount *mount = fake->changes.items[i].mount;

		if (mount->asked)
			mount->state = MOUNT_REAPED;
		ck_assert_int_eq(store_save_mount(engine.store, mount, "kernel"), 0);
	}
	ck_assert_int_eq(policy_set_state(action, ACTION_CLEARED), 0);
	action->ended = fake->now;
	ck_assert_int_eq(store_save_action(engine.store, action), 0);
	store_commit(engine.store);
	model_forget_action(fake->model, action);
	feed(fake);
}

/* ---- asking ---- */

json_t *ask(const char *method, const char *parameters)
{
	struct client client;
	char request[512];
	json_t *answer, *result;
	char *text;

	snprintf(request, sizeof(request), "{\"method\":\"io.reaperd.%s\",\"parameters\":%s}", method, parameters);
	client_open(&client);
	answer = client_call(&client, request);
	text = json_dumps(answer, JSON_COMPACT);
	ck_assert_msg(!json_object_get(answer, "error"), "%s: %s", request, text);
	result = json_incref(json_object_get(answer, "parameters"));
	free(text);
	json_decref(answer);
	client_close(&client);
	return result;
}

void expect_error(const char *method, const char *parameters, const char *wanted)
{
	char request[512];

	snprintf(request, sizeof(request), "{\"method\":\"io.reaperd.%s\",\"parameters\":%s}", method, parameters);
	expect_exchange(request, wanted);
}

json_t *ask_for_list(const char *method, const char *parameters, const char *key, unsigned *ret_pieces)
{
	struct client client;
	char request[512];
	json_t *rows = json_array(), *answer;
	unsigned count = 0;
	bool more;

	snprintf(request, sizeof(request), "{\"method\":\"io.reaperd.%s\",\"more\":true,\"parameters\":%s}", method,
		 parameters);
	client_open(&client);
	client_ask(&client, request);
	do {
		answer = client_answer(&client);
		ck_assert_ptr_null(json_object_get(answer, "error"));
		json_array_extend(rows, json_object_get(json_object_get(answer, "parameters"), key));
		more = json_is_true(json_object_get(answer, "continues"));
		json_decref(answer);
		count++;
	} while (more);
	if (ret_pieces)
		*ret_pieces = count;
	client_close(&client);
	return rows;
}

const char *text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

json_int_t number_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

void expect_rows(const char *method, const char *parameters, const char *list, const char *key, const char *wanted)
{
	json_t *whole = ask(method, parameters), *pieces = ask_for_list(method, parameters, list, NULL), *row;
	char names[1024] = "";
	size_t i;

	ck_assert(json_equal(json_object_get(whole, list), pieces));
	json_array_foreach (pieces, i, row) {
		ck_assert_ptr_nonnull(text_of(row, key));
		strcat(strcat(names, i ? " " : ""), text_of(row, key));
	}
	ck_assert_str_eq(names, wanted);
	json_decref(pieces);
	json_decref(whole);
}
