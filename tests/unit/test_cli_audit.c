/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * reaperctl audit: its forms and exit statuses, what an answer means, and real mounts where this process may make some.
 */
#include <check.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/audit.h"
#include "cli_fixture.h"
#include "mount_fixture.h"
#include "run_suite.h"
#include "policy/policy.h"
#include "store/store.h"

/* ---- forms ---- */

#define LEFTOVER(name)                                                                                                 \
	"{\"root\":\"/b\",\"action\":\"" name                                                                          \
	"\",\"generation\":1,\"evidence\":[{\"kind\":\"missing\",\"since\":null}],"                                    \
	"\"mounts\":[{\"id\":8,\"target\":\"/b/" name "/p\",\"fstype\":\"proc\"},{\"id\":9,\"target\":\"/b/" name      \
	"/s\","                                                                                                        \
	"\"fstype\":\"sysfs\"}]}"
#define AUDIT(leftovers, stuck, unowned, unknown, total)                                                               \
	"{\"clean\":false,\"leftovers\":[" leftovers "],\"stuck\":[" stuck "],\"unowned\":[" unowned                   \
	"],\"unknown\":[" unknown "],\"mounts_total\":" total ",\"mount_max\":1000}"
#define A_MOUNT	  "{\"id\":7,\"target\":\"/b/x\\u001b\",\"fstype\":\"proc\",\"action\":\"x\",\"generation\":1}"
#define AN_ACTION "{\"root\":\"/b\",\"action\":\"q\",\"generation\":1,\"evidence\":[{\"kind\":\"hung\"}]}"

static const struct {
	const char *audit;
	int status, nagios;
} statuses[] = {
	{ AUDIT("", "", "", "", "10"), 0, 0 },
	{ AUDIT("", "", A_MOUNT, "", "10"), 0, 0 },
	{ AUDIT(LEFTOVER("x"), "", "", "", "10"), 1, 1 },
	{ AUDIT(LEFTOVER("x"), "", "", AN_ACTION, "10"), 1, 1 },
	{ AUDIT("", A_MOUNT, "", "", "10"), 1, 2 },
	{ AUDIT("", "", "", AN_ACTION, "10"), 3, 3 },
	{ AUDIT("", "", "", "", "900"), 0, 0 },
	{ AUDIT("", "", "", "", "901"), 0, 2 },
	{ AUDIT("", "", "", AN_ACTION, "999"), 3, 2 },
};

START_TEST(exit_statuses_follow_from_what_was_found)
{
	json_t *audit = json_loads(statuses[_i].audit, 0, NULL);

	ck_assert_int_eq(audit_status(audit, AUDIT_TEXT), statuses[_i].status);
	ck_assert_int_eq(audit_status(audit, AUDIT_JSON), statuses[_i].status);
	ck_assert_int_eq(audit_status(audit, AUDIT_PROMETHEUS), statuses[_i].status);
	ck_assert_int_eq(audit_status(audit, AUDIT_NAGIOS), statuses[_i].nagios);
	json_decref(audit);
}
END_TEST

struct printing {
	json_t *audit;
	struct string_list roots, notes;
	enum audit_format format;
};

static void print(void *context)
{
	const struct printing *printing = context;
	const struct cli cli = { .now = clock_now() };

	audit_print(&cli, &(const struct audit_result){ printing->audit, &printing->roots, &printing->notes },
		    printing->format);
}

static const char *printed(const char *text, enum audit_format format, const char *note)
{
	struct printing printing = { .audit = json_loads(text, 0, NULL), .format = format };
	const char *out;

	string_list_add(&printing.roots, "/b");
	string_list_add(&printing.roots, "/c\"\n");
	if (note)
		string_list_add(&printing.notes, note);
	out = output_of(print, &printing);
	json_decref(printing.audit);
	string_list_clear(&printing.roots);
	string_list_clear(&printing.notes);
	return out;
}

START_TEST(text_is_a_verdict_and_tables)
{
	ck_assert_str_eq(printed(AUDIT(LEFTOVER("x") "," LEFTOVER("y@3"), A_MOUNT, A_MOUNT, AN_ACTION, "10"),
				 AUDIT_TEXT, "no ledger"),
			 "4 mounts left over by 2 actions\n"
			 "note: no ledger\n"
			 "\nleft over:\n"
			 "ACTION EVIDENCE FSTYPE TARGET\n"
			 "x      missing  proc   /b/x/p\n"
			 "x      missing  sysfs  /b/x/s\n"
			 "y@3@1  missing  proc   /b/y@3/p\n"
			 "y@3@1  missing  sysfs  /b/y@3/s\n"
			 "\nstuck:\n"
			 "ID TARGET   FSTYPE ACTION\n"
			 " 7 /b/x\\x1b proc   x\n"
			 "\nof no action:\n"
			 "ID TARGET   FSTYPE\n"
			 " 7 /b/x\\x1b proc\n"
			 "\nwithout an answer:\n"
			 "ACTION EVIDENCE ROOT\n"
			 "q      hung     /b\n");
}
END_TEST

START_TEST(suspects_are_shown_though_all_is_clean)
{
	static const char audit[] = "{\"leftovers\":[],\"stuck\":[],\"suspects\":[" AN_ACTION "]}";

	ck_assert_str_eq(printed(audit, AUDIT_TEXT, NULL), "clean: nothing is left over below 2 build roots\n"
							   "\nsuspect, by evidence that does not act here:\n"
							   "ACTION EVIDENCE ROOT\n"
							   "q      hung     /b\n");
	ck_assert_ptr_nonnull(strstr(printed(audit, AUDIT_PROMETHEUS, NULL), "\nreaperd_audit_suspect_actions 1\n"));
}
END_TEST

START_TEST(text_of_a_clean_host_is_one_line)
{
	ck_assert_str_eq(printed(AUDIT("", "", "", "", "10"), AUDIT_TEXT, NULL),
			 "clean: nothing is left over below 2 build roots\n");
	ck_assert_str_eq(
		printed(AUDIT("", "", "", "", "950"), AUDIT_TEXT, NULL),
		"clean: nothing is left over below 2 build roots\nnote: the mount table is 95 % full: 950 of 1000\n");
}
END_TEST

START_TEST(nagios_is_one_line_with_numbers)
{
	ck_assert_str_eq(
		printed(AUDIT(LEFTOVER("x"), "", A_MOUNT, "", "10"), AUDIT_NAGIOS, NULL),
		"REAPERD WARNING - 2 leftover mounts of 1 action, 0 stuck, 0 without an answer, mount table 1 % full"
		" | leftover_mounts=2;0;;0; leftover_actions=1;0;;0; stuck=0;;0;0; unknown=0;;;0; unowned=1;;;0;"
		" mounts=10;;900;0;1000\n");
	ck_assert_ptr_nonnull(
		strstr(printed(AUDIT("", A_MOUNT, "", "", "1"), AUDIT_NAGIOS, NULL), "REAPERD CRITICAL - "));
	ck_assert_ptr_nonnull(
		strstr(printed(AUDIT("", "", "", AN_ACTION, "1"), AUDIT_NAGIOS, NULL), "REAPERD UNKNOWN - "));
	ck_assert_ptr_nonnull(strstr(printed(AUDIT("", "", "", "", "1"), AUDIT_NAGIOS, NULL), "REAPERD OK - "));
}
END_TEST

START_TEST(prometheus_has_every_root_with_its_label_escaped)
{
	const char *out = printed(AUDIT(LEFTOVER("x"), A_MOUNT, "", AN_ACTION, "100"), AUDIT_PROMETHEUS, NULL);

	ck_assert_ptr_nonnull(strstr(out, "# TYPE reaperd_audit_leftover_mounts gauge\n"
					  "reaperd_audit_leftover_mounts{root=\"/b\"} 2\n"
					  "reaperd_audit_leftover_mounts{root=\"/c\\\"\\\\x0a\"} 0\n"));
	ck_assert_ptr_nonnull(strstr(out, "\nreaperd_audit_leftover_actions{root=\"/b\"} 1\n"));
	ck_assert_ptr_nonnull(strstr(out, "\nreaperd_audit_stuck_mounts 1\n"));
	ck_assert_ptr_nonnull(strstr(out, "\nreaperd_audit_unknown_actions 1\n"));
	ck_assert_ptr_nonnull(strstr(out, "\nreaperd_audit_mounts 100\n"));
	ck_assert_ptr_nonnull(strstr(out, "\nreaperd_audit_mount_table_ratio 0.1\n"));
	ck_assert_ptr_nonnull(strstr(out, "\nreaperd_audit_clean 0\n"));
	ck_assert_ptr_nonnull(
		strstr(printed(AUDIT("", "", "", "", "1"), AUDIT_PROMETHEUS, NULL), "\nreaperd_audit_clean 1\n"));
}
END_TEST

/* ---- answers ---- */

static const struct {
	struct kernel_probe_result answer;
	bool seen_full, registered;
	uint32_t evidence;
} answers[] = {
	{ { .state = KERNEL_PROBE_PRESENT }, true, false, 0 },
	{ { .state = KERNEL_PROBE_MISSING }, false, false, EVIDENCE_BIT(EVIDENCE_MISSING) },
	{ { .state = KERNEL_PROBE_REPLACED }, false, false, EVIDENCE_BIT(EVIDENCE_REPLACED) },
	{ { .state = KERNEL_PROBE_DEAD }, false, false, EVIDENCE_BIT(EVIDENCE_DEAD) },
	{ { .state = KERNEL_PROBE_COVERED }, false, false, EVIDENCE_BIT(EVIDENCE_UNKNOWN) },
	{ { .state = KERNEL_PROBE_ELSEWHERE }, false, false, EVIDENCE_BIT(EVIDENCE_UNKNOWN) },
	{ { .state = KERNEL_PROBE_UNKNOWN, .error = EIO }, false, false, EVIDENCE_BIT(EVIDENCE_UNKNOWN) },
	{ { .state = KERNEL_PROBE_PRESENT, .hollow = true, .local = true },
	  true,
	  false,
	  EVIDENCE_BIT(EVIDENCE_HOLLOW) },
	{ { .state = KERNEL_PROBE_PRESENT, .hollow = true, .local = true }, false, false, 0 },
	{ { .state = KERNEL_PROBE_PRESENT, .hollow = true, .local = true }, true, true, 0 },
	{ { .state = KERNEL_PROBE_PRESENT, .hollow = true }, true, false, 0 },
};

START_TEST(an_answer_is_evidence_and_takes_the_former_back)
{
	const struct now now = { 1000, 1000 };
	struct action action = {
		.seen_full = answers[_i].seen_full,
		.registered = answers[_i].registered,
		.evidence = EVIDENCE_BIT(EVIDENCE_ENDED) | EVIDENCE_BIT(EVIDENCE_HUNG) | EVIDENCE_BIT(EVIDENCE_MISSING),
	};

	audit_take_answer(NULL, &action, &answers[_i].answer, now);
	ck_assert_uint_eq(action.evidence, answers[_i].evidence | EVIDENCE_BIT(EVIDENCE_ENDED));
}
END_TEST

START_TEST(no_answer_is_hung)
{
	struct action action = { 0 };

	audit_take_answer(NULL, &action, NULL, (struct now){ 1000, 1000 });
	ck_assert_uint_eq(action.evidence, EVIDENCE_BIT(EVIDENCE_HUNG));
}
END_TEST

/* ---- real mounts ---- */

#define B      PLACE "/b"
#define CONFIG PLACE "/reaperd.conf"
#define STATE  PLACE "/state"

/* A root with one action, `a1`, that has a mount, and a configuration that looks for its ledger here. */
static void setup(void)
{
	FILE *file;

	fixture_setup();
	make_directory(B);
	make_directory(B "/a1");
	make_directory(B "/a1/root");
	make_directory(B "/a1/root/tmp");
	make_tmpfs(B "/a1/root/tmp");
	file = fopen(CONFIG, "w");
	ck_assert_ptr_nonnull(file);
	fprintf(file, "[daemon]\nstate-dir = " STATE "\n[root " B "]\n");
	fclose(file);
}

static const struct shown *audit(const char *arguments)
{
	char line[256];

	snprintf(line, sizeof(line), "audit --config " CONFIG " %s", arguments);
	return run(line);
}

/* The evidence of the only leftover, which is this action. */
static void assert_leftover(const char *action, const char *kind)
{
	const struct shown *shown = audit("--json");
	json_t *found = json_loads(shown->out, 0, NULL);
	const json_t *leftover = json_array_get(json_object_get(found, "leftovers"), 0);
	const json_t *evidence = json_array_get(json_object_get(leftover, "evidence"), 0);

	ck_assert_msg(shown->status == 1, "exit %d: %s%s", shown->status, shown->out, shown->err);
	ck_assert_msg(json_array_size(json_object_get(found, "leftovers")) == 1, "%s", shown->out);
	ck_assert_str_eq(json_string_value(json_object_get(leftover, "root")), B);
	ck_assert_str_eq(json_string_value(json_object_get(leftover, "action")), action);
	ck_assert_msg(json_string_value(json_object_get(evidence, "kind")) != NULL, "%s", shown->out);
	ck_assert_str_eq(json_string_value(json_object_get(evidence, "kind")), kind);
	ck_assert_int_ge(json_array_size(json_object_get(leftover, "mounts")), 1);
	json_decref(found);
}

START_TEST(a_live_action_is_no_leftover)
{
	const struct shown *shown = audit("");

	ck_assert_msg(shown->status == 0, "%s%s", shown->out, shown->err);
	ck_assert_str_eq(shown->out, "clean: nothing is left over below 1 build root\n"
				     "note: no ledger at " STATE "/ledger.db: what ended or moved is not known\n");
	shown = audit("--quiet");
	ck_assert_int_eq(shown->status, 0);
	ck_assert_str_eq(shown->out, "");
	ck_assert_str_eq(shown->err, "");
	ck_assert_int_eq(audit("--format nagios")->status, 0);
}
END_TEST

START_TEST(a_mount_below_trash_is_a_leftover)
{
	ck_assert_int_eq(rename(B "/a1", B "/.trash-a1"), 0);
	assert_leftover(".trash-a1/root", "moved");
	ck_assert_ptr_nonnull(strstr(audit("--quiet")->out, "1 mount left over by 1 action\n"));
	ck_assert_int_eq(audit("--format nagios")->status, 1);
	ck_assert(is_mounted(mount_of(B "/.trash-a1/root/tmp")));
}
END_TEST

START_TEST(a_bind_of_a_deleted_directory_is_a_leftover)
{
	make_directory(B "/a1/out");
	make_directory(B "/a2");
	make_directory(B "/a2/in");
	make_mount(NULL, B "/a1/out", B "/a2/in", MS_BIND);
	ck_assert_int_eq(audit("")->status, 0);
	ck_assert_int_eq(rmdir(B "/a1/out"), 0);
	assert_leftover("a2", "source-deleted");
}
END_TEST

START_TEST(roots_that_are_named_are_those_looked_at)
{
	make_directory(PLACE "/c");
	ck_assert_int_eq(rename(B "/a1", B "/.trash-a1"), 0);
	ck_assert_int_eq(audit("--root " PLACE "/c")->status, 0);
	ck_assert_int_eq(audit("--root " PLACE "/c --root " B)->status, 1);
	ck_assert_int_eq(audit("--root " PLACE "/b/a1 --root " B)->status, 2);
	ck_assert_int_eq(audit("--root /")->status, 2);
}
END_TEST

static struct model *read_model(struct now now)
{
	struct config *config;
	struct string_list notes = { 0 };
	struct model *model;
	char *errors = NULL;

	ck_assert_int_eq(config_load(CONFIG, &config, &errors), 0);
	ck_assert_int_eq(audit_read(config, now, &notes, &model), 0);
	config_free(config);
	string_list_clear(&notes);
	return model;
}

START_TEST(mounts_in_the_directory_that_replaced_another_live)
{
	const struct kernel_probe_result answer = { .state = KERNEL_PROBE_REPLACED, .reachable = 1 };
	struct now now = clock_now();
	struct action *actions[2];
	struct model *model;

	make_directory(B "/a1/root/new");
	make_tmpfs(B "/a1/root/new");
	model = read_model(now);
	ck_assert_uint_eq(model_find_actions(model, model_root_at(model, 0), "a1", actions, 1), 1);
	ck_assert_uint_eq(actions[0]->mount_count, 2);
	audit_take_answer(model, actions[0], &answer, now);
	ck_assert_uint_eq(model_find_actions(model, model_root_at(model, 0), "a1", actions, 2), 2);
	ck_assert_uint_eq(actions[0]->generation, actions[1]->generation + 1);
	ck_assert_uint_eq(actions[0]->mount_count, 1);
	ck_assert_uint_eq(actions[0]->evidence, 0);
	ck_assert_uint_eq(actions[1]->mount_count, 1);
	ck_assert_uint_eq(actions[1]->evidence, EVIDENCE_BIT(EVIDENCE_REPLACED));
	model_free(model);
}
END_TEST

/* What a daemon would have written: the model as it stands, and that `a1` ended. */
static void write_ledger(void)
{
	struct now now = clock_now();
	struct model *model = read_model(now);
	struct action *action;
	struct store *store;
	char boot[37];

	make_directory(STATE);
	store = store_open(STATE "/ledger.db");
	ck_assert_int_eq(kernel_boot_id(boot), 0);
	ck_assert_int_eq(store_begin_boot(store, boot, kernel_mount_namespace(), now), 0);
	ck_assert_uint_eq(model_find_actions(model, model_root_at(model, 0), "a1", &action, 1), 1);
	policy_evidence_set(action, EVIDENCE_ENDED, now);
	store_save_root(store, action->root);
	store_save_action(store, action);
	store_save_mount(store, action->mounts, NULL);
	ck_assert_int_eq(store_commit(store), 0);
	store_close(store);
	model_free(model);
}

START_TEST(what_ended_is_known_from_the_ledger)
{
	write_ledger();
	assert_leftover("a1", "ended");
	ck_assert_ptr_null(strstr(audit("")->out, "note:"));
}
END_TEST

START_TEST(a_ledger_of_another_namespace_is_said)
{
	write_ledger();
	ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
	ck_assert_ptr_nonnull(strstr(audit("")->out, "knows nothing of this boot and mount namespace"));
	ck_assert_int_eq(audit("")->status, 0);
}
END_TEST

START_TEST(a_corrupt_ledger_is_said)
{
	FILE *file;

	make_directory(STATE);
	file = fopen(STATE "/ledger.db", "w");
	fprintf(file,
		"this is no database, and long enough to be looked at as one, as far as its first hundred bytes go at least");
	fclose(file);
	ck_assert_ptr_nonnull(strstr(audit("")->out, "cannot be read"));
	ck_assert_int_eq(run("--db " STATE "/ledger.db db check")->status, 3);
	ck_assert_int_eq(run("--db " STATE "/ledger.db actions")->status, 3);
}
END_TEST

START_TEST(a_ledger_is_read_without_a_daemon)
{
	const struct shown *shown;

	write_ledger();
	ck_assert_str_eq(run("--db " STATE "/ledger.db db check")->out, STATE "/ledger.db: ok\n");
	shown = run("--db " STATE "/ledger.db actions -o NAME,EVIDENCE,MOUNTS");
	ck_assert_str_eq(shown->out, "NAME EVIDENCE MOUNTS\na1   ended         1\n");
	ck_assert_str_eq(run("--db " STATE "/ledger.db actions --state stuck")->out, "");
	ck_assert_str_eq(run("--db " STATE "/ledger.db mounts a1 --raw --noheadings -o TARGET,FSTYPE")->out,
			 B "/a1/root/tmp tmpfs\n");
	ck_assert_int_eq(run("--db " STATE "/ledger.db mounts a1@2")->status, 5);
	ck_assert_int_eq(run("--db " STATE "/ledger.db events")->status, 0);
	ck_assert_int_eq(run("--db " STATE "/ledger.db events --action a1")->status, 5);
	ck_assert_ptr_nonnull(strstr(run("--db " STATE "/ledger.db explain a1")->out, "a1 below " B ": "));
	ck_assert_ptr_nonnull(
		strstr(run("--db " STATE "/ledger.db explain " B "/a1/root/tmp")->out, " " B "/a1/root/tmp tmpfs: "));
	ck_assert_int_eq(run("--db " STATE "/ledger.db explain nobody")->status, 5);
}
END_TEST

static void add_forms(TCase *tcase)
{
	tcase_add_loop_test(tcase, exit_statuses_follow_from_what_was_found, 0, ARRAY_SIZE(statuses));
	tcase_add_test(tcase, text_is_a_verdict_and_tables);
	tcase_add_test(tcase, suspects_are_shown_though_all_is_clean);
	tcase_add_test(tcase, text_of_a_clean_host_is_one_line);
	tcase_add_test(tcase, nagios_is_one_line_with_numbers);
	tcase_add_test(tcase, prometheus_has_every_root_with_its_label_escaped);
	tcase_add_loop_test(tcase, an_answer_is_evidence_and_takes_the_former_back, 0, ARRAY_SIZE(answers));
	tcase_add_test(tcase, no_answer_is_hung);
}

static void add_real(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, a_live_action_is_no_leftover);
	tcase_add_test(tcase, a_mount_below_trash_is_a_leftover);
	tcase_add_test(tcase, a_bind_of_a_deleted_directory_is_a_leftover);
	tcase_add_test(tcase, roots_that_are_named_are_those_looked_at);
	tcase_add_test(tcase, mounts_in_the_directory_that_replaced_another_live);
	tcase_add_test(tcase, what_ended_is_known_from_the_ledger);
	tcase_add_test(tcase, a_ledger_of_another_namespace_is_said);
	tcase_add_test(tcase, a_corrupt_ledger_is_said);
	tcase_add_test(tcase, a_ledger_is_read_without_a_daemon);
}

int main(void)
{
	Suite *suite = suite_create("cli audit");
	TCase *forms = tcase_create("forms"), *real = tcase_create("real mounts");

	add_forms(forms);
	suite_add_tcase(suite, forms);
	suite_add_tcase(suite, real);
	if (BELOW_VALGRIND)
		SAY_SKIPPED("real mounts: valgrind knows no openat2");
	else if (fixture_is_possible())
		add_real(real);
	tcase_set_timeout(real, 60);
	return run_suite(suite);
}
