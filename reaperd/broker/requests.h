/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the engine may ask for. Each request becomes a batch of children, and a result when that has ended; nothing here
 * waits. What no engine of ours would send is refused as a whole: the caller ends the engine.
 */
#ifndef REAPERD_BROKER_REQUESTS_H
#define REAPERD_BROKER_REQUESTS_H

#include "broker/detached.h"
#include "broker/settings.h"
#include "sandbox/sandbox.h"
#include "wire/messages.h"

/* Beyond it the broker reads no further request until one has ended. */
#define REQUESTS_MAX 64

struct job;

struct requests {
	struct batch_pool *pool;
	struct job *jobs;
	size_t count;
	/*
	 * Closed by each child before anything that may block: a hung one must not keep an engine from seeing our end,
	 * or a socket alive.
	 */
	const int *private_fds;
	size_t private_fd_count;
	const struct sandbox *sandbox; /* which each child enters; NULL: none */
	struct detached detached;      /* what steps took away */
	uint8_t frame[WIRE_FRAME_MAX]; /* for encoding */
};

struct request_environment {
	struct settings *settings;
	bool observe;
	int engine;  /* where results go */
	int inotify; /* where watches go */
};

/*
 * PROBE, WATCH, STEP or HOLDERS: 0, -EBADMSG (malformed), or -errno: it could not be begun, and was answered so if
 * possible.
 */
int requests_take(struct requests *requests, const struct request_environment *environment, const void *bytes,
		  size_t length);

/*
 * Sends the results of what has ended. 0, -EAGAIN (the engine does not read: again when it can be written to) or -errno
 * of sending.
 */
int requests_answer(struct requests *requests, int engine);

/* The engine has died: what is under way is finished, and answered to nobody. */
void requests_orphan(struct requests *requests);

/* Gives everything up, and kills what is under way. */
void requests_clear(struct requests *requests);

#endif
