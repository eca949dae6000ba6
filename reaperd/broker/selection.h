/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which mount namespaces the configuration's selectors (base/selector.h) mean at this moment. An engine that was taken
 * over can name any namespace; this says which of them it may have anything of. It may hang, for a selector may name a
 * file anywhere: only children with a deadline ask.
 *
 * A command's name is what its process says it is. Who gives himself the name that `comm:` selects has his own
 * namespace watched, and below the root's path in it reaped, nothing else.
 */
#ifndef REAPERD_BROKER_SELECTION_H
#define REAPERD_BROKER_SELECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rules.h"
#include "kernel/namespaces.h"

/* Of each selector that was asked for, what it means: looked up once, kept until it is cleared. Begins as zeroes. */
struct selection {
	struct meaning *meanings;
	size_t count;
};
void selection_clear(struct selection *selection);

/*
 * Whether one of the selectors means that namespace. `pid` is a process that may be in it, which answers `comm:` without
 * a walk over all; 0: none. What cannot be looked up means none.
 */
bool selection_has(struct selection *selection, const struct string_list *selectors, const struct kernel_namespace *ns,
		   int32_t pid);

/* Where the root stands in that namespace, which is not ours. */
const char *selection_path(struct selection *selection, const struct root_rules *rules,
			   const struct kernel_namespace *ns, int32_t pid);

#endif
