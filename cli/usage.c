/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "usage.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"

int usage_error(const struct cli *cli, const char *format, ...)
{
	CLEANUP_FREE char *message = NULL;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vasprintf(&message, format, arguments);
	va_end(arguments);
	if (length < 0)
		message = NULL;
	if (cli->command)
		log_error("%s: %s", cli->command->name, MUST(message));
	else
		log_error("%s", MUST(message));
	return CLI_USAGE;
}

int usage_unknown(const struct cli *cli, const char *what, const char *word, const char *const *words)
{
	CLEANUP_FREE char *shown = MUST(text_escape(word)), *all = MUST(strdup(""));
	const char *near = text_nearest(word, words);

	if (near)
		return usage_error(cli, "unknown %s '%s': did you mean '%s'?", what, shown, near);
	for (; *words; words++)
		must_append(&all, ", ", *words);
	return usage_error(cli, "unknown %s '%s'; there are: %s", what, shown, all);
}

int usage_escape(const struct cli *cli, const char *text)
{
	return usage_error(cli, "'%s' has a broken escape: write \\xNN for a byte and \\\\ for a backslash", text);
}
