/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Layouts: which segments below a root name an action. "{action}" stands for one segment that does not begin with a
 * dot, "*" for any one such segment; every other segment stands for itself. Pure functions over bytes; base/layout.h
 * checks a layout's own spelling. Whether a layout is well formed is asked of base/layout.h.
 */
#ifndef REAPERD_MODEL_LAYOUT_H
#define REAPERD_MODEL_LAYOUT_H

#include <stddef.h>

#include "base/layout.h"
#include "base/rules.h"

enum place {
	PLACE_ACTION,  /* at or below an action's directory */
	PLACE_TRASH,   /* below a trash pattern */
	PLACE_UNOWNED, /* no layout names an action here */
};

/*
 * What lies at `relative` (below the root, plain). For PLACE_ACTION: *ret_path_length bytes of it are the action's
 * directory, and its name is *ret_name_length bytes from *ret_name (into `relative`). For PLACE_TRASH the same for what
 * stands for the action there: the trash segment and as many segments behind it as the layout has, or fewer where the
 * path ends; the name is that whole path.
 */
enum place layout_place(const struct root_rules *rules, const char *relative, const char **ret_name,
			size_t *ret_name_length, size_t *ret_path_length);

#endif
