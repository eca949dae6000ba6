/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/words.h"
#include "client.h"
#include "ledger.h"
#include "operand.h"
#include "options.h"
#include "parameters.h"
#include "table.h"
#include "usage.h"

#define FOLLOW_BACK (10 * NSEC_PER_SEC)

static const struct column columns[] = {
	{ "TIME", show_text, "time", "when, in UTC", 0 },
	{ "TYPE", show_text, "type", "what happened", 0 },
	{ "ACTION", show_name, "action", "to which action", 0 },
	{ "TARGET", show_text, "target", "to which mount point", 0 },
	{ "DETAIL", show_detail, "detail", "what else is known", COLUMN_SHRINKS },
	{ "SEQ", show_number, "seq", "its number in the journal, for --after", COLUMN_RIGHT },
	{ "ROOT", show_text, "root", "the build root", 0 },
	{ "ID", show_number_known, "id", "the mount", COLUMN_RIGHT },
	{ "GENERATION", show_number, "generation", "the action's", COLUMN_RIGHT },
	{ "PID", show_number_known, "pid", "whose doing it was", COLUMN_RIGHT },
	{ "COMM", show_text, "comm", "the command of that process", 0 },
	{ 0 },
};

struct wanted {
	struct action_reference action;
	const char *action_text, *type;
	char *root;
	int64_t after, since, until;
	bool follow;
};

/* Where events go: JSON line by line, or a table for all that came together. */
struct sink {
	const struct cli *cli;
	struct cli_table *table;
	bool had_table;
	size_t count;
};

static void sink_add(void *context, const json_t *event)
{
	struct sink *sink = context;

	sink->count++;
	if (sink->cli->json) {
		CLEANUP_FREE char *line = MUST(json_dumps(event, JSON_COMPACT));

		puts(line);
		return;
	}
	if (!sink->table) {
		struct cli cli = *sink->cli;

		cli.noheadings = cli.noheadings || sink->had_table;
		sink->table = cli_table_new(&cli, columns, "TIME,TYPE,ACTION,TARGET,DETAIL", false);
	}
	cli_table_add(sink->table, event, NULL);
}

static void sink_flush(struct sink *sink)
{
	if (sink->table) {
		cli_table_print(sink->table);
		cli_table_free(sink->table);
		sink->table = NULL;
		sink->had_table = true;
	}
	fflush(stdout);
}

static int from_ledger(const struct cli *cli, struct wanted *wanted, struct sink *sink)
{
	CLEANUP_STORE struct store *store = NULL;
	int status = ledger_open_about(cli, wanted->root, &wanted->action, &store);
	struct store_filter filter = {
		.after_seq = wanted->after > 0 ? wanted->after : 0,
		.since = wanted->since,
		.until = ledger_span_end(wanted->until),
		.root = wanted->root,
		.action = wanted->action.name,
		.generation = wanted->action.generation,
		.type = -1,
	};
	enum event_type type;

	if (status)
		return status;
	if (wanted->type && event_type_parse(wanted->type, &type) == 0)
		filter.type = (int)type;
	status = ledger_events(store, &filter, sink_add, sink);
	sink_flush(sink);
	return status;
}

static json_t *parameters_for(const struct cli *cli, const struct wanted *wanted)
{
	json_t *parameters = MUST(json_pack("{s:b}", "follow", wanted->follow));

	if (wanted->after >= 0 && json_object_set_new(parameters, "after", json_integer(wanted->after)) < 0)
		must(NULL);
	/* Not with the whole journal; yet what is done right after this was started must be seen. */
	if (wanted->follow && wanted->after < 0 && !wanted->since)
		parameter_time(parameters, "since", cli->now.real - FOLLOW_BACK);
	parameter_time(parameters, "since", wanted->since);
	parameter_time(parameters, "until", wanted->until);
	parameter_bytes(parameters, "root", wanted->root);
	parameter_action(parameters, "action", &wanted->action);
	parameter_text(parameters, "type", wanted->type);
	return parameters;
}

static int from_daemon(const struct cli *cli, const struct wanted *wanted, struct sink *sink)
{
	CLEANUP_CLIENT struct client *client = NULL;
	int r = cli_connect(cli, &client);

	if (r)
		return r;
	r = client_send(client, "Events", parameters_for(cli, wanted), true);
	if (r < 0)
		return client_complain(cli, client, r);
	do {
		CLEANUP_JSON json_t *reply = NULL;
		const json_t *event;
		size_t i;

		r = client_receive(client, wanted->follow ? -1 : CLIENT_TIMEOUT_MS, &reply);
		if (r < 0)
			break;
		json_array_foreach (json_object_get(reply, "events"), i, event)
			sink_add(sink, event);
		if (wanted->follow)
			sink_flush(sink);
	} while (r > 0 && !ferror(stdout));
	sink_flush(sink);
	return r < 0 ? client_complain(cli, client, r) : CLI_DONE;
}

static int check(const struct cli *cli, struct wanted *wanted)
{
	if (wanted->follow && wanted->until)
		return usage_error(cli, "-f and --until do not go together");
	if (wanted->follow && cli->db)
		return usage_error(cli, "-f asks the daemon: it does not go with --db");
	if (wanted->since && wanted->until && wanted->since > wanted->until)
		return usage_error(cli, "--since is later than --until");
	return operand_action(cli, wanted->action_text, &wanted->action);
}

static int print_events(const struct cli *cli, struct wanted *wanted)
{
	struct sink sink = { .cli = cli };
	int status = cli->db ? from_ledger(cli, wanted, &sink) : from_daemon(cli, wanted, &sink);

	if (status || sink.count || !wanted->action_text)
		return status;
	if (!cli->json)
		log_error("no events of %s", wanted->action_text);
	return CLI_NO_MATCH;
}

static int run(struct cli *cli, int argc, char **argv)
{
	struct wanted wanted = { .after = -1 };
	const struct cli_option options[] = {
		{ "follow", NULL,
		  "go on as events happen; from ten seconds ago, unless --after or --since say otherwise", 'f',
		  .flag = &wanted.follow },
		{ "after", "SEQ", "only events with a larger number: a reader goes on where it was",
		  .number = &wanted.after },
		{ "since", "TIME", "not before: 2026-01-31T12:00:00Z, 12:30, -2h", .time = &wanted.since },
		{ "until", "TIME", "not after", .time = &wanted.until },
		{ "action", "ACTION", "of this action alone", .text = &wanted.action_text },
		{ "type", "TYPE", "of this type alone: attach, detach, evidence, reaped …", .text = &wanted.type,
		  .words = event_type_names },
		{ "root", "DIR", "of this build root alone", .path = &wanted.root },
		{ 0 },
	};
	int status;

	if (options_parse(cli, options, argc, argv, &status)) {
		status = check(cli, &wanted);
		if (!status)
			status = print_events(cli, &wanted);
	}
	action_reference_clear(&wanted.action);
	free(wanted.root);
	return status;
}

const struct command command_events = {
	.name = "events",
	.usage = "[-f] [--after SEQ] [--since TIME] [--until TIME] [--action ACTION] [--type TYPE] [--root DIR]",
	.summary = "the journal of what happened",
	.help = "With --json one object a line. Exit status 5: --action has no events.",
	.flags = COMMAND_JSON | COMMAND_TABLE | COMMAND_DB,
	.columns = columns,
	.run = run,
};
