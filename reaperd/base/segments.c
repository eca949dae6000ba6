/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/segments.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/text.h"

void segments_clear(struct segments *segments)
{
	for (size_t i = 0; i < segments->count; i++)
		free(segments->items[i]);
	free(segments->items);
	*segments = (struct segments){ 0 };
}

static int take_one(const char *text, size_t length, char **ret)
{
	CLEANUP_FREE char *typed = strndup(text, length), *bytes = NULL;
	int r;

	*ret = NULL;
	if (!typed)
		return -ENOMEM;
	if (!strcmp(typed, "*"))
		return 0;
	r = text_unescape(typed, &bytes);
	if (r < 0)
		return r;
	if (strchr(bytes, '/') || !path_is_plain_relative(bytes))
		return -EINVAL;
	*ret = take_ptr(bytes);
	return 0;
}

int segments_parse(const char *text, struct segments *ret)
{
	*ret = (struct segments){ 0 };
	for (;;) {
		size_t length = strcspn(text, "/");
		char **items = reallocarray(ret->items, ret->count + 1, sizeof(*items));
		int r;

		if (!items)
			return -ENOMEM;
		ret->items = items;
		r = take_one(text, length, &items[ret->count]);
		if (r < 0)
			return r;
		ret->count++;
		if (!text[length])
			return 0;
		text += length + 1;
	}
}

static bool is_one(const char *wanted, const char *segment, size_t length)
{
	return length && (!wanted || (strlen(wanted) == length && !memcmp(wanted, segment, length)));
}

bool segments_end(const struct segments *segments, const char *path)
{
	const char *end = path + strlen(path);

	for (size_t i = segments->count; i-- > 0;) {
		const char *start = end;

		while (start > path && start[-1] != '/')
			start--;
		if (start == path || !is_one(segments->items[i], start, (size_t)(end - start)))
			return false;
		end = start - 1;
	}
	return true;
}
