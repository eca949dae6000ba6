#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The library as others have it: installed, found by pkg-config, linked as a shared and as a static one, with no other names than its own.
# With an argument: builds the example against it in that directory, as `shared` and `static`, and no more; for the system tests.
#
# From the environment (make check sets them): CC, NM, REAPERD_BUILD_DIR, REAPERD_SOURCE_DIR.
set -eu
export LC_ALL=C

build=${REAPERD_BUILD_DIR:-.}
source_dir=${REAPERD_SOURCE_DIR:-.}
cases=0
failed=0

if [ $# -gt 0 ]; then
	place=$1
	mkdir -p "$place"
else
	place=$(mktemp -d)
	trap 'rm -rf "$place"' EXIT
fi
place=$(CDPATH='' cd -- "$place" && pwd)
root=$place/root

it() {
	cases=$((cases + 1))
	name=$1
	shift
	if "$@" >"$place/said" 2>&1; then
		echo "ok: $name"
	else
		failed=$((failed + 1))
		echo "FAILED: $name"
		sed 's/^/    /' "$place/said"
	fi
}

is_empty() {
	[ -z "$1" ] || { echo "$1" && false; }
}

install_it() {
	# Beside a make that waits for us.
	(unset MAKEFLAGS MFLAGS MAKELEVEL && make -s -C "$build" DESTDIR="$root" install-libLTLIBRARIES install-includeHEADERS install-nodist_pkgconfigDATA)
	pc=$(find "$root" -name libreaper.pc)
	lib=$(dirname "$(dirname "$pc")")
	export PKG_CONFIG_PATH="$lib/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$root"
	# Only the static one is found here.
	mkdir -p "$place/only-static"
	cp "$lib/libreaper.a" "$place/only-static"
}

# What a sanitized or counting library needs of who links it.
instruments=$(sed -n 's/^REAPERD_CFLAGS = //p' "$build/Makefile" | tr ' ' '\n' | grep -e '^-fsanitize' -e '^--coverage' || :)

compile() {
	# shellcheck disable=SC2046,SC2086 # several words on purpose
	${CC:-cc} -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror $instruments "$source_dir/contrib/libreaper/example.c" "$@"
}

build_shared() {
	# shellcheck disable=SC2046
	compile $(pkg-config --cflags --libs libreaper) -Wl,-rpath,"$lib" -o "$place/shared"
}

build_static() {
	# shellcheck disable=SC2046
	compile $(pkg-config --cflags libreaper) -L"$place/only-static" $(pkg-config --static --libs libreaper | tr ' ' '\n' | grep -v "^-L$root") -o "$place/static"
}

# shellcheck disable=SC2046
it_is_cplusplus_too() {
	printf '#include <reaper.h>\nint main() { reaper_lease_close(nullptr); }\n' >"$place/a.cc"
	c++ -fsyntax-only -Wall -Werror $(pkg-config --cflags libreaper) "$place/a.cc"
}

if [ $# -gt 0 ]; then
	install_it
	build_shared
	build_static
	exit
fi

needs() {
	readelf -d "$1" | sed -n "s/.*($2).*\[\(.*\)\]/\1/p"
}

exports_only_what_the_header_has() {
	$NM -D --defined-only "$lib/libreaper.so" | awk '$2 == "T" { sub(/@@.*/, "", $3); print $3 }' | sort >"$place/exported"
	grep -o '^[a-z].*\breaper_[a-z_]*(' "$source_dir/libreaper/reaper.h" | grep -o 'reaper_[a-z_]*(' | tr -d '(' | sort >"$place/declared"
	diff "$place/declared" "$place/exported"
	is_empty "$($NM -D --defined-only "$lib/libreaper.so" | grep -v -e '@@LIBREAPER_0\.1$' -e ' A LIBREAPER_0\.1$' -e '__\(gcov\|asan\|odr\)')"
}

prints_and_exits_nowhere() {
	is_empty "$($NM -D --undefined-only "$lib/libreaper.so" |
		grep -E ' (_?exit|abort|v?d?f?printf|puts|perror|v?syslog|signal|sigaction|setenv|fork|chdir|umask)(@.*)?$')"
}

it the_library_is_installed_and_found install_it
it the_example_is_linked_with_the_shared_one build_shared
it the_example_is_linked_with_the_static_one build_static
it the_header_is_one_for_cplusplus it_is_cplusplus_too
it the_shared_one_has_its_name_and_is_needed_by_it test "$(needs "$lib/libreaper.so" SONAME) $(needs "$place/shared" NEEDED | grep reaper)" = "libreaper.so.0 libreaper.so.0"
it the_static_one_is_in_the_program is_empty "$(needs "$place/static" NEEDED | grep reaper)"
it nothing_is_exported_but_what_the_header_has exports_only_what_the_header_has
it the_static_one_has_no_name_of_another is_empty "$($NM -g --defined-only "$lib/libreaper.a" | awk 'NF == 3 { print $3 }' | grep -v -e '^reaper_' -e '^__')"
it it_prints_nothing_and_ends_nothing prints_and_exits_nowhere
# shellcheck disable=SC2016 # the inner shell is to expand it
it without_a_daemon_the_shared_one_says_so sh -c '"$1" "$2/none" /b a true 2>&1 | grep "no daemon at"' sh "$place/shared" "$place"
# shellcheck disable=SC2016
it without_a_daemon_the_static_one_says_so sh -c '"$1" "$2/none" /b a true 2>&1 | grep "no daemon at"' sh "$place/static" "$place"
echo "$cases cases, $failed failed"
[ "$failed" = 0 ]
