#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Writes text files as C on standard output:
#   embed.sh sql FILE...     the migrations NNNN_name.sql, in order: the table of reaperd/store/schema.h
#   embed.sh varlink FILE    the interface: the text of reaperd/engine/interface.h
set -eu
export LC_ALL=C

usage() {
	sed -n 's/^#   //p' "$0" >&2
	exit 2
}

# A C string literal for each line.
literal() {
	sed -e 's/[\\"?]/\\&/g' -e 's/	/\\t/g' -e 's/.*/\t"&\\n"/' "$1"
}

embed_sql() {
	expected=1
	printf '/* Made by schema/embed.sh from schema/[0-9]*.sql. */\n#include <stddef.h>\n\n#include "store/schema.h"\n\n'
	echo 'const struct schema_migration schema_migrations[] = {'
	for file; do
		name=$(basename "$file" .sql)
		# Counted as decimal: a leading zero means octal to the shell, and to C.
		number=${name%%_*}
		number=$((1$number - 10000))
		if [ "$number" -ne "$expected" ]; then
			echo "embed.sh: $file: expected migration $expected here" >&2
			exit 1
		fi
		printf '{%d, "%s",\n' "$number" "$name"
		literal "$file"
		echo '},'
		expected=$((expected + 1))
	done
	printf '{0, NULL, NULL},\n};\n'
}

embed_varlink() {
	printf '/* Made by schema/embed.sh from %s. */\n#include "engine/interface.h"\n\n' "$(basename "$1")"
	echo 'const char varlink_interface_text[] ='
	literal "$1"
	echo ';'
}

[ $# -ge 2 ] || usage
kind=$1
shift
case $kind in
sql)
	embed_sql "$@"
	;;
varlink)
	[ $# -eq 1 ] || usage
	embed_varlink "$1"
	;;
*)
	usage
	;;
esac
