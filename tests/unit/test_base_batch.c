/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <check.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/batch.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "run_suite.h"

#define LONG_ENOUGH (60 * NSEC_PER_SEC)

static struct batch_pool *pool;

static void make_pool(void)
{
	pool = batch_pool_new(2);
	ck_assert_ptr_nonnull(pool);
}

static void free_pool(void)
{
	batch_pool_free(pool);
}

static struct batch *new_batch(size_t items, size_t result_size, batch_function *function, void *context,
			       int64_t deadline_ns)
{
	struct batch *batch = NULL;

	ck_assert_int_eq(batch_new(pool, items, result_size, function, context, deadline_ns, &batch), 0);
	return batch;
}

/* Waits until the pool has no killed child left: the kernel ends one at once where nothing holds it. */
static void wait_for_killed(void)
{
	while (batch_pool_hung(pool) > 0)
		batch_pool_run(pool, 0);
}

static void square(size_t index, void *result, void *context)
{
	*(uint64_t *)result = index * index + *(uint64_t *)context;
}

START_TEST(results_come_back_in_their_places)
{
	uint64_t offset = 7;
	struct batch *batch = new_batch(10000, sizeof(uint64_t), square, &offset, LONG_ENOUGH);

	batch_wait(pool, batch);
	ck_assert(batch_is_finished(batch));
	for (size_t i = 0; i < 10000; i++) {
		ck_assert_int_eq(batch_item_state(batch, i), BATCH_ITEM_DONE);
		ck_assert_uint_eq(*(uint64_t *)batch_item_result(batch, i), i * i + 7);
	}
	batch_free(batch);
}
END_TEST

START_TEST(a_batch_of_nothing_is_finished)
{
	struct batch *batch = new_batch(0, 8, square, NULL, LONG_ENOUGH);

	ck_assert(batch_is_finished(batch));
	ck_assert_uint_eq(batch_pool_running(pool), 0);
	ck_assert_int_eq(batch_pool_next(pool), INT64_MAX);
	batch_wait(pool, batch);
	batch_free(batch);
}
END_TEST

static void note_nothing(size_t index, void *result, void *context)
{
	(void)index;
	(void)result;
	(void)context;
}

START_TEST(results_may_have_no_size)
{
	struct batch *batch = new_batch(3, 0, note_nothing, NULL, LONG_ENOUGH);

	batch_wait(pool, batch);
	ck_assert_int_eq(batch_item_state(batch, 2), BATCH_ITEM_DONE);
	batch_free(batch);
}
END_TEST

START_TEST(a_size_that_overflows_is_no_memory)
{
	struct batch *batch = NULL;

	ck_assert_int_eq(batch_new(pool, 1u << 31, SIZE_MAX / 2, note_nothing, NULL, 1, &batch), -ENOMEM);
	ck_assert_int_eq(batch_new(pool, SIZE_MAX, 8, note_nothing, NULL, 1, &batch), -ENOMEM);
	ck_assert_ptr_null(batch);
}
END_TEST

/* Items whose letter is 'h' hang, 'c' crash, 'x' exit; each that begins counts in its result. */
static void obey(size_t index, void *result, void *context)
{
	const char *letters = context;

	++*(unsigned *)result;
	switch (letters[index]) {
	case 'h':
		for (;;)
			pause();
	case 'c':
		raise(SIGKILL);
		break;
	case 'x':
		_exit(0);
	default:
		break;
	}
}

static void check_obeyed(const struct batch *batch, const char *letters)
{
	for (size_t i = 0; letters[i]; i++) {
		enum batch_item_state expected = letters[i] == 'h' ? BATCH_ITEM_HUNG :
						 letters[i] == '.' ? BATCH_ITEM_DONE :
								     BATCH_ITEM_CRASHED;

		ck_assert_msg(batch_item_state(batch, i) == expected, "item %zu of %s", i, letters);
		ck_assert_msg(*(unsigned *)batch_item_result(batch, i) == 1, "item %zu ran more than once, or never",
			      i);
	}
}

START_TEST(an_item_that_hangs_costs_itself_alone)
{
	static char letters[] = "..h.hh.";
	struct batch *batch = new_batch(7, sizeof(unsigned), obey, letters, 300 * NSEC_PER_MSEC);

	batch_wait(pool, batch);
	check_obeyed(batch, letters);
	batch_free(batch);
	wait_for_killed();
}
END_TEST

START_TEST(an_item_that_crashes_costs_itself_alone)
{
	static char letters[] = "c..x.cc";
	struct batch *batch = new_batch(7, sizeof(unsigned), obey, letters, LONG_ENOUGH);

	batch_wait(pool, batch);
	check_obeyed(batch, letters);
	ck_assert_uint_eq(batch_pool_hung(pool), 0);
	batch_free(batch);
}
END_TEST

/* Those that a filesystem keeps: nobody is told that they have ended (the linker's --wrap). */
static pid_t undead[4];
static size_t undead_count;

pid_t __real_waitpid(pid_t pid, int *status, int options);
pid_t __wrap_waitpid(pid_t pid, int *status, int options);

pid_t __wrap_waitpid(pid_t pid, int *status, int options)
{
	for (size_t i = 0; i < undead_count; i++)
		if (undead[i] == pid)
			return 0;
	return __real_waitpid(pid, status, options);
}

static uint64_t number_of(size_t index, const void *context)
{
	return *(const uint64_t *)context + index;
}

/* Its items are number `*at` and those that follow. */
static struct batch *new_limited(uint64_t whose, unsigned most, const uint64_t *at, size_t items,
				 batch_function *function)
{
	const struct batch_limit limit = { whose, most, number_of };
	struct batch *batch = NULL;

	ck_assert_int_eq(
		batch_new_limited(pool, items, sizeof(unsigned), function, (void *)at, LONG_ENOUGH, limit, &batch), 0);
	return batch;
}

static void hang(size_t index, void *result, void *context)
{
	(void)index;
	(void)context;
	*(_Atomic pid_t *)result = getpid();
	for (;;)
		pause();
}

static struct batch *make_undead(uint64_t whose, unsigned most, const uint64_t *at)
{
	struct batch *batch = new_limited(whose, most, at, 1, hang);
	const _Atomic pid_t *pid = batch_item_result(batch, 0);

	while (*pid == 0)
		sched_yield();
	undead[undead_count++] = *pid;
	batch_pool_run(pool, clock_now().mono + 2 * LONG_ENOUGH);
	ck_assert_int_eq(batch_item_state(batch, 0), BATCH_ITEM_HUNG);
	ck_assert_uint_eq(batch_pool_hung(pool), undead_count);
	return batch;
}

/* Of three items from `at` on: "d" for one that was done, "h" for one that counts as hung. */
static const char *outcome_of(uint64_t whose, unsigned most, uint64_t at)
{
	static char letters[4];
	struct batch *batch = new_limited(whose, most, &at, 3, note_nothing);

	batch_wait(pool, batch);
	for (size_t i = 0; i < 3; i++) {
		enum batch_item_state state = batch_item_state(batch, i);

		letters[i] = state == BATCH_ITEM_DONE ? 'd' : state == BATCH_ITEM_HUNG ? 'h' : '?';
	}
	batch_free(batch);
	return letters;
}

START_TEST(what_a_child_that_does_not_end_was_at_is_not_begun_again)
{
	static const uint64_t at[] = { 11, 12, 100 };
	struct batch *batches[3];

	for (size_t i = 0; i < ARRAY_SIZE(batches); i++)
		batches[i] = make_undead(i < 2 ? 7 : 8, 4, &at[i]);
	ck_assert_str_eq(outcome_of(7, 4, 20), "ddd");
	ck_assert_str_eq(outcome_of(7, 4, 12), "hdd");
	ck_assert_str_eq(outcome_of(7, 4, 10), "dhh");
	ck_assert_str_eq(outcome_of(7, 4, 9), "ddh");
	ck_assert_str_eq(outcome_of(8, 4, 10), "ddd");
	ck_assert_str_eq(outcome_of(8, 4, 100), "hdd");
	/* So many are enough. */
	ck_assert_str_eq(outcome_of(7, 2, 20), "hhh");
	ck_assert_str_eq(outcome_of(8, 2, 20), "ddd");
	ck_assert_str_eq(outcome_of(0, 0, 11), "ddd");
	for (size_t i = 0; i < ARRAY_SIZE(batches); i++)
		batch_free(batches[i]);
	ck_assert_str_eq(outcome_of(7, 4, 11), "hhd");
	undead_count = 0;
	wait_for_killed();
	ck_assert_str_eq(outcome_of(7, 2, 11), "ddd");
}
END_TEST

START_TEST(the_deadline_is_by_the_given_clock)
{
	static char letters[] = "h";
	struct batch *batch = new_batch(1, sizeof(unsigned), obey, letters, LONG_ENOUGH);
	int64_t now = clock_now().mono;

	while (batch_item_state(batch, 0) != BATCH_ITEM_RUNNING)
		ck_assert_int_lt(clock_now().mono, now + LONG_ENOUGH);
	ck_assert_int_ge(batch_pool_next(pool), now);
	ck_assert_int_le(batch_pool_next(pool), clock_now().mono + LONG_ENOUGH);
	batch_pool_run(pool, batch_pool_next(pool) - 1);
	ck_assert(!batch_is_finished(batch));
	ck_assert_uint_eq(batch_pool_running(pool), 1);
	batch_pool_run(pool, batch_pool_next(pool));
	ck_assert(batch_is_finished(batch));
	ck_assert_int_eq(batch_item_state(batch, 0), BATCH_ITEM_HUNG);
	ck_assert_uint_eq(batch_pool_running(pool), 0);
	ck_assert_uint_eq(batch_pool_hung(pool), 1);
	batch_free(batch);
	wait_for_killed();
}
END_TEST

START_TEST(no_more_children_than_allowed_run_at_once)
{
	static char letters[] = "h";
	struct batch *batches[3];

	for (size_t i = 0; i < 3; i++)
		batches[i] = new_batch(1, sizeof(unsigned), obey, letters, LONG_ENOUGH);
	ck_assert_uint_eq(batch_pool_running(pool), 2);
	ck_assert_int_eq(batch_item_state(batches[2], 0), BATCH_ITEM_WAITING);
	batch_free(batches[0]);
	ck_assert_int_eq(batch_pool_next(pool), 0);
	batch_pool_run(pool, clock_now().mono);
	ck_assert_uint_eq(batch_pool_running(pool), 2);
	batch_free(batches[1]);
	batch_free(batches[2]);
	ck_assert_uint_eq(batch_pool_running(pool), 0);
	wait_for_killed();
}
END_TEST

START_TEST(a_waiting_batch_gets_its_turn)
{
	uint64_t offset = 1;
	static char letters[] = "h";
	struct batch *hanging = new_batch(1, sizeof(unsigned), obey, letters, 20 * NSEC_PER_MSEC);
	struct batch *other = new_batch(1, sizeof(unsigned), obey, letters, 20 * NSEC_PER_MSEC);
	struct batch *waiting = new_batch(2, sizeof(uint64_t), square, &offset, LONG_ENOUGH);

	batch_wait(pool, waiting);
	ck_assert_uint_eq(*(uint64_t *)batch_item_result(waiting, 1), 2);
	batch_free(hanging);
	batch_free(other);
	batch_free(waiting);
	wait_for_killed();
}
END_TEST

START_TEST(freeing_the_pool_ends_its_children)
{
	static char letters[] = "h";
	struct batch_pool *own = batch_pool_new(0);
	struct batch *batch = NULL;

	ck_assert_int_eq(batch_new(own, 1, sizeof(unsigned), obey, letters, LONG_ENOUGH, &batch), 0);
	batch_pool_free(own);
	/* Whether it ended before the pool looked for it, or after. */
	while (waitpid(-1, NULL, 0) > 0)
		;
	ck_assert_int_eq(errno, ECHILD);
}
END_TEST

static void report_signals(size_t index, void *result, void *context)
{
	struct sigaction action;
	sigset_t blocked;
	int *bad = result;

	(void)index;
	(void)context;
	sigprocmask(SIG_SETMASK, NULL, &blocked);
	for (int number = 1; number < SIGRTMIN; number++) {
		*bad += sigismember(&blocked, number) == 1;
		*bad += sigaction(number, NULL, &action) == 0 && action.sa_handler != SIG_DFL;
	}
}

START_TEST(children_have_every_signal_at_its_default)
{
	struct batch *batch;
	sigset_t all;

	sigfillset(&all);
	signal(SIGTERM, SIG_IGN);
	sigprocmask(SIG_SETMASK, &all, NULL);
	batch = new_batch(1, sizeof(int), report_signals, NULL, LONG_ENOUGH);
	batch_wait(pool, batch);
	ck_assert_int_eq(batch_item_state(batch, 0), BATCH_ITEM_DONE);
	ck_assert_int_eq(*(int *)batch_item_result(batch, 0), 0);
	batch_free(batch);
	sigemptyset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
}
END_TEST

static Suite *batch_suite(void)
{
	Suite *suite = suite_create("batch");
	TCase *batches = tcase_create("batches");

	tcase_set_timeout(batches, 60);
	tcase_add_checked_fixture(batches, make_pool, free_pool);
	tcase_add_test(batches, results_come_back_in_their_places);
	tcase_add_test(batches, a_batch_of_nothing_is_finished);
	tcase_add_test(batches, results_may_have_no_size);
	tcase_add_test(batches, a_size_that_overflows_is_no_memory);
	tcase_add_test(batches, an_item_that_hangs_costs_itself_alone);
	tcase_add_test(batches, an_item_that_crashes_costs_itself_alone);
	tcase_add_test(batches, what_a_child_that_does_not_end_was_at_is_not_begun_again);
	tcase_add_test(batches, the_deadline_is_by_the_given_clock);
	tcase_add_test(batches, no_more_children_than_allowed_run_at_once);
	tcase_add_test(batches, a_waiting_batch_gets_its_turn);
	tcase_add_test(batches, freeing_the_pool_ends_its_children);
	tcase_add_test(batches, children_have_every_signal_at_its_default);
	suite_add_tcase(suite, batches);
	return suite;
}

int main(void)
{
	return run_suite(batch_suite());
}
