/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "client.h"
#include "configuration.h"
#include "options.h"
#include "usage.h"

static const char *const verbs[] = { "check", "show", NULL };

static int check(const struct cli *cli)
{
	CLEANUP_CONFIG struct config *config = NULL;
	const char *file = cli->operands[1];
	int status;

	if (cli->operand_count < 2)
		return usage_error(cli, "check which file? reaperctl config check FILE");
	status = configuration_load(cli, file, &config);
	if (status == CLI_DONE) {
		CLEANUP_FREE char *shown = MUST(text_escape(file));

		printf("%s: ok%s\n", shown,
		       config->root_count ? "" : ", but there is no build root in it: reaperd then needs --root");
	}
	return status;
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
