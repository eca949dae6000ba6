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
#include <sys/types.h>

#include "place.h"

struct keeper {
	pid_t pid;
	int socket; /* readable: keeper_status() has an answer; its end is our end */
};

/* In the keeper. */
struct keeper_work {
	int (*make)(void *context, struct place *place);       /* prints what is wrong: 0, or less than 0 */
	void (*run)(void *context, const struct place *place); /* in a child of it; does not return */
	void *context;
	const sigset_t *mask; /* of signals, for the command */
};

/*
 * Returns when the place is made and the command runs. -errno: there is no keeper; what it had made is taken back.
 * The keeper closes `lease` first.
 */
int keeper_start(struct keeper *keeper, int lease, const struct keeper_work *work);

/* Passes a signal on to the command. */
void keeper_signal(struct keeper *keeper, int number);

/* Waits for the end of the command, and gives its status as waitpid(2) does: 0, or -errno where the keeper was killed. */
int keeper_status(struct keeper *keeper, int *ret);

/* Takes the place back, as far as that goes at once: what is busy then is the daemon's, and the keeper waits for that. */
void keeper_end(struct keeper *keeper);

#endif
