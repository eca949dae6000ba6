/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who makes an action's place, runs the command there, and takes the place back: a process of its own, so that this is
 * done although `reaperctl run` is killed. It holds nothing of the lease, so the daemon hears of that end at once, and
 * reaps what is still in use; the keeper kills the command with all that it started, and removes the directories that
 * were made.
 */
#ifndef REAPERD_CLI_KEEPER_H
#define REAPERD_CLI_KEEPER_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include "place.h"

struct keeper {
	pid_t pid;
	int socket;  /* readable: keeper_made(), later keeper_status(), has an answer; its end is our end */
	bool adopts; /* what the keeper leaves behind when it is killed becomes our child, and we have no other */
};

/* In the keeper. */
struct keeper_work {
	/* Prints what is wrong: 0, or less than 0. May take long: between two steps it asks keeper_is_left(socket). */
	int (*make)(void *context, struct place *place, int socket);
	void (*run)(void *context, const struct place *place); /* in a child of it; does not return */
	bool (*is_awaited)(void *context); /* whether the daemon has still to reap something of it */
	void *context;
	const sigset_t *mask; /* of signals, for the command */
};

/* In the keeper: nobody waits for what it makes any more. */
bool keeper_is_left(int socket);

/* Begins to make the place. -errno: there is no keeper. It closes `lease` first. */
int keeper_start(struct keeper *keeper, int lease, const struct keeper_work *work);

/* Waits until the place is made and the command runs. -errno: it does not; keeper_end() tells when nothing is left. */
int keeper_made(struct keeper *keeper);

/* Passes a signal on to the command. */
void keeper_signal(struct keeper *keeper, int number);

/*
 * Waits for the end of the command, and gives its status as waitpid(2) does: 0, or -errno where the keeper was killed;
 * then what the command has started is killed, as far as it was adopted.
 */
int keeper_status(struct keeper *keeper, int *ret);

/*
 * Takes the place back, as far as that goes at once: what is busy then is the daemon's, and the keeper waits for that.
 * False: in so many milliseconds it was not done. Then the keeper goes on, or is to be killed.
 */
bool keeper_end(struct keeper *keeper, int timeout_ms);

/* What it made stays. Where a filesystem has taken its request and does not answer, it ends when that does. */
void keeper_kill(const struct keeper *keeper);

#endif
