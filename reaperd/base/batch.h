/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Work that may block, done in child processes: one child takes the items of a batch in turn and writes each result
 * into shared memory. An item that takes longer than its deadline costs its child: the child is killed (and counted
 * until it really ends, which a process in uninterruptible sleep may never do), the item is marked hung, and another
 * child takes the rest. The caller never blocks.
 *
 * A batch belongs to the caller until batch_free(), which also kills a running child and leaves the reaping to
 * batch_pool_run(). Only one thread; the caller owns SIGCHLD: it calls batch_pool_run() when a child may have ended.
 */
#ifndef REAPERD_BASE_BATCH_H
#define REAPERD_BASE_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct batch;
struct batch_pool;

enum batch_item_state {
	BATCH_ITEM_WAITING,
	BATCH_ITEM_RUNNING,
	BATCH_ITEM_DONE,
	BATCH_ITEM_HUNG,    /* past its deadline; its result is whatever it had written */
	BATCH_ITEM_CRASHED, /* its child died in it */
};

/*
 * Runs in a child, with every signal at its default action. `result` is zeroed shared memory of the batch's result
 * size.
 */
typedef void batch_function(size_t index, void *result, void *context);

struct batch_pool *batch_pool_new(unsigned max_children); /* NULL when out of memory */
void batch_pool_free(struct batch_pool *pool);

/*
 * Makes a batch; it starts at once, or when a child's place is free. `context` must stay as it is until the batch ends
 * (children see it as it was when they were forked). `deadline_ns` is for each item. 0, -ENOMEM, or -errno of mmap.
 */
int batch_new(struct batch_pool *pool, size_t items, size_t result_size, batch_function *function, void *context,
	      int64_t deadline_ns, struct batch **ret);

/*
 * Children that a filesystem keeps from ending, though they were killed, are not to use up the machine's. What one of
 * them was at is not begun again while it has not ended: that item counts as hung. And where as many of the batches of
 * `whose` have not ended, no more are started for it: all its items do. Those that were at work by then may join them.
 */
struct batch_limit {
	uint64_t whose; /* any number but 0 */
	unsigned most;
	uint64_t (*at)(size_t index, const void *context); /* what the item is, among those of `whose` */
};
int batch_new_limited(struct batch_pool *pool, size_t items, size_t result_size, batch_function *function,
		      void *context, int64_t deadline_ns, struct batch_limit limit, struct batch **ret);

void batch_free(struct batch *batch);

/*
 * Starts what can start, marks what is past its deadline, reaps children that ended (waitpid of own children only).
 * Call it on SIGCHLD and on time.
 */
void batch_pool_run(struct batch_pool *pool, int64_t mono_ns);

/* When batch_pool_run() must be called at the latest (CLOCK_MONOTONIC ns), or INT64_MAX. */
int64_t batch_pool_next(const struct batch_pool *pool);

bool batch_is_finished(const struct batch *batch);
enum batch_item_state batch_item_state(const struct batch *batch, size_t index);
void *batch_item_result(const struct batch *batch, size_t index);

unsigned batch_pool_running(const struct batch_pool *pool); /* children at work */
unsigned batch_pool_hung(const struct batch_pool *pool);    /* killed, and not yet ended */

/* For programs without a loop: runs the batch to its end. */
void batch_wait(struct batch_pool *pool, struct batch *batch);

#endif
