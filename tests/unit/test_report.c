/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The shape of each object. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "report/report.h"
#include "odd_names.h"
#include "report_fixture.h"
#include "run_suite.h"

#define NO_ATTACHER                                                                                                    \
	"\"attached_by\":{\"attested\":false,\"pid\":null,\"comm\":null,\"uid\":null,\"cgroup\":null,\"container\":null}"

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

static struct mount_namespace own_namespace = { .own = true };

static struct mount some_mount(struct action *action)
{
	return (struct mount){
		.ns = &own_namespace,
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

START_TEST(mount_says_who_attached_it)
{
	struct action action = some_action();
	struct mount mount = some_mount(&action);
	struct actor by = { .pid = 9,
			    .attested = true,
			    .uid = 1000,
			    .comm = (char *)"mo\xffunt",
			    .cgroup = (char *)"/a/b.service",
			    .container = (char *)"b.service" };
	json_t *object;

	mount.facts.attached_by = &by;
	object = report_mount(&mount, 1);
	expect(json_incref(json_object_get(object, "attached_by")),
	       "{\"attested\":true,\"pid\":9,\"comm\":\"mo\\\\xffunt\",\"comm_b64\":\"bW//dW50\",\"uid\":1000,"
	       "\"cgroup\":\"/a/b.service\",\"container\":\"b.service\"}");
	json_decref(object);
	by = (struct actor){ .pid = 9, .uid = -1 };
	object = report_mount(&mount, 1);
	expect(json_incref(json_object_get(object, "attached_by")),
	       "{\"attested\":false,\"pid\":9,\"comm\":null,\"uid\":null,\"cgroup\":null,\"container\":null}");
	json_decref(object);
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

int main(void)
{
	Suite *suite = suite_create("report");
	TCase *tests = tcase_create("shapes");

	tcase_add_test(tests, utf8_stays_and_other_bytes_come_twice);
	tcase_add_loop_test(tests, odd_names_come_back_from_json, 0, ARRAY_SIZE(odd_names));
	tcase_add_test(tests, time_zero_is_null);
	tcase_add_test(tests, action_that_nobody_registered_has_an_inferred_owner);
	tcase_add_test(tests, registered_action_shows_owner_and_evidence);
	tcase_add_test(tests, action_row_drops_what_only_a_restart_needs);
	tcase_add_test(tests, mount_of_an_action);
	tcase_add_test(tests, mount_says_who_attached_it);
	tcase_add_test(tests, mount_of_no_action);
	tcase_add_test(tests, mount_row_says_who_took_it);
	tcase_add_test(tests, event_holds_its_detail_as_an_object);
	tcase_add_test(tests, event_about_nothing_in_particular_is_full_of_nulls);
	tcase_add_test(tests, detail_that_is_no_object_is_kept_as_text);
	tcase_add_test(tests, attempt_names_its_error);
	tcase_add_test(tests, decision_gives_its_due_time_while_it_waits);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
