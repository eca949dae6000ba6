/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/layout.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/path.h"

static bool segment_is(const char *segment, size_t length, const char *word)
{
	return length == strlen(word) && memcmp(segment, word, length) == 0;
}

static int check_segment(const char *segment, size_t length, char *why, size_t size)
{
	if (segment_is(segment, length, "*"))
		return 0;
	if (segment[0] == '.') {
		snprintf(why, size, "the segment \"%.*s\" begins with a dot, and no action's path does", (int)length,
			 segment);
		return -EINVAL;
	}
	for (size_t i = 0; i < length; i++) {
		if (!strchr("{}*", segment[i]))
			continue;
		snprintf(why, size,
			 "in the segment \"%.*s\": {action} and * stand for a whole segment, nothing beside them",
			 (int)length, segment);
		return -EINVAL;
	}
	return 0;
}

int layout_check(const char *layout, char *why, size_t size)
{
	const char *cursor = layout;
	const char *segment;
	size_t length;
	unsigned actions = 0;

	if (!path_is_plain_relative(layout)) {
		snprintf(why, size, "a layout is segments with one slash between them, such as */{action}");
		return -EINVAL;
	}
	while ((segment = path_next_segment(&cursor, &length))) {
		if (segment_is(segment, length, LAYOUT_ACTION))
			actions++;
		else if (check_segment(segment, length, why, size) < 0)
			return -EINVAL;
	}
	if (actions != 1) {
		snprintf(why, size, "a layout has exactly one segment {action}, this one has %u", actions);
		return -EINVAL;
	}
	return 0;
}
