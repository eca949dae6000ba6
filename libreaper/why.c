/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "why.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"

int why_say(struct why why, int r, const char *format, ...)
{
	va_list arguments;

	if (!why.text || !why.size)
		return r;
	va_start(arguments, format);
	vsnprintf(why.text, why.size, format, arguments);
	va_end(arguments);
	return r;
}

int why_say_of(struct why why, int r, const char *what, const char *path)
{
	CLEANUP_FREE char *shown = text_escape(path);
	char buffer[128];

	return why_say(why, r, "%s %s: %s", what, shown ? shown : "?", strerror_r(-r, buffer, sizeof(buffer)));
}
