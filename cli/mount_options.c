/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mount_options.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "usage.h"

int mount_options_read(const struct cli *cli, const char *text, struct string_list *ret)
{
	while (text && *text) {
		size_t length = strcspn(text, ",");
		CLEANUP_FREE char *typed = MUST(strndup(text, length)), *bytes = NULL;

		if (text_unescape(typed, &bytes) < 0)
			return usage_escape(cli, typed);
		if (*bytes && string_list_add(ret, bytes) < 0)
			must(NULL);
		text += length + (text[length] == ',');
	}
	return CLI_DONE;
}

const char **mount_options_list(const struct string_list *options)
{
	const char **list = MUST(calloc(options->count + 1, sizeof(*list)));

	for (size_t i = 0; i < options->count; i++)
		list[i] = options->items[i];
	return list;
}
