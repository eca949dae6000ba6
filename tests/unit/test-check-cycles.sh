#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The check for circles must fail where files of a layer use each other: small archives that are right, then each wrong in one way.
set -eu

CC=${CC:-cc}
AR=${AR:-ar}
check=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)/check-cycles
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0
cases=0

# file LAYER NAME C-TEXT: one object of the layer's archive.
file() {
	printf '%s\n' "$3" >"$work/$2.c"
	$CC -c -o "$work/$2.o" "$work/$2.c"
	$AR cr "$work/lib$1.a" "$work/$2.o"
}

# Three floors of model, and one file of engine.
right_archives() {
	rm -f "$work"/*.a
	file model table 'int table_size(void); int table_size(void) { return 1; }'
	file model tree 'int table_size(void); int tree_size(void); int tree_size(void) { return table_size(); }'
	file model place 'int tree_size(void); int place_size(void); int place_size(void) { return tree_size(); }'
	file engine loop 'int loop_size(void); int loop_size(void) { return 1; }'
}

# expect STATUS PATTERN NAME
expect() {
	cases=$((cases + 1))
	status=0
	LAYER_OBJECTS="model=$work/libmodel.a engine=$work/libengine.a" "$check" >"$work/output" 2>&1 || status=$?
	if [ "$status" -eq "$1" ] && grep -q -e "$2" "$work/output"; then
		echo "ok: $3"
	else
		echo "FAILED: $3: exit status $status, expected $1 and \"$2\"; it said:"
		sed 's/^/    /' "$work/output"
		failures=$((failures + 1))
	fi
	right_archives
}

right_archives
expect 0 '^check-cycles: 4 files of 2 layers use each other in 2 ways, none in a circle$' what_leads_downwards_passes

file model table 'int tree_size(void); int table_size(void); int table_size(void) { return tree_size(); }'
expect 1 '^check-cycles: model/table uses tree_size of model/tree, which leads back to it$' two_files_that_use_each_other_are_a_circle

file model table 'int place_size(void); int table_size(void); int table_size(void) { return place_size(); }'
expect 1 '^check-cycles: model/table uses place_size of model/place, which leads back to it$' a_circle_may_be_long

file model table 'int table_size(void); int table_size(void) { return 1; } int place_size(void); int (*indirect)(void) = place_size;'
expect 1 'model/table uses place_size of model/place' a_pointer_counts_as_use

file model table 'extern int tree_count; int table_size(void); int table_size(void) { return tree_count; }'
file model tree 'int tree_count; int table_size(void); int tree_size(void); int tree_size(void) { return table_size(); }'
expect 1 'model/table uses tree_count of model/tree' data_counts_as_use

file model table 'static int tree_size(void) { return 1; } int table_size(void); int table_size(void) { return tree_size(); }'
expect 0 'none in a circle' a_function_of_the_file_s_own_is_no_use

file engine loop 'int place_size(void); int loop_size(void); int loop_size(void) { return place_size(); }'
file model table 'int loop_size(void); int table_size(void); int table_size(void) { return loop_size(); }'
expect 0 'none in a circle' other_layers_are_for_the_layers_check

file engine loop 'int tree_size(void); int tree_size(void) { return 1; }'
file engine turn 'int tree_size(void); int table_size(void); int table_size(void) { return tree_size(); }'
expect 0 '^check-cycles: 5 files of 2 layers use each other in 3 ways' a_name_is_looked_for_in_its_own_layer

file engine libengine_a-loop 'int turn(void); int loop_size(void); int loop_size(void) { return turn(); }'
file engine libengine_a-turn 'int loop_size(void); int turn(void); int turn(void) { return loop_size(); }'
$AR d "$work/libengine.a" loop.o
expect 1 '^check-cycles: engine/turn uses loop_size of engine/loop, which leads back to it$' an_object_is_called_by_its_file

rm -f "$work/libmodel.a"
file model table 'int table_size(void); int table_size(void) { return 1; }'
expect 2 'no file uses another one' archives_without_any_use_prove_nothing

rm -f "$work/libengine.a"
expect 2 'libengine.a: no such file' a_missing_archive_is_said

echo "$cases cases, $failures failed"
[ "$failures" -eq 0 ]
