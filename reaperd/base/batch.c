/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/batch.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/signals.h"

struct progress {
	_Atomic int64_t started; /* CLOCK_MONOTONIC ns; written before `state` */
	_Atomic uint32_t state;	 /* enum batch_item_state: WAITING, RUNNING or DONE */
};

/*
 * The shared memory begins with this. A child takes an item by raising `claim` (its attempt and the next item) with
 * compare-and-exchange; the parent revokes by raising the attempt. So a killed child that still runs for a moment on
 * another processor begins nothing more, and no item is begun twice.
 */
struct shared {
	_Atomic uint64_t claim;
	struct progress progress[];
};

#define CLAIM(attempt, item) ((uint64_t)(attempt) << 32 | (uint64_t)(item))
#define CLAIM_ITEM(claim)    ((size_t)((claim)&UINT32_MAX))

/*
 * A child to be killed, or killed and not yet waited for. Made before the child, so that giving one up needs no memory.
 */
struct doomed {
	pid_t pid;
	bool counted;
	uint64_t whose; /* as its batch's limit; 0: nobody's */
	uint64_t at;	/* the item that hung */
	struct doomed *next;
};

struct batch {
	struct batch_pool *pool;
	struct batch *next;
	size_t items;
	size_t stride; /* of the results */
	batch_function *function;
	void *context;
	int64_t deadline_ns;
	struct batch_limit limit; /* whose 0: none */
	size_t shared_size;
	struct shared *shared;
	unsigned char *results; /* in the shared memory */
	uint8_t *settled;	/* the parent's own view, by enum batch_item_state */
	size_t first_open;	/* items before it are settled, all others are not */
	int64_t since;		/* when first_open came to be that, or its child was started */
	uint32_t attempt;
	pid_t child; /* 0: none */
	struct doomed *spare;
	int64_t retry_mono; /* no child could be made: not before */
};

struct batch_pool {
	unsigned max_children;
	unsigned running;
	unsigned hung;
	struct batch *batches; /* in the order of their making */
	struct doomed *doomed;
};

#define FORK_RETRY_NS (100 * NSEC_PER_MSEC)
#define WAIT_SLICE_NS (1000 * NSEC_PER_MSEC)

struct batch_pool *batch_pool_new(unsigned max_children)
{
	struct batch_pool *pool = calloc(1, sizeof(*pool));

	if (pool)
		pool->max_children = max_children ? max_children : 1;
	return pool;
}

static void reap_doomed(struct batch_pool *pool)
{
	for (struct doomed **link = &pool->doomed; *link;) {
		struct doomed *one = *link;

		if (waitpid(one->pid, NULL, WNOHANG) == 0) {
			link = &one->next;
			continue;
		}
		*link = one->next;
		pool->hung -= one->counted;
		free(one);
	}
}

void batch_pool_free(struct batch_pool *pool)
{
	if (!pool)
		return;
	while (pool->batches)
		batch_free(pool->batches);
	reap_doomed(pool);
	while (pool->doomed) {
		struct doomed *one = pool->doomed;

		pool->doomed = one->next;
		free(one);
	}
	free(pool);
}

static int map_shared(struct batch *batch, size_t result_size)
{
	const size_t align = _Alignof(max_align_t);
	size_t head, results;

	if (batch->items >= UINT32_MAX || result_size > SIZE_MAX / 2)
		return -ENOMEM;
	batch->stride = (result_size + align - 1) & ~(align - 1);
	head = (sizeof(struct shared) + batch->items * sizeof(struct progress) + align - 1) & ~(align - 1);
	if (__builtin_mul_overflow(batch->items, batch->stride, &results) ||
	    __builtin_add_overflow(head, results, &batch->shared_size))
		return -ENOMEM;
	batch->shared = mmap(NULL, batch->shared_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (batch->shared == MAP_FAILED) {
		batch->shared = NULL;
		return -errno;
	}
	batch->results = (unsigned char *)batch->shared + head;
	return 0;
}

static void join_pool(struct batch_pool *pool, struct batch *batch)
{
	struct batch **link = &pool->batches;

	while (*link)
		link = &(*link)->next;
	*link = batch;
	batch->pool = pool;
}

static void leave_pool(struct batch *batch)
{
	struct batch **link = &batch->pool->batches;

	while (*link != batch)
		link = &(*link)->next;
	*link = batch->next;
}

int batch_new(struct batch_pool *pool, size_t items, size_t result_size, batch_function *function, void *context,
	      int64_t deadline_ns, struct batch **ret)
{
	const struct batch_limit none = { 0 };

	return batch_new_limited(pool, items, result_size, function, context, deadline_ns, none, ret);
}

int batch_new_limited(struct batch_pool *pool, size_t items, size_t result_size, batch_function *function,
		      void *context, int64_t deadline_ns, struct batch_limit limit, struct batch **ret)
{
	struct batch *batch = calloc(1, sizeof(*batch));
	int r;

	if (!batch)
		return -ENOMEM;
	batch->items = items;
	batch->function = function;
	batch->context = context;
	batch->deadline_ns = deadline_ns;
	batch->limit = limit;
	batch->settled = calloc(items + 1, sizeof(*batch->settled));
	r = batch->settled ? map_shared(batch, result_size) : -ENOMEM;
	if (r < 0) {
		batch_free(batch);
		return r;
	}
	join_pool(pool, batch);
	batch_pool_run(pool, clock_now().mono);
	*ret = batch;
	return 0;
}

static void doom_child(struct batch *batch)
{
	struct batch_pool *pool = batch->pool;
	struct doomed *one = take_ptr(batch->spare);

	kill(batch->child, SIGKILL);
	/* With all items settled it is only on its way out. */
	*one = (struct doomed){ .pid = batch->child,
				.counted = !batch_is_finished(batch),
				.whose = batch->limit.whose,
				.next = pool->doomed };
	pool->doomed = one;
	pool->hung += one->counted;
	pool->running--;
	batch->child = 0;
}

void batch_free(struct batch *batch)
{
	if (!batch)
		return;
	if (batch->child)
		doom_child(batch);
	if (batch->pool)
		leave_pool(batch);
	if (batch->shared)
		munmap(batch->shared, batch->shared_size);
	free(batch->spare);
	free(batch->settled);
	free(batch);
}

/* Children of the same, killed and not yet ended: how many, or how many at that item. */
static unsigned count_hung(const struct batch *batch, const uint64_t *at)
{
	unsigned count = 0;

	if (!batch->limit.whose)
		return 0;
	for (const struct doomed *one = batch->pool->doomed; one; one = one->next)
		count += one->counted && one->whose == batch->limit.whose && (!at || one->at == *at);
	return count;
}

static bool is_held_up(const struct batch *batch, size_t index)
{
	uint64_t at;

	if (!batch->limit.whose)
		return false;
	at = batch->limit.at(index, batch->context);
	return count_hung(batch, &at) > 0;
}

_Noreturn static void run_child(struct batch *batch, pid_t parent)
{
	struct shared *shared = batch->shared;

	signals_set_default();
	/* A parent that died between fork() and prctl() sends no signal any more: ask once. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	for (size_t i = batch->first_open; i < batch->items; i++) {
		uint64_t expected = CLAIM(batch->attempt, i);

		if (!atomic_compare_exchange_strong(&shared->claim, &expected, CLAIM(batch->attempt, i + 1)))
			_exit(1);
		/* As it was when this child was made. */
		if (is_held_up(batch, i)) {
			atomic_store(&shared->progress[i].state, BATCH_ITEM_HUNG);
			continue;
		}
		atomic_store(&shared->progress[i].started, clock_now().mono);
		atomic_store(&shared->progress[i].state, BATCH_ITEM_RUNNING);
		batch->function(i, batch->results + i * batch->stride, batch->context);
		atomic_store(&shared->progress[i].state, BATCH_ITEM_DONE);
	}
	_exit(0);
}

static void start_child(struct batch *batch, int64_t mono_ns)
{
	pid_t parent = getpid();
	pid_t child = -1;

	if (!batch->spare)
		batch->spare = malloc(sizeof(*batch->spare));
	atomic_store(&batch->shared->claim, CLAIM(++batch->attempt, batch->first_open));
	if (batch->spare)
		child = fork();
	if (child == 0)
		run_child(batch, parent);
	if (child < 0) {
		batch->retry_mono = mono_ns + FORK_RETRY_NS;
		return;
	}
	batch->child = child;
	batch->since = mono_ns;
	batch->pool->running++;
}

static void settle(struct batch *batch, enum batch_item_state state, int64_t mono_ns)
{
	batch->settled[batch->first_open++] = (uint8_t)state;
	batch->since = mono_ns;
}

static void settle_done(struct batch *batch, int64_t mono_ns)
{
	while (batch->first_open < batch->items) {
		enum batch_item_state state = atomic_load(&batch->shared->progress[batch->first_open].state);

		if (state != BATCH_ITEM_DONE && state != BATCH_ITEM_HUNG)
			break;
		settle(batch, state, mono_ns);
	}
}

static void say_how_it_died(pid_t child, int status)
{
	if (WIFSIGNALED(status))
		log_error("bug of ours, or somebody's kill: child %d died of signal %d (%s)%s", (int)child,
			  WTERMSIG(status), strsignal(WTERMSIG(status)),
			  WTERMSIG(status) == SIGSYS ? ": it made a system call that it never makes" : "");
}

/*
 * Notices that the child ended. If that was too early, it crashed in the next item; even if it had not begun it, for
 * otherwise a child that cannot start would be made again and again.
 */
static void reap_child(struct batch *batch, int64_t mono_ns)
{
	int status = 0;

	if (!batch->child || waitpid(batch->child, &status, WNOHANG) == 0)
		return;
	say_how_it_died(batch->child, status);
	batch->child = 0;
	batch->pool->running--;
	settle_done(batch, mono_ns);
	if (!batch_is_finished(batch))
		settle(batch, BATCH_ITEM_CRASHED, mono_ns);
}

static int64_t batch_deadline(const struct batch *batch)
{
	struct progress *progress = &batch->shared->progress[batch->first_open];
	int64_t start = batch->since;
	int64_t deadline;

	if (atomic_load(&progress->state) == BATCH_ITEM_RUNNING)
		start = atomic_load(&progress->started);
	return __builtin_add_overflow(start, batch->deadline_ns, &deadline) ? INT64_MAX : deadline;
}

static void check_deadline(struct batch *batch, int64_t mono_ns)
{
	uint64_t claim;

	if (!batch->child)
		return;
	settle_done(batch, mono_ns);
	if (batch_is_finished(batch) || mono_ns < batch_deadline(batch))
		return;
	claim = atomic_exchange(&batch->shared->claim, CLAIM(++batch->attempt, 0));
	doom_child(batch);
	/*
	 * It may have finished the item in the meantime, and claimed another: what it claimed and did not finish is
	 * what hangs.
	 */
	settle_done(batch, mono_ns);
	if (batch->first_open < CLAIM_ITEM(claim) || mono_ns >= batch_deadline(batch)) {
		if (batch->limit.whose)
			batch->pool->doomed->at = batch->limit.at(batch->first_open, batch->context);
		settle(batch, BATCH_ITEM_HUNG, mono_ns);
	}
}

static void start_or_give_up(struct batch *batch, int64_t mono_ns)
{
	bool full = batch->limit.whose && count_hung(batch, NULL) >= batch->limit.most;

	while (!batch_is_finished(batch) && (full || is_held_up(batch, batch->first_open)))
		settle(batch, BATCH_ITEM_HUNG, mono_ns);
	if (!batch_is_finished(batch))
		start_child(batch, mono_ns);
}

void batch_pool_run(struct batch_pool *pool, int64_t mono_ns)
{
	reap_doomed(pool);
	for (struct batch *batch = pool->batches; batch; batch = batch->next) {
		reap_child(batch, mono_ns);
		check_deadline(batch, mono_ns);
	}
	for (struct batch *batch = pool->batches; batch; batch = batch->next)
		if (!batch->child && !batch_is_finished(batch) && mono_ns >= batch->retry_mono &&
		    pool->running < pool->max_children)
			start_or_give_up(batch, mono_ns);
}

int64_t batch_pool_next(const struct batch_pool *pool)
{
	int64_t next = INT64_MAX;

	for (const struct batch *batch = pool->batches; batch; batch = batch->next) {
		int64_t when = INT64_MAX;

		if (batch_is_finished(batch))
			continue;
		if (batch->child)
			when = batch_deadline(batch);
		else if (pool->running < pool->max_children)
			when = batch->retry_mono;
		if (when < next)
			next = when;
	}
	return next;
}

bool batch_is_finished(const struct batch *batch)
{
	return batch->first_open == batch->items;
}

enum batch_item_state batch_item_state(const struct batch *batch, size_t index)
{
	if (index < batch->first_open)
		return (enum batch_item_state)batch->settled[index];
	if (batch->child && atomic_load(&batch->shared->progress[index].state) == BATCH_ITEM_RUNNING)
		return BATCH_ITEM_RUNNING;
	return BATCH_ITEM_WAITING;
}

void *batch_item_result(const struct batch *batch, size_t index)
{
	return batch->results + index * batch->stride;
}

unsigned batch_pool_running(const struct batch_pool *pool)
{
	return pool->running;
}

unsigned batch_pool_hung(const struct batch_pool *pool)
{
	return pool->hung;
}

/* The child whose end brings `batch` on: its own, or any that holds a place. */
static pid_t child_to_wait_for(const struct batch_pool *pool, const struct batch *batch)
{
	const struct batch *other = batch;

	if (!batch->child)
		for (other = pool->batches; other && !other->child;)
			other = other->next;
	return other ? other->child : 0;
}

/* Sleeps until the child ends or the time has come; a second at most, so that nothing depends on the pidfd. */
static void wait_for_child(pid_t child, int64_t duration_ns)
{
	CLEANUP_CLOSE int fd = child ? pidfd_open(child, 0) : -1;
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	struct timespec timeout;

	if (fd < 0 && duration_ns > 10 * NSEC_PER_MSEC)
		duration_ns = 10 * NSEC_PER_MSEC;
	timeout = (struct timespec){ .tv_sec = duration_ns / NSEC_PER_SEC, .tv_nsec = duration_ns % NSEC_PER_SEC };
	ppoll(&poll_fd, 1, &timeout, NULL);
}

void batch_wait(struct batch_pool *pool, struct batch *batch)
{
	for (;;) {
		int64_t now = clock_now().mono;
		int64_t next;

		batch_pool_run(pool, now);
		if (batch_is_finished(batch))
			return;
		next = batch_pool_next(pool);
		if (next > now)
			wait_for_child(child_to_wait_for(pool, batch),
				       next - now < WAIT_SLICE_NS ? next - now : WAIT_SLICE_NS);
	}
}
