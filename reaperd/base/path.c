/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/path.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static bool segment_is_dots(const char *segment, size_t length)
{
	return (length == 1 && segment[0] == '.') || (length == 2 && segment[0] == '.' && segment[1] == '.');
}

const char *path_next_segment(const char **cursor, size_t *ret_length)
{
	const char *start = *cursor + strspn(*cursor, "/");
	size_t length = strcspn(start, "/");

	*cursor = start + length;
	*ret_length = length;
	return length ? start : NULL;
}

const char *path_relative(const char *path, const char *dir)
{
	size_t length = strlen(dir);

	if (length == 1 && dir[0] == '/')
		return path[0] == '/' ? path + 1 : NULL;
	if (strncmp(path, dir, length) != 0)
		return NULL;
	if (path[length] == '\0')
		return path + length;
	return path[length] == '/' ? path + length + 1 : NULL;
}

int path_normalize(const char *path, char **ret_path)
{
	CLEANUP_FREE char *out = NULL;
	const char *cursor = path;
	const char *segment;
	size_t length, used = 0;

	if (path[0] != '/')
		return -EINVAL;
	out = malloc(strlen(path) + 1);
	if (!out)
		return -ENOMEM;
	while ((segment = path_next_segment(&cursor, &length))) {
		if (segment_is_dots(segment, length))
			return -EINVAL;
		out[used++] = '/';
		memcpy(out + used, segment, length);
		used += length;
	}
	if (used == 0)
		out[used++] = '/';
	if (used >= PATH_MAX)
		return -ENAMETOOLONG;
	out[used] = '\0';
	*ret_path = take_ptr(out);
	return 0;
}

bool path_is_plain_relative(const char *path)
{
	for (const char *segment = path;; segment++) {
		size_t length = strcspn(segment, "/");

		if (length == 0 || segment_is_dots(segment, length))
			return false;
		segment += length;
		if (*segment == '\0')
			return true;
	}
}

char *path_join(const char *dir, const char *name)
{
	char *joined;

	if (*name == '\0')
		return strdup(dir);
	if (asprintf(&joined, "%s/%s", strcmp(dir, "/") == 0 ? "" : dir, name) < 0)
		return NULL;
	return joined;
}
