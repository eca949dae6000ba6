/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A private mount namespace for tests that mount: the process that calls scratch_enter() gets one of its own, with an
 * empty tmpfs at scratch_path(). Nothing that it mounts is seen outside or outlives it.
 */
#ifndef REAPERD_TESTS_SCRATCH_H
#define REAPERD_TESTS_SCRATCH_H

#include <stdbool.h>

/*
 * In main(), before the tests: makes the directory and tries a namespace in a child. False, with the reason on stderr,
 * where it cannot be had.
 */
bool scratch_begin(void);
void scratch_end(void);

const char *scratch_path(void);

/* In a test (which runs in a process of its own): ends the process with a message where it fails. */
void scratch_enter(void);

/* scratch_path()/name, in a static buffer that the fourth call after this one takes again. */
const char *scratch_file(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Mounts an empty tmpfs there after making the directory; a bind; both end the process where they fail. */
void scratch_tmpfs(const char *path);
void scratch_bind(const char *from, const char *to);

#endif
