#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# tests/fuzz/run fails where a target fails, by whatever exit status, and not where one says that it cannot run.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
mkdir -p "$build/tests/fuzz"

# target NAME STATUS TEXT: a program in place of a target
target() {
	printf '#!/bin/sh\necho "%s"\nexit %s\n' "$3" "$2" >"$build/tests/fuzz/fuzz_$1"
	chmod +x "$build/tests/fuzz/fuzz_$1"
}

# expect STATUS WORDS NAME...: what running these says
expect() {
	wanted=$1 words=$2 status=0
	shift 2
	REAPERD_BUILD_DIR=$build "$here/../fuzz/run" 1 "$@" >"$build/said" || status=$?
	[ "$status" = "$wanted" ] && grep -q "$words" "$build/said" && return
	echo "run $*: exit status $status, wanted $wanted with \"$words\":" >&2
	cat "$build/said" >&2
	exit 1
}

target time 0 'stat::number_of_executed_units: 12'
target text 77 'skipped: fuzz_text: not here'
target wire 77 'Test unit written to found/wire-crash'
target config 1 'f.c:1: broken: a promise'
target layout 70 'ERROR: libFuzzer: timeout'
expect 0 '^12 executions' time
expect 0 '^skipped: fuzz_text: not here' time text
expect 1 'replay: .*/fuzz_wire found/wire-crash' time wire text
expect 1 'broken: a promise' config time
expect 1 'failed (70): layout' layout
expect 1 'failed (127): none' none
