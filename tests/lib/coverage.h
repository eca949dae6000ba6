/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Included before all else where lines are counted: a child that ends by _exit() would forget what it counted. */
#ifndef TESTS_LIB_COVERAGE_H
#define TESTS_LIB_COVERAGE_H

#include <unistd.h>

extern void __gcov_dump(void);

static inline __attribute__((noreturn)) void exit_counted(int status)
{
	__gcov_dump();
	_exit(status);
}

#define _exit(status) exit_counted(status)

#endif
