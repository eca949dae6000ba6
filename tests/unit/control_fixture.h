/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Clients of a control socket that is served by this same process, on this same loop: asking runs the loop until the
 * answer is there, or fails at a deadline.
 */
#ifndef TESTS_UNIT_CONTROL_FIXTURE_H
#define TESTS_UNIT_CONTROL_FIXTURE_H

#include <check.h>
#include <ev.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "wire/varlink.h"

#define DEADLINE 10.
#define NOBODY	 65534

extern struct ev_loop *loop;

#define RUN_UNTIL(condition)                                                                                           \
	do {                                                                                                           \
		ev_tstamp end_ = ev_time() + DEADLINE;                                                                 \
		while (!(condition)) {                                                                                 \
			ck_assert_msg(ev_time() < end_, "waited in vain for " #condition);                             \
			ev_run(loop, EVRUN_ONCE);                                                                      \
		}                                                                                                      \
	} while (0)

struct client {
	int fd;
	struct varlink_buffer in;
	bool closed;
};

void loop_open(void);
void loop_close(void);
/* A listening socket under a name outside every filesystem, which the kernel chooses. */
int listen_anywhere(void);
void client_open(struct client *client);
/* SO_PEERCRED is the effective user at connect(2). */
void client_open_as_nobody(struct client *client);
void client_close(struct client *client);
bool client_receive(struct client *client);
bool client_is_closed(struct client *client);
void client_send(struct client *client, const char *bytes, size_t length);
void client_ask(struct client *client, const char *request);
/* The next answer; the caller's. */
json_t *client_answer(struct client *client);
json_t *client_call(struct client *client, const char *request);
/* The answer must be equal to this JSON. */
void expect_answer(struct client *client, const char *wanted);
void expect_exchange(const char *request, const char *wanted);

#endif
