#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# tests/mutants/run must fail where a mutant survives, and where it proves nothing: a project of one file and one Check program, and patches
# that are wrong in one way each.
set -eu

CC=${CC:-cc}
runner=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)/mutants/run
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0
cases=0

mkdir -p "$work/build" "$work/source/tests/unit" "$work/patches"

cat >"$work/source/rule.c" <<'END'
#include "rule.h"
/* Who may go. */
int may_go(int is_over, int is_protected)
{
	if (is_protected)
		return 0;
	return is_over;
}
END
echo 'int may_go(int is_over, int is_protected);' >"$work/source/rule.h"
cat >"$work/source/tests/unit/test_rule.c" <<'END'
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "../../rule.h"
START_TEST(what_is_protected_stays) { ck_assert(!may_go(1, 1)); } END_TEST
START_TEST(what_is_over_goes) { ck_assert(may_go(1, 0)); } END_TEST
START_TEST(nothing_crashes) { if (may_go(1, 1)) abort(); } END_TEST
START_TEST(it_crashes_once)
{
	if (may_go(1, 1) && access(getenv("CRASHED"), F_OK)) {
		fclose(fopen(getenv("CRASHED"), "w"));
		abort();
	}
	ck_assert(!may_go(1, 1));
}
END_TEST
START_TEST(it_fails_always) { ck_assert(0); } END_TEST
int main(void)
{
	Suite *suite = suite_create("rule");
	TCase *rules = tcase_create("rules");
	SRunner *runner = srunner_create(suite);
	suite_add_tcase(suite, rules);
	tcase_add_test(rules, what_is_protected_stays);
	tcase_add_test(rules, what_is_over_goes);
	tcase_add_test(rules, nothing_crashes);
	tcase_add_test(rules, it_crashes_once);
	tcase_add_test(rules, it_fails_always);
	srunner_run_all(runner, CK_SILENT);
	return 0;
}
END
libraries=$(pkg-config --libs check 2>/dev/null || echo -lcheck)
# What the runner makes of ours.
cat >"$work/build/Makefile" <<END
all-am tests/lib/mountids tests/lib/misfuse:
tests/unit/test_rule: ../source/rule.c ../source/rule.h ../source/tests/unit/test_rule.c
	mkdir -p tests/unit && $CC \$(CFLAGS) -pthread -o \$@ ../source/rule.c ../source/tests/unit/test_rule.c $libraries
END

# mutant NAME TEST OLD NEW: a patch of rule.c's line OLD.
mutant() {
	name=$1 test=$2 old=$3 new=$4
	{
		printf 'Guard: what is protected stays\nField: it goes\nTest: %s\n\n' "$test"
		printf -- '--- a/rule.c\n+++ b/rule.c\n@@ -1 +1 @@\n-%s\n+%s\n' "$old" "$new"
	} >"$work/patches/$name.patch"
}

# run STATUS LAST-LINE [OPTION...]: of the patches that were made since the last time; what it said is looked at by said().
run() {
	wanted=$1 last=$2 status=0
	shift 2
	MAKEFLAGS='' REAPERD_BUILD_DIR=$work/build REAPERD_SOURCE_DIR=$work/source \
		"$runner" -j 2 --patches "$work/patches" "$@" >"$work/output" 2>&1 || status=$?
	rm -f "$work/patches"/*
}

# said PATTERN NAME
said() {
	cases=$((cases + 1))
	if [ "$status" -eq "$wanted" ] && [ "$(tail -n 1 "$work/output")" = "$last" ] && grep -q -e "$1" "$work/output"; then
		echo "ok: $2"
	else
		echo "FAILED: $2: exit status $status, expected $wanted, \"$last\" and \"$1\"; it said:"
		sed 's/^/    /' "$work/output"
		failures=$((failures + 1))
	fi
}

rule=tests/unit/test_rule
guard='	if (is_protected)'
without='	if (is_protected < 0)'

mutant stale $rule::what_is_protected_stays '	if (is_protected && is_over)' "$without"
mutant absent $rule::what_is_green_stays "$guard" "$without"
mutant right $rule::what_is_protected_stays "$guard" "$without"
run 1 '1 can be tried, 2 broken' --look
said '^BROKEN.* stale: the patch does not apply' a_look_finds_a_patch_that_went_stale
said '^BROKEN.* absent: there is no .*what_is_green_stays' a_look_finds_a_test_that_is_not_there

# The real ones: whoever changes a line that one of them takes out, or renames a test, hears of it here and now.
wanted=0 status=0
"$runner" --look >"$work/output" 2>&1 || status=$?
last=$(tail -n 1 "$work/output")
said 'can be tried$' each_patch_applies_and_names_a_test

if [ "$(id -u)" = 0 ]; then user=; else user=--map-root-user; fi
# shellcheck disable=SC2086 # there may be none
if ! unshare $user --mount --propagation private true 2>/dev/null; then
	echo "skipped: test-mutants-run.sh: no mount namespace can be made here; of $cases looks $failures failed"
	[ "$failures" -eq 0 ] && exit 77
	exit 1
fi

mutant one $rule::what_is_protected_stays "$guard" "$without"
mutant two $rule::what_is_over_goes '	return is_over;' '	return !is_over;'
mutant three $rule::nothing_crashes "$guard" "$without"
sed -i '1iCrash: that is how it shows' "$work/patches/three.patch"
run 0 '3 killed, 0 survived'
said '^killed.* two$' what_a_test_notices_is_killed
said '^killed.* three$' a_crash_counts_where_the_patch_says_so

mutant one $rule::what_is_protected_stays "$guard" "$without"
mutant two $rule::what_is_over_goes '	return is_over;' '	return !is_over;'
mutant three $rule::what_is_protected_stays "$guard" "$without"
run 0 '1 killed, 0 survived' --part 2/2
said '^killed.* three$' a_part_is_every_second_one_in_the_order_of_names

mutant one $rule::it_crashes_once "$guard" "$without"
export CRASHED="$work/crashed"
run 0 '1 killed, 0 survived'
said '^unsteady.* one: the test crashed' what_is_broken_is_tried_again_and_said
said '^killed.* one$' what_is_killed_the_second_time_is_killed

mutant one $rule::what_is_protected_stays "$guard" "$without"
mutant two $rule::what_is_protected_stays '/* Who may go. */' '/* Who must go. */'
mutant three $rule::what_is_over_goes "$guard" "$without"
run 1 '1 killed, 2 survived'
said '^SURVIVED.* two: .*what_is_protected_stays' a_comment_survives
said '^SURVIVED.* three: .*what_is_over_goes' the_failure_of_another_test_does_not_count

mutant stale $rule::what_is_protected_stays '	if (is_protected && is_over)' "$without"
mutant uncompiled $rule::what_is_protected_stays "$guard" '	if (is_guarded)'
mutant crash $rule::nothing_crashes "$guard" "$without"
mutant red $rule::it_fails_always "$guard" "$without"
mutant absent $rule::what_is_green_stays "$guard" "$without"
mutant silent $rule::what_is_protected_stays "$guard" "$without"
sed -i '/^Field:/d' "$work/patches/silent.patch"
run 1 '0 killed, 0 survived, 6 broken'
said '^BROKEN.* stale: the patch does not apply' a_patch_that_went_stale_is_broken
said '^BROKEN.* uncompiled: the mutant does not compile' a_mutant_that_does_not_compile_is_broken
said '^BROKEN.* crash: the test crashed' a_crash_is_no_failed_assertion
said '^BROKEN.* red: .*it_fails_always fails with nothing taken out' a_test_that_fails_always_proves_nothing
said '^BROKEN.* absent: .*what_is_green_stays did not run' a_test_that_is_not_there_proves_nothing
said '^BROKEN.* silent: .*has no line Field:' a_patch_says_what_it_is_about

run 1 '0 killed, 0 survived'
said 'killed' no_patch_at_all_is_no_success

echo "$cases cases, $failures failed"
[ "$failures" -eq 0 ]
