/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "report/report.h"
#include "odd_names.h"
#include "run_suite.h"

#define START INT64_C(1795000000123000000) /* 2026-11-18T11:06:40.123Z */
#define NO_ATTACHER                                                                                                    \
	"\"attached_by\":{\"attested\":false,\"pid\":null,\"comm\":null,\"uid\":null,\"cgroup\":null,\"container\":null}"

static struct now at(int64_t seconds)
{
	return (struct now){ .mono = (1000 + seconds) * NSEC_PER_SEC, .real = START + seconds * NSEC_PER_SEC };
}

static void expect(json_t *json, const char *text)
{
	char *found;

	ck_assert_ptr_nonnull(json);
	found = json_dumps(json, JSON_COMPACT);
	ck_assert_str_eq(found, text);
	free(found);
	json_decref(json);
}

static struct root root = { .rules = { .path = (char *)"/worker/build" } };
static struct root_instance instance = { .root = &root };

static struct action some_action(void)
{
	return (struct action){
		.root = &root,
		.instance = &instance,
		.name = (char *)"f3fb7c74c3b342a0",
		.path = (char *)"f3fb7c74c3b342a0",
		.generation = 2,
		.state = ACTION_ACTIVE,
		.owner = { .uid = -1 },
		.first_seen = at(0),
		.mount_count = 2,
	};
}

static struct mount some_mount(struct action *action)
{
	return (struct mount){
		.facts = { .id = UINT64_C(4294969000),
			   .parent = 30,
			   .target = (char *)"/worker/build/f3fb7c74c3b342a0/root/proc",
			   .fstype = (char *)"proc",
			   .source = (char *)"/proc",
			   .options = (char *)"rw" },
		.action = action,
		.instance = &instance,
		.first_seen = at(1),
	};
}

/* As a reader of the JSON gets a name back. */
START_TEST(odd_names_come_back_from_json)
{
	json_t *object = json_object(), *read;
	CLEANUP_FREE char *text = NULL;
	const char *name = odd_names[_i], *shown;

	ck_assert_int_eq(report_set_bytes(object, "name", name), 0);
	text = json_dumps(object, JSON_COMPACT);
	json_decref(object);
	read = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	ck_assert_ptr_nonnull(read);
	shown = json_string_value(json_object_get(read, "name"));
	if (json_object_get(read, "name_b64")) {
		CLEANUP_FREE char *back = NULL;
		CLEANUP_FREE char *base64 = text_base64(name, strlen(name));

		ck_assert_int_eq(text_unescape(shown, &back), 0);
		ck_assert_str_eq(back, name);
		ck_assert_str_eq(json_string_value(json_object_get(read, "name_b64")), base64);
	} else {
		ck_assert_str_eq(shown, name);
	}
	json_decref(read);
}
END_TEST

START_TEST(utf8_stays_and_other_bytes_come_twice)
{
	json_t *object = json_object();

	ck_assert_int_eq(report_set_bytes(object, "plain", "a\\b\n\xc3\xa9"), 0);
	ck_assert_int_eq(report_set_bytes(object, "odd", "a\\\xff"), 0);
	ck_assert_int_eq(report_set_bytes(object, "none", NULL), 0);
	ck_assert_int_eq(report_set_bytes(object, "empty", ""), 0);
	expect(object,
	       "{\"plain\":\"a\\\\b\\n\xc3\xa9\",\"odd\":\"a\\\\\\\\\\\\xff\",\"odd_b64\":\"YVz/\",\"none\":null,\"empty\":\"\"}");
}
END_TEST

START_TEST(time_zero_is_null)
{
	json_t *object = json_object();

	ck_assert_int_eq(report_set_time(object, "never", 0), 0);
	ck_assert_int_eq(report_set_time(object, "then", START), 0);
	expect(object, "{\"never\":null,\"then\":\"2026-11-18T11:06:40.123Z\"}");
}
END_TEST

START_TEST(action_that_nobody_registered_has_an_inferred_owner)
{
	struct action action = some_action();

	expect(report_action(&action),
	       "{\"root\":\"/worker/build\",\"name\":\"f3fb7c74c3b342a0\",\"generation\":2,\"state\":\"active\",\"evidence\":[],"
	       "\"mounts\":2,\"owner\":{\"kind\":\"inferred\",\"pid\":null,\"comm\":null,\"uid\":null,\"cgroup\":null,"
	       "\"container\":null,\"lease\":false},\"first_seen\":\"2026-11-18T11:06:40.123Z\",\"ended\":null}");
}
END_TEST

START_TEST(registered_action_shows_owner_and_evidence)
{
	struct action action = some_action();

	action.state = ACTION_OVER;
	action.evidence = EVIDENCE_BIT(EVIDENCE_ENDED) | EVIDENCE_BIT(EVIDENCE_HOLLOW);
	action.evidence_state[EVIDENCE_ENDED].since = at(1);
	action.evidence_state[EVIDENCE_HOLLOW].since = at(2);
	action.owner = (struct owner){ .kind = OWNER_REGISTERED,
				       .pid = 12,
				       .comm = (char *)"sh",
				       .uid = 0,
				       .cgroup = (char *)"/x",
				       .container = (char *)"c1",
				       .lease = true };
	action.ended = at(1);
	expect(report_action(&action),
	       "{\"root\":\"/worker/build\",\"name\":\"f3fb7c74c3b342a0\",\"generation\":2,\"state\":\"over\",\"evidence\":["
	       "{\"kind\":\"ended\",\"since\":\"2026-11-18T11:06:41.123Z\"},{\"kind\":\"hollow\",\"since\":\"2026-11-18T11:06:42.123Z\"}],"
	       "\"mounts\":2,\"owner\":{\"kind\":\"registered\",\"pid\":12,\"comm\":\"sh\",\"uid\":0,\"cgroup\":\"/x\","
	       "\"container\":\"c1\",\"lease\":true},\"first_seen\":\"2026-11-18T11:06:40.123Z\",\"ended\":\"2026-11-18T11:06:41.123Z\"}");
}
END_TEST

/* What the ledger gives has the same form as what the model gives. */
START_TEST(action_row_drops_what_only_a_restart_needs)
{
	const struct store_action_row row = {
		.root = "/worker/build",
		.name = "a\xff",
		.generation = 1,
		.state = "cleared",
		.evidence =
			"[{\"kind\":\"missing\",\"since\":\"2026-11-18T11:06:40.123Z\",\"since_ns\":1795000000123000000}]",
		.owner_kind = "inferred",
		.uid = -1,
		.first_seen = START,
		.ended = START,
	};

	expect(report_action_row(&row),
	       "{\"root\":\"/worker/build\",\"name\":\"a\\\\xff\",\"name_b64\":\"Yf8=\",\"generation\":1,\"state\":\"cleared\","
	       "\"evidence\":[{\"kind\":\"missing\",\"since\":\"2026-11-18T11:06:40.123Z\"}],\"mounts\":0,\"owner\":{"
	       "\"kind\":\"inferred\",\"pid\":null,\"comm\":null,\"uid\":null,\"cgroup\":null,\"container\":null,\"lease\":false},"
	       "\"first_seen\":\"2026-11-18T11:06:40.123Z\",\"ended\":\"2026-11-18T11:06:40.123Z\"}");
}
END_TEST

START_TEST(mount_of_an_action)
{
	struct action action = some_action();
	struct mount mount = some_mount(&action);

	expect(report_mount(&mount, 4026531841),
	       "{\"id\":4294969000,\"parent\":30,\"namespace\":4026531841,\"root\":\"/worker/build\",\"action\":\"f3fb7c74c3b342a0\","
	       "\"generation\":2,\"target\":\"/worker/build/f3fb7c74c3b342a0/root/proc\",\"fstype\":\"proc\",\"source\":\"/proc\","
	       "\"options\":\"rw\",\"state\":\"attached\",\"attached\":\"2026-11-18T11:06:41.123Z\"," NO_ATTACHER
	       ",\"detached\":null,\"detached_by\":null}");
}
END_TEST

START_TEST(mount_of_no_action)
{
	struct mount mount = some_mount(NULL);
	json_t *object = report_mount(&mount, 1);

	ck_assert(json_is_null(json_object_get(object, "action")));
	ck_assert(json_is_null(json_object_get(object, "generation")));
	ck_assert_str_eq(json_string_value(json_object_get(object, "root")), "/worker/build");
	json_decref(object);
}
END_TEST

START_TEST(mount_row_says_who_took_it)
{
	const struct store_mount_row row = {
		.id = 5,
		.parent = 4,
		.namespace = 3,
		.root = "/r",
		.target = "/r/x",
		.fstype = "tmpfs",
		.source = "",
		.options = "rw",
		.state = "detached",
		.attached = START,
		.detached = START,
		.detached_by = "pid 123 (umount)",
	};

	expect(report_mount_row(&row),
	       "{\"id\":5,\"parent\":4,\"namespace\":3,\"root\":\"/r\",\"action\":null,\"generation\":null,\"target\":\"/r/x\","
	       "\"fstype\":\"tmpfs\",\"source\":\"\",\"options\":\"rw\",\"state\":\"detached\",\"attached\":\"2026-11-18T11:06:40.123Z\"," NO_ATTACHER
	       ",\"detached\":\"2026-11-18T11:06:40.123Z\",\"detached_by\":\"pid 123 (umount)\"}");
}
END_TEST

START_TEST(event_holds_its_detail_as_an_object)
{
	const struct store_event event = { .seq = 7,
					   .time = START,
					   .type = EVENT_EVIDENCE,
					   .mount_id = 5,
					   .root = "/r",
					   .action = "a",
					   .generation = 1,
					   .target = "/r/a",
					   .pid = 9,
					   .comm = "umount",
					   .detail = "{\"kind\":\"missing\"}" };

	expect(report_event(&event),
	       "{\"seq\":7,\"time\":\"2026-11-18T11:06:40.123Z\",\"type\":\"evidence\",\"id\":5,\"root\":\"/r\",\"action\":\"a\","
	       "\"generation\":1,\"target\":\"/r/a\",\"pid\":9,\"comm\":\"umount\",\"detail\":{\"kind\":\"missing\"}}");
}
END_TEST

START_TEST(event_about_nothing_in_particular_is_full_of_nulls)
{
	const struct store_event event = { .seq = 1, .time = START, .type = EVENT_START };

	expect(report_event(&event),
	       "{\"seq\":1,\"time\":\"2026-11-18T11:06:40.123Z\",\"type\":\"start\",\"id\":null,\"root\":null,\"action\":null,"
	       "\"generation\":null,\"target\":null,\"pid\":null,\"comm\":null,\"detail\":null}");
}
END_TEST

START_TEST(detail_that_is_no_object_is_kept_as_text)
{
	static const char *const details[] = { "[1]", "{\"a\":", "text", "" };

	for (size_t i = 0; i < ARRAY_SIZE(details); i++) {
		const struct store_event event = { .seq = 1, .time = START, .type = EVENT_START, .detail = details[i] };
		json_t *object = report_event(&event);
		const json_t *detail = json_object_get(object, "detail");

		ck_assert_str_eq(json_string_value(json_object_get(detail, "text")), details[i]);
		json_decref(object);
	}
}
END_TEST

START_TEST(attempt_names_its_error)
{
	struct store_attempt_row row = { .mount_id = 5,
					 .target = "/r/a",
					 .step = "umount",
					 .evidence = "missing",
					 .outcome = "busy",
					 .error = EBUSY,
					 .intended = START,
					 .finished = START };

	expect(report_attempt_row(&row),
	       "{\"time\":\"2026-11-18T11:06:40.123Z\",\"finished\":\"2026-11-18T11:06:40.123Z\",\"id\":5,\"target\":\"/r/a\","
	       "\"step\":\"umount\",\"evidence\":\"missing\",\"outcome\":\"busy\",\"error\":\"EBUSY\",\"detail\":null}");
	row.outcome = NULL;
	row.error = 0;
	row.finished = 0;
	expect(report_attempt_row(&row),
	       "{\"time\":\"2026-11-18T11:06:40.123Z\",\"finished\":null,\"id\":5,\"target\":\"/r/a\","
	       "\"step\":\"umount\",\"evidence\":\"missing\",\"outcome\":null,\"error\":null,\"detail\":null}");
}
END_TEST

START_TEST(decision_gives_its_due_time_while_it_waits)
{
	struct decision decision = { .verdict = VERDICT_WAIT, .because = EVIDENCE_MISSING, .due = at(5).mono };

	expect(report_decision(&decision, at(2)),
	       "{\"verdict\":\"wait\",\"hold\":null,\"because\":\"missing\",\"due\":\"2026-11-18T11:06:45.123Z\"}");
	decision.verdict = VERDICT_REAP;
	decision.hold = HOLD_OBSERVE;
	expect(report_decision(&decision, at(6)),
	       "{\"verdict\":\"reap\",\"hold\":\"observe\",\"because\":\"missing\",\"due\":null}");
	decision = (struct decision){ .verdict = VERDICT_KEEP };
	expect(report_decision(&decision, at(6)), "{\"verdict\":\"keep\",\"hold\":null,\"because\":null,\"due\":null}");
}
END_TEST

/* ---- audits, over a real model ---- */

static struct model *model;

static void add_mount(struct scan *scan, uint64_t id, uint64_t parent, const char *target, bool deleted)
{
	struct mount_facts *one = scan_add(scan);

	ck_assert_ptr_nonnull(one);
	*one = (struct mount_facts){ .id = id,
				     .parent = parent,
				     .id32 = (uint32_t)id,
				     .parent32 = (uint32_t)parent,
				     .dev = 100 + id,
				     .root = strdup("/"),
				     .root_deleted = deleted,
				     .target = strdup(target),
				     .fstype = strdup("tmpfs"),
				     .source = strdup("none"),
				     .options = strdup("rw"),
				     .super_options = strdup("rw") };
}

static void setup(void)
{
	struct scan scan = { .complete = true, .unique_ids = true };
	struct changes changes = { 0 };
	struct root_rules rules;
	const struct root_rules *const all[] = { &rules };

	ck_assert_int_eq(rules_init(&rules, "/b"), 0);
	ck_assert_int_eq(string_list_add(&rules.protect, "over/keep"), 0);
	model = model_new();
	ck_assert_int_eq(model_set_roots(model, all, 1), 0);
	rules_clear(&rules);
	add_mount(&scan, 1, 0, "/", false);
	add_mount(&scan, 2, 1, "/b/live/x", false);
	add_mount(&scan, 3, 1, "/b/over/x", false);
	add_mount(&scan, 4, 1, "/b/over/keep", false);
	add_mount(&scan, 5, 1, "/b/.unowned/x", false);
	add_mount(&scan, 6, 1, "/b/over/y", false);
	ck_assert_int_eq(model_apply(model, &scan, at(0), &changes), 0);
	changes_clear(&changes);
	scan_clear(&scan);
}

static void teardown(void)
{
	model_free(model);
}

static struct action *find(const char *name)
{
	struct action *action = NULL;

	ck_assert_uint_eq(model_find_actions(model, model_roots(model), name, &action, 1), 1);
	return action;
}

static json_t *audit_at(struct now now)
{
	const struct policy_facts facts = { 0 };
	struct plan plan;
	json_t *audit;

	ck_assert_int_eq(policy_plan(model, &facts, now, &plan), 0);
	audit = report_audit(model, &plan, 100000, now);
	plan_clear(&plan);
	ck_assert_ptr_nonnull(audit);
	return audit;
}

static size_t size_of(const json_t *audit, const char *key)
{
	ck_assert(json_is_array(json_object_get(audit, key)));
	return json_array_size(json_object_get(audit, key));
}

START_TEST(audit_of_live_actions_is_clean)
{
	json_t *audit = audit_at(at(1));

	ck_assert(json_is_true(json_object_get(audit, "clean")));
	ck_assert_uint_eq(size_of(audit, "leftovers"), 0);
	ck_assert_uint_eq(size_of(audit, "stuck"), 0);
	ck_assert_uint_eq(size_of(audit, "unknown"), 0);
	ck_assert_uint_eq(size_of(audit, "unowned"), 1);
	ck_assert_int_eq(json_integer_value(json_object_get(audit, "mounts_total")), 6);
	ck_assert_int_eq(json_integer_value(json_object_get(audit, "mount_max")), 100000);
	json_decref(audit);
}
END_TEST

START_TEST(audit_lists_an_action_once_without_its_protected_mounts)
{
	struct action *action = find("over");
	json_t *audit, *entry;

	policy_evidence_set(action, EVIDENCE_MISSING, at(1));
	for (int grace_over = 0; grace_over < 2; grace_over++) {
		audit = audit_at(at(grace_over ? 100 : 1));
		ck_assert(json_is_false(json_object_get(audit, "clean")));
		ck_assert_uint_eq(size_of(audit, "leftovers"), 1);
		entry = json_array_get(json_object_get(audit, "leftovers"), 0);
		ck_assert_str_eq(json_string_value(json_object_get(entry, "action")), "over");
		ck_assert_int_eq(json_integer_value(json_object_get(entry, "generation")), 1);
		ck_assert_uint_eq(size_of(entry, "evidence"), 1);
		ck_assert_uint_eq(size_of(entry, "mounts"), 2);
		json_decref(audit);
	}
}
END_TEST

START_TEST(audit_lists_mounts_that_are_over_by_themselves)
{
	json_t *audit, *entry;

	for (uint64_t id = 3; id <= 6; id += 3) {
		model_mount(model, id)->evidence = EVIDENCE_BIT(EVIDENCE_SOURCE_DELETED);
		model_mount(model, id)->source_deleted = (struct evidence_state){ at(0), at(0) };
	}
	audit = audit_at(at(1));
	ck_assert_uint_eq(size_of(audit, "leftovers"), 1);
	entry = json_array_get(json_object_get(audit, "leftovers"), 0);
	ck_assert_uint_eq(size_of(entry, "mounts"), 2);
	ck_assert_uint_eq(size_of(entry, "evidence"), 1);
	json_decref(audit);
}
END_TEST

START_TEST(audit_does_not_call_clean_what_gave_no_answer)
{
	json_t *audit;

	policy_evidence_set(find("live"), EVIDENCE_HUNG, at(1));
	audit = audit_at(at(1));
	ck_assert(json_is_false(json_object_get(audit, "clean")));
	ck_assert_uint_eq(size_of(audit, "leftovers"), 0);
	ck_assert_uint_eq(size_of(audit, "suspects"), 0);
	ck_assert_uint_eq(size_of(audit, "unknown"), 1);
	json_decref(audit);
}
END_TEST

START_TEST(audit_shows_suspects_and_stuck_mounts)
{
	json_t *audit;

	model_roots(model)->rules.reap_when = 0;
	policy_evidence_set(find("over"), EVIDENCE_MISSING, at(1));
	model_mount(model, 2)->state = MOUNT_STUCK;
	audit = audit_at(at(100));
	ck_assert(json_is_false(json_object_get(audit, "clean")));
	ck_assert_uint_eq(size_of(audit, "leftovers"), 0);
	ck_assert_uint_eq(size_of(audit, "suspects"), 1);
	ck_assert_uint_eq(size_of(audit, "stuck"), 1);
	ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(json_object_get(audit, "stuck"), 0), "id")),
			 2);
	json_decref(audit);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("report");
	TCase *tc = tcase_create("shapes");

	tcase_add_test(tc, utf8_stays_and_other_bytes_come_twice);
	tcase_add_loop_test(tc, odd_names_come_back_from_json, 0, ARRAY_SIZE(odd_names));
	tcase_add_test(tc, time_zero_is_null);
	tcase_add_test(tc, action_that_nobody_registered_has_an_inferred_owner);
	tcase_add_test(tc, registered_action_shows_owner_and_evidence);
	tcase_add_test(tc, action_row_drops_what_only_a_restart_needs);
	tcase_add_test(tc, mount_of_an_action);
	tcase_add_test(tc, mount_of_no_action);
	tcase_add_test(tc, mount_row_says_who_took_it);
	tcase_add_test(tc, event_holds_its_detail_as_an_object);
	tcase_add_test(tc, event_about_nothing_in_particular_is_full_of_nulls);
	tcase_add_test(tc, detail_that_is_no_object_is_kept_as_text);
	tcase_add_test(tc, attempt_names_its_error);
	tcase_add_test(tc, decision_gives_its_due_time_while_it_waits);
	suite_add_tcase(s, tc);
	tc = tcase_create("audit");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, audit_of_live_actions_is_clean);
	tcase_add_test(tc, audit_lists_an_action_once_without_its_protected_mounts);
	tcase_add_test(tc, audit_lists_mounts_that_are_over_by_themselves);
	tcase_add_test(tc, audit_does_not_call_clean_what_gave_no_answer);
	tcase_add_test(tc, audit_shows_suspects_and_stuck_mounts);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	return run_suite(suite());
}
