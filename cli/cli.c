/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "config/config.h"
#include "options.h"

const struct command *const cli_commands[] = {
	&command_status, &command_actions, &command_mounts, &command_events, &command_explain,
	&command_audit,	 &command_reap,	   &command_pause,  &command_resume, &command_begin,
	&command_end,	 &command_metrics, &command_config, &command_db,     NULL,
};

/* Promised by the documentation for later releases. */
static const char *const later_commands[] = { "run", "mount", "umount", "hook", "replay", "timeline", NULL };

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

static const struct command *find_command(const char *name)
{
	for (const struct command *const *command = cli_commands; *command; command++)
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
	for (; cli_commands[count]; count++)
		names[count] = cli_commands[count]->name;
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

int cli_run(int argc, char **argv)
{
	static char status_name[] = "status";
	char *status_alone[] = { status_name, NULL };
	struct cli cli = { .socket = CONFIG_DEFAULT_RUNTIME_DIR "/io.reaperd", .now = clock_now() };
	int used, status;

	log_open("reaperctl", LOG_LEVEL_NOTICE);
	if (!options_parse_global(&cli, argc, argv, &used, &status))
		return flush(status);
	if (used == argc) {
		cli.command = &command_status;
		return flush(cli.command->run(&cli, 1, status_alone));
	}
	cli.command = find_command(argv[used]);
	if (!cli.command)
		return unknown_command(&cli, argv[used]);
	return flush(cli.command->run(&cli, argc - used, argv + used));
}
