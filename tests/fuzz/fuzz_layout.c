/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Layouts, patterns and paths. The input has four lines: a layout, the patterns of `match` and of `trash`, and a path
 * below the root. Whose a path is depends on whole segments alone, and is the same for whatever lies deeper.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/layout.h"
#include "base/path.h"
#include "base/text.h"
#include "fuzz.h"
#include "model/layout.h"

static bool ends_segment(const char *path, size_t length)
{
	return length > 0 && length <= strlen(path) && (path[length] == '/' || path[length] == '\0') &&
	       path[length - 1] != '/';
}

static size_t path_segments(const char *path)
{
	size_t length, count = 0;

	while (path_next_segment(&path, &length))
		count++;
	return count;
}

static size_t segments_of(const char *path, size_t length)
{
	CLEANUP_FREE char *part = strndup(path, length);

	return path_segments(part);
}

static void check_action(const struct root_rules *rules, const char *relative, const char *name, size_t name_length,
			 size_t length)
{
	CLEANUP_FREE char *copy = strndup(name, name_length);

	FUZZ_HOLDS(ends_segment(relative, length));
	FUZZ_HOLDS(segments_of(relative, length) == path_segments(rules->layout));
	FUZZ_HOLDS(name_length > 0 && name >= relative && name + name_length <= relative + length);
	FUZZ_HOLDS(!strchr(copy, '/') && *copy != '.');
	FUZZ_HOLDS(name == relative || name[-1] == '/');
	FUZZ_HOLDS(name[name_length] == '/' || name[name_length] == '\0');
	FUZZ_HOLDS(rules->match.count == 0 || string_list_matches(&rules->match, copy));
}

static void check_trash(const struct root_rules *rules, const char *relative, const char *name, size_t name_length,
			size_t length)
{
	CLEANUP_FREE char *first = strndup(relative, strcspn(relative, "/"));

	FUZZ_HOLDS(ends_segment(relative, length));
	FUZZ_HOLDS(name == relative && name_length == length);
	FUZZ_HOLDS(segments_of(relative, length) >= 2);
	FUZZ_HOLDS(segments_of(relative, length) <= path_segments(rules->layout) + 1);
	FUZZ_HOLDS(string_list_matches(&rules->trash, first));
}

/* An action's directory itself, and what lies deeper, belong to the same action; a longer name is another. */
static void check_neighbours(const struct root_rules *rules, const char *relative, size_t name_at, size_t name_length,
			     size_t length)
{
	CLEANUP_FREE char *self = strndup(relative, length);
	CLEANUP_FREE char *deeper = path_join(relative, "x");
	CLEANUP_FREE char *longer = malloc(length + 2);
	const char *name = NULL;
	size_t other_name, other;

	FUZZ_HOLDS(layout_place(rules, self, &name, &other_name, &other) == PLACE_ACTION);
	FUZZ_HOLDS(name == self + name_at && other_name == name_length && other == length);
	FUZZ_HOLDS(layout_place(rules, deeper, &name, &other_name, &other) == PLACE_ACTION);
	FUZZ_HOLDS(name == deeper + name_at && other_name == name_length && other == length);
	memcpy(longer, self, length);
	strcpy(longer + length, "0");
	if (layout_place(rules, longer, &name, &other_name, &other) == PLACE_ACTION)
		FUZZ_HOLDS(other == length + 1);
}

static void check_place(const struct root_rules *rules, const char *relative)
{
	const char *name = NULL;
	size_t name_length = 0, length = 0;

	switch (layout_place(rules, relative, &name, &name_length, &length)) {
	case PLACE_ACTION:
		check_action(rules, relative, name, name_length, length);
		check_neighbours(rules, relative, (size_t)(name - relative), name_length, length);
		break;
	case PLACE_TRASH:
		check_trash(rules, relative, name, name_length, length);
		break;
	case PLACE_UNOWNED:
		break;
	}
}

/* Normal paths stay as they are; what lies below a directory is found again by it. */
static void check_paths(const char *path, const char *relative)
{
	CLEANUP_FREE char *normal = NULL;
	CLEANUP_FREE char *again = NULL;
	CLEANUP_FREE char *joined = NULL;
	const char *rest;

	if (path_normalize(path, &normal) < 0)
		return;
	FUZZ_HOLDS(path_normalize(normal, &again) == 0 && strcmp(normal, again) == 0);
	FUZZ_HOLDS(*path_relative(normal, normal) == '\0' || strcmp(normal, "/") == 0);
	joined = path_join(normal, relative);
	rest = path_relative(joined, normal);
	FUZZ_HOLDS(rest && strcmp(rest, relative) == 0);
	FUZZ_HOLDS(path_segments(joined) == path_segments(normal) + path_segments(relative));
}

/* Written down with its spaces escaped, a list is read back as it was. */
static void check_list(const struct string_list *list)
{
	CLEANUP(string_list_clear) struct string_list again = { 0 };
	CLEANUP_FREE char *text = NULL;
	size_t used = 0;

	for (size_t i = 0; i < list->count; i++) {
		CLEANUP_FREE char *escaped = text_escape(list->items[i]);

		FUZZ_HOLDS(*list->items[i]);
		text = realloc(text, used + 4 * strlen(escaped) + 2);
		for (const char *p = escaped; *p; p++) {
			memcpy(text + used, *p == ' ' ? "\\x20" : p, *p == ' ' ? 4 : 1);
			used += *p == ' ' ? 4 : 1;
		}
		text[used++] = ' ';
		text[used] = '\0';
	}
	FUZZ_HOLDS(string_list_split(text ? text : "", &again) == 0);
	FUZZ_HOLDS(again.count == list->count);
	for (size_t i = 0; i < list->count; i++)
		FUZZ_HOLDS(strcmp(again.items[i], list->items[i]) == 0);
}

static bool take_list(const char *text, struct string_list *ret)
{
	int r = string_list_split(text, ret);

	FUZZ_HOLDS(r == 0 || r == -EINVAL);
	FUZZ_HOLDS(r == 0 || ret->count == 0);
	if (r == 0)
		check_list(ret);
	return r == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP_FREE char *layout = fuzz_next_line(&data, &size);
	CLEANUP_FREE char *match = fuzz_next_line(&data, &size);
	CLEANUP_FREE char *trash = fuzz_next_line(&data, &size);
	CLEANUP_FREE char *relative = fuzz_next_line(&data, &size);
	CLEANUP(string_list_clear) struct string_list match_list = { 0 };
	CLEANUP(string_list_clear) struct string_list trash_list = { 0 };
	char why[200] = "";
	int r = layout_check(layout, why, sizeof(why));
	bool lists = take_list(match, &match_list) && take_list(trash, &trash_list);
	bool plain = path_is_plain_relative(relative);

	FUZZ_HOLDS(r == 0 ? !*why : r == -EINVAL && *why);
	fuzz_accepted = r == 0 && lists && plain;
	if (plain)
		check_paths(match, relative);
	if (fuzz_accepted)
		check_place(&(struct root_rules){ .layout = layout, .match = match_list, .trash = trash_list },
			    relative);
	return 0;
}
