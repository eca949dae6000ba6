/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/words.h"
#include "client.h"
#include "ledger.h"
#include "options.h"
#include "parameters.h"
#include "table.h"

static const struct column columns[] = {
	{ "NAME", show_name, "name", "its name, with @GENERATION where that is needed to tell it from others", 0 },
	{ "STATE", show_text, "state", "active, suspect, over, reaping, stuck or cleared", COLUMN_STATE },
	{ "EVIDENCE", show_kinds, "evidence", "what says that it is over", 0 },
	{ "MOUNTS", show_number, "mounts", "how many mounts it has", COLUMN_RIGHT },
	{ "OWNER", show_owner, "owner", "whose it is, and how that is known", COLUMN_SHRINKS },
	{ "AGE", show_age, "first_seen", "since it was first seen", COLUMN_RIGHT },
	{ "ROOT", show_text, "root", "the build root", 0 },
	{ "GENERATION", show_number, "generation", "how often the name was used by then", COLUMN_RIGHT },
	{ "PID", show_owner_pid, "pid", "the owner's process", COLUMN_RIGHT },
	{ "COMM", show_owner_comm, "comm", "the owner's command", 0 },
	{ "CGROUP", show_owner_comm, "cgroup", "the owner's cgroup", 0 },
	{ "CONTAINER", show_owner_comm, "container", "the owner's container", 0 },
	{ "FIRST-SEEN", show_text, "first_seen", "when it was first seen", 0 },
	{ "ENDED", show_text, "ended", "when it ended or was cleared", 0 },
	{ 0 },
};

struct wanted {
	char *root;
	const char *state;
	bool all;
};

static bool is_past(const struct wanted *wanted)
{
	return wanted->all || (wanted->state && !strcmp(wanted->state, action_state_name(ACTION_CLEARED)));
}

static int from_daemon(const struct cli *cli, const struct wanted *wanted, json_t **ret)
{
	json_t *parameters = MUST(json_pack("{s:b}", "all", is_past(wanted)));

	parameter_bytes(parameters, "root", wanted->root);
	parameter_text(parameters, "state", wanted->state);
	return cli_list(cli, "ListActions", parameters, "actions", ret);
}

static int from_ledger(const struct cli *cli, const struct wanted *wanted, json_t **ret)
{
	const struct store_filter filter = { .root = wanted->root, .type = -1, .all = is_past(wanted) };
	CLEANUP_STORE struct store *store = NULL;
	int status = ledger_open(cli, &store);

	if (status)
		return status;
	status = ledger_actions(store, &filter, ret);
	for (size_t i = json_array_size(*ret); wanted->state && i-- > 0;) {
		CLEANUP_FREE char *state = show_string(json_array_get(*ret, i), "state");

		if (strcmp(state, wanted->state))
			json_array_remove(*ret, i);
	}
	return status;
}

static bool differ(const json_t *a, const json_t *b, const char *key)
{
	return a && b && !json_equal(json_object_get(a, key), json_object_get(b, key));
}

static bool has_several_roots(const json_t *actions)
{
	for (size_t i = 1; i < json_array_size(actions); i++)
		if (differ(json_array_get(actions, 0), json_array_get(actions, i), "root"))
			return true;
	return false;
}

static int compare_names(const void *a, const void *b)
{
	const json_t *first = *(const json_t *const *)a, *second = *(const json_t *const *)b;
	CLEANUP_FREE char *root = show_string(first, "root"), *other_root = show_string(second, "root"),
			  *name = show_string(first, "name"), *other = show_string(second, "name");
	int r = strcmp(root, other_root);

	return r ? r : strcmp(name, other);
}

/* Says which rows share root and name with another one. */
static bool *find_ambiguous(const json_t *actions)
{
	size_t count = json_array_size(actions);
	const json_t **sorted = MUST(calloc(count + 1, sizeof(*sorted)));
	bool *ambiguous = MUST(calloc(count + 1, sizeof(*ambiguous)));

	for (size_t i = 0; i < count; i++)
		sorted[i] = json_array_get(actions, i);
	qsort(sorted, count, sizeof(*sorted), compare_names);
	for (size_t i = 0; i < count; i++) {
		const json_t *row = json_array_get(actions, i);
		const json_t **found = bsearch(&row, sorted, count, sizeof(*sorted), compare_names);

		ambiguous[i] = (found > sorted && !compare_names(found - 1, &row)) ||
			       (found + 1 < sorted + count && !compare_names(found + 1, &row));
	}
	free(sorted);
	return ambiguous;
}

static void print_actions(const struct cli *cli, const json_t *actions)
{
	CLEANUP_TABLE struct cli_table *table =
		cli_table_new(cli, columns,
			      has_several_roots(actions) ? "NAME,STATE,EVIDENCE,MOUNTS,OWNER,AGE,ROOT" :
							   "NAME,STATE,EVIDENCE,MOUNTS,OWNER,AGE",
			      false);
	CLEANUP_FREE bool *ambiguous = find_ambiguous(actions);
	const json_t *row;
	size_t i;

	json_array_foreach (actions, i, row) {
		cli_table_show(table)->ambiguous = ambiguous[i];
		cli_table_add(table, row, NULL);
	}
	cli_table_print(table);
}

static int run(struct cli *cli, int argc, char **argv)
{
	struct wanted wanted = { 0 };
	const struct cli_option options[] = {
		{ "root", "DIR", "of this build root alone", .path = &wanted.root },
		{ "state", "STATE", "in this state alone", .text = &wanted.state, .words = action_state_names },
		{ "all", NULL, "past ones too", .flag = &wanted.all },
		{ 0 },
	};
	CLEANUP_JSON json_t *actions = NULL;
	int status;

	if (options_parse(cli, options, argc, argv, &status))
		status = cli->db ? from_ledger(cli, &wanted, &actions) : from_daemon(cli, &wanted, &actions);
	if (actions && cli->json)
		print_envelope("actions", take_ptr(actions));
	else if (actions)
		print_actions(cli, actions);
	free(wanted.root);
	return status;
}

const struct command command_actions = {
	.name = "actions",
	.usage = "[--root DIR] [--state STATE] [--all]",
	.summary = "build actions: one row each",
	.flags = COMMAND_JSON | COMMAND_TABLE | COMMAND_DB,
	.columns = columns,
	.run = run,
};
