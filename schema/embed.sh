#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Writes the migrations given as arguments (NNNN_name.sql, in order) as C to standard output: the table of reaperd/store/schema.h.
set -eu
export LC_ALL=C

echo '/* Made by schema/embed.sh: change schema/[0-9]*.sql instead. */'
echo '#include <stddef.h>'
echo
echo '#include "store/schema.h"'
echo
echo 'const struct schema_migration schema_migrations[] = {'

expected=1
for file in "$@"; do
	name=$(basename "$file" .sql)
	number=${name%%_*}
	# Counted as decimal: a leading zero means octal to the shell.
	version=$(expr "$number" + 0)
	if [ "$version" -ne "$expected" ]; then
		echo "embed.sh: $file: expected migration $expected here" >&2
		exit 1
	fi
	printf '\t{\n\t\t%d,\n\t\t"%s",\n' "$version" "$name"
	sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/\t/\\t/g' -e 's/.*/\t\t"&\\n"/' "$file"
	printf '\t},\n'
	expected=$((expected + 1))
done
echo '	{ 0, NULL, NULL },'
echo '};'
