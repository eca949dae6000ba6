#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# What is counted, and what fails: logs as the programs of make check write them, and lists of skips that fit and that do not.
set -eu

count=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)/count-results
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0
cases=0

# result NAME RESULT LOG-LINE...
result() {
	mkdir -p "$work/plain"
	printf ':test-result: %s\n' "$2" >"$work/plain/$1.trs"
	log=$work/plain/$1.log
	shift 2
	printf '%s\n' "$@" >"$log"
}

# allowed LINE...
allowed() {
	printf '%s\n' "$@" >"$work/skips"
}

# expect STATUS LINE NAME: that exit status, and one whole line of the output; the line with the sum is the last.
expect() {
	cases=$((cases + 1))
	status=0
	if [ -e "$work/skips" ]; then
		"$count" --allow "$work/skips" "$work/plain" >"$work/output" 2>&1 || status=$?
	else
		"$count" "$work/plain" >"$work/output" 2>&1 || status=$?
	fi
	if [ "$status" -eq "$1" ] && grep -qxF -e "$2" "$work/output" &&
		tail -n 1 "$work/output" | grep -qx '[0-9]* passed, [0-9]* failed, [0-9]* skipped'; then
		echo "ok: $3"
	else
		echo "FAILED: $3: exit status $status, expected $1 and \"$2\"; it said:"
		sed 's/^/    /' "$work/output"
		failures=$((failures + 1))
	fi
	rm -rf "$work/plain" "$work/skips"
}

mkdir "$work/plain"
expect 1 '0 passed, 0 failed, 0 skipped' nothing_is_no_success

result test_a PASS 'Running suite(s): a' '100%: Checks: 30, Failures: 0, Errors: 0'
result run-system PASS '60 passed in 70.11s (0:01:10)'
result check-layers PASS 'keep to the table'
expect 0 '91 passed, 0 failed, 0 skipped' what_counts_its_own_tests_counts_as_those

result test_a FAIL '97%: Checks: 30, Failures: 1, Errors: 1'
result run-system FAIL '== 1 failed, 60 passed, 1 error in 70.11s =='
result check-layers FAIL 'policy uses kernel'
expect 1 '88 passed, 5 failed, 0 skipped' failures_and_errors_are_failures

result test_a ERROR 'killed'
result test_b PASS '100%: Checks: 1, Failures: 0, Errors: 0'
expect 1 '1 passed, 1 failed, 0 skipped' a_program_that_says_nothing_has_failed

result test_a PASS 'skipped: test_a::needs_root: not root' '100%: Checks: 30, Failures: 0, Errors: 0'
expect 0 '29 passed, 0 failed, 1 skipped' a_skipped_test_of_check_has_not_passed

result test_a SKIP 'skipped: test_a: no FUSE' '100%: Checks: 30, Failures: 0, Errors: 0'
expect 0 '30 passed, 0 failed, 1 skipped' a_group_that_is_left_out_is_a_skip_beside_those_that_ran

result test_a SKIP 'skipped: test_a: no kernel'
result test_b PASS '100%: Checks: 1, Failures: 0, Errors: 0'
expect 0 'skipped: plain: test_a: no kernel' a_skip_is_said_with_its_configuration_and_reason

result run-system PASS 'skipped: test_x.py::what_is_left[a::b]: no root' '60 passed, 1 skipped, 3 deselected in 70.11s'
expect 0 '60 passed, 0 failed, 1 skipped' what_pytest_skipped_is_counted_once

result run-system PASS '60 passed, 1 skipped in 70.11s'
expect 0 'skipped: plain: run-system: it does not say why' a_skip_without_a_reason_is_still_one

result test_a SKIP 'skipped: test_a: no [kernel] (6.8)' '100%: Checks: 1, Failures: 0, Errors: 0'
allowed '# what may be' '' 'plain: test_a: no [kernel] (6.8)' 'elsewhere: test_b: no root'
expect 0 '1 passed, 0 failed, 1 skipped' a_skip_on_the_list_is_fine_and_other_configurations_are_not_asked

result test_a SKIP 'skipped: test_a: no kernel 6.8' '100%: Checks: 1, Failures: 0, Errors: 0'
allowed 'plain: test_*: no kernel *'
expect 0 '1 passed, 0 failed, 1 skipped' an_asterisk_stands_for_anything

result test_a SKIP 'skipped: test_a: no kernel 6x8' '100%: Checks: 1, Failures: 0, Errors: 0'
allowed 'plain: test_a: no kernel 6.8'
expect 1 'not on the list of skips: plain: test_a: no kernel 6x8' a_dot_is_a_dot

result test_a SKIP 'skipped: test_a: no kernel at all' '100%: Checks: 1, Failures: 0, Errors: 0'
allowed 'plain: test_a: no kernel'
expect 1 'not on the list of skips: plain: test_a: no kernel at all' another_reason_is_another_skip

result test_a PASS '100%: Checks: 1, Failures: 0, Errors: 0'
allowed 'plain: test_a: no kernel'
expect 1 'on the list of skips, but it ran: plain: test_a: no kernel' a_list_that_says_too_much_fails

result test_a PASS '100%: Checks: 1, Failures: 0, Errors: 0'
allowed '? plain: test_a: no kernel'
expect 0 '1 passed, 0 failed, 0 skipped' what_depends_on_the_machine_may_run

result test_a SKIP 'skipped: test_a: no kernel' '100%: Checks: 1, Failures: 0, Errors: 0'
allowed '? plain: test_a: no kernel'
expect 0 '1 passed, 0 failed, 1 skipped' what_depends_on_the_machine_may_be_skipped

echo "$cases cases, $failures failed"
[ "$failures" -eq 0 ]
