/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reaperctl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "config/config.h"
#include "options.h"
#include "usage.h"

const struct command *const reaperctl_commands[] = {
	&command_status,
	&command_actions,
	&command_mounts,
	&command_events,
	&command_explain,
	&command_audit,
	&command_reap,
	&command_pause,
	&command_resume,
	&command_begin,
	&command_end,
	&command_run,
	&command_mount,
	&command_umount,
	&command_hook,
	&command_metrics,
	&command_config,
	&command_db,
	NULL,
};

/* Promised by the documentation for later releases. */
static const char *const later_commands[] = { "replay", "timeline", NULL };

static const struct command *find_command(const char *name)
{
	for (const struct command *const *command = reaperctl_commands; *command; command++)
		if (!strcmp((*command)->name, name))
			return *command;
	return NULL;
}

static int unknown_command(const struct cli *cli, const char *name)
{
	const char *names[64] = { NULL };
	size_t count = 0;

	for (const char *const *later = later_commands; *later; later++)
		if (!strcmp(*later, name))
			return usage_error(cli, "%s comes in a later release", name);
	for (; reaperctl_commands[count]; count++)
		names[count] = reaperctl_commands[count]->name;
	return usage_unknown(cli, "command", name, names);
}

/* What could not be written was not shown: a script must not take it for an empty answer. */
static int flush(int status)
{
	if (!fflush(stdout) && !ferror(stdout))
		return status;
	log_error("could not write the output: %s", strerror(errno));
	return CLI_UNSURE;
}

static void print_help(void)
{
	printf("Usage: reaperctl [--socket PATH | --db FILE] [--json] [-o COL,...] [--noheadings] COMMAND\n\n"
	       "Shows what is mounted below a build farm's build roots, and what reaperd does about it.\n\nCommands:\n");
	for (const struct command *const *command = reaperctl_commands; *command; command++)
		printf("  %-10s %s\n", (*command)->name, (*command)->summary);
	printf("\nOptions:\n");
	options_print_global();
	printf("\n'reaperctl COMMAND --help' says more. Without a command: status.\n"
	       "Exit status: 0 done or clean, 1 leftovers or stuck mounts, 2 usage or configuration, 3 could not tell,\n"
	       "4 no daemon or it refused, 5 nothing matched.\n");
}

static int run_command(struct cli *cli, const struct command *command, int argc, char **argv)
{
	cli->command = command;
	return command->run(cli, argc, argv);
}

static int run_without_command(struct cli *cli)
{
	static char status_name[] = "status";
	char *status_alone[] = { status_name, NULL };

	if (!cli->help && !cli->version)
		return run_command(cli, &command_status, 1, status_alone);
	if (cli->help)
		print_help();
	else
		options_print_version();
	return CLI_DONE;
}

int reaperctl_run(int argc, char **argv)
{
	struct cli cli = { .socket = CONFIG_DEFAULT_RUNTIME_DIR "/io.reaperd", .now = clock_now() };
	const struct command *command;
	int used, status;

	log_open("reaperctl", LOG_LEVEL_NOTICE);
	status = options_parse_global(&cli, argc, argv, &used);
	if (status)
		return flush(status);
	if (used == argc)
		return flush(run_without_command(&cli));
	command = find_command(argv[used]);
	if (!command)
		return unknown_command(&cli, argv[used]);
	return flush(run_command(&cli, command, argc - used, argv + used));
}
