/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How a C test says that it cannot run here, in the form that tests/count-results counts: Check itself knows no skipped
 * tests.
 */
#ifndef REAPERD_TESTS_SKIP_H
#define REAPERD_TESTS_SKIP_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Exit status of a program of which at least a part could not run. */
#define EXIT_SKIP 77

/* Valgrind does not know the newest system calls, and is slow: what asks for much asks for less. */
#define BELOW_VALGRIND (getenv("REAPERD_TEST_VALGRIND") != NULL)

/* The whole program, or a group of its tests that is not run. At once, for Check forks and would copy a buffer. */
#define SAY_SKIPPED(format, ...)                                                                                       \
	dprintf(STDERR_FILENO, "skipped: %s: " format "\n", program_invocation_short_name, ##__VA_ARGS__)

/* In a START_TEST(): says so and ends the test. Check's function is called like the test, with "_fn" behind it. */
#define SKIP_TEST(format, ...)                                                                                         \
	do {                                                                                                           \
		dprintf(STDERR_FILENO, "skipped: %s::%.*s: " format "\n", program_invocation_short_name,               \
			(int)strlen(__func__) - 3, __func__, ##__VA_ARGS__);                                           \
		return;                                                                                                \
	} while (0)

#endif
