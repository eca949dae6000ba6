/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/overlap.h"

#include <string.h>

#include "base/path.h"

enum overlap overlap_of(const char *path, const char *other)
{
	if (strcmp(path, other) == 0)
		return OVERLAP_SAME;
	if (path_is_below(path, other))
		return OVERLAP_INSIDE;
	return path_is_below(other, path) ? OVERLAP_AROUND : OVERLAP_NONE;
}

static const char *path_for(const struct root_rules *rules, const char *selector)
{
	for (size_t i = 0; i < rules->path_count; i++)
		if (strcmp(rules->paths[i].selector, selector) == 0)
			return rules->paths[i].path;
	return rules->path;
}

enum overlap overlap_elsewhere(const struct root_rules *rules, const struct root_rules *others,
			       const char **ret_selector)
{
	const struct root_rules *const both[] = { rules, others };

	for (size_t i = 0; i < 2; i++)
		for (size_t j = 0; j < both[i]->path_count; j++) {
			const char *selector = both[i]->paths[j].selector;
			enum overlap overlap = overlap_of(path_for(rules, selector), path_for(others, selector));

			*ret_selector = selector;
			if (overlap != OVERLAP_NONE)
				return overlap;
		}
	return OVERLAP_NONE;
}
