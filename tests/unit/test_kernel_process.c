/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <check.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kernel/process.h"
#include "run_suite.h"

static const char *const names[] = {
	"plain", "", "\n", "a\nb", "\n1 2 3 4)", ")", ") R 1 1 1", "(((", " ", "\xff\x1b[m"
};

START_TEST(a_process_is_told_from_another_whatever_it_calls_itself)
{
	uint64_t started = kernel_process_start_time(getpid());
	CLEANUP_FREE char *comm = NULL;

	ck_assert_uint_gt(started, 0);
	ck_assert_int_eq(prctl(PR_SET_NAME, names[_i]), 0);
	ck_assert_uint_eq(kernel_process_start_time(getpid()), started);
	comm = kernel_process_comm(getpid());
	ck_assert_ptr_nonnull(comm);
	ck_assert_str_eq(comm, names[_i]);
}
END_TEST

START_TEST(a_process_that_is_not_there_has_no_start_and_no_name)
{
	ck_assert_uint_eq(kernel_process_start_time(-1), 0);
	ck_assert_ptr_null(kernel_process_comm(-1));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("kernel/process");
	TCase *cases = tcase_create("process");

	tcase_add_loop_test(cases, a_process_is_told_from_another_whatever_it_calls_itself, 0, ARRAY_SIZE(names));
	tcase_add_test(cases, a_process_that_is_not_there_has_no_start_and_no_name);
	suite_add_tcase(suite, cases);
	return run_suite(suite);
}
