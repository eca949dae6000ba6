/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An action's directory, with what a runner puts into it: made and mounted by fd, beneath the build root and without
 * following a symlink, so that it is there and nowhere else; and taken back in the other order. Of what was there before
 * nothing is removed. Messages are printed here.
 */
#ifndef REAPERD_CLI_PLACE_H
#define REAPERD_CLI_PLACE_H

#include <stdbool.h>
#include <stddef.h>

#include "kernel/mountat.h"

struct place_step;

struct place {
	int directory;		  /* O_PATH fd of the action's directory; what is said below is relative to it */
	int claim;		  /* fd: while it is open, no other makes a place in that directory */
	struct place_step *steps; /* what was done, the last first */
};

#define PLACE_NONE ((struct place){ .directory = -1, .claim = -1 })

/*
 * The directory at `path`, below `root`, both absolute; made with its parents where it is missing. Waits for who still
 * takes it back as long as goes_on() says so, and says who that is. 0, -ECANCELED where it does not, or -errno.
 */
typedef bool place_patience(void *context);
int place_open(struct place *place, const char *root, const char *path, place_patience *goes_on, void *context);

/* Missing directories are made, or for the bind of a file the file. 0 or -errno. */
int place_mount(struct place *place, const char *target, const struct mountat_request *request);

/* null, full, zero, random, urandom, tty: nodes in a tmpfs on `dev`, mounted by the first. 0 or -errno. */
int place_device(struct place *place, const char *name);
extern const char *const place_devices[]; /* ends with NULL */

/*
 * Unmounts and removes what was made, as far as that goes; what is busy stays, and what lies on it. True where one of its
 * mounts is busy: called again it unmounts nothing, and removes what was in the way of that when somebody else has.
 */
bool place_undo(struct place *place);
void place_close(struct place *place); /* without undoing */

#endif
