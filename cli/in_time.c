/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "in_time.h"

#include <string.h>

#include "base/log.h"
#include "cli.h"

int in_time(int64_t timeout, batch_function *work, size_t size, in_time_function *tell, void *context)
{
	struct batch_pool *pool = MUST(batch_pool_new(1));
	struct batch *batch;
	int r = batch_new(pool, 1, size, work, context, timeout, &batch), status = CLI_UNSURE;

	if (r == 0) {
		batch_wait(pool, batch);
		status = tell(context, batch_item_state(batch, 0), batch_item_result(batch, 0));
		batch_free(batch);
	} else {
		log_error("no child can be made: %s", strerror(-r));
	}
	batch_pool_free(pool);
	return status;
}
