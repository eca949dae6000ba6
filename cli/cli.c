/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/log.h"

void *must(void *p)
{
	if (p)
		return p;
	log_error("out of memory");
	exit(CLI_UNSURE);
}

char *must_format(const char *format, ...)
{
	char *text = NULL;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vasprintf(&text, format, arguments);
	va_end(arguments);
	return MUST(length < 0 ? NULL : text);
}

void must_append(char **list, const char *separator, const char *more)
{
	char *longer = must_format("%s%s%s", *list, **list ? separator : "", more);

	free(*list);
	*list = longer;
}

void print_json(const json_t *value)
{
	CLEANUP_FREE char *text = MUST(json_dumps(value, JSON_INDENT(2)));

	puts(text);
}

void print_envelope(const char *key, json_t *value)
{
	CLEANUP_JSON json_t *envelope = MUST(json_pack("{s:o}", key, MUST(value)));

	print_json(envelope);
}
