/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/layout.h"

#include <limits.h>
#include <string.h>

#include "base/path.h"

static bool segment_is(const char *segment, size_t length, const char *word)
{
	return strlen(word) == length && memcmp(segment, word, length) == 0;
}

static bool list_matches(const struct string_list *list, const char *segment, size_t length)
{
	char name[PATH_MAX];

	if (length >= sizeof(name))
		return false;
	memcpy(name, segment, length);
	name[length] = '\0';
	return string_list_matches(list, name);
}

/* Without any pattern, every name will do. */
static bool name_is_welcome(const struct root_rules *rules, const char *name, size_t length)
{
	return rules->match.count == 0 || list_matches(&rules->match, name, length);
}

/*
 * A mount that stands on the trash directory itself was put there on purpose, for a mount point cannot be renamed where
 * it is mounted: only what lies below it was moved away.
 */
static bool place_in_trash(const struct root_rules *rules, const char *relative, size_t *ret_length)
{
	const char *cursor = relative, *layout = rules->layout, *segment;
	size_t length, ignored;

	segment = path_next_segment(&cursor, &length);
	if (!segment || !list_matches(&rules->trash, segment, length))
		return false;
	segment = path_next_segment(&cursor, &length);
	if (!segment)
		return false;
	while (segment && path_next_segment(&layout, &ignored)) {
		*ret_length = (size_t)(segment - relative) + length;
		segment = path_next_segment(&cursor, &length);
	}
	return true;
}

enum place layout_place(const struct root_rules *rules, const char *relative, const char **ret_name,
			size_t *ret_name_length, size_t *ret_path_length)
{
	const char *cursor = relative, *layout = rules->layout, *segment, *wanted, *name = NULL;
	size_t length, wanted_length, name_length = 0, end = 0;

	if (place_in_trash(rules, relative, &end)) {
		*ret_name = relative;
		*ret_name_length = *ret_path_length = end;
		return PLACE_TRASH;
	}
	while ((wanted = path_next_segment(&layout, &wanted_length))) {
		bool is_name = segment_is(wanted, wanted_length, "{action}");

		segment = path_next_segment(&cursor, &length);
		if (!segment)
			return PLACE_UNOWNED;
		if (is_name || segment_is(wanted, wanted_length, "*")) {
			if (*segment == '.')
				return PLACE_UNOWNED;
		} else if (length != wanted_length || memcmp(segment, wanted, length) != 0) {
			return PLACE_UNOWNED;
		}
		if (is_name) {
			name = segment;
			name_length = length;
		}
		end = (size_t)(segment - relative) + length;
	}
	if (!name || list_matches(&rules->trash, relative, strcspn(relative, "/")) ||
	    !name_is_welcome(rules, name, name_length))
		return PLACE_UNOWNED;
	*ret_name = name;
	*ret_name_length = name_length;
	*ret_path_length = end;
	return PLACE_ACTION;
}
