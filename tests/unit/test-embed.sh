#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# What schema/embed.sh embeds must come out of the program again byte for byte, and a gap in the migrations must stop the build.
set -eu

CC=${CC:-cc}
top=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

printf '%s\n' "-- quote \" and ' backslash \\n \\\\ percent %d tab	end" 'SELECT "a" || '"'"'??/'"'"';' '' 'ü' >0001_first.sql
printf 'two\n' >0002_second.sql
mkdir store engine
cp "$top/reaperd/store/schema.h" store/schema.h
cp "$top/reaperd/engine/interface.h" engine/interface.h

sh "$top/schema/embed.sh" sql 0001_first.sql 0002_second.sql >schema_sql.c
sh "$top/schema/embed.sh" varlink 0001_first.sql >interface.c
cat >main.c <<'END'
#include <stdio.h>
#include "store/schema.h"
#include "engine/interface.h"
int main(int argc, char **argv)
{
	(void)argv;
	if (argc > 1)
		return fputs(varlink_interface_text, stdout) < 0;
	for (int i = 0; schema_migrations[i].sql; i++)
		printf("%s", schema_migrations[i].sql);
	return schema_migrations[2].sql != NULL;
}
END
$CC -std=gnu17 -Wall -Werror -I. -o show main.c schema_sql.c interface.c
cat 0001_first.sql 0002_second.sql >expected
./show >got
cmp expected got
./show varlink >got
cmp 0001_first.sql got
echo "ok: embedded_text_comes_out_as_it_went_in"

if sh "$top/schema/embed.sh" sql 0002_second.sql >/dev/null 2>message; then
	echo "FAILED: a gap was accepted"
	exit 1
fi
grep -q 'expected migration 1 here' message
echo "ok: a_gap_in_the_migrations_is_refused"
