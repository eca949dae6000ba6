/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * For tests of what others do between the moments of something: it is stopped at a system call of its own (seccomp's user
 * notification), what it has just looked at is changed, and it goes on.
 */
#ifndef TESTS_UNIT_STOP_FIXTURE_H
#define TESTS_UNIT_STOP_FIXTURE_H

#include <poll.h>
#include <pthread.h>
#include <seccomp.h>
#include <sys/syscall.h>

#include "mount_fixture.h"

#define BUILD PLACE "/build"

#define NR_STATMOUNT 457
#define NR_LISTMOUNT 458
#define DEADLINE     10000 /* ms */

struct stop {
	void (*what)(void);
	int number; /* of the system call at which it waits */
	int filter; /* the filter's fd; written by the thread */
	pthread_barrier_t ready;
};

/* The filter is this thread's alone; it ends with it, which its fd says. */
static inline void *do_and_stop(void *context)
{
	struct stop *stop = context;
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

	stop->filter = -1;
	if (filter && seccomp_rule_add_exact(filter, SCMP_ACT_NOTIFY, stop->number, 0) == 0 &&
	    seccomp_load(filter) == 0)
		stop->filter = seccomp_notify_fd(filter);
	pthread_barrier_wait(&stop->ready);
	if (stop->filter >= 0)
		stop->what();
	seccomp_release(filter);
	return NULL;
}

#define EACH 0

static uint64_t stopped_with; /* the first argument of the call at which it waits */

/* `meddle` is called once, before the nth of these calls is made, or before each. */
static inline void do_stopped_at_nth(void (*what)(void), int number, unsigned nth, void (*meddle)(void))
{
	struct stop stop = { .what = what, .number = number };
	struct seccomp_notif *call = NULL;
	struct seccomp_notif_resp *go_on = NULL;
	struct pollfd polled = { .events = POLLIN };
	unsigned calls = 0;
	pthread_t thread;

	ck_assert_int_eq(pthread_barrier_init(&stop.ready, NULL, 2), 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, do_and_stop, &stop), 0);
	pthread_barrier_wait(&stop.ready);
	ck_assert_int_ge(stop.filter, 0);
	polled.fd = dup(stop.filter);
	ck_assert_int_eq(seccomp_notify_alloc(&call, &go_on), 0);
	while (poll(&polled, 1, DEADLINE) == 1 && polled.revents & POLLIN) {
		memset(call, 0, sizeof(*call));
		ck_assert_int_eq(seccomp_notify_receive(polled.fd, call), 0);
		stopped_with = call->data.args[0];
		if (++calls == nth || nth == EACH)
			meddle();
		*go_on = (struct seccomp_notif_resp){ .id = call->id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };
		ck_assert_int_eq(seccomp_notify_respond(polled.fd, go_on), 0);
	}
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_uint_ge(calls, nth);
	seccomp_notify_free(call, go_on);
	seccomp_reset(NULL, SCMP_ACT_ALLOW); /* the library has one such descriptor at a time, and closes it now */
	close(polled.fd);
}

/* Before Linux 6.8 an unmount has nothing exact to go by, and these moments cannot be told apart. */
static inline bool has_unique_ids(void)
{
	struct place_status place;
	int root = kernel_open_root("/");
	bool has = root >= 0 && kernel_status_at(root, "", false, &place) == 0 && place.mount_id;

	close(root);
	if (!has)
		SAY_SKIPPED("moments: the kernel gives mounts no unique ids");
	return has;
}

#endif
