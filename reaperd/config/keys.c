/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/layout.h"
#include "base/path.h"
#include "base/selector.h"
#include "base/text.h"

#define LEAST_TIMEOUT	(10 * NSEC_PER_MSEC)
#define SOCKET_NAME_MAX (sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1)

static int set_user(struct config *config, const char *value, char *why)
{
	if (value[strcspn(value, " \t:/\\")])
		return value_refuse(why, "a user's name has no white space, colon, slash or backslash");
	return value_replace_string(&config->user, value);
}

static int set_source(struct config *config, const char *value, char *why)
{
	unsigned word;
	int r = value_word(value, source_names, &word, why);

	if (r < 0)
		return r;
	config->source = (enum source_kind)word;
	return 0;
}

static int check_selector(const char *text, char *why)
{
	static const char *const words[] = { "self", "all", "pid:", "pidfile:", "comm:", NULL };
	char hint[64], sentence[160];
	struct selector selector;

	if (selector_parse(text, &selector, sentence, sizeof(sentence)) == 0)
		return 0;
	return value_refuse(why, "%s%s", sentence, nearest_hint(text, words, hint, sizeof(hint)));
}

static int set_namespaces(struct config *config, const char *value, char *why)
{
	struct string_list list = { 0 };
	int r = value_list(*value ? value : "self", &list, why);

	for (size_t i = 0; i < list.count && r == 0; i++)
		r = check_selector(list.items[i], why);
	if (r < 0) {
		string_list_clear(&list);
		return r;
	}
	string_list_clear(&config->namespaces);
	config->namespaces = list;
	return 0;
}

static int set_metrics_listen(struct config *config, const char *value, char *why)
{
	(void)config;
	return value_not_yet(value, "metrics over HTTP (metrics-listen)", why);
}

static int set_runner_socket(struct config *config, const char *value, char *why)
{
	CLEANUP_FREE char *path = NULL;
	int r;

	if (!*value)
		return value_replace_string(&config->runner_socket, "");
	r = value_path(value, &path, why);
	if (r == 0 && strlen(path) > SOCKET_NAME_MAX)
		return value_refuse(why, "too long for a socket's name: %zu bytes at most", SOCKET_NAME_MAX);
	return r < 0 ? r : value_replace_string(&config->runner_socket, path);
}

static int set_state_dir(struct config *config, const char *value, char *why)
{
	return value_path(value, &config->state_dir, why);
}

static int set_runtime_dir(struct config *config, const char *value, char *why)
{
	return value_path(value, &config->runtime_dir, why);
}

static int set_retain(struct config *config, const char *value, char *why)
{
	return value_duration(value, NSEC_PER_SEC, &config->retain, why);
}

static int set_retain_size(struct config *config, const char *value, char *why)
{
	int64_t size;
	int r = value_size(value, &size, why);

	if (r == 0 && size < 1 << 20)
		return value_refuse(why, "the journal needs at least 1M");
	if (r == 0)
		config->retain_size = size;
	return r;
}

static int set_max_reaps(struct config *config, const char *value, char *why)
{
	return value_count(value, &config->max_reaps_per_minute, why);
}

static int set_layout(struct root_rules *rules, const char *value, char *why)
{
	CLEANUP_FREE char *bytes = NULL;
	int r = text_unescape(value, &bytes);

	if (r == -EINVAL)
		return value_refuse(why, "a broken escape: \\xNN is a byte (not \\x00), \\\\ a backslash");
	if (r == 0)
		r = layout_check(bytes, why, SENTENCE_SIZE);
	return r < 0 ? r : value_replace_string(&rules->layout, bytes);
}

static int set_match(struct root_rules *rules, const char *value, char *why)
{
	if (*value == '\0')
		return value_refuse(why, "without a pattern no name would be an action's; * meets every name");
	return value_list(value, &rules->match, why);
}

static int set_trash(struct root_rules *rules, const char *value, char *why)
{
	struct string_list list = { 0 };
	int r = value_list(value, &list, why);

	for (size_t i = 0; i < list.count && r == 0; i++)
		if (strchr(list.items[i], '/'))
			r = value_refuse(why,
					 "a trash pattern is for the first segment below the root: no slash in it");
	if (r < 0) {
		string_list_clear(&list);
		return r;
	}
	string_list_clear(&rules->trash);
	rules->trash = list;
	return 0;
}

static int set_mode(struct root_rules *rules, const char *value, char *why)
{
	unsigned word;
	int r = value_word(value, root_mode_names, &word, why);

	if (r == 0)
		rules->mode = (enum root_mode)word;
	return r;
}

static int set_reap_when(struct root_rules *rules, const char *value, char *why)
{
	static const enum evidence never[] = { EVIDENCE_STALE_COPY, EVIDENCE_HUNG, EVIDENCE_UNKNOWN };
	uint32_t bits;
	int r = value_word_set(value, evidence_names, &bits, why);

	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(never); i++)
		if (bits & EVIDENCE_BIT(never[i]))
			return value_refuse(why, "\"%s\" is reported, it is never enough to reap",
					    evidence_name(never[i]));
	rules->reap_when = bits;
	return 0;
}

static int set_grace(struct root_rules *rules, const char *value, char *why)
{
	return value_duration(value, 0, &rules->grace, why);
}

static int set_grace_hollow(struct root_rules *rules, const char *value, char *why)
{
	return value_duration(value, 0, &rules->grace_hollow, why);
}

static int set_max_age(struct root_rules *rules, const char *value, char *why)
{
	return value_duration(value, 0, &rules->max_age, why);
}

static int set_owner_argument(struct root_rules *rules, enum owner_rule rule, char *argument)
{
	free(rules->owner_argument);
	rules->owner_argument = argument;
	rules->owner = rule;
	return 0;
}

static int set_owner(struct root_rules *rules, const char *value, char *why)
{
	static const char *const words[] = { "none", "cgroup", "pidfile:", "unit:", NULL };
	char *argument = NULL;
	char hint[64];
	int r;

	if (strncmp(value, "pidfile:", 8) == 0) {
		r = value_path(value + 8, &argument, why);
		return r < 0 ? r : set_owner_argument(rules, OWNER_RULE_PIDFILE, argument);
	}
	if (strncmp(value, "unit:", 5) == 0) {
		r = value_unit(value + 5, &argument, why);
		return r < 0 ? r : set_owner_argument(rules, OWNER_RULE_UNIT, argument);
	}
	if (strcmp(value, "cgroup") == 0)
		return set_owner_argument(rules, OWNER_RULE_CGROUP, NULL);
	if (strcmp(value, "none") == 0)
		return set_owner_argument(rules, OWNER_RULE_NONE, NULL);
	return value_refuse(why, "this is neither none, cgroup, pidfile:PATH nor unit:NAME%s",
			    nearest_hint(value, words, hint, sizeof(hint)));
}

static int set_ladder(struct root_rules *rules, const char *value, char *why)
{
	return value_ladder(value, &rules->ladder, why);
}

static int set_step_timeout(struct root_rules *rules, const char *value, char *why)
{
	return value_duration(value, LEAST_TIMEOUT, &rules->step_timeout, why);
}

static int set_probe_interval(struct root_rules *rules, const char *value, char *why)
{
	return value_duration(value, LEAST_TIMEOUT, &rules->probe_interval, why);
}

static int set_protect(struct root_rules *rules, const char *value, char *why)
{
	struct string_list list = { 0 };
	int r = value_list(value, &list, why);

	for (size_t i = 0; i < list.count && r == 0; i++)
		if (!path_is_plain_relative(list.items[i]))
			r = value_refuse(
				why, "patterns are relative to the root: no slash at either end, no . or .. segment");
	if (r < 0) {
		string_list_clear(&list);
		return r;
	}
	string_list_clear(&rules->protect);
	rules->protect = list;
	return 0;
}

static int take_yes_or_no(const char *value, bool *ret, char *why)
{
	static const char *const words[] = { "no", "yes", NULL };
	unsigned word = 0;
	int r = *value ? value_word(value, words, &word, why) : 0;

	if (r == 0)
		*ret = word;
	return r;
}

static int set_reap_root(struct root_rules *rules, const char *value, char *why)
{
	return take_yes_or_no(value, &rules->reap_root, why);
}

static int set_prune(struct root_rules *rules, const char *value, char *why)
{
	bool prune = false;
	int r = take_yes_or_no(value, &prune, why);

	(void)rules;
	return r < 0 || !prune ? r : value_refuse(why, "prune = yes is not built yet");
}

static int set_register(struct root_rules *rules, const char *value, char *why)
{
	struct string_list list = { 0 };
	int r = value_list(value, &list, why);

	for (size_t i = 0; i < list.count && r == 0; i++) {
		const char *name = list.items[i] + (*list.items[i] == '@');

		if (!*name || name[strcspn(name, " \t:/@")])
			r = value_refuse(why, "these are users and @groups, with white space between them");
	}
	if (r < 0) {
		string_list_clear(&list);
		return r;
	}
	string_list_clear(&rules->register_users);
	rules->register_users = list;
	return 0;
}

/* The keys with their functions; a table's words in the order of the manual, ended by NULL. */
static const struct daemon_key {
	const char *name;
	int (*set)(struct config *config, const char *value, char *why);
} daemon_keys[] = {
	{ "user", set_user },
	{ "source", set_source },
	{ "namespaces", set_namespaces },
	{ "metrics-listen", set_metrics_listen },
	{ "runner-socket", set_runner_socket },
	{ "state-dir", set_state_dir },
	{ "runtime-dir", set_runtime_dir },
	{ "retain", set_retain },
	{ "retain-size", set_retain_size },
	{ "max-reaps-per-minute", set_max_reaps },
};

static const struct root_key {
	const char *name;
	int (*set)(struct root_rules *rules, const char *value, char *why);
} root_keys[] = {
	{ "layout", set_layout },
	{ "match", set_match },
	{ "trash", set_trash },
	{ "mode", set_mode },
	{ "reap-when", set_reap_when },
	{ "grace", set_grace },
	{ "grace.hollow", set_grace_hollow },
	{ "max-age", set_max_age },
	{ "owner", set_owner },
	{ "ladder", set_ladder },
	{ "step-timeout", set_step_timeout },
	{ "probe-interval", set_probe_interval },
	{ "protect", set_protect },
	{ "reap-root", set_reap_root },
	{ "prune", set_prune },
	{ "register", set_register },
};

static int refuse_key(const char *key, const char *const *words, const char *section, char *why)
{
	char hint[128];

	return value_refuse(why, "[%s] has no key \"%.100s\"%s", section, key,
			    nearest_hint(key, words, hint, sizeof(hint)));
}

int daemon_key_set(struct config *config, const char *key, const char *value, char *why)
{
	const char *words[ARRAY_SIZE(daemon_keys) + 1] = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(daemon_keys); i++) {
		if (strcmp(daemon_keys[i].name, key) == 0)
			return daemon_keys[i].set(config, value, why);
		words[i] = daemon_keys[i].name;
	}
	return refuse_key(key, words, "daemon", why);
}

static int add_ladder(struct root_rules *rules, const char *type, const struct ladder *ladder)
{
	struct ladder_for_type *ladders;
	char *copy;

	for (size_t i = 0; i < rules->ladder_count; i++) {
		if (strcmp(rules->ladders[i].type, type) == 0) {
			rules->ladders[i].ladder = *ladder;
			return 0;
		}
	}
	ladders = reallocarray(rules->ladders, rules->ladder_count + 1, sizeof(*ladders));
	if (!ladders)
		return -ENOMEM;
	rules->ladders = ladders;
	copy = strdup(type);
	if (!copy)
		return -ENOMEM;
	ladders[rules->ladder_count++] = (struct ladder_for_type){ copy, *ladder };
	return 0;
}

static int set_ladder_for_type(struct root_rules *rules, const char *type, const char *value, char *why)
{
	struct ladder ladder;
	int r;

	if (!*type)
		return value_refuse(why, "ladder. is followed by a filesystem type, such as ladder.fuse");
	r = value_ladder(value, &ladder, why);
	return r < 0 ? r : add_ladder(rules, type, &ladder);
}

/* "self" is where the root's own path counts. */
static int add_path(struct root_rules *rules, const char *selector, const char *value, char *why)
{
	CLEANUP_FREE char *path = NULL;
	int r = check_selector(selector, why);

	if (r == 0 && !*value)
		return 0;
	if (r == 0 && strcmp(selector, "self") == 0)
		r = value_refuse(why, "in our own namespace the root stands at its own path");
	if (r == 0)
		r = root_path_parse(value, &path, why);
	return r < 0 ? r : rules_add_path(rules, selector, path);
}

int root_key_set(struct root_rules *rules, const char *key, const char *value, char *why)
{
	const char *words[ARRAY_SIZE(root_keys) + 2] = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(root_keys); i++) {
		if (strcmp(root_keys[i].name, key) == 0)
			return root_keys[i].set(rules, value, why);
		words[i] = root_keys[i].name;
	}
	words[ARRAY_SIZE(root_keys)] = "ladder.fuse";
	if (strncmp(key, "ladder.", 7) == 0)
		return set_ladder_for_type(rules, key + 7, value, why);
	if (strncmp(key, "path.", 5) == 0)
		return add_path(rules, key + 5, value, why);
	return refuse_key(key, words, "root", why);
}

int root_path_check(const char *bytes, char **ret_path, char *why)
{
	char *path;
	int r;

	if (*bytes != '/')
		return value_refuse(why, "a root is an absolute path, such as /worker/build");
	r = path_normalize(bytes, &path);
	if (r == -ENAMETOOLONG)
		return value_refuse(why, "the root's path is too long");
	if (r == -EINVAL)
		return value_refuse(why, "a root's path has no . or .. segment");
	if (r < 0)
		return r;
	if (strcmp(path, "/") == 0) {
		free(path);
		return value_refuse(why, "/ cannot be a build root: everything on the machine lies below it");
	}
	*ret_path = path;
	return 0;
}

int root_path_parse(const char *text, char **ret_path, char *why)
{
	CLEANUP_FREE char *bytes = NULL;
	int r = text_unescape(text, &bytes);

	if (r == -EINVAL)
		return value_refuse(why, "a broken escape: \\xNN is a byte (not \\x00), \\\\ a backslash");
	return r < 0 ? r : root_path_check(bytes, ret_path, why);
}
