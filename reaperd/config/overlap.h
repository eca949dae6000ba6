/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How build roots lie to each other: each is tracked by itself, so none may be twice, or inside another. */
#ifndef REAPERD_CONFIG_OVERLAP_H
#define REAPERD_CONFIG_OVERLAP_H

#include "base/rules.h"

enum overlap {
	OVERLAP_NONE,
	OVERLAP_SAME,
	OVERLAP_INSIDE, /* the first lies inside the second */
	OVERLAP_AROUND,
};

enum overlap overlap_of(const char *path, const char *other);

/*
 * In the mount namespaces that a selector of one of them names: OVERLAP_NONE, or how they lie to each other there, with
 * the selector. Two selectors may name one namespace; that only who looks can know.
 */
enum overlap overlap_elsewhere(const struct root_rules *rules, const struct root_rules *others,
			       const char **ret_selector);

#endif
