/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * For the tests of reaperctl: runs a command line inside the test, and plays the daemon in a thread, with replies that
 * the test wrote down.
 */
#ifndef REAPERD_TESTS_CLI_FIXTURE_H
#define REAPERD_TESTS_CLI_FIXTURE_H

#include <jansson.h>

struct shown {
	int status;
	char out[65536], err[8192];
};

/* Words are separated by blanks; nothing is quoted. The result is good until the next call. */
const struct shown *run(const char *line);

/* What `function` prints to stdout; good until the next call of this or of run(). */
const char *output_of(void (*function)(void *context), void *context);

/*
 * What the daemon says to one call of `method`: its replies in order, JSON text of "parameters"; "!Name {…}" is an
 * error.
 */
struct canned {
	const char *method;
	const char *replies[8];
};

/*
 * Listens in a directory of its own; `canned` ends with a NULL method. A method that is there twice is answered by the
 * entries in turn, then by the last.
 */
void daemon_start(const struct canned *canned);
/* "--socket PATH COMMAND", run. */
const struct shown *ask(const char *command);
/* The parameters of the last call of this method (borrowed), NULL: there was none. */
const json_t *daemon_asked(const char *method);
/* Ends the thread and removes the directory. */
void daemon_stop(void);

/* A path in the daemon's directory (made if need be); good until the next call. */
const char *scratch_path(const char *name);

#endif
