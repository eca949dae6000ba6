/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Defaults, what each key takes, and the canonical text. */
#include <stdlib.h>

#include "config_fixture.h"
#include "run_suite.h"

START_TEST(an_empty_text_gives_the_defaults)
{
	struct config *config = good("");

	ck_assert_str_eq(config->user, "reaperd");
	ck_assert_int_eq(config->source, SOURCE_AUTO);
	ck_assert_uint_eq(config->namespaces.count, 1);
	ck_assert_str_eq(config->namespaces.items[0], "self");
	ck_assert_str_eq(config->state_dir, "/var/lib/reaperd");
	ck_assert_str_eq(config->runtime_dir, "/run/reaperd");
	ck_assert_int_eq(config->retain, SECONDS(30 * 86400));
	ck_assert_int_eq(config->retain_size, 512 << 20);
	ck_assert_uint_eq(config->max_reaps_per_minute, 6000);
	ck_assert_uint_eq(config->root_count, 0);
	config_free(config);
}
END_TEST

START_TEST(a_root_without_keys_has_the_defaults)
{
	struct config *config = good("[root /worker/build]\n");
	const struct root_rules *rules = &config->roots[0];

	ck_assert_uint_eq(config->root_count, 1);
	ck_assert_str_eq(rules->path, "/worker/build");
	ck_assert_str_eq(rules->layout, "{action}");
	ck_assert_str_eq(rules->match.items[0], "*");
	ck_assert_uint_eq(rules->trash.count, 3);
	ck_assert_int_eq(rules->mode, ROOT_MODE_ENFORCE);
	ck_assert_uint_eq(rules->reap_when, (1u << EVIDENCE_STALE_COPY) - 1);
	ck_assert_int_eq(rules->grace, SECONDS(5));
	ck_assert_int_eq(rules->grace_hollow, SECONDS(60));
	ck_assert_int_eq(rules->max_age, 0);
	ck_assert_int_eq(rules->owner, OWNER_RULE_NONE);
	ck_assert_uint_eq(rules_ladder(rules, "tmpfs")->count, 2);
	ck_assert_uint_eq(rules_ladder(rules, "fuse.bindfs")->count, 3);
	ck_assert_int_eq(rules_ladder(rules, "nfs4")->steps[1], STEP_FORCE);
	ck_assert_int_eq(rules->step_timeout, SECONDS(5));
	ck_assert_int_eq(rules->probe_interval, SECONDS(2));
	ck_assert(!rules->reap_root && !rules->prune);
	config_free(config);
}
END_TEST

static const char everything[] = "# how the manual shows it\n"
				 "[daemon]\n"
				 "user =\n"
				 "source = mountinfo\n"
				 "namespaces = self all pid:12 pidfile:/run/w.pid comm:bb_runner /run/netns/x\\x20y\n"
				 "metrics-listen =\n"
				 "runner-socket = /run/runners//a\\x20b\n"
				 "state-dir = /srv/with\\x20space\n"
				 "runtime-dir = /run//r/\n"
				 "retain = 7d\n"
				 "retain-size = 2G\n"
				 "max-reaps-per-minute = 0\n"
				 "\n"
				 "[root /worker/build]\n"
				 "layout = */{action}\n"
				 "match = [0-9a-f]* x\\x20y\n"
				 "trash =\n"
				 "mode = observe\n"
				 "reap-when = missing expired\n"
				 "grace = 500ms\n"
				 "grace.hollow = 2m\n"
				 "max-age = 1h\n"
				 "owner = pidfile:/run/w\\x5cx.pid\n"
				 "ladder = umount\n"
				 "ladder.fuse = umount abort detach\n"
				 "ladder.overlay = detach\n"
				 "step-timeout = 90s\n"
				 "probe-interval = 250ms\n"
				 "protect = keep cache/*\n"
				 "reap-root = no\n"
				 "prune = no\n"
				 "register = builder @build\n"
				 "path.comm:bb_runner = /build\\x20root\n"
				 "path.pid:7 =\n"
				 "\n"
				 "; another\n"
				 "[root /w\\xfdrker \\x0a]\n"
				 "owner = pidfile:/run/bb\\x2dworker.pid\n";

static void check_everything(const struct config *config)
{
	const struct root_rules *rules = &config->roots[0];

	ck_assert_str_eq(config->user, "");
	ck_assert_int_eq(config->source, SOURCE_MOUNTINFO);
	ck_assert_str_eq(config->state_dir, "/srv/with space");
	ck_assert_str_eq(config->runtime_dir, "/run/r");
	ck_assert_str_eq(config->runner_socket, "/run/runners/a b");
	ck_assert_int_eq(config->retain, SECONDS(7 * 86400));
	ck_assert_int_eq(config->retain_size, INT64_C(2) << 30);
	ck_assert_uint_eq(config->max_reaps_per_minute, 0);
	ck_assert_uint_eq(config->root_count, 2);
	ck_assert_uint_eq(config->namespaces.count, 6);
	ck_assert_str_eq(config->namespaces.items[4], "comm:bb_runner");
	ck_assert_str_eq(config->namespaces.items[5], "/run/netns/x y");
	ck_assert_uint_eq(rules->path_count, 1);
	ck_assert_str_eq(rules->paths[0].selector, "comm:bb_runner");
	ck_assert_str_eq(rules->paths[0].path, "/build root");
	ck_assert_str_eq(rules->layout, "*/{action}");
	ck_assert_uint_eq(rules->match.count, 2);
	ck_assert_str_eq(rules->match.items[1], "x y");
	ck_assert_uint_eq(rules->trash.count, 0);
	ck_assert_int_eq(rules->mode, ROOT_MODE_OBSERVE);
	ck_assert_uint_eq(rules->reap_when, EVIDENCE_BIT(EVIDENCE_MISSING) | EVIDENCE_BIT(EVIDENCE_EXPIRED));
	ck_assert_int_eq(rules->grace, 500 * NSEC_PER_MSEC);
	ck_assert_int_eq(rules->grace_hollow, SECONDS(120));
	ck_assert_int_eq(rules->max_age, SECONDS(3600));
	ck_assert_int_eq(rules->owner, OWNER_RULE_PIDFILE);
	ck_assert_str_eq(rules->owner_argument, "/run/w\\x.pid");
	ck_assert_uint_eq(rules->ladder.count, 1);
	ck_assert_int_eq(rules_ladder(rules, "fuse.bindfs")->steps[1], STEP_ABORT);
	ck_assert_int_eq(rules_ladder(rules, "overlay")->steps[0], STEP_DETACH);
	ck_assert_int_eq(rules->step_timeout, SECONDS(90));
	ck_assert_int_eq(rules->probe_interval, 250 * NSEC_PER_MSEC);
	ck_assert_str_eq(rules->protect.items[1], "cache/*");
	ck_assert_str_eq(rules->register_users.items[1], "@build");
	ck_assert_str_eq(config->roots[1].path, "/w\xfdrker \n");
	ck_assert_int_eq(config->roots[1].owner, OWNER_RULE_PIDFILE);
	ck_assert_str_eq(config->roots[1].owner_argument, "/run/bb-worker.pid");
}

START_TEST(every_key_is_read)
{
	struct config *config = good(everything);

	check_everything(config);
	config_free(config);
}
END_TEST

START_TEST(the_canonical_text_goes_round)
{
	struct config *config = good(everything);
	CLEANUP_FREE char *text = config_text(config);
	CLEANUP_FREE char *again = NULL;
	struct config *second = good(text);

	check_everything(second);
	again = config_text(second);
	ck_assert_str_eq(text, again);
	config_free(config);
	config_free(second);
}
END_TEST

START_TEST(each_kind_of_owner_goes_round)
{
	static const struct {
		const char *lines;
		enum owner_rule rule;
		const char *argument;
	} cases[] = {
		{ "owner = none", OWNER_RULE_NONE, NULL },
		{ "owner = cgroup", OWNER_RULE_CGROUP, NULL },
		{ "owner = pidfile:/run//w.pid", OWNER_RULE_PIDFILE, "/run/w.pid" },
		{ "owner = unit:bb-worker.service", OWNER_RULE_UNIT, "bb-worker.service" },
		{ "owner = unit:bb\\\\x2dworker@a\\x20b.service", OWNER_RULE_UNIT, "bb\\x2dworker@a b.service" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP_FREE char *canonical = NULL;
		struct config *config;
		char text[128];

		snprintf(text, sizeof(text), "[root /r]\n%s\n", cases[i].lines);
		for (int round = 0; round < 2; round++) {
			config = good(round ? canonical : text);
			ck_assert_int_eq(config->roots[0].owner, cases[i].rule);
			ck_assert_pstr_eq(config->roots[0].owner_argument, cases[i].argument);
			free(canonical);
			canonical = config_text(config);
			config_free(config);
		}
	}
}
END_TEST

START_TEST(the_canonical_text_carries_any_byte)
{
	struct config *config = config_new();
	CLEANUP_FREE char *text = NULL;
	struct config *second;
	char path[300] = "/", why[256];

	for (int byte = 1; byte < 256; byte++)
		path[byte] = (char)byte;
	path[256] = '\0';
	path['.'] = '_'; /* "/./" would be a dot segment */
	ck_assert_int_eq(config_add_root(config, path, why, sizeof(why)), 0);
	text = config_text(config);
	second = good(text);
	ck_assert_str_eq(second->roots[0].path, config->roots[0].path);
	config_free(config);
	config_free(second);
}
END_TEST

START_TEST(a_bom_and_carriage_returns_are_no_mistake)
{
	struct config *config = good("\xef\xbb\xbf[daemon]\r\nuser = build\r\n\r\n# x\r\n[root /r]\r\ngrace = 1s \r\n");

	ck_assert_str_eq(config->user, "build");
	ck_assert_int_eq(config->roots[0].grace, SECONDS(1));
	config_free(config);
}
END_TEST

START_TEST(white_space_before_keys_comments_and_sections_is_no_mistake)
{
	struct config *config =
		good("  [ root /r ]  \n\tgrace\t=\t1s\t\n  # a comment\n\t; another\n   \nmode=observe");

	ck_assert_str_eq(config->roots[0].path, "/r");
	ck_assert_int_eq(config->roots[0].grace, SECONDS(1));
	ck_assert_int_eq(config->roots[0].mode, ROOT_MODE_OBSERVE);
	config_free(config);
}
END_TEST

START_TEST(comment_signs_within_a_value_belong_to_it)
{
	struct config *config = good("[root /r]\nprotect = a#b c;d #e\n");

	ck_assert_uint_eq(config->roots[0].protect.count, 3);
	ck_assert_str_eq(config->roots[0].protect.items[0], "a#b");
	ck_assert_str_eq(config->roots[0].protect.items[2], "#e");
	config_free(config);
}
END_TEST

START_TEST(paths_that_differ_in_case_alone_are_two_roots)
{
	struct config *config = good("[root /Worker]\ngrace = 1s\n[root /worker]\ngrace = 2s\n");

	ck_assert_uint_eq(config->root_count, 2);
	ck_assert_int_eq(config->roots[0].grace, SECONDS(1));
	ck_assert_int_eq(config->roots[1].grace, SECONDS(2));
	config_free(config);
}
END_TEST

START_TEST(roots_may_share_the_beginning_of_a_name)
{
	struct config *config = good("[root /b/1]\n[root /b/10]\n[root /c]\n");

	ck_assert_uint_eq(config->root_count, 3);
	config_free(config);
}
END_TEST

START_TEST(long_lines_are_read_whole)
{
	char text[20000];
	size_t used = (size_t)snprintf(text, sizeof(text), "[root /");
	struct config *config;

	memset(text + used, 'x', 4000);
	used += 4000;
	used += (size_t)snprintf(text + used, sizeof(text) - used, "]\nprotect = ");
	memset(text + used, 'y', 9000);
	used += 9000;
	config = good_bytes(text, used);
	ck_assert_uint_eq(strlen(config->roots[0].path), 4001);
	ck_assert_uint_eq(strlen(config->roots[0].protect.items[0]), 9000);
	config_free(config);
}
END_TEST

/* `count` lines "<before><number><after>" behind `first`; the caller frees it. */
static char *many_lines(const char *first, const char *before, const char *after, int count)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	fputs(first, out);
	for (int i = 0; i < count; i++)
		fprintf(out, "%s%d%s\n", before, i, after);
	fclose(out);
	return text;
}

START_TEST(a_thousand_of_each_are_read_and_more_are_refused_at_once)
{
	CLEANUP_FREE char *roots = many_lines("", "[root /r/", "]", 1000);
	CLEANUP_FREE char *ladders = many_lines("[root /r]\n", "ladder.t", " = umount", 1000);
	CLEANUP_FREE char *more_roots = many_lines("", "[root /r/", "]", 20000);
	CLEANUP_FREE char *more_keys = many_lines("[root /r]\n", "ladder.t", " = umount", 20000);
	struct config *config = good(roots);

	ck_assert_uint_eq(config->root_count, 1000);
	config_free(config);
	config = good(ladders);
	ck_assert_uint_ge(config->roots[0].ladder_count, 1000);
	config_free(config);
	refused(more_roots, 1, "f:1001: more than 1000 sections in one file");
	refused(more_keys, 1, "f:1002: more than 1000 keys in one section");
}
END_TEST

START_TEST(a_path_in_utf8_needs_no_escape)
{
	struct config *config = good("[root /büro/]]\nlayout = ü/{action}\n");

	ck_assert_str_eq(config->roots[0].path, "/büro/]");
	ck_assert_str_eq(config->roots[0].layout, "ü/{action}");
	config_free(config);
}
END_TEST

START_TEST(a_root_of_the_command_line_has_the_defaults)
{
	struct config *config = config_new();
	char why[256] = "";

	ck_assert_int_eq(config_add_root(config, "/a//b/", why, sizeof(why)), 0);
	ck_assert_str_eq(config->roots[0].path, "/a/b");
	ck_assert_int_eq(config->roots[0].grace, SECONDS(5));
	ck_assert_int_eq(config_add_root(config, "/a/b", why, sizeof(why)), -EINVAL);
	ck_assert_str_eq(why, "this root is named twice");
	ck_assert_int_eq(config_add_root(config, "/a", why, sizeof(why)), -EINVAL);
	ck_assert_int_eq(config_add_root(config, "/a/b/c", why, sizeof(why)), -EINVAL);
	ck_assert_ptr_nonnull(strstr(why, "inside the root /a/b"));
	ck_assert_int_eq(config_add_root(config, "/x\x1b[2J", why, sizeof(why)), 0);
	ck_assert_int_eq(config_add_root(config, "/x\x1b[2J/y", why, sizeof(why)), -EINVAL);
	ck_assert_ptr_nonnull(strstr(why, "inside the root /x\\x1b[2J:"));
	ck_assert_int_eq(config_add_root(config, "relative", why, sizeof(why)), -EINVAL);
	ck_assert_int_eq(config_add_root(config, "", why, sizeof(why)), -EINVAL);
	ck_assert_int_eq(config_add_root(config, "/", why, sizeof(why)), -EINVAL);
	ck_assert_uint_eq(config->root_count, 2);
	config_free(config);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config: values");
	TCase *tests = tcase_create("values");

	tcase_add_test(tests, an_empty_text_gives_the_defaults);
	tcase_add_test(tests, a_root_without_keys_has_the_defaults);
	tcase_add_test(tests, every_key_is_read);
	tcase_add_test(tests, the_canonical_text_goes_round);
	tcase_add_test(tests, each_kind_of_owner_goes_round);
	tcase_add_test(tests, the_canonical_text_carries_any_byte);
	tcase_add_test(tests, a_bom_and_carriage_returns_are_no_mistake);
	tcase_add_test(tests, white_space_before_keys_comments_and_sections_is_no_mistake);
	tcase_add_test(tests, comment_signs_within_a_value_belong_to_it);
	tcase_add_test(tests, paths_that_differ_in_case_alone_are_two_roots);
	tcase_add_test(tests, roots_may_share_the_beginning_of_a_name);
	tcase_add_test(tests, long_lines_are_read_whole);
	tcase_add_test(tests, a_path_in_utf8_needs_no_escape);
	tcase_add_test(tests, a_thousand_of_each_are_read_and_more_are_refused_at_once);
	tcase_add_test(tests, a_root_of_the_command_line_has_the_defaults);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
