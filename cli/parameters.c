/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "parameters.h"

#include <stdlib.h>

#include "base/text.h"

void parameter_text(json_t *parameters, const char *key, const char *text)
{
	if (text && json_object_set_new(parameters, key, MUST(json_string(text))) < 0)
		must(NULL);
}

void parameter_bytes(json_t *parameters, const char *key, const char *bytes)
{
	CLEANUP_FREE char *text = bytes ? MUST(text_escape(bytes)) : NULL;

	parameter_text(parameters, key, text);
}

void parameter_time(json_t *parameters, const char *key, int64_t real_ns)
{
	char text[64];

	if (real_ns)
		parameter_text(parameters, key, time_format_rfc3339(real_ns, text, sizeof(text)));
}
