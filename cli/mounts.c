/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <libsmartcols/libsmartcols.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "client.h"
#include "ledger.h"
#include "operand.h"
#include "options.h"
#include "parameters.h"
#include "table.h"
#include "usage.h"

static const struct column columns[] = {
	{ "ID", show_number, "id", "the kernel's unique id", COLUMN_RIGHT },
	{ "TARGET", show_text, "target", "the mount point", COLUMN_TREE },
	{ "FSTYPE", show_text, "fstype", "filesystem type", 0 },
	{ "SOURCE", show_text, "source", "what is mounted", COLUMN_SHRINKS },
	{ "ACTION", show_name, "action", "the action that it belongs to", 0 },
	{ "STATE", show_text, "state", "attached, stuck, detached or reaped", COLUMN_STATE },
	{ "AGE", show_age, "attached", "since it was attached, or first seen", COLUMN_RIGHT },
	{ "OPTIONS", show_text, "options", "mount options", COLUMN_SHRINKS },
	{ "ROOT", show_text, "root", "the build root", 0 },
	{ "GENERATION", show_number, "generation", "the action's", COLUMN_RIGHT },
	{ "PARENT", show_number, "parent", "id of the mount that it stands on", COLUMN_RIGHT },
	{ "NAMESPACE", show_number, "namespace", "the mount namespace", COLUMN_RIGHT },
	{ "ATTACHED", show_text, "attached", "when", 0 },
	{ "BY", show_attacher, "attached_by", "who attached it, as the kernel said", 0 },
	{ "PID", show_attacher_pid, "pid", "the process that attached it", COLUMN_RIGHT },
	{ "COMM", show_attacher_comm, "comm", "its command", 0 },
	{ "DETACHED", show_text, "detached", "when", 0 },
	{ "DETACHED-BY", show_words, "detached_by", "who took it away", 0 },
	{ 0 },
};

struct wanted {
	struct action_reference action;
	char *root;
	int64_t at;
	bool all, tree;
};

static int from_daemon(const struct cli *cli, const struct wanted *wanted, json_t **ret)
{
	json_t *parameters = MUST(json_pack("{s:b}", "all", wanted->all));

	parameter_bytes(parameters, "root", wanted->root);
	parameter_action(parameters, "action", &wanted->action);
	parameter_time(parameters, "at", wanted->at);
	return cli_list(cli, "ListMounts", parameters, "mounts", ret);
}

static int from_ledger(const struct cli *cli, struct wanted *wanted, json_t **ret)
{
	CLEANUP_STORE struct store *store = NULL;
	int status = ledger_open_about(cli, wanted->root, &wanted->action, &store);
	const struct store_filter filter = {
		.root = wanted->root,
		.action = wanted->action.name,
		.generation = wanted->action.generation,
		.type = -1,
		.all = wanted->all,
		.at = ledger_span_end(wanted->at),
	};

	return status ? status : ledger_mounts(store, &filter, ret);
}

/* A row of the tree: its line is made after its parent's. */
struct node {
	int64_t id, parent;
	const json_t *row;
	struct libscols_line *line;
	bool entered;
};

static int compare_nodes(const void *a, const void *b)
{
	int64_t first = ((const struct node *)a)->id, second = ((const struct node *)b)->id;

	return (first > second) - (first < second);
}

/* Recorded ids may come again, so what a list calls a parent need not be one: a circle is cut where it is met. */
static struct libscols_line *add_node(struct cli_table *table, struct node *nodes, size_t count, struct node *node)
{
	const struct node key = { .id = node->parent };
	struct node *parent = bsearch(&key, nodes, count, sizeof(*nodes), compare_nodes);
	struct libscols_line *above = NULL;

	if (node->line || node->entered)
		return node->line;
	node->entered = true;
	if (parent)
		above = add_node(table, nodes, count, parent);
	node->line = cli_table_add(table, node->row, above);
	return node->line;
}

static void print_tree(const struct cli *cli, const json_t *mounts)
{
	CLEANUP_TABLE struct cli_table *table =
		cli_table_new(cli, columns, "TARGET,ID,FSTYPE,SOURCE,ACTION,STATE,BY,AGE", true);
	size_t count = json_array_size(mounts);
	CLEANUP_FREE struct node *nodes = MUST(calloc(count + 1, sizeof(*nodes)));

	for (size_t i = 0; i < count; i++) {
		const json_t *row = json_array_get(mounts, i);

		nodes[i] = (struct node){ .id = show_integer(row, "id"),
					  .parent = show_integer(row, "parent"),
					  .row = row };
	}
	qsort(nodes, count, sizeof(*nodes), compare_nodes);
	for (size_t i = 0; i < count; i++)
		add_node(table, nodes, count, &nodes[i]);
	cli_table_print(table);
}

static void print_mounts(const struct cli *cli, const struct wanted *wanted, json_t *mounts)
{
	if (cli->json)
		print_envelope("mounts", json_incref(mounts));
	else if (wanted->tree)
		print_tree(cli, mounts);
	else
		cli_table_print_array(cli, columns, "ID,TARGET,FSTYPE,SOURCE,ACTION,STATE,BY,AGE", mounts);
}

static int list(const struct cli *cli, struct wanted *wanted)
{
	CLEANUP_JSON json_t *mounts = NULL;
	int status = cli->db ? from_ledger(cli, wanted, &mounts) : from_daemon(cli, wanted, &mounts);

	if (status)
		return status;
	print_mounts(cli, wanted, mounts);
	if (!wanted->action.name || json_array_size(mounts))
		return CLI_DONE;
	if (!cli->json)
		log_error("no mounts of %s", cli->operands[0]);
	return CLI_NO_MATCH;
}

static int run(struct cli *cli, int argc, char **argv)
{
	struct wanted wanted = { 0 };
	const struct cli_option options[] = {
		{ "root", "DIR", "of this build root alone", .path = &wanted.root },
		{ "tree", NULL, "as a tree", .flag = &wanted.tree },
		{ "all", NULL, "past ones too", .flag = &wanted.all },
		{ "at", "TIME", "as it stood then: 2026-01-31T12:00:00Z, 12:30, -2h", .time = &wanted.at },
		{ 0 },
	};
	int status;

	if (options_parse(cli, options, argc, argv, &status)) {
		if (wanted.at && wanted.all)
			status = usage_error(cli, "--at and --all do not go together");
		else
			status = operand_action(cli, cli->operands[0], &wanted.action);
		if (!status)
			status = list(cli, &wanted);
	}
	action_reference_clear(&wanted.action);
	free(wanted.root);
	return status;
}

const struct command command_mounts = {
	.name = "mounts",
	.usage = "[ACTION] [--root DIR] [--tree] [--all] [--at TIME]",
	.summary = "mounts below the build roots: one row each",
	.help = "ACTION is NAME or NAME@GENERATION. Exit status 5: ACTION has no mounts.",
	.flags = COMMAND_JSON | COMMAND_TABLE | COMMAND_DB,
	.operands_max = 1,
	.columns = columns,
	.run = run,
};
