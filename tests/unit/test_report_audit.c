/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Audits, over a real model. */
#include <check.h>
#include <string.h>

#include "report/report.h"
#include "report_fixture.h"
#include "run_suite.h"

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

int main(void)
{
	Suite *suite = suite_create("report: audits");
	TCase *tests = tcase_create("audit");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, audit_of_live_actions_is_clean);
	tcase_add_test(tests, audit_lists_an_action_once_without_its_protected_mounts);
	tcase_add_test(tests, audit_lists_mounts_that_are_over_by_themselves);
	tcase_add_test(tests, audit_does_not_call_clean_what_gave_no_answer);
	tcase_add_test(tests, audit_shows_suspects_and_stuck_mounts);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
