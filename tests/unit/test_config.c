/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/text.h"
#include "config/config.h"
#include "run_suite.h"

#define SECONDS(n) ((n)*NSEC_PER_SEC)

static struct config *good_bytes(const char *text, size_t length)
{
	struct config *config = NULL;
	char *errors = NULL;
	int r = config_parse("f", text, length, &config, &errors);

	ck_assert_msg(r == 0, "%d: %s", r, errors ? errors : "no message");
	ck_assert_ptr_null(errors);
	ck_assert_ptr_nonnull(config);
	return config;
}

static struct config *good(const char *text)
{
	return good_bytes(text, strlen(text));
}

static char *bad_bytes(const char *text, size_t length)
{
	struct config *config = NULL;
	char *errors = NULL;

	ck_assert_int_eq(config_parse("f", text, length, &config, &errors), -EINVAL);
	ck_assert_ptr_null(config);
	ck_assert_ptr_nonnull(errors);
	return errors;
}

/* The text is refused, with these words in what is said and no other line than the given number of them. */
static void refused(const char *text, unsigned lines, const char *words)
{
	CLEANUP_FREE char *errors = bad_bytes(text, strlen(text));
	unsigned count = 0;

	for (const char *at = errors; *at; at++)
		count += *at == '\n';
	ck_assert_msg(strstr(errors, words), "of \"%s\", this lacks \"%s\": %s", text, words, errors);
	ck_assert_msg(count == lines, "of \"%s\", expected %u lines: %s", text, lines, errors);
}

/* A value of a root that must be refused. */
static void root_value_refused(const char *line, const char *words)
{
	char text[4096];

	snprintf(text, sizeof(text), "[root /r]\n%s\n", line);
	refused(text, 1, words);
	ck_assert_ptr_nonnull(strstr(words, "f:2: "));
}

static void daemon_value_refused(const char *line, const char *words)
{
	char text[4096];

	snprintf(text, sizeof(text), "[daemon]\n%s\n", line);
	refused(text, 1, words);
	ck_assert_ptr_nonnull(strstr(words, "f:2: "));
}

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
				 "namespaces = self\n"
				 "metrics-listen =\n"
				 "runner-socket =\n"
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
				 "path.comm:bb_runner =\n"
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
	ck_assert_int_eq(config->retain, SECONDS(7 * 86400));
	ck_assert_int_eq(config->retain_size, INT64_C(2) << 30);
	ck_assert_uint_eq(config->max_reaps_per_minute, 0);
	ck_assert_uint_eq(config->root_count, 2);
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

START_TEST(a_line_of_a_megabyte_is_one_mistake)
{
	enum { LENGTH = 1 << 20 };
	CLEANUP_FREE char *text = malloc(LENGTH + 64);
	static const struct {
		const char *before, *after, *words;
	} rows[] = {
		{ "[root /r]\nmode = ", "\n", "f:2: mode: \"xxxx" },
		{ "[root /r]\n", " = 1\n", "f:2: unknown key, of more than 1,000 characters" },
		{ "[root /r]\n", "\n", "f:2: no \"=\" here" },
		{ "[root /", "]\n", "f:1: the root's path is too long" },
		{ "[", "]\n", "f:1: unknown section \"xxxx" },
		{ "[", "\n", "f:1: a section ends with ]" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char *at = stpcpy(text, rows[i].before);

		memset(at, 'x', LENGTH);
		strcpy(at + LENGTH, rows[i].after);
		refused(text, 1, rows[i].words);
	}
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

START_TEST(all_mistakes_are_told_in_the_order_of_lines)
{
	static const char text[] = "[daemon]\nsorce = auto\nnonsense\n[root /r]\ngrace = 5\ngrace = 6\n[rot /x]\n";
	CLEANUP_FREE char *errors = bad_bytes(text, strlen(text));
	const char *at = errors;

	for (const char *const *line = (const char *const[]){ "f:2: ", "f:3: ", "f:5: ", "f:6: ", "f:7: ", NULL };
	     *line; line++) {
		ck_assert_msg(strncmp(at, *line, 5) == 0, "expected %s at: %s", *line, at);
		at = strchr(at, '\n') + 1;
	}
	ck_assert_str_eq(at, "");
}
END_TEST

START_TEST(an_unknown_word_comes_with_the_nearest)
{
	daemon_value_refused("sorce = auto", "f:2: sorce: [daemon] has no key \"sorce\", did you mean \"source\"?");
	daemon_value_refused("source = mountinof",
			     "f:2: source: \"mountinof\" is unknown here, did you mean \"mountinfo\"?");
	root_value_refused("grace.holow = 1s",
			   "f:2: grace.holow: [root] has no key \"grace.holow\", did you mean \"grace.hollow\"?");
	root_value_refused("Grace = 1s", "f:2: Grace: [root] has no key \"Grace\", did you mean \"grace\"?");
	root_value_refused("mode = enforced", "f:2: mode: \"enforced\" is unknown here, did you mean \"enforce\"?");
	root_value_refused("reap-when = mising",
			   "f:2: reap-when: \"mising\" is unknown here, did you mean \"missing\"?");
	root_value_refused("ladder = umuont", "f:2: ladder: \"umuont\" is unknown here, did you mean \"umount\"?");
	refused("[Daemon]\n", 1,
		"f:1: unknown section \"Daemon\": there are [daemon] and [root /path], did you mean \"daemon\"?");
	refused("[rooot /x]\n", 1, "did you mean \"root\"?");
	refused("[zzz]\n", 1, "f:1: unknown section \"zzz\": there are [daemon] and [root /path]\n");
	root_value_refused("zzzzzz = 1", "f:2: zzzzzz: [root] has no key \"zzzzzz\"\n");
}
END_TEST

START_TEST(what_is_not_built_yet_says_so_by_name)
{
	daemon_value_refused("metrics-listen = 127.0.0.1:9835",
			     "f:2: metrics-listen: metrics over HTTP (metrics-listen) is not built");
	daemon_value_refused("runner-socket = /run/x", "f:2: runner-socket: a second socket for runners");
	daemon_value_refused("source = fanotify", "f:2: source: the source \"fanotify\" is not built yet");
	daemon_value_refused("namespaces = self all",
			     "f:2: namespaces: other mount namespaces than \"self\" are not built yet");
	daemon_value_refused("namespaces = comm:bb_runner", "f:2: namespaces: other mount namespaces");
	daemon_value_refused("namespaces = /run/netns/x", "f:2: namespaces: other mount namespaces");
	daemon_value_refused("namespaces = slef",
			     "f:2: namespaces: this selects no mount namespace, did you mean \"self\"?");
	root_value_refused("owner = cgroup", "f:2: owner: owner = cgroup is not built yet");
	root_value_refused("path.comm:bb_runner = /build",
			   "f:2: path.comm:bb_runner: the root's path in other mount namespaces");
	root_value_refused("reap-root = yes", "f:2: reap-root: reap-root = yes is not built yet");
	root_value_refused("prune = yes", "f:2: prune: prune = yes is not built yet");
	root_value_refused("prune = ya", "f:2: prune: \"ya\" is unknown here");
}
END_TEST

START_TEST(a_value_of_another_form_is_refused)
{
	daemon_value_refused("user = a b", "f:2: user: a user's name");
	daemon_value_refused("state-dir = var", "f:2: state-dir: \"var\" is no absolute path");
	daemon_value_refused("runtime-dir = /run/../x", "f:2: runtime-dir: \"/run/../x\" is no absolute path");
	daemon_value_refused("retain = 0", "f:2: retain: \"0\" is too short, at least 1s");
	daemon_value_refused("retain = 200000d", "f:2: retain: \"200000d\" is more than 100 years");
	daemon_value_refused("retain-size = 5X", "f:2: retain-size: \"5X\" has an unknown unit");
	daemon_value_refused("retain-size = 12MB", "f:2: retain-size: \"12MB\" is no size");
	daemon_value_refused("retain-size = 9999999999T", "f:2: retain-size: \"9999999999T\" is too large");
	daemon_value_refused("retain-size = 1", "f:2: retain-size: the journal needs at least 1M");
	daemon_value_refused("max-reaps-per-minute = -1", "f:2: max-reaps-per-minute: \"-1\" is no number from 0 to");
	daemon_value_refused("max-reaps-per-minute = 4294967296",
			     "f:2: max-reaps-per-minute: \"4294967296\" is no number");
	root_value_refused("layout = build", "f:2: layout: a layout has exactly one segment {action}, this one has 0");
	root_value_refused("layout = /{action}", "f:2: layout: a layout is segments with one slash between them");
	root_value_refused("layout = {action}/\\x2e\\x2e", "f:2: layout: a layout is segments");
	root_value_refused("match =", "f:2: match: without a pattern");
	root_value_refused("match = \\q", "f:2: match: a broken escape");
	root_value_refused("trash = a/b", "f:2: trash: a trash pattern is for the first segment");
	root_value_refused("reap-when = hung", "f:2: reap-when: \"hung\" is reported, it is never enough to reap");
	root_value_refused("reap-when = ended stale-copy", "f:2: reap-when: \"stale-copy\" is reported");
	root_value_refused("grace = 5", "f:2: grace: \"5\" is no duration");
	root_value_refused("grace = -5s", "f:2: grace: \"-5s\" is no duration");
	root_value_refused("step-timeout = 0", "f:2: step-timeout: \"0\" is too short, at least 10ms");
	root_value_refused("probe-interval = 1ms", "f:2: probe-interval: \"1ms\" is too short");
	root_value_refused("owner = pidfile:run", "f:2: owner: \"run\" is no absolute path");
	root_value_refused("owner = unit:bb_worker.service", "f:2: owner: owner = unit: is not built yet");
	root_value_refused("owner = non", "f:2: owner: this is neither none nor pidfile:PATH, did you mean \"none\"?");
	root_value_refused("ladder =", "f:2: ladder: a ladder has at least one step");
	root_value_refused("ladder = detach umount", "f:2: ladder: nothing is left to do after \"detach\"");
	root_value_refused("ladder = umount umount", "f:2: ladder: the step \"umount\" stands twice");
	root_value_refused("ladder. = umount", "f:2: ladder.: ladder. is followed by a filesystem type");
	root_value_refused("protect = /x", "f:2: protect: patterns are relative to the root");
	root_value_refused("register = a @", "f:2: register: these are users and @groups");
}
END_TEST

START_TEST(a_line_that_is_no_line_of_ini_is_refused)
{
	refused("user = x\n", 1, "f:1: this stands before the first section");
	refused("[daemon]\nuser = a\n  continued\n", 1, "f:3: no \"=\" here");
	refused("[daemon]\n= a\n", 1, "f:2: no key before the \"=\"");
	refused("[daemon]\nus\xc3\xa9r = a\n", 1, "f:2: no key is written with such characters");
	refused("[daemon]\nus er = a\n", 1, "f:2: no key is written with such characters");
	refused("[daemon] # comment\n", 1, "f:1: a section ends with ]");
	refused("[daemon\n", 1, "f:1: a section ends with ]");
	refused("[]\n", 1, "f:1: unknown section \"\"");
	refused("[daemon]\n/* no */\n", 1, "f:2: no \"=\" here");
	refused("[daemon]\nuser = caf\xe9\n", 1, "f:2: not UTF-8");
	refused("\xff\xfe[\n", 1, "f:1: not UTF-8");
}
END_TEST

START_TEST(a_broken_header_keeps_its_keys_from_the_section_before)
{
	refused("[daemon]\nuser = a\n[root /x\nuser = b\n", 1, "f:3: a section ends with ]");
}
END_TEST

START_TEST(a_nul_byte_is_refused)
{
	static const char text[] = "[daemon]\nuser = a\0b\n\0\n";
	CLEANUP_FREE char *errors = bad_bytes(text, sizeof(text) - 1);

	ck_assert_str_eq(errors, "f:2: a NUL byte: this is no text\nf:3: a NUL byte: this is no text\n");
}
END_TEST

START_TEST(an_overlong_key_is_refused)
{
	char text[3000] = "[daemon]\n";

	memset(text + 9, 'k', 2000);
	memcpy(text + 2009, " = 1\n", 6);
	refused(text, 1, "f:2: unknown key, of more than 1,000 characters");
}
END_TEST

START_TEST(what_stands_twice_is_refused_with_both_lines)
{
	refused("[daemon]\nuser = a\n\nuser = b\n", 1,
		"f:4: the key \"user\" stands in this section already, on line 2");
	refused("[daemon]\nuser = a\nUser = b\n", 1, "f:3: the key \"User\" stands in this section already, on line 2");
	refused("[daemon]\n[root /r]\n[daemon]\nuser = a\n", 1,
		"f:3: the section [daemon] stands twice in this file, first on line 1");
	refused("[root /r]\n[root /r/]\n", 1, "f:2: this root stands already, in f:1");
}
END_TEST

START_TEST(a_root_inside_another_is_refused_with_both_lines)
{
	refused("[root /r]\n\n[root /r/sub]\n", 1, "f:3: this root lies inside another, in f:1");
	refused("[root /r/sub]\n\n[root /r]\n", 1, "f:3: another root lies inside this one, in f:1");
}
END_TEST

START_TEST(a_root_that_cannot_be_one_is_refused)
{
	refused("[root /]\n", 1, "f:1: / cannot be a build root");
	refused("[root //]\n", 1, "f:1: / cannot be a build root");
	refused("[root]\n", 1, "f:1: a root is an absolute path");
	refused("[root build]\n", 1, "f:1: a root is an absolute path");
	refused("[root /a/../b]\n", 1, "f:1: a root's path has no . or .. segment");
	refused("[root /a\\q]\n", 1, "f:1: a broken escape");
	refused("[root /a\\x00]\n", 1, "f:1: a broken escape");
	refused("[root /]\ngrace = x\n", 2, "f:2: grace: \"x\" is no duration");
}
END_TEST

START_TEST(foreign_bytes_are_shown_escaped)
{
	refused("[sec\x1b[31mtion]\n", 1, "f:1: unknown section \"sec\\x1b[31mtion\"");
	root_value_refused("grace = \x1b[2J", "f:2: grace: \"\\x1b[2J\" is no duration");
	root_value_refused("layout = {a\tb\x1b[2J\x7f}", "f:2: layout: in the segment \"{a\\x09b\\x1b[2J\\x7f}\"");
}
END_TEST

START_TEST(a_value_that_is_cut_short_is_still_text)
{
	char text[512] = "[daemon]\nretain = x";
	CLEANUP_FREE char *errors = NULL;

	for (int i = 0; i < 80; i++)
		strcat(text, "\u65e5");
	errors = bad_bytes(text, strlen(text));
	ck_assert(text_is_utf8(errors, strlen(errors)));
	ck_assert_ptr_nonnull(strstr(errors, "...\" is no duration"));
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
	ck_assert_int_eq(config_add_root(config, "relative", why, sizeof(why)), -EINVAL);
	ck_assert_int_eq(config_add_root(config, "", why, sizeof(why)), -EINVAL);
	ck_assert_int_eq(config_add_root(config, "/", why, sizeof(why)), -EINVAL);
	ck_assert_uint_eq(config->root_count, 1);
	config_free(config);
}
END_TEST

/* Files in a directory of their own, which is the working directory then. */
static void write_file(const char *name, const char *text)
{
	FILE *out = fopen(name, "w");

	ck_assert_ptr_nonnull(out);
	fputs(text, out);
	fclose(out);
}

static char directory[64];

static void enter_directory(void)
{
	strcpy(directory, "/tmp/reaperd-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	ck_assert_int_eq(chdir(directory), 0);
	ck_assert_int_eq(mkdir("c.d", 0700), 0);
}

static void leave_directory(void)
{
	for (const char *const *name = (const char *const[]){ "c", "c.d/1.conf", "c.d/2.conf", "c.d/10.conf",
							      "c.d/.x.conf", "c.d/readme", NULL };
	     *name; name++)
		unlink(*name);
	rmdir("c.d");
	ck_assert_int_eq(chdir("/"), 0);
	rmdir(directory);
}

START_TEST(later_files_override_the_daemons_keys)
{
	struct config *config = NULL;
	char *errors = NULL;

	write_file("c", "[daemon]\nuser = a\nretain = 1d\n[root /c]\n");
	write_file("c.d/2.conf", "[daemon]\nuser = two\n");
	write_file("c.d/10.conf", "[daemon]\nuser = ten\n[root /ten]\n");
	write_file("c.d/.x.conf", "nonsense");
	write_file("c.d/readme", "nonsense");
	ck_assert_int_eq(config_load("c", &config, &errors), 0);
	ck_assert_str_eq(config->user, "two");
	ck_assert_int_eq(config->retain, SECONDS(86400));
	ck_assert_uint_eq(config->root_count, 2);
	ck_assert_str_eq(config->roots[1].path, "/ten");
	config_free(config);
}
END_TEST

START_TEST(a_root_stands_in_one_file_only)
{
	struct config *config = NULL;
	CLEANUP_FREE char *errors = NULL;

	write_file("c", "\n[root /r]\n");
	write_file("c.d/1.conf", "[root /r]\ngrace = x\n");
	write_file("c.d/2.conf", "[root /r/s]\n");
	ck_assert_int_eq(config_load("c", &config, &errors), -EINVAL);
	ck_assert_ptr_null(config);
	ck_assert_str_eq(errors, "c.d/1.conf:1: this root stands already, in c:2\n"
				 "c.d/1.conf:2: grace: \"x\" is no duration; such are 500ms, 5s, 2m, 1h, 30d\n"
				 "c.d/2.conf:1: this root lies inside another, in c:2\n");
}
END_TEST

START_TEST(a_file_that_cannot_be_read_is_said)
{
	struct config *config = NULL;
	char *errors = NULL;

	ck_assert_int_eq(config_load("none", &config, &errors), -ENOENT);
	ck_assert_str_eq(errors, "none: cannot be read: No such file or directory\n");
	free(errors);
	ck_assert_int_eq(config_load("c.d", &config, &errors), -EISDIR);
	ck_assert_str_eq(errors, "c.d: cannot be read: Is a directory\n");
	free(errors);
	ck_assert_int_eq(mkfifo("fifo", 0600), 0);
	ck_assert_int_eq(config_load("fifo", &config, &errors), -EMEDIUMTYPE);
	ck_assert_str_eq(errors, "fifo: cannot be read: not a regular file\n");
	free(errors);
	ck_assert_int_eq(config_load("/dev/zero", &config, &errors), -EMEDIUMTYPE);
	ck_assert_str_eq(errors, "/dev/zero: cannot be read: not a regular file\n");
	free(errors);
	ck_assert_int_eq(symlink("loop", "loop"), 0);
	ck_assert_int_eq(config_load("loop", &config, &errors), -ELOOP);
	ck_assert_str_eq(errors, "loop: cannot be read: Too many levels of symbolic links\n");
	free(errors);
	ck_assert_int_eq(config_load("/dev/null", &config, &errors), 0);
	config_free(config);
}
END_TEST

static Suite *config_suite(void)
{
	Suite *suite = suite_create("config");
	TCase *values = tcase_create("values");
	TCase *mistakes = tcase_create("mistakes");
	TCase *files = tcase_create("files");

	tcase_add_test(values, an_empty_text_gives_the_defaults);
	tcase_add_test(values, a_root_without_keys_has_the_defaults);
	tcase_add_test(values, every_key_is_read);
	tcase_add_test(values, the_canonical_text_goes_round);
	tcase_add_test(values, the_canonical_text_carries_any_byte);
	tcase_add_test(values, a_bom_and_carriage_returns_are_no_mistake);
	tcase_add_test(values, white_space_before_keys_comments_and_sections_is_no_mistake);
	tcase_add_test(values, comment_signs_within_a_value_belong_to_it);
	tcase_add_test(values, paths_that_differ_in_case_alone_are_two_roots);
	tcase_add_test(values, roots_may_share_the_beginning_of_a_name);
	tcase_add_test(values, long_lines_are_read_whole);
	tcase_add_test(values, a_path_in_utf8_needs_no_escape);
	tcase_add_test(values, a_thousand_of_each_are_read_and_more_are_refused_at_once);
	tcase_add_test(mistakes, a_line_of_a_megabyte_is_one_mistake);
	tcase_add_test(values, a_root_of_the_command_line_has_the_defaults);
	tcase_add_test(mistakes, all_mistakes_are_told_in_the_order_of_lines);
	tcase_add_test(mistakes, an_unknown_word_comes_with_the_nearest);
	tcase_add_test(mistakes, what_is_not_built_yet_says_so_by_name);
	tcase_add_test(mistakes, a_value_of_another_form_is_refused);
	tcase_add_test(mistakes, a_line_that_is_no_line_of_ini_is_refused);
	tcase_add_test(mistakes, a_broken_header_keeps_its_keys_from_the_section_before);
	tcase_add_test(mistakes, a_nul_byte_is_refused);
	tcase_add_test(mistakes, an_overlong_key_is_refused);
	tcase_add_test(mistakes, what_stands_twice_is_refused_with_both_lines);
	tcase_add_test(mistakes, a_root_inside_another_is_refused_with_both_lines);
	tcase_add_test(mistakes, a_root_that_cannot_be_one_is_refused);
	tcase_add_test(mistakes, foreign_bytes_are_shown_escaped);
	tcase_add_test(mistakes, a_value_that_is_cut_short_is_still_text);
	tcase_add_checked_fixture(files, enter_directory, leave_directory);
	tcase_add_test(files, later_files_override_the_daemons_keys);
	tcase_add_test(files, a_root_stands_in_one_file_only);
	tcase_add_test(files, a_file_that_cannot_be_read_is_said);
	suite_add_tcase(suite, values);
	suite_add_tcase(suite, mistakes);
	suite_add_tcase(suite, files);
	return suite;
}

int main(void)
{
	return run_suite(config_suite());
}
