/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "client.h"
#include "options.h"
#include "usage.h"

static const char *const verbs[] = { "check", "show", NULL };

static int check(const struct cli *cli)
{
	struct config *config = NULL;
	CLEANUP_FREE char *errors = NULL;
	const char *file = cli->operands[1];
	int r;

	if (cli->operand_count < 2)
		return usage_error(cli, "check which file? reaperctl config check FILE");
	r = config_load(file, &config, &errors);
	if (r == 0) {
		CLEANUP_FREE char *shown = MUST(text_escape(file));

		printf("%s: ok%s\n", shown,
		       config->root_count ? "" : ", but there is no build root in it: reaperd then needs --root");
		config_free(config);
		return CLI_DONE;
	}
	if (r == -ENOMEM)
		must(NULL);
	if (errors && *errors)
		fprintf(stderr, "%s%s", errors, errors[strlen(errors) - 1] == '\n' ? "" : "\n");
	else
		usage_error(cli, "%s: %s", file, strerror(-r));
	return CLI_USAGE;
}

static int show(const struct cli *cli)
{
	if (cli->operand_count > 1)
		return usage_error(cli, "one argument too many: '%s'", cli->operands[1]);
	return cli_call_text(cli, "GetConfiguration");
}

static int run(struct cli *cli, int argc, char **argv)
{
	int status;

	if (!options_parse(cli, NULL, argc, argv, &status))
		return status;
	if (!strcmp(cli->operands[0], "check"))
		return check(cli);
	if (!strcmp(cli->operands[0], "show"))
		return show(cli);
	return usage_unknown(cli, "word", cli->operands[0], verbs);
}

const struct command command_config = {
	.name = "config",
	.usage = "check FILE | show",
	.summary = "look a configuration file over, or show the daemon's",
	.help = "check: exit status 2, with file, line and reason of every mistake; it reads FILE.d/*.conf too.\n"
		"show: what the daemon works with, defaults included.",
	.operands_min = 1,
	.operands_max = 2,
	.run = run,
};
