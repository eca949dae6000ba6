/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Paths as bytes, by whole segments. No function here touches a filesystem. "/b/1" is no prefix of "/b/10".
 */
#ifndef REAPERD_BASE_PATH_H
#define REAPERD_BASE_PATH_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The part of the absolute `path` below the absolute `dir`, without a leading slash: "" where they are equal, NULL
 * where `path` is not `dir` or below it. Both normalized. The result points into `path`.
 */
const char *path_relative(const char *path, const char *dir);

/* Strictly below. */
static inline bool path_is_below(const char *path, const char *dir)
{
	const char *rest = path_relative(path, dir);

	return rest && *rest;
}

static inline bool path_is_at_or_below(const char *path, const char *dir)
{
	return path_relative(path, dir) != NULL;
}

/* One is the other, or lies below it. */
static inline bool paths_are_related(const char *a, const char *b)
{
	return path_is_at_or_below(a, b) || path_is_at_or_below(b, a);
}

/*
 * Collapses repeated slashes and removes a trailing one; refuses (-EINVAL) a relative or empty path and any "." or ".."
 * segment, for those cannot be resolved without asking a filesystem; -ENAMETOOLONG from PATH_MAX bytes on. The caller
 * frees *ret_path.
 */
int path_normalize(const char *path, char **ret_path);

/*
 * A relative path of ordinary segments: not empty, no leading or doubled slash, no trailing one, no "." or ".."
 * segment.
 */
bool path_is_plain_relative(const char *path);

/* "dir/name", or "/name" for dir "/"; name "" gives dir. NULL when out of memory; the caller frees it. */
char *path_join(const char *dir, const char *name);

/*
 * The next segment at *cursor (into a relative or absolute path): its start, with its length in *ret_length, and
 * *cursor moved behind it; NULL at the end.
 */
const char *path_next_segment(const char **cursor, size_t *ret_length);

#endif
