/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The methods of io.reaperd over a real model, ledger and socket; what the engine would do about them is noted here instead. */
#include "control_fixture.h"
#include "model_fixture.h"

#include <ftw.h>

#include "base/cleanup.h"
#include "engine/control.h"
#include "engine/engine.h"
#include "engine/journal.h"
#include "engine/methods.h"
#include "engine/metrics.h"

static struct engine engine;
static struct journal journal;
static struct fake *fake;
static char directory[] = "/tmp/test_methods.XXXXXX";
static char state_directory[64];
static struct source_ops source_ops = { .kind = SOURCE_LISTMOUNT, .unique_ids = true };

/* ---- what the engine was asked ---- */

static struct {
	char text[256]; /* the last request */
	unsigned reaped, pauses, leases_ended;
	int begin_error;
	engine_holders_function *holders[16]; /* asked, not answered */
	void *holders_context[16];
	unsigned holders_asked;
	bool holders_at_once;
} asked;

void engine_pause(struct engine *e, struct root *root, double seconds)
{
	(void)e;
	asked.pauses++;
	snprintf(asked.text, sizeof(asked.text), "pause %s %g", root ? root->rules.path : "all", seconds);
}

void engine_resume(struct engine *e, struct root *root)
{
	(void)e;
	snprintf(asked.text, sizeof(asked.text), "resume %s", root ? root->rules.path : "all");
}

int engine_begin(struct engine *e, struct root *root, const char *name, int32_t pid, int64_t max_age, bool lease, int64_t uid,
		 uint32_t *ret_generation)
{
	(void)e;
	(void)uid;
	snprintf(asked.text, sizeof(asked.text), "begin %s %s %d %lld %d", root->rules.path, name, (int)pid,
		 (long long)(max_age / NSEC_PER_SEC), lease);
	*ret_generation = 7;
	return asked.begin_error;
}

int engine_end(struct engine *e, struct root *root, const char *name, uint32_t *ret_generation)
{
	(void)e;
	snprintf(asked.text, sizeof(asked.text), "end %s %s", root->rules.path, name);
	*ret_generation = 7;
	return strcmp(name, "unknown") == 0 ? -ENOENT : 0;
}

void engine_lease_ended(struct engine *e, const char *root_path, const char *name, uint32_t generation)
{
	(void)e;
	asked.leases_ended++;
	snprintf(asked.text, sizeof(asked.text), "lease ended %s %s %u", root_path, name, (unsigned)generation);
}

int engine_reap(struct engine *e, struct action *action, bool active)
{
	(void)e;
	asked.reaped++;
	snprintf(asked.text, sizeof(asked.text), "reap %s@%u %d", action->name, (unsigned)action->generation, active);
	return 0;
}

int engine_reap_preview(struct engine *e, struct action *const *actions, size_t count, bool active, struct reap_list *ret)
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

void engine_holders(struct engine *e, const struct mount *mount, engine_holders_function *function, void *context)
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

static void answer_holders(void)
{
	static const struct holder_result holder = { .pid = 12, .comm = "sleep", .how = "fd", .number = 3 };

	for (unsigned i = 0; i < asked.holders_asked; i++)
		asked.holders[i](asked.holders_context[i], &holder, 1);
	asked.holders_asked = 0;
}

void engine_reload(struct engine *e)
{
	(void)e;
	snprintf(asked.text, sizeof(asked.text), "reload");
}

void engine_broker_state(const struct engine *e, uint32_t *ret_in_flight, uint32_t *ret_hung)
{
	(void)e;
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

static void setup(void)
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

static void teardown(void)
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

/* The broken ledger of a state directory that is not there. */
static void break_store(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/none/ledger.db", directory);
	store_close(engine.store);
	open_store(path);
	ck_assert_int_eq(store_state(engine.store), STORE_DEGRADED);
}

static struct action *mounted(const char *name, const char *below, uint64_t *ret_id)
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

/* Becomes over by evidence that acts. */
static void make_over(struct action *action)
{
	policy_evidence_set(action, EVIDENCE_ENDED, engine.now);
	ck_assert_int_eq(policy_set_state(action, ACTION_OVER), 0);
}

static void save(struct action *action)
{
	ck_assert_int_eq(store_save_action(engine.store, action), 0);
	for (struct mount *mount = action->mounts; mount; mount = mount->action_next)
		ck_assert_int_eq(store_save_mount(engine.store, mount, NULL), 0);
	store_commit(engine.store);
}

/* Its mounts went, and it is past. */
static void clear(struct action *action)
{
	uint64_t ids[16];
	size_t count = 0;

	for (struct mount *mount = action->mounts; mount; mount = mount->action_next)
		ids[count++] = mount->facts.id;
	for (size_t i = 0; i < count; i++)
		fake_umount(fake, ids[i]);
	feed(fake);
	for (size_t i = 0; i < fake->changes.count; i++)
		ck_assert_int_eq(store_save_mount(engine.store, fake->changes.items[i].mount, "kernel"), 0);
	ck_assert_int_eq(policy_set_state(action, ACTION_CLEARED), 0);
	action->ended = fake->now;
	ck_assert_int_eq(store_save_action(engine.store, action), 0);
	store_commit(engine.store);
	model_forget_action(fake->model, action);
	feed(fake);
}

/* ---- asking ---- */

/* The parameters of the answer to a call, which must not be an error; the caller's. */
static json_t *ask(const char *method, const char *parameters)
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

static void expect_error(const char *method, const char *parameters, const char *wanted)
{
	char request[512];

	snprintf(request, sizeof(request), "{\"method\":\"io.reaperd.%s\",\"parameters\":%s}", method, parameters);
	expect_exchange(request, wanted);
}

/* Rows of a list that is asked for in pieces; the caller's. */
static json_t *ask_for_list(const char *method, const char *parameters, const char *key, unsigned *ret_pieces)
{
	struct client client;
	char request[512];
	json_t *rows = json_array(), *answer;
	unsigned count = 0;
	bool more;

	snprintf(request, sizeof(request), "{\"method\":\"io.reaperd.%s\",\"more\":true,\"parameters\":%s}", method, parameters);
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

static const char *text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static json_int_t number_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

/* The `key`s of the rows of a list, "a b c"; asked for without and with `more`, which must agree. */
static void expect_rows(const char *method, const char *parameters, const char *list, const char *key, const char *wanted)
{
	json_t *whole = ask(method, parameters), *pieces = ask_for_list(method, parameters, list, NULL), *row;
	char names[1024] = "";
	size_t i;

	ck_assert(json_equal(json_object_get(whole, list), pieces));
	json_array_foreach(pieces, i, row) {
		ck_assert_ptr_nonnull(text_of(row, key));
		strcat(strcat(names, i ? " " : ""), text_of(row, key));
	}
	ck_assert_str_eq(names, wanted);
	json_decref(pieces);
	json_decref(whole);
}

/* ---- status, metrics, configuration ---- */

START_TEST(status_counts_what_is_there)
{
	json_t *answer, *status, *root;

	mounted("one", "root/proc", NULL);
	make_over(mounted("two", "root/proc", NULL));
	fake_mount(fake, ROOT "/.hidden", "tmpfs", 60);
	feed(fake);
	answer = ask("GetStatus", "{}");
	status = json_object_get(answer, "status");
	root = json_array_get(json_object_get(status, "roots"), 0);
	ck_assert_str_eq(text_of(status, "source"), "listmount");
	ck_assert_str_eq(text_of(status, "mode"), "enforce");
	ck_assert_int_eq(number_of(status, "mounts"), 5);
	ck_assert_str_eq(text_of(root, "path"), ROOT);
	ck_assert_int_eq(number_of(root, "actions"), 2);
	ck_assert_int_eq(number_of(root, "leftovers"), 1);
	ck_assert_int_eq(number_of(status, "unowned"), number_of(root, "mounts") - 2);
	ck_assert_int_eq(number_of(json_object_get(status, "broker"), "hung"), 1);
	ck_assert_str_eq(text_of(json_object_get(status, "ledger"), "state"), "ok");
	json_decref(answer);
}
END_TEST

START_TEST(status_has_every_field_that_the_interface_names)
{
	static const char *const keys[] = { "version", "source", "source_note", "namespaces", "mode", "paused", "paused_until",
					    "roots", "mounts", "unowned", "events", "lost", "rescans", "lag_ms", "wakeups",
					    "ledger", "broker", "started" };
	static const char *const root_keys[] = { "path", "mode", "actions", "mounts", "leftovers", "stuck", "health", "paused" };
	json_t *answer = ask("GetStatus", "{}"), *status = json_object_get(answer, "status");

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		ck_assert_msg(json_object_get(status, keys[i]), "no %s", keys[i]);
	ck_assert_uint_eq(json_object_size(status), ARRAY_SIZE(keys));
	for (size_t i = 0; i < ARRAY_SIZE(root_keys); i++)
		ck_assert_msg(json_object_get(json_array_get(json_object_get(status, "roots"), 0), root_keys[i]), "no %s",
			      root_keys[i]);
	json_decref(answer);
}
END_TEST

START_TEST(metrics_have_the_promised_names_and_no_action_s)
{
	static const char *const names[] = { "mounts{root=\"" ROOT "\",state=\"attached\"} ", "actions{root=\"" ROOT "\",state=\"over\"} 1",
					     "events_total{type=\"attach\"} 0", "lost_events_total ",
					     "reaps_total{root=\"" ROOT "\",evidence=\"ended\",step=\"umount\",result=\"gone\"} 2",
					     "reap_duration_seconds_bucket{le=\"0.0001\"} 1", "reap_duration_seconds_bucket{le=\"+Inf\"} 2",
					     "reap_duration_seconds_count 2", "event_latency_seconds_bucket{le=\"0.005\"} 1",
					     "stuck_mounts 0", "hung_operations 1", "oldest_leftover_seconds ", "paused 0", "ledger_bytes ",
					     "ledger_degraded 0", "build_info{version=" };
	json_t *answer;
	const char *text;
	char line[256];

	make_over(mounted("secret", "root/proc", NULL));
	metrics_reap(engine.metrics, ROOT, EVIDENCE_ENDED, STEP_UMOUNT, OUTCOME_GONE, 70000);
	metrics_reap(engine.metrics, ROOT, EVIDENCE_ENDED, STEP_UMOUNT, OUTCOME_GONE, 7 * NSEC_PER_SEC);
	metrics_event_latency(engine.metrics, 2 * NSEC_PER_MSEC);
	answer = ask("Metrics", "{}");
	text = text_of(answer, "text");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(line, sizeof(line), "\nreaperd_%s", names[i]);
		ck_assert_msg(strstr(text, line), "no %s in %s", names[i], text);
	}
	ck_assert_ptr_null(strstr(text, "secret"));
	json_decref(answer);
}
END_TEST

START_TEST(the_configuration_is_given_as_text)
{
	json_t *answer = ask("GetConfiguration", "{}");

	ck_assert_ptr_nonnull(strstr(text_of(answer, "text"), "[daemon]"));
	json_decref(answer);
}
END_TEST

/* ---- lists ---- */

START_TEST(actions_are_listed_by_root_and_state)
{
	mounted("one", "root/proc", NULL);
	make_over(mounted("two", "root/proc", NULL));
	expect_rows("ListActions", "{\"state\":\"over\"}", "actions", "name", "two");
	expect_rows("ListActions", "{\"state\":\"active\",\"root\":\"" ROOT "/\"}", "actions", "name", "one");
	expect_error("ListActions", "{\"root\":\"/elsewhere\"}",
		     "{\"error\":\"io.reaperd.NoSuchRoot\",\"parameters\":{\"root\":\"/elsewhere\"}}");
	expect_error("ListActions", "{\"state\":\"dead\"}",
		     "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"state\"}}");
}
END_TEST

START_TEST(past_actions_and_mounts_are_listed_when_asked_for)
{
	struct action *past = mounted("past", "root/proc", NULL), *now;

	save(past);
	clear(past);
	now = mounted("now", "root/sys", NULL);
	save(now);
	expect_rows("ListActions", "{}", "actions", "name", "now");
	expect_rows("ListActions", "{\"all\":true}", "actions", "name", "now past");
	expect_rows("ListActions", "{\"state\":\"cleared\"}", "actions", "name", "past");
	expect_rows("ListMounts", "{\"action\":\"now\"}", "mounts", "target", ROOT "/now/root/sys");
	expect_rows("ListMounts", "{\"action\":\"past\"}", "mounts", "target", "");
	expect_rows("ListMounts", "{\"action\":\"past\",\"all\":true}", "mounts", "target", ROOT "/past/root/proc");
	expect_rows("ListMounts", "{\"all\":true,\"action\":\"past@1\"}", "mounts", "target", ROOT "/past/root/proc");
	expect_error("ListMounts", "{\"action\":\"past@2\"}",
		     "{\"error\":\"io.reaperd.NoSuchAction\",\"parameters\":{\"action\":\"past@2\"}}");
}
END_TEST

START_TEST(mounts_are_listed_as_they_stood_at_a_time)
{
	struct action *past = mounted("past", "root/proc", NULL);
	char then[32], parameters[128];

	save(past);
	time_format_rfc3339(fake->now.real + NSEC_PER_SEC / 2, then, sizeof(then));
	clear(past);
	save(mounted("now", "root/sys", NULL));
	snprintf(parameters, sizeof(parameters), "{\"at\":\"%s\"}", then);
	expect_rows("ListMounts", parameters, "mounts", "target", ROOT "/past/root/proc");
	expect_error("ListMounts", "{\"at\":\"soon\"}", "{\"error\":\"io.reaperd.InvalidTime\",\"parameters\":{\"time\":\"soon\"}}");
}
END_TEST

START_TEST(long_lists_come_in_pieces)
{
	json_t *rows;
	unsigned pieces;
	char target[128];

	for (int i = 0; i < 450; i++) {
		snprintf(target, sizeof(target), ROOT "/action%d/root/proc", i);
		fake_mount(fake, target, "proc", 50);
	}
	feed(fake);
	rows = ask_for_list("ListMounts", "{\"root\":\"" ROOT "\"}", "mounts", &pieces);
	ck_assert_uint_ge(json_array_size(rows), 450);
	ck_assert_uint_ge(pieces, 5);
	json_decref(rows);
	rows = ask_for_list("ListActions", "{}", "actions", &pieces);
	ck_assert_uint_eq(json_array_size(rows), 450);
	json_decref(rows);
}
END_TEST

START_TEST(a_long_past_comes_in_pieces_each_row_once)
{
	enum { COUNT = 260 };
	json_t *rows, *row;
	bool seen[COUNT] = { false };
	unsigned pieces;
	char name[32];
	size_t i;
	int number;

	for (int n = 0; n < COUNT; n++) {
		struct action *action;

		snprintf(name, sizeof(name), "action%d", n);
		action = mounted(name, "proc", NULL);
		save(action);
		clear(action);
	}
	rows = ask_for_list("ListMounts", "{\"all\":true,\"root\":\"" ROOT "\"}", "mounts", &pieces);
	json_array_foreach(rows, i, row) {
		if (!text_of(row, "action"))
			continue;
		ck_assert_int_eq(sscanf(text_of(row, "action"), "action%d", &number), 1);
		ck_assert(!seen[number]);
		seen[number] = true;
	}
	json_decref(rows);
	for (int n = 0; n < COUNT; n++)
		ck_assert_msg(seen[n], "action%d is missing", n);
	rows = ask_for_list("ListActions", "{\"all\":true}", "actions", &pieces);
	ck_assert_uint_eq(json_array_size(rows), COUNT);
	json_decref(rows);
}
END_TEST

START_TEST(a_name_may_have_an_at_sign)
{
	mounted("a@1", "root/proc", NULL);
	mounted("a", "root/sys", NULL);
	expect_rows("ListMounts", "{\"action\":\"a@1\"}", "mounts", "target", ROOT "/a@1/root/proc");
	expect_rows("ListMounts", "{\"action\":\"a\"}", "mounts", "target", ROOT "/a/root/sys");
	expect_rows("ListMounts", "{\"action\":\"a@1@1\"}", "mounts", "target", ROOT "/a@1/root/proc");
	expect_error("ListMounts", "{\"action\":\"a@9\"}", "{\"error\":\"io.reaperd.NoSuchAction\",\"parameters\":{\"action\":\"a@9\"}}");
	expect_error("ListMounts", "{\"action\":\"a@1x\"}", "{\"error\":\"io.reaperd.NoSuchAction\",\"parameters\":{\"action\":\"a@1x\"}}");
	expect_error("ListMounts", "{\"action\":\"\"}", "{\"error\":\"io.reaperd.NoSuchAction\",\"parameters\":{\"action\":\"\"}}");
}
END_TEST

START_TEST(names_are_bytes_and_are_given_and_taken_escaped)
{
	mounted("b\xff\\\n", "root/proc", NULL);
	expect_rows("ListMounts", "{\"action\":\"b\\\\xff\\\\\\\\\\\\x0a\"}", "mounts", "action", "b\\xff\\\\\\x0a");
	expect_error("ListMounts", "{\"action\":\"b\\\\xf\"}",
		     "{\"error\":\"io.reaperd.NoSuchAction\",\"parameters\":{\"action\":\"b\\\\xf\"}}");
}
END_TEST

static void add_second_root(void)
{
	struct root_rules first, second;
	const struct root_rules *rules[] = { &first, &second };

	ck_assert_int_eq(rules_init(&first, ROOT), 0);
	ck_assert_int_eq(rules_init(&second, "/second"), 0);
	ck_assert_int_eq(model_set_roots(fake->model, rules, 2), 0);
	rules_clear(&first);
	rules_clear(&second);
}

START_TEST(an_action_that_several_roots_have_is_ambiguous)
{
	add_second_root();
	mounted("a", "root/proc", NULL);
	fake_mount(fake, "/second/a/root/proc", "proc", 51);
	feed(fake);
	expect_error("ListMounts", "{\"action\":\"a\"}",
		     "{\"error\":\"io.reaperd.AmbiguousAction\",\"parameters\":{\"action\":\"a\",\"roots\":[\"" ROOT "\",\"/second\"]}}");
	expect_rows("ListMounts", "{\"action\":\"a\",\"root\":\"/second\"}", "mounts", "target", "/second/a/root/proc");
}
END_TEST

/* ---- events ---- */

static void happen(enum event_type type, const struct action *action)
{
	engine.now = clock_now();
	engine_journal(&engine, &(struct journal_event){ .type = type, .action = action });
	store_commit(engine.store);
}

START_TEST(events_are_read_from_the_journal)
{
	struct action *one = mounted("one", "proc", NULL), *two = mounted("two", "proc", NULL);
	json_t *rows;
	char parameters[64];

	happen(EVENT_START, NULL);
	happen(EVENT_BEGIN, one);
	happen(EVENT_BEGIN, two);
	happen(EVENT_END, one);
	expect_rows("Events", "{}", "events", "type", "start begin begin end");
	expect_rows("Events", "{\"action\":\"one\"}", "events", "type", "begin end");
	expect_rows("Events", "{\"type\":\"begin\"}", "events", "action", "one two");
	expect_rows("Events", "{\"type\":\"begin\",\"root\":\"" ROOT "\",\"action\":\"two@1\"}", "events", "action", "two");
	expect_rows("Events", "{\"until\":\"-1h\"}", "events", "type", "");
	expect_rows("Events", "{\"since\":\"-1h\"}", "events", "type", "start begin begin end");
	rows = ask_for_list("Events", "{}", "events", NULL);
	snprintf(parameters, sizeof(parameters), "{\"after\":%lld}", (long long)number_of(json_array_get(rows, 1), "seq"));
	json_decref(rows);
	expect_rows("Events", parameters, "events", "type", "begin end");
	expect_error("Events", "{\"type\":\"nothing\"}",
		     "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"type\"}}");
	expect_error("Events", "{\"after\":-1}",
		     "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"after\"}}");
	expect_error("Events", "{\"follow\":true}", "{\"error\":\"org.varlink.service.ExpectedMore\"}");
}
END_TEST

START_TEST(a_long_journal_comes_in_pieces)
{
	unsigned pieces;
	json_t *rows;

	for (int i = 0; i < 450; i++)
		engine_journal(&engine, &(struct journal_event){ .type = EVENT_RESCAN });
	store_commit(engine.store);
	rows = ask_for_list("Events", "{}", "events", &pieces);
	ck_assert_uint_eq(json_array_size(rows), 450);
	ck_assert_uint_eq(pieces, 5);
	json_decref(rows);
}
END_TEST

static void follow(struct client *client, const char *parameters)
{
	char request[256];
	json_t *first;

	snprintf(request, sizeof(request), "{\"method\":\"io.reaperd.Events\",\"more\":true,\"parameters\":%s}", parameters);
	client_open(client);
	first = client_call(client, request);
	ck_assert(json_is_true(json_object_get(first, "continues")));
	json_decref(first);
}

/* The next events that come to a follower, by type. */
static void expect_event(struct client *client, const char *type)
{
	json_t *answer = client_answer(client), *events = json_object_get(json_object_get(answer, "parameters"), "events");

	ck_assert(json_is_true(json_object_get(answer, "continues")));
	ck_assert_uint_eq(json_array_size(events), 1);
	ck_assert_str_eq(text_of(json_array_get(events, 0), "type"), type);
	json_decref(answer);
}

START_TEST(a_follower_gets_what_happens_and_only_what_it_asked_for)
{
	struct action *one = mounted("one", "proc", NULL), *two = mounted("two", "proc", NULL);
	struct client all, some;

	happen(EVENT_START, NULL);
	follow(&all, "{\"follow\":true}");
	follow(&some, "{\"follow\":true,\"action\":\"two\"}");
	happen(EVENT_BEGIN, one);
	expect_event(&all, "begin");
	happen(EVENT_END, two);
	expect_event(&all, "end");
	expect_event(&some, "end");
	client_close(&all);
	client_close(&some);
	RUN_UNTIL(control_connections(engine.control) == 0);
	ck_assert_ptr_null(journal.followers);
}
END_TEST

START_TEST(a_follower_misses_nothing_of_a_storm)
{
	enum { COUNT = 30000 };
	struct client client;
	json_t *answer, *row;
	json_int_t last = 0;
	size_t i, got = 0;

	follow(&client, "{\"follow\":true}");
	for (int n = 0; n < COUNT; n++) {
		engine_journal(&engine, &(struct journal_event){ .type = EVENT_RESCAN });
		if (n % 1000 == 0) {
			store_commit(engine.store);
			ev_run(loop, EVRUN_NOWAIT);
		}
	}
	store_commit(engine.store);
	while (got < COUNT) {
		answer = client_answer(&client);
		json_array_foreach(json_object_get(json_object_get(answer, "parameters"), "events"), i, row) {
			ck_assert_int_gt(number_of(row, "seq"), last);
			last = number_of(row, "seq");
			got++;
		}
		json_decref(answer);
	}
	client_close(&client);
}
END_TEST

START_TEST(a_follower_gets_what_the_ledger_does_not_take)
{
	struct client client;

	break_store();
	follow(&client, "{\"follow\":true}");
	happen(EVENT_PAUSE, NULL);
	expect_event(&client, "pause");
	happen(EVENT_RESUME, NULL);
	expect_event(&client, "resume");
	client_close(&client);
}
END_TEST

/* ---- explain ---- */

static bool text_says(const json_t *explanation, const char *words)
{
	json_t *sentence;
	size_t i;

	json_array_foreach(json_object_get(explanation, "text"), i, sentence) {
		if (strstr(json_string_value(sentence), words))
			return true;
	}
	return false;
}

#define EXPLAIN(what) "{\"method\":\"io.reaperd.Explain\",\"parameters\":{\"what\":\"" what "\"}}"

START_TEST(an_action_is_explained_with_who_holds_its_mounts)
{
	struct action *action = mounted("one", "root/proc", NULL);
	struct client client;
	json_t *answer, *explanation, *mount;

	policy_evidence_set(action, EVIDENCE_MISSING, clock_now());
	client_open(&client);
	client_ask(&client, EXPLAIN("one"));
	RUN_UNTIL(asked.holders_asked == 1);
	answer_holders();
	answer = client_answer(&client);
	explanation = json_array_get(json_object_get(json_object_get(answer, "parameters"), "explanations"), 0);
	mount = json_array_get(json_object_get(explanation, "mounts"), 0);
	ck_assert_str_eq(text_of(json_object_get(explanation, "action"), "name"), "one");
	ck_assert_str_eq(text_of(json_object_get(explanation, "decision"), "verdict"), "wait");
	ck_assert_int_eq(number_of(json_array_get(json_object_get(mount, "holders"), 0), "pid"), 12);
	ck_assert(text_says(explanation, "Evidence: `missing` since"));
	ck_assert(text_says(explanation, "It is reaped for `missing` at"));
	ck_assert(text_says(explanation, "pid 12 (sleep) holds " ROOT "/one/root/proc by its fd 3"));
	json_decref(answer);
	client_close(&client);
}
END_TEST

START_TEST(who_asked_may_go_before_the_holders_are_known)
{
	struct client client;

	mounted("one", "root/proc", NULL);
	client_open(&client);
	client_ask(&client, EXPLAIN("one"));
	RUN_UNTIL(asked.holders_asked == 1);
	client_close(&client);
	RUN_UNTIL(control_connections(engine.control) == 0);
	answer_holders();
}
END_TEST

START_TEST(an_explanation_does_not_wait_for_holders_for_ever)
{
	struct client client;
	json_t *answer, *explanation;

	mounted("one", "root/proc", NULL);
	client_open(&client);
	answer = client_call(&client, EXPLAIN("one"));
	explanation = json_array_get(json_object_get(json_object_get(answer, "parameters"), "explanations"), 0);
	ck_assert(text_says(explanation, "could be found out in time"));
	json_decref(answer);
	client_close(&client);
	answer_holders();
}
END_TEST

START_TEST(a_mount_is_explained_by_its_path_or_its_number)
{
	uint64_t id;
	char what[64];
	json_t *answer, *explanations;

	asked.holders_at_once = true;
	mounted("one", "root/sys", NULL);
	mounted("one", "root/proc", &id);
	snprintf(what, sizeof(what), "{\"what\":\"mnt:%llu\"}", (unsigned long long)id);
	for (int i = 0; i < 2; i++) {
		answer = ask("Explain", i ? what : "{\"what\":\"" ROOT "/one/root/proc\"}");
		explanations = json_object_get(answer, "explanations");
		ck_assert_uint_eq(json_array_size(explanations), 1);
		ck_assert_uint_eq(json_array_size(json_object_get(json_array_get(explanations, 0), "mounts")), 1);
		ck_assert(text_says(json_array_get(explanations, 0), "could not be told"));
		json_decref(answer);
	}
	answer = ask("Explain", "{\"what\":\"" ROOT "/one/root\"}");
	explanations = json_object_get(answer, "explanations");
	ck_assert_uint_eq(json_array_size(json_object_get(json_array_get(explanations, 0), "mounts")), 2);
	json_decref(answer);
}
END_TEST

START_TEST(what_is_not_there_is_not_explained)
{
	expect_error("Explain", "{\"what\":\"nobody\"}", "{\"error\":\"io.reaperd.NoSuchAction\",\"parameters\":{\"action\":\"nobody\"}}");
	expect_error("Explain", "{\"what\":\"mnt:999999\"}", "{\"error\":\"io.reaperd.NoSuchMount\",\"parameters\":{\"what\":\"mnt:999999\"}}");
	expect_error("Explain", "{\"what\":\"mnt:x\"}", "{\"error\":\"io.reaperd.NoSuchMount\",\"parameters\":{\"what\":\"mnt:x\"}}");
	expect_error("Explain", "{\"what\":\"/some/where\"}", "{\"error\":\"io.reaperd.NoSuchMount\",\"parameters\":{\"what\":\"/some/where\"}}");
	expect_error("Explain", "{\"what\":\"/../x\"}", "{\"error\":\"io.reaperd.NoSuchMount\",\"parameters\":{\"what\":\"/../x\"}}");
}
END_TEST

START_TEST(an_unowned_mount_and_a_past_action_are_explained_too)
{
	struct action *past = mounted("past", "root/proc", NULL);
	json_t *answer;

	asked.holders_at_once = true;
	save(past);
	clear(past);
	fake_mount(fake, ROOT "/.hidden", "tmpfs", 60);
	feed(fake);
	answer = ask("Explain", "{\"what\":\"past\"}");
	ck_assert(text_says(json_array_get(json_object_get(answer, "explanations"), 0), "is past"));
	json_decref(answer);
	answer = ask("Explain", "{\"what\":\"" ROOT "/.hidden\"}");
	ck_assert(text_says(json_array_get(json_object_get(answer, "explanations"), 0), "never reaped"));
	json_decref(answer);
}
END_TEST

/* ---- acting ---- */

static void expect_asked(const char *method, const char *parameters, const char *wanted)
{
	json_decref(ask(method, parameters));
	ck_assert_str_eq(asked.text, wanted);
}

START_TEST(runners_begin_and_end_actions)
{
	expect_asked("Begin", "{\"root\":\"" ROOT "\",\"name\":\"a\\\\x20b\",\"pid\":12,\"max_age\":\"1h\"}", "begin " ROOT " a b 12 3600 0");
	expect_asked("End", "{\"root\":\"" ROOT "\",\"name\":\"a\"}", "end " ROOT " a");
	expect_error("End", "{\"root\":\"" ROOT "\",\"name\":\"unknown\"}",
		     "{\"error\":\"io.reaperd.NoSuchAction\",\"parameters\":{\"action\":\"unknown\"}}");
	expect_error("Begin", "{\"root\":\"/none\",\"name\":\"a\"}", "{\"error\":\"io.reaperd.NoSuchRoot\",\"parameters\":{\"root\":\"/none\"}}");
	expect_error("Begin", "{\"root\":\"" ROOT "\",\"name\":\"a\",\"max_age\":\"1 year\"}",
		     "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"max_age\"}}");
	expect_error("Begin", "{\"root\":\"" ROOT "\",\"name\":\"a\",\"pid\":0}",
		     "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"pid\"}}");
	expect_error("Begin", "{\"root\":\"" ROOT "\",\"name\":\"a\",\"pid\":4294967297}",
		     "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"pid\"}}");
	asked.begin_error = -EINVAL;
	expect_error("Begin", "{\"root\":\"" ROOT "\",\"name\":\"a/b\"}",
		     "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"name\"}}");
	asked.begin_error = -ESRCH;
	expect_error("Begin", "{\"root\":\"" ROOT "\",\"name\":\"a\",\"pid\":12}",
		     "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"pid\"}}");
}
END_TEST

#define LEASE "{\"method\":\"io.reaperd.Lease\",\"more\":true,\"parameters\":{\"root\":\"" ROOT "\",\"name\":\"a\"}}"

START_TEST(a_lease_is_held_until_its_last_connection_closes)
{
	struct client first, second;

	client_open(&first);
	client_open(&second);
	client_ask(&first, LEASE);
	expect_answer(&first, "{\"parameters\":{\"generation\":7},\"continues\":true}");
	ck_assert_str_eq(asked.text, "begin " ROOT " a 0 0 1");
	client_ask(&second, LEASE);
	expect_answer(&second, "{\"parameters\":{\"generation\":7},\"continues\":true}");
	client_close(&first);
	RUN_UNTIL(control_connections(engine.control) == 1);
	ck_assert_uint_eq(asked.leases_ended, 0);
	client_close(&second);
	RUN_UNTIL(asked.leases_ended == 1);
	ck_assert_str_eq(asked.text, "lease ended " ROOT " a 7");
}
END_TEST

START_TEST(a_lease_that_is_refused_is_not_held)
{
	struct client client;

	asked.begin_error = -ENOENT;
	client_open(&client);
	client_ask(&client, LEASE);
	expect_answer(&client, "{\"error\":\"io.reaperd.Unavailable\","
			       "\"parameters\":{\"reason\":\"no directory stands at the root's path yet\"}}");
	client_close(&client);
	RUN_UNTIL(control_connections(engine.control) == 0);
	ck_assert_uint_eq(asked.leases_ended, 0);
	expect_error("Lease", "{\"root\":\"" ROOT "\",\"name\":\"a\"}", "{\"error\":\"org.varlink.service.ExpectedMore\"}");
}
END_TEST

START_TEST(pausing_takes_a_root_and_a_time)
{
	expect_asked("Pause", "{}", "pause all 0");
	expect_asked("Pause", "{\"root\":\"" ROOT "\",\"seconds\":1.5}", "pause " ROOT " 1.5");
	expect_asked("Resume", "{\"root\":\"" ROOT "\"}", "resume " ROOT);
	expect_asked("Resume", "{}", "resume all");
	expect_asked("Reload", "{}", "reload");
	expect_error("Pause", "{\"seconds\":-1}",
		     "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"seconds\"}}");
	expect_error("Pause", "{\"seconds\":1e300}",
		     "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"seconds\"}}");
}
END_TEST

START_TEST(a_dry_run_reaps_nothing_and_says_what_would_be)
{
	json_t *answer, *item;

	make_over(mounted("one", "root/proc", NULL));
	answer = ask("Reap", "{\"actions\":[\"one\"],\"dry_run\":true}");
	item = json_array_get(json_object_get(answer, "items"), 0);
	ck_assert_str_eq(text_of(item, "target"), ROOT "/one/root/proc");
	ck_assert_str_eq(text_of(item, "step"), "umount");
	ck_assert(json_is_null(json_object_get(item, "hold")));
	ck_assert_uint_eq(asked.reaped, 0);
	json_decref(answer);
	expect_asked("Reap", "{\"actions\":[\"one\"]}", "reap one@1 0");
	expect_asked("Reap", "{\"actions\":[\"one\",\"one@1\"]}", "reap one@1 0");
	ck_assert_uint_eq(asked.reaped, 2);
}
END_TEST

START_TEST(an_active_action_is_reaped_only_when_that_is_said)
{
	mounted("one", "root/proc", NULL);
	make_over(mounted("two", "root/proc", NULL));
	expect_error("Reap", "{\"actions\":[\"two\",\"one\"]}",
		     "{\"error\":\"io.reaperd.ActionIsActive\",\"parameters\":{\"action\":\"one\"}}");
	ck_assert_uint_eq(asked.reaped, 0);
	expect_asked("Reap", "{\"actions\":[\"one\"],\"active\":true}", "reap one@1 1");
}
END_TEST

START_TEST(leftovers_are_reaped_and_nothing_else)
{
	mounted("one", "root/proc", NULL);
	make_over(mounted("two", "root/proc", NULL));
	expect_asked("Reap", "{\"leftovers\":true}", "reap two@1 0");
	ck_assert_uint_eq(asked.reaped, 1);
	expect_error("Reap", "{}", "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"actions\"}}");
	expect_error("Reap", "{\"actions\":[\"three\"]}",
		     "{\"error\":\"io.reaperd.NoSuchAction\",\"parameters\":{\"action\":\"three\"}}");
}
END_TEST

static void expect_as_nobody(const char *method, const char *parameters, bool allowed)
{
	struct client client;
	char request[256];
	json_t *answer;

	snprintf(request, sizeof(request), "{\"method\":\"io.reaperd.%s\",\"parameters\":%s}", method, parameters);
	client_open_as_nobody(&client);
	answer = client_call(&client, request);
	ck_assert_msg(allowed == !json_object_get(answer, "error"), "%s", request);
	json_decref(answer);
	client_close(&client);
}

START_TEST(who_may_what_is_in_the_configuration)
{
	struct root *root = fake_root(fake);

	if (geteuid() != 0) {
		fprintf(stderr, "skipped: only root can connect as another user\n");
		return;
	}
	expect_as_nobody("GetStatus", "{}", true);
	expect_as_nobody("Begin", "{\"root\":\"" ROOT "\",\"name\":\"a\"}", false);
	ck_assert_int_eq(string_list_add(&root->rules.register_users, "no-such-user"), 0);
	ck_assert_int_eq(string_list_add(&root->rules.register_users, "65534"), 0);
	expect_as_nobody("Begin", "{\"root\":\"" ROOT "\",\"name\":\"a\"}", true);
	expect_as_nobody("End", "{\"root\":\"" ROOT "\",\"name\":\"a\"}", true);
	expect_as_nobody("Begin", "{\"root\":\"/other\",\"name\":\"a\"}", false);
	expect_as_nobody("Reap", "{\"leftovers\":true}", false);
	expect_as_nobody("Pause", "{}", false);
	expect_as_nobody("Resume", "{}", false);
	expect_as_nobody("Reload", "{}", false);
	ck_assert_uint_eq(asked.pauses, 0);
}
END_TEST

/* ---- whatever comes ---- */

START_TEST(requests_with_broken_bytes_end_at_most_their_own_connection)
{
	static const char *const requests[] = {
		"{\"method\":\"io.reaperd.Events\",\"more\":true,\"parameters\":{\"after\":1,\"follow\":true,\"type\":\"end\"}}",
		"{\"method\":\"io.reaperd.ListMounts\",\"more\":true,\"parameters\":{\"action\":\"one@1\",\"all\":true,\"at\":\"-1h\"}}",
		"{\"method\":\"io.reaperd.Explain\",\"parameters\":{\"what\":\"mnt:102\",\"root\":\"" ROOT "\"}}",
		"{\"method\":\"io.reaperd.Reap\",\"parameters\":{\"actions\":[\"one\",\"one@1\"],\"leftovers\":true}}",
		"{\"method\":\"io.reaperd.Begin\",\"parameters\":{\"root\":\"" ROOT "\",\"name\":\"a\\\\x41\",\"pid\":12,\"max_age\":\"1h\"}}",
		"{\"method\":\"io.reaperd.Lease\",\"more\":true,\"parameters\":{\"root\":\"" ROOT "\",\"name\":\"a\"}}",
		"{\"method\":\"io.reaperd.Pause\",\"parameters\":{\"seconds\":12.5e1}}",
	};
	static const char bytes[] = "\0\"\\{}[],:019.-eE@/x\x7f\x80\xff";
	uint32_t random = (uint32_t)_i + 1;

	asked.holders_at_once = true;
	make_over(mounted("one", "root/proc", NULL));
	for (int round = 0; round < 500; round++) {
		struct client client;
		char request[256];
		size_t length;

		snprintf(request, sizeof(request), "%s", requests[(random >> 16) % ARRAY_SIZE(requests)]);
		length = strlen(request);
		for (int i = 0; i < 1 + round % 3; i++) {
			random = random * 1664525 + 1013904223;
			request[(random >> 8) % length] = bytes[(random >> 24) % (sizeof(bytes) - 1)];
		}
		client_open(&client);
		client_send(&client, request, length + 1);
		shutdown(client.fd, SHUT_WR);
		RUN_UNTIL(client_is_closed(&client));
		client_close(&client);
	}
	json_decref(ask("GetStatus", "{}"));
}
END_TEST

static TCase *reading_case(void)
{
	TCase *tests = tcase_create("reading");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, status_counts_what_is_there);
	tcase_add_test(tests, status_has_every_field_that_the_interface_names);
	tcase_add_test(tests, metrics_have_the_promised_names_and_no_action_s);
	tcase_add_test(tests, the_configuration_is_given_as_text);
	tcase_add_test(tests, actions_are_listed_by_root_and_state);
	tcase_add_test(tests, past_actions_and_mounts_are_listed_when_asked_for);
	tcase_add_test(tests, mounts_are_listed_as_they_stood_at_a_time);
	tcase_add_test(tests, long_lists_come_in_pieces);
	tcase_add_test(tests, a_long_past_comes_in_pieces_each_row_once);
	tcase_add_test(tests, a_name_may_have_an_at_sign);
	tcase_add_test(tests, names_are_bytes_and_are_given_and_taken_escaped);
	tcase_add_test(tests, an_action_that_several_roots_have_is_ambiguous);
	tcase_add_test(tests, events_are_read_from_the_journal);
	tcase_add_test(tests, a_long_journal_comes_in_pieces);
	tcase_add_test(tests, a_follower_gets_what_happens_and_only_what_it_asked_for);
	tcase_add_test(tests, a_follower_misses_nothing_of_a_storm);
	tcase_add_test(tests, a_follower_gets_what_the_ledger_does_not_take);
	tcase_add_test(tests, an_action_is_explained_with_who_holds_its_mounts);
	tcase_add_test(tests, who_asked_may_go_before_the_holders_are_known);
	tcase_add_test(tests, an_explanation_does_not_wait_for_holders_for_ever);
	tcase_add_test(tests, a_mount_is_explained_by_its_path_or_its_number);
	tcase_add_test(tests, what_is_not_there_is_not_explained);
	tcase_add_test(tests, an_unowned_mount_and_a_past_action_are_explained_too);
	return tests;
}

static TCase *acting_case(void)
{
	TCase *tests = tcase_create("acting");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, requests_with_broken_bytes_end_at_most_their_own_connection, 0, 8);
	tcase_add_test(tests, runners_begin_and_end_actions);
	tcase_add_test(tests, a_lease_is_held_until_its_last_connection_closes);
	tcase_add_test(tests, a_lease_that_is_refused_is_not_held);
	tcase_add_test(tests, pausing_takes_a_root_and_a_time);
	tcase_add_test(tests, a_dry_run_reaps_nothing_and_says_what_would_be);
	tcase_add_test(tests, an_active_action_is_reaped_only_when_that_is_said);
	tcase_add_test(tests, leftovers_are_reaped_and_nothing_else);
	tcase_add_test(tests, who_may_what_is_in_the_configuration);
	return tests;
}

int main(void)
{
	Suite *suite = suite_create("control methods");
	SRunner *runner;
	int failed;

	suite_add_tcase(suite, reading_case());
	suite_add_tcase(suite, acting_case());
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
