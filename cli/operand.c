/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operand.h"

#include <errno.h>

#include "parameters.h"
#include "usage.h"

int operand_action(const struct cli *cli, const char *text, struct action_reference *ret)
{
	int r = text ? action_reference_parse(text, ret) : 0;

	if (r == -ENOMEM)
		must(NULL);
	if (r < 0 && *text)
		return usage_escape(cli, text);
	return r < 0 ? usage_error(cli, "an action's name is empty") : CLI_DONE;
}

void parameter_action(json_t *parameters, const char *key, const struct action_reference *reference)
{
	CLEANUP_FREE char *text = NULL;

	if (!reference->name)
		return;
	text = action_reference_text(reference->name, reference->generation);
	parameter_text(parameters, key, text);
}
