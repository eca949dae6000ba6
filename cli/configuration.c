/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "configuration.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "usage.h"

int configuration_load(const struct cli *cli, const char *file, struct config **ret)
{
	CLEANUP_FREE char *errors = NULL;
	int r = config_load(file, ret, &errors);

	if (r == 0)
		return CLI_DONE;
	if (r == -ENOMEM)
		must(NULL);
	if (errors && *errors)
		fprintf(stderr, "%s%s", errors, errors[strlen(errors) - 1] == '\n' ? "" : "\n");
	else
		usage_error(cli, "%s: %s", file, strerror(-r));
	return CLI_USAGE;
}
