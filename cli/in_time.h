/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What may hang, done in a child with a deadline. */
#ifndef REAPERD_CLI_IN_TIME_H
#define REAPERD_CLI_IN_TIME_H

#include "base/batch.h"

/* What came of it. The result is as far as the child got, and its alone where that is BATCH_ITEM_DONE. */
typedef int in_time_function(void *context, enum batch_item_state state, const void *result);

/*
 * Calls work(0, result, context) in a child, for at most `timeout` ns, and then tell(), whose status it gives. The result
 * has `size` bytes, zeroed. CLI_UNSURE, and said, where there can be no child.
 */
int in_time(int64_t timeout, batch_function *work, size_t size, in_time_function *tell, void *context);

#endif
