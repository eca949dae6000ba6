/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who holds a mount, asked of the broker. */
#ifndef REAPERD_ENGINE_HOLDERS_H
#define REAPERD_ENGINE_HOLDERS_H

#include "engine/state.h"

/* Called once, perhaps at once; count -1 where it could not be told. */
typedef void holders_function(void *context, const struct holder_result *holders, int count);
void holders_ask(struct engine *engine, const struct mount *mount, holders_function *function, void *context);

/* Of one in our own namespace that was reaped at `relative` below the root: it may have been detached, and live on. */
void holders_ask_reaped(struct engine *engine, const struct root *root, const char *relative, uint64_t id,
			holders_function *function, void *context);

#endif
