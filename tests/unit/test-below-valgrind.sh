#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# What is wrong must fail below tests/below-valgrind: a program that is right, and the same with one mistake each. make check-valgrind calls it.
set -eu

tests=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

cat >"$work/mistake.c" <<'END'
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
static int wrong(const char *mistake)
{
	volatile char *memory = malloc(8);
	switch (*mistake) {
	case 'r': free((void *)memory); return memory[0] == 'x';
	case 'w': memory[8] = 1; break;
	case 'u': if (memory[0]) write(1, "u", 1); break;
	case 'l': memory = NULL; return 0;
	}
	free((void *)memory);
	return 0;
}
int main(int argc, char *argv[])
{
	int status = 0;
	if (argc == 2)
		return wrong(argv[1]) & 0;
	if (fork() == 0)
		exit(wrong(argv[1]) & 0);
	wait(&status);
	return WEXITSTATUS(status);
}
END
# shellcheck disable=SC2086 # a command with its arguments
${CC:-cc} -g -O0 -o "$work/mistake" "$work/mistake.c"

# expect STATUS ARGUMENT...
expect() {
	wanted=$1 status=0
	shift
	"$tests/below-valgrind" "$work/mistake" "$@" >"$work/said" 2>&1 || status=$?
	[ "$status" = "$wanted" ] && return
	echo "mistake $*: exit status $status, expected $wanted:"
	cat "$work/said"
	failures=1
}

expect 0 nothing
expect 99 read_after_free
expect 99 write_beyond_the_end
expect 99 unset_memory_decides
expect 99 leak
expect 99 read_after_free in_a_child
exit "$failures"
