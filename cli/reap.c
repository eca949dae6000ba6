/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "client.h"
#include "operand.h"
#include "options.h"
#include "parameters.h"
#include "reap_wait.h"
#include "table.h"
#include "usage.h"

#define DEFAULT_TIMEOUT (60 * NSEC_PER_SEC)

static const struct column columns[] = {
	{ "ACTION", show_name, "action", "the action", 0 },
	{ "TARGET", show_text, "target", "the mount point", 0 },
	{ "STEP", show_text, "step", "the first step taken", 0 },
	{ "HOLD", show_text, "hold", "why it is left alone", 0 },
	{ "ID", show_number, "id", "the mount", COLUMN_RIGHT },
	{ "ROOT", show_text, "root", "the build root", 0 },
	{ "GENERATION", show_number, "generation", "the action's", COLUMN_RIGHT },
	{ 0 },
};

struct wanted {
	json_t *actions; /* as the daemon reads them */
	char *root;
	bool leftovers, dry_run, wait, active;
	int64_t timeout;
};

static int read_actions(const struct cli *cli, struct wanted *wanted)
{
	wanted->actions = MUST(json_array());
	for (int i = 0; i < cli->operand_count; i++) {
		CLEANUP_REFERENCE struct action_reference reference = { 0 };
		CLEANUP_FREE char *text = NULL;
		int status = operand_action(cli, cli->operands[i], &reference);

		if (status)
			return status;
		text = action_reference_text(reference.name, reference.generation);
		if (json_array_append_new(wanted->actions, json_string(text)) < 0)
			must(NULL);
	}
	return CLI_DONE;
}

static int check(const struct cli *cli, struct wanted *wanted)
{
	if (!wanted->leftovers && !cli->operand_count)
		return usage_error(cli, "reap what? Name actions, or say --leftovers");
	if (wanted->leftovers && cli->operand_count)
		return usage_error(cli, "name actions or say --leftovers, not both");
	if (wanted->leftovers && wanted->active)
		return usage_error(cli, "--active needs the names of the actions: --leftovers are not active");
	if (wanted->dry_run && wanted->wait)
		return usage_error(cli, "--dry-run does nothing that --wait could wait for");
	return read_actions(cli, wanted);
}

static json_t *parameters_for(const struct wanted *wanted)
{
	json_t *parameters = MUST(json_pack("{s:b, s:b, s:b}", "leftovers", wanted->leftovers, "dry_run",
					    wanted->dry_run, "active", wanted->active));

	if (!wanted->leftovers && json_object_set(parameters, "actions", wanted->actions) < 0)
		must(NULL);
	parameter_bytes(parameters, "root", wanted->root);
	return parameters;
}

static void print_items(const struct cli *cli, const struct wanted *wanted, json_t *items)
{
	if (cli->json)
		print_envelope("items", json_incref(items));
	else if (json_array_size(items))
		cli_table_print_array(cli, columns, "ACTION,TARGET,STEP,HOLD", items);
	else if (wanted->leftovers)
		log_notice("there are no leftovers");
	else
		log_notice("there is nothing to take away");
}

static int reap(const struct cli *cli, const struct wanted *wanted)
{
	CLEANUP_CLIENT struct client *watcher = NULL;
	CLEANUP_JSON json_t *items = NULL;
	int status = wanted->wait ? reap_wait_prepare(cli, &watcher) : CLI_DONE;

	if (!status)
		status = cli_list(cli, "Reap", parameters_for(wanted), "items", &items);
	if (status)
		return status;
	print_items(cli, wanted, items);
	if (wanted->wait)
		return reap_wait(cli, watcher, items, wanted->timeout);
	if (wanted->dry_run || !json_array_size(items) || reap_count_held(items) < json_array_size(items))
		return CLI_DONE;
	log_error("nothing is reaped: %s", cli->json ? "each has its hold" : "the reasons stand above");
	return CLI_REFUSED;
}

static int run(struct cli *cli, int argc, char **argv)
{
	struct wanted wanted = { .timeout = DEFAULT_TIMEOUT };
	const struct cli_option options[] = {
		{ "leftovers", NULL, "every leftover", .flag = &wanted.leftovers },
		{ "root", "DIR", "of this build root alone", .path = &wanted.root },
		{ "dry-run", NULL, "only say what would be done", .flag = &wanted.dry_run },
		{ "wait", NULL, "until they are gone or stuck; exit 1 where any is left", .flag = &wanted.wait },
		{ "timeout", "DURATION", "how long --wait waits: 60s", .duration = &wanted.timeout },
		{ "active", NULL, "an active action, too", .flag = &wanted.active },
		{ 0 },
	};
	int status;

	if (options_parse(cli, options, argc, argv, &status)) {
		status = check(cli, &wanted);
		if (!status)
			status = reap(cli, &wanted);
	}
	json_decref(wanted.actions);
	free(wanted.root);
	return status;
}

const struct command command_reap = {
	.name = "reap",
	.usage = "ACTION... | --leftovers [--root DIR] [--dry-run | --wait [--timeout DURATION]] [--active]",
	.summary = "ask the daemon to reap now, without grace",
	.help = "ACTION is NAME or NAME@GENERATION; an active one needs --active.",
	.flags = COMMAND_JSON | COMMAND_TABLE,
	.operands_max = -1,
	.columns = columns,
	.run = run,
};
