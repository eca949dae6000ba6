/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/rules.h"

#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/text.h"

#define DEFAULT_REAP_WHEN                                                                                              \
	(EVIDENCE_BIT(EVIDENCE_ENDED) | EVIDENCE_BIT(EVIDENCE_MISSING) | EVIDENCE_BIT(EVIDENCE_REPLACED) |             \
	 EVIDENCE_BIT(EVIDENCE_MOVED) | EVIDENCE_BIT(EVIDENCE_SOURCE_DELETED) | EVIDENCE_BIT(EVIDENCE_OWNER_EXITED) |  \
	 EVIDENCE_BIT(EVIDENCE_HOLLOW) | EVIDENCE_BIT(EVIDENCE_DEAD))

static const struct ladder ladder_plain = { 2, { STEP_UMOUNT, STEP_DETACH } };
static const struct ladder ladder_forcing = { 3, { STEP_UMOUNT, STEP_FORCE, STEP_DETACH } };

/* Those which have a forced unmount, and need it where their server is gone. */
static const char *const forcing_types[] = { "fuse", "fuseblk", "nfs", "cifs", "smb", "9p", "ceph" };

int string_list_add(struct string_list *list, const char *item)
{
	char **items = reallocarray(list->items, list->count + 2, sizeof(*items));

	if (!items)
		return -ENOMEM;
	list->items = items;
	items[list->count] = strdup(item);
	if (!items[list->count]) {
		if (list->count == 0)
			string_list_clear(list);
		return -ENOMEM;
	}
	items[++list->count] = NULL;
	return 0;
}

void string_list_clear(struct string_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct string_list){ 0 };
}

int string_list_copy(const struct string_list *list, struct string_list *ret)
{
	*ret = (struct string_list){ 0 };
	for (size_t i = 0; i < list->count; i++) {
		if (string_list_add(ret, list->items[i]) < 0) {
			string_list_clear(ret);
			return -ENOMEM;
		}
	}
	return 0;
}

static int add_escaped(struct string_list *list, const char *word, size_t length)
{
	CLEANUP_FREE char *text = strndup(word, length);
	CLEANUP_FREE char *bytes = NULL;
	int r;

	if (!text)
		return -ENOMEM;
	r = text_unescape(text, &bytes);
	return r < 0 ? r : string_list_add(list, bytes);
}

int string_list_split(const char *text, struct string_list *ret)
{
	static const char space[] = " \t\n\r\v\f";

	*ret = (struct string_list){ 0 };
	for (text += strspn(text, space); *text; text += strspn(text, space)) {
		size_t length = strcspn(text, space);
		int r = add_escaped(ret, text, length);

		if (r < 0) {
			string_list_clear(ret);
			return r;
		}
		text += length;
	}
	return 0;
}

bool string_list_matches(const struct string_list *list, const char *text)
{
	for (size_t i = 0; i < list->count; i++)
		if (fnmatch(list->items[i], text, FNM_PERIOD) == 0)
			return true;
	return false;
}

bool rules_protect(const struct root_rules *rules, const char *path)
{
	CLEANUP_FREE char *prefix = NULL;
	char *slash;

	if (!rules->protect.count)
		return false;
	prefix = strdup(path);
	if (!prefix)
		return true;
	while (!string_list_matches(&rules->protect, prefix)) {
		slash = strrchr(prefix, '/');
		if (!slash)
			return false;
		*slash = '\0';
	}
	return true;
}

static int set_default_ladders(struct root_rules *rules)
{
	rules->ladder = ladder_plain;
	rules->ladders = calloc(ARRAY_SIZE(forcing_types), sizeof(*rules->ladders));
	if (!rules->ladders)
		return -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(forcing_types); i++) {
		rules->ladders[i] = (struct ladder_for_type){ strdup(forcing_types[i]), ladder_forcing };
		rules->ladder_count++;
		if (!rules->ladders[i].type)
			return -ENOMEM;
	}
	return 0;
}

int rules_init(struct root_rules *rules, const char *path)
{
	*rules = (struct root_rules){
		.path = strdup(path),
		.layout = strdup("{action}"),
		.mode = ROOT_MODE_ENFORCE,
		.reap_when = DEFAULT_REAP_WHEN,
		.grace = 5 * NSEC_PER_SEC,
		.grace_hollow = 60 * NSEC_PER_SEC,
		.owner = OWNER_RULE_NONE,
		.step_timeout = 5 * NSEC_PER_SEC,
		.probe_interval = 2 * NSEC_PER_SEC,
	};
	if (!rules->path || !rules->layout || set_default_ladders(rules) < 0 ||
	    string_list_add(&rules->match, "*") < 0 ||
	    string_list_split(".trash* trash-* _moved_trash_dir", &rules->trash) < 0) {
		rules_clear(rules);
		return -ENOMEM;
	}
	return 0;
}

static int copy_ladders(const struct root_rules *rules, struct root_rules *ret)
{
	if (rules->ladder_count == 0)
		return 0;
	ret->ladders = calloc(rules->ladder_count, sizeof(*ret->ladders));
	if (!ret->ladders)
		return -ENOMEM;
	for (size_t i = 0; i < rules->ladder_count; i++) {
		ret->ladders[i] = (struct ladder_for_type){ strdup(rules->ladders[i].type), rules->ladders[i].ladder };
		ret->ladder_count++;
		if (!ret->ladders[i].type)
			return -ENOMEM;
	}
	return 0;
}

int rules_add_path(struct root_rules *rules, const char *selector, const char *path)
{
	struct root_path *paths = reallocarray(rules->paths, rules->path_count + 1, sizeof(*paths));

	if (!paths)
		return -ENOMEM;
	rules->paths = paths;
	paths[rules->path_count] = (struct root_path){ strdup(selector), strdup(path) };
	rules->path_count++;
	return paths[rules->path_count - 1].selector && paths[rules->path_count - 1].path ? 0 : -ENOMEM;
}

static int copy_paths(const struct root_rules *rules, struct root_rules *ret)
{
	int r = 0;

	for (size_t i = 0; i < rules->path_count && r == 0; i++)
		r = rules_add_path(ret, rules->paths[i].selector, rules->paths[i].path);
	return r;
}

static int copy_string(const char *string, char **ret)
{
	*ret = string ? strdup(string) : NULL;
	return string && !*ret ? -ENOMEM : 0;
}

int rules_copy(const struct root_rules *rules, struct root_rules *ret)
{
	*ret = *rules;
	ret->path = ret->layout = ret->owner_argument = NULL;
	ret->match = ret->trash = ret->protect = ret->register_users = (struct string_list){ 0 };
	ret->ladders = NULL;
	ret->ladder_count = 0;
	ret->paths = NULL;
	ret->path_count = 0;
	if (copy_string(rules->path, &ret->path) < 0 || copy_paths(rules, ret) < 0 ||
	    copy_string(rules->layout, &ret->layout) < 0 ||
	    copy_string(rules->owner_argument, &ret->owner_argument) < 0 || copy_ladders(rules, ret) < 0 ||
	    string_list_copy(&rules->match, &ret->match) < 0 || string_list_copy(&rules->trash, &ret->trash) < 0 ||
	    string_list_copy(&rules->protect, &ret->protect) < 0 ||
	    string_list_copy(&rules->register_users, &ret->register_users) < 0) {
		rules_clear(ret);
		return -ENOMEM;
	}
	return 0;
}

void rules_clear(struct root_rules *rules)
{
	free(rules->path);
	free(rules->layout);
	free(rules->owner_argument);
	string_list_clear(&rules->match);
	string_list_clear(&rules->trash);
	string_list_clear(&rules->protect);
	string_list_clear(&rules->register_users);
	for (size_t i = 0; i < rules->ladder_count; i++)
		free(rules->ladders[i].type);
	free(rules->ladders);
	for (size_t i = 0; i < rules->path_count; i++) {
		free(rules->paths[i].selector);
		free(rules->paths[i].path);
	}
	free(rules->paths);
	*rules = (struct root_rules){ 0 };
}

/* "fuse" covers "fuse" and "fuse.bindfs"; "nfs" covers "nfs" and "nfs4"; "fuseblk" is a type of its own. */
static bool type_covers(const char *type, const char *fstype)
{
	size_t length = strlen(type);
	const char *rest = fstype + length;

	if (strncmp(type, fstype, length) != 0)
		return false;
	return *rest == '\0' || *rest == '.' ||
	       (isdigit((unsigned char)*rest) && rest[strspn(rest, "0123456789")] == '\0');
}

const struct ladder *rules_ladder(const struct root_rules *rules, const char *fstype)
{
	const struct ladder *best = &rules->ladder;
	size_t best_length = 0;

	for (size_t i = 0; i < rules->ladder_count; i++) {
		const struct ladder_for_type *one = &rules->ladders[i];
		size_t length = strlen(one->type);

		if (length > best_length && type_covers(one->type, fstype)) {
			best = &one->ladder;
			best_length = length;
		}
	}
	return best;
}
