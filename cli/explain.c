/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/path.h"
#include "base/text.h"
#include "client.h"
#include "ledger.h"
#include "operand.h"
#include "options.h"
#include "parameters.h"
#include "table.h"
#include "usage.h"

enum what { WHAT_ACTION, WHAT_PATH, WHAT_MOUNT };

struct wanted {
	enum what what;
	struct action_reference action;
	char *path;
	uint64_t mount;
	char *root;
};

static const struct column attempt_columns[] = {
	{ "TIME", show_text, "time", "", 0 },
	{ "STEP", show_text, "step", "", 0 },
	{ "TARGET", show_text, "target", "", 0 },
	{ "EVIDENCE", show_text, "evidence", "", 0 },
	{ "OUTCOME", show_text, "outcome", "", COLUMN_STATE },
	{ "ERROR", show_text, "error", "", 0 },
	{ "DETAIL", show_text, "detail", "", 0 },
	{ 0 },
};

static int read_what(const struct cli *cli, struct wanted *wanted)
{
	const char *text = cli->operands[0];
	CLEANUP_FREE char *bytes = NULL;

	if (mount_reference_parse(text, &wanted->mount) == 0) {
		wanted->what = WHAT_MOUNT;
		return CLI_DONE;
	}
	if (*text != '/') {
		int status = operand_action(cli, text, &wanted->action);

		if (!status && !strncmp(text, "mnt:", 4) && !wanted->action.generation)
			return usage_error(cli, "'%s' names no mount: after mnt: comes its number", text);
		return status;
	}
	wanted->what = WHAT_PATH;
	if (text_unescape(text, &bytes) < 0)
		return usage_escape(cli, text);
	if (path_normalize(bytes, &wanted->path) < 0)
		return usage_error(cli, "'%s' is no path without '.' and '..'", text);
	return CLI_DONE;
}

static int from_daemon(const struct cli *cli, const struct wanted *wanted, json_t **ret)
{
	CLEANUP_JSON json_t *reply = NULL;
	json_t *parameters = MUST(json_object());
	int status;

	parameter_bytes(parameters, "root", wanted->root);
	if (wanted->what == WHAT_ACTION)
		parameter_action(parameters, "what", &wanted->action);
	else if (wanted->what == WHAT_PATH)
		parameter_bytes(parameters, "what", wanted->path);
	else
		parameter_text(parameters, "what", cli->operands[0]);
	status = cli_call(cli, "Explain", parameters, &reply);
	if (status)
		return status;
	*ret = json_incref(json_object_get(reply, "explanations"));
	return json_is_array(*ret) ? CLI_DONE : client_bad_reply(cli);
}

/* ---- from a ledger: what was, not what comes next ---- */

static void add_explanation(json_t *explanations, json_t *action, const json_t *mounts, json_t *attempts)
{
	json_t *explained = MUST(json_array());
	json_t *mount;
	size_t i;

	json_array_foreach (mounts, i, mount)
		if (json_array_append_new(explained, MUST(json_pack("{s:O, s:n, s:[], s:[]}", "mount", mount,
								    "decision", "evidence", "holders"))) < 0)
			must(NULL);
	if (json_array_append_new(explanations,
				  MUST(json_pack("{s:o, s:n, s:[s], s:o, s:O}", "action", action, "decision", "text",
						 "from the ledger: what was recorded, not what comes next", "mounts",
						 explained, "attempts", attempts))) < 0)
		must(NULL);
}

static int explain_action_row(struct store *store, json_t *action, json_t *explanations)
{
	CLEANUP_FREE char *root = show_bytes(action, "root"), *name = show_bytes(action, "name");
	const struct store_filter filter = {
		.root = root,
		.action = name,
		.generation = (uint32_t)show_integer(action, "generation"),
		.type = -1,
		.all = true,
	};
	CLEANUP_JSON json_t *mounts = NULL, *attempts = NULL;
	int status = ledger_mounts(store, &filter, &mounts);

	if (!status)
		status = ledger_attempts(store, &filter, &attempts);
	if (!status)
		add_explanation(explanations, json_incref(action), mounts, attempts);
	return status;
}

static int explain_actions(struct store *store, const struct wanted *wanted, json_t *explanations)
{
	const struct store_filter filter = {
		.root = wanted->root,
		.action = wanted->action.name,
		.generation = wanted->action.generation,
		.type = -1,
		.all = true,
	};
	CLEANUP_JSON json_t *actions = NULL;
	json_t *action;
	size_t i;
	int status = ledger_actions(store, &filter, &actions);

	json_array_foreach (actions, i, action)
		if (!status)
			status = explain_action_row(store, action, explanations);
	return status;
}

static int explain_mounts(struct store *store, const struct wanted *wanted, json_t *explanations)
{
	const struct store_filter filter = {
		.root = wanted->root,
		.type = -1,
		.all = true,
		.target = wanted->path,
		.mount_id = wanted->mount,
	};
	CLEANUP_JSON json_t *mounts = NULL, *attempts = NULL;
	int status = ledger_mounts(store, &filter, &mounts);

	if (!status && json_array_size(mounts))
		status = ledger_attempts(store, &filter, &attempts);
	if (!status && attempts)
		add_explanation(explanations, json_null(), mounts, attempts);
	return status;
}

static int from_ledger(const struct cli *cli, struct wanted *wanted, json_t **ret)
{
	CLEANUP_STORE struct store *store = NULL;
	CLEANUP_JSON json_t *explanations = MUST(json_array());
	int status = ledger_open_about(cli, wanted->root, &wanted->action, &store);

	if (status)
		return status;
	status = wanted->what == WHAT_ACTION ? explain_actions(store, wanted, explanations) :
					       explain_mounts(store, wanted, explanations);
	if (!status)
		*ret = take_ptr(explanations);
	return status;
}

/* ---- for people ---- */

static void print_decision(const json_t *decision)
{
	CLEANUP_FREE char *verdict = show_string(decision, "verdict"), *hold = show_string(decision, "hold"),
			  *because = show_string(decision, "because"), *due = show_string(decision, "due");

	if (!*verdict)
		return;
	printf("  next      %s%s%s%s%s%s%s\n", verdict, *because ? ", because " : "", because, *due ? ", at " : "", due,
	       *hold ? ", held up: " : "", hold);
}

static void print_action(const struct show *show, const json_t *action, const json_t *decision)
{
	CLEANUP_FREE char *name = show_name(show, action, "name"), *root = show_string(action, "root"),
			  *state = show_string(action, "state"), *owner = show_owner(show, action, "owner"),
			  *age = show_age(show, action, "first_seen");
	const json_t *item;
	size_t i;

	printf("%s below %s: %s\n", name, root, state);
	printf("  owner     %s\n", owner);
	if (*age)
		printf("  seen      for %s\n", age);
	json_array_foreach (json_object_get(action, "evidence"), i, item) {
		CLEANUP_FREE char *kind = show_string(item, "kind"), *since = show_age(show, item, "since");

		printf("  evidence  %s, for %s\n", kind, since);
	}
	print_decision(decision);
}

static void print_text(const json_t *lines)
{
	json_t *line;
	size_t i;

	json_array_foreach (lines, i, line) {
		CLEANUP_FREE char *text = show_sentence(line);

		printf("  %s\n", text);
	}
}

static void print_holders(const json_t *holders)
{
	const json_t *holder;
	size_t i;

	json_array_foreach (holders, i, holder) {
		CLEANUP_FREE char *comm = show_string(holder, "comm"), *how = show_string(holder, "how");
		const json_t *number = json_object_get(holder, "number");

		printf("    held by %s[%lld]: %s", comm, (long long)show_integer(holder, "pid"), how);
		if (json_is_integer(number))
			printf(" %lld", (long long)json_integer_value(number));
		printf("\n");
	}
}

static void print_mount(const struct show *show, const json_t *explained)
{
	const json_t *mount = json_object_get(explained, "mount");
	CLEANUP_FREE char *target = show_string(mount, "target"), *fstype = show_string(mount, "fstype"),
			  *state = show_string(mount, "state"), *by = show_words(show, mount, "detached_by"),
			  *attacher = show_attacher(show, mount, "attached_by"),
			  *kinds = show_kinds(show, explained, "evidence"),
			  *hold = show_string(json_object_get(explained, "decision"), "hold"),
			  *verdict = show_string(json_object_get(explained, "decision"), "verdict");

	printf("  mnt:%lld %s %s: %s%s%s", (long long)show_integer(mount, "id"), target, fstype, state,
	       *by ? " by " : "", by);
	if (*attacher)
		printf("%s by %s", strcmp(state, "attached") ? ", attached" : "", attacher);
	printf("%s%s%s%s%s%s\n", *kinds ? ", " : "", kinds, *verdict ? ", next: " : "", verdict,
	       *hold ? ", held up: " : "", hold);
	print_holders(json_object_get(explained, "holders"));
}

static void print_explanation(const struct cli *cli, const json_t *explanation)
{
	const struct show show = { .now = cli->now };
	const json_t *action = json_object_get(explanation, "action"),
		     *attempts = json_object_get(explanation, "attempts"), *mount;
	size_t i;

	if (json_is_object(action))
		print_action(&show, action, json_object_get(explanation, "decision"));
	print_text(json_object_get(explanation, "text"));
	json_array_foreach (json_object_get(explanation, "mounts"), i, mount)
		print_mount(&show, mount);
	if (json_array_size(attempts)) {
		printf("attempts\n");
		cli_table_print_array(cli, attempt_columns, "TIME,STEP,TARGET,EVIDENCE,OUTCOME,ERROR,DETAIL", attempts);
	}
}

static void print_explanations(const struct cli *cli, const json_t *explanations)
{
	const json_t *explanation;
	size_t i;

	json_array_foreach (explanations, i, explanation) {
		if (i)
			printf("\n");
		print_explanation(cli, explanation);
	}
}

static int explain(const struct cli *cli, struct wanted *wanted)
{
	CLEANUP_JSON json_t *explanations = NULL;
	int status = cli->db ? from_ledger(cli, wanted, &explanations) : from_daemon(cli, wanted, &explanations);
	bool found;

	if (status)
		return status;
	found = json_array_size(explanations);
	if (cli->json)
		print_envelope("explanations", take_ptr(explanations));
	else if (found)
		print_explanations(cli, explanations);
	else
		log_error("nothing is known of %s", cli->operands[0]);
	return found ? CLI_DONE : CLI_NO_MATCH;
}

static int run(struct cli *cli, int argc, char **argv)
{
	struct wanted wanted = { 0 };
	const struct cli_option options[] = {
		{ "root", "DIR", "of this build root, where several have such an action", .path = &wanted.root },
		{ 0 },
	};
	int status;

	if (options_parse(cli, options, argc, argv, &status)) {
		status = read_what(cli, &wanted);
		if (!status)
			status = explain(cli, &wanted);
	}
	action_reference_clear(&wanted.action);
	free(wanted.path);
	free(wanted.root);
	return status;
}

const struct command command_explain = {
	.name = "explain",
	.usage = "ACTION|PATH|mnt:ID [--root DIR]",
	.summary = "whose it is, what says that it is over, what comes next and why not yet, who holds it",
	.help = "ACTION is NAME or NAME@GENERATION. With --db: what was recorded of it. Exit status 5: nothing is known of it.",
	.flags = COMMAND_JSON | COMMAND_DB,
	.operands_min = 1,
	.operands_max = 1,
	.run = run,
};
