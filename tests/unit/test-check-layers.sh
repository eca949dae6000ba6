#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The layering check must fail where a layer reaches for what it may not have: small archives that are right, then each wrong in one way.
set -eu

CC=${CC:-cc}
AR=${AR:-ar}
check=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)/check-layers
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0
cases=0

# archive LAYER C-TEXT...: the layer's archive, with one function beside what is given.
archive() {
	layer=$1
	shift
	printf 'void %s_do(void);\nvoid %s_do(void) {}\n%s\n' "$layer" "$layer" "$*" >"$work/$layer.c"
	rm -f "$work/lib$layer.a"
	$CC -c -o "$work/$layer.o" "$work/$layer.c"
	$AR cr "$work/lib$layer.a" "$work/$layer.o"
}

all='base kernel wire client model policy source store config report sandbox broker engine cli libreaper'

right_archives() {
	rm -rf "$work/tree"
	cp -p "$work"/right/*.a "$work"
}

run_check() {
	objects=
	for one in $all; do
		objects="$objects $one=$work/lib$one.a"
	done
	status=0
	LAYER_OBJECTS=$objects REAPERD_SOURCE_DIR=$work/tree CC=$CC "$check" >"$work/output" 2>&1 || status=$?
}

# expect STATUS PATTERN NAME
expect() {
	cases=$((cases + 1))
	run_check
	if [ "$status" -eq "$1" ] && grep -q -e "$2" "$work/output"; then
		echo "ok: $3"
	else
		echo "FAILED: $3: exit status $status, expected $1 and \"$2\"; it said:"
		sed 's/^/    /' "$work/output"
		failures=$((failures + 1))
	fi
	right_archives
}

for one in $all; do
	archive "$one" ""
done
archive policy 'void model_do(void); void f(void); void f(void) { model_do(); }'
archive store 'int sqlite3_close(void *); void g(void); void g(void) { sqlite3_close(0); }'
mkdir "$work/right"
cp -p "$work"/*.a "$work/right"
expect 0 'keep to the table' what_is_right_passes

archive policy 'void store_do(void); void f(void); void f(void) { store_do(); }'
expect 1 'libpolicy.a\[policy.o\]: the layer policy may not use store_do of the layer store' policy_may_not_use_store

archive base 'void model_do(void); void f(void); void f(void) { model_do(); }'
expect 1 'the layer base may not use model_do of the layer model' base_may_not_look_upwards

archive broker 'void engine_do(void); void f(void); void f(void) { engine_do(); }'
expect 1 'the layer broker may not use engine_do of the layer engine' broker_and_engine_are_apart

archive model 'int sqlite3_close(void *); void f(void); void f(void) { sqlite3_close(0); }'
expect 1 'the layer model may not use sqlite3_close of libsqlite3' sqlite_is_for_the_store_alone

archive engine 'void *mnt_new_table(void); void f(void); void f(void) { mnt_new_table(); }'
expect 1 'the layer engine may not use mnt_new_table of libmount' libmount_is_for_the_sources_alone

archive broker 'void json_delete(void *); void f(void); void f(void) { json_delete(0); }'
expect 1 'the layer broker may not use json_delete of libjansson' broker_has_no_json

archive cli 'void ev_run(void *, int); void f(void); void f(void) { ev_run(0, 0); }'
expect 1 'the layer cli may not use ev_run of libev' libev_is_for_the_engine_alone

archive wire 'void *table = 0; extern int ini_config_create(void *); int (*indirect)(void *) = ini_config_create;'
expect 1 'the layer wire may not use ini_config_create of libini_config' a_pointer_counts_as_use

archive kernel 'void crypt_do(void); void f(void); void f(void) { crypt_do(); }'
expect 1 'uses crypt_do, which no layer and no known library defines' an_unknown_symbol_is_a_breach

archive kernel 'void base_do(void); void base_do(void) {}'
expect 1 'base_do is defined in the layer base, too' one_symbol_has_one_layer

archive engine 'void own_start(void); void own_start(void) {}'
archive cli 'void own_start(void); void own_start(void) {} void own_use(void); void own_use(void) { own_start(); }'
expect 0 'keep to the table' programs_that_never_meet_may_share_a_name

archive engine 'void own_start(void); void own_start(void) {}'
archive broker 'void own_start(void); void f(void); void f(void) { own_start(); }'
expect 1 'the layer broker may not use own_start of the layer engine' a_shared_name_is_still_looked_for_in_its_own_layer

rm -f "$work/libreport.a"
$AR cr "$work/libreport.a"
expect 1 'the layer report has no symbols' an_empty_archive_proves_nothing

rm -f "$work/libstore.a"
expect 2 'libstore.a: no such file' a_missing_archive_is_said

mkdir -p "$work/tree/reaperd/model"
echo '#include "store/store.h"' >"$work/tree/reaperd/model/model.c"
expect 1 'reaperd/model/model.c: the layer model may not include store/store.h of the layer store' includes_keep_to_the_table

echo "$cases cases, $failures failed"
[ "$failures" -eq 0 ]
