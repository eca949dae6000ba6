/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which of our processes makes which system call: the table alone. What a row means is for filter.h to say.
 */
#ifndef REAPERD_SANDBOX_CALLS_H
#define REAPERD_SANDBOX_CALLS_H

#include <stddef.h>
#include <stdint.h>

enum caller {
	CALLER_BROKER = 1 << 0, /* the broker's own loop, and its child until that has become the engine */
	CALLER_CHILD = 1 << 1,	/* a child of the broker that serves a request */
	CALLER_ENGINE = 1 << 2,
	/* Nobody makes it by mistake, nor a library on its own: whoever may not and does is ended. */
	CALLER_DEADLY = 1 << 3,
};

/* As a row's `value`: the pid of the process that the filter is built in. No pid is that high. */
#define SANDBOX_OWN_PID 0x7FFFFFFFu

/* Several rows of one call are alternatives; of those that the broker has a child has all or none. */
struct sandbox_call {
	const char *name;
	unsigned who; /* of enum caller */
	/* Where `mask` is not 0: only where these bits of this argument are `value`. */
	unsigned argument;
	uint32_t mask, value;
};

extern const struct sandbox_call sandbox_calls[];
extern const size_t sandbox_call_count;

/* What libseccomp 2.5 has no names for; their numbers are those of every architecture but alpha and MIPS. */
struct sandbox_number {
	int number;
	unsigned who;
};

extern const struct sandbox_number sandbox_numbers[];
extern const size_t sandbox_number_count;

#endif
