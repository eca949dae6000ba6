/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Commands that are one call: pause, resume, begin, end, metrics. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "client.h"
#include "options.h"
#include "parameters.h"
#include "reference.h"
#include "usage.h"

static int call_and_ignore(const struct cli *cli, const char *method, json_t *parameters)
{
	CLEANUP_JSON json_t *reply = NULL;

	return cli_call(cli, method, parameters, &reply);
}

static int run_pause(struct cli *cli, int argc, char **argv)
{
	CLEANUP_FREE char *root = NULL;
	int64_t duration = -1;
	const struct cli_option options[] = {
		{ "root", "DIR", "this build root alone", .path = &root },
		{ "for", "DURATION", "reaping goes on by itself after this: 10m, 1h", .duration = &duration },
		{ 0 },
	};
	json_t *parameters;
	int status;

	if (!options_parse(cli, options, argc, argv, &status))
		return status;
	if (duration == 0)
		return usage_error(cli, "--for: it must be longer than 0");
	parameters = MUST(json_object());
	parameter_bytes(parameters, "root", root);
	if (duration > 0 && json_object_set_new(parameters, "seconds", json_real((double)duration / NSEC_PER_SEC)) < 0)
		must(NULL);
	return call_and_ignore(cli, "Pause", parameters);
}

static int run_resume(struct cli *cli, int argc, char **argv)
{
	CLEANUP_FREE char *root = NULL;
	const struct cli_option options[] = {
		{ "root", "DIR", "this build root alone", .path = &root },
		{ 0 },
	};
	json_t *parameters;
	int status;

	if (!options_parse(cli, options, argc, argv, &status))
		return status;
	parameters = MUST(json_object());
	parameter_bytes(parameters, "root", root);
	return call_and_ignore(cli, "Resume", parameters);
}

/* A plain name, for a new action has no generation to be told by. */
static int operand_name(const struct cli *cli, char **ret)
{
	if (!*cli->operands[0])
		return usage_error(cli, "the action's name is empty");
	if (text_unescape(cli->operands[0], ret) < 0)
		return usage_escape(cli, cli->operands[0]);
	return CLI_DONE;
}

static int call_generation(const struct cli *cli, const char *method, const char *name, json_t *parameters)
{
	CLEANUP_JSON json_t *reply = NULL;
	CLEANUP_FREE char *shown = NULL;
	const json_t *generation;
	int status = cli_call(cli, method, parameters, &reply);

	if (status)
		return status;
	generation = json_object_get(reply, "generation");
	if (!json_is_integer(generation))
		return client_bad_reply(cli);
	if (cli->json) {
		print_json(reply);
		return CLI_DONE;
	}
	shown = action_reference_text(name, (uint32_t)json_integer_value(generation));
	puts(shown);
	return CLI_DONE;
}

static int begin_or_end(const struct cli *cli, const char *method, const char *root, json_t *parameters)
{
	CLEANUP_FREE char *name = NULL;
	int status = root ? operand_name(cli, &name) : usage_error(cli, "--root is missing: below which build root?");

	if (status) {
		json_decref(parameters);
		return status;
	}
	parameter_bytes(parameters, "root", root);
	parameter_bytes(parameters, "name", name);
	return call_generation(cli, method, name, parameters);
}

static int run_begin(struct cli *cli, int argc, char **argv)
{
	CLEANUP_FREE char *root = NULL;
	int64_t pid = 0, max_age = 0;
	char text[32];
	const struct cli_option options[] = {
		{ "root", "DIR", "the build root", .path = &root },
		{ "pid", "PID", "the action is over when this process has gone; in the daemon's pid namespace",
		  .number = &pid },
		{ "max-age", "DURATION", "the action is over after this: 1h", .duration = &max_age },
		{ 0 },
	};
	json_t *parameters;
	int status;

	if (!options_parse(cli, options, argc, argv, &status))
		return status;
	if (pid > INT32_MAX)
		return usage_error(cli, "--pid: there is no process with so large a number");
	parameters = MUST(json_object());
	if (pid && json_object_set_new(parameters, "pid", json_integer(pid)) < 0)
		must(NULL);
	if (max_age)
		parameter_text(parameters, "max_age", duration_format(max_age, text, sizeof(text)));
	return begin_or_end(cli, "Begin", root, parameters);
}

static int run_end(struct cli *cli, int argc, char **argv)
{
	CLEANUP_FREE char *root = NULL;
	int64_t generation = 0;
	const struct cli_option options[] = {
		{ "root", "DIR", "the build root", .path = &root },
		{ "generation", "N", "this generation, as begin printed it, and no later one", .number = &generation },
		{ 0 },
	};
	json_t *parameters;
	int status;

	if (!options_parse(cli, options, argc, argv, &status))
		return status;
	parameters = MUST(json_object());
	if (generation && json_object_set_new(parameters, "generation", json_integer(generation)) < 0)
		must(NULL);
	return begin_or_end(cli, "End", root, parameters);
}

static int run_metrics(struct cli *cli, int argc, char **argv)
{
	int status;

	return options_parse(cli, NULL, argc, argv, &status) ? cli_call_text(cli, "Metrics") : status;
}

const struct command command_pause = {
	.name = "pause",
	.usage = "[--root DIR] [--for DURATION]",
	.summary = "stop reaping, go on watching; kept across restarts",
	.run = run_pause,
};
const struct command command_resume = {
	.name = "resume",
	.usage = "[--root DIR]",
	.summary = "reap again",
	.run = run_resume,
};
const struct command command_begin = {
	.name = "begin",
	.usage = "NAME --root DIR [--pid PID] [--max-age DURATION]",
	.summary = "register an action",
	.help = "Prints NAME@GENERATION.",
	.flags = COMMAND_JSON,
	.operands_min = 1,
	.operands_max = 1,
	.run = run_begin,
};
const struct command command_end = {
	.name = "end",
	.usage = "NAME --root DIR [--generation N]",
	.summary = "say that an action is over; twice is fine",
	.help = "Prints NAME@GENERATION.",
	.flags = COMMAND_JSON,
	.operands_min = 1,
	.operands_max = 1,
	.run = run_end,
};
const struct command command_metrics = {
	.name = "metrics",
	.usage = "",
	.summary = "the daemon's metrics as Prometheus reads them",
	.run = run_metrics,
};
