/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * In place of Check's header: a fixture of the unit tests that is part of a fuzz target has no test around it, and what
 * it asserts is a promise.
 */
#ifndef TESTS_FUZZ_INSTEAD_CHECK_H
#define TESTS_FUZZ_INSTEAD_CHECK_H

#include <stdlib.h>
#include <string.h>

#include "../fuzz.h"

#define ck_assert(condition)	       FUZZ_HOLDS(condition)
#define ck_assert_msg(condition, ...)  FUZZ_HOLDS(condition)
#define ck_assert_int_eq(a, b)	       FUZZ_HOLDS((a) == (b))
#define ck_assert_int_ge(a, b)	       FUZZ_HOLDS((a) >= (b))
#define ck_assert_int_lt(a, b)	       FUZZ_HOLDS((a) < (b))
#define ck_assert_uint_lt(a, b)	       FUZZ_HOLDS((a) < (b))
#define ck_assert_ptr_nonnull(pointer) FUZZ_HOLDS(pointer)
#define ck_assert_ptr_null(pointer)    FUZZ_HOLDS(!(pointer))
#define ck_assert_str_eq(a, b)	       FUZZ_HOLDS(strcmp(a, b) == 0)

/* Nobody runs tests here. */
typedef void Suite, SRunner;
#define CK_ENV			      0
#define srunner_create(suite)	      (suite)
#define srunner_run_all(runner, how)  abort()
#define srunner_ntests_failed(runner) 0
#define srunner_free(runner)	      ((void)(runner))

#endif
