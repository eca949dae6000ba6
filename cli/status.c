/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>

#include "client.h"
#include "options.h"
#include "table.h"

/* A pause that nobody sees is forgotten. */
static char *show_mode(const struct show *show, const json_t *row, const char *key)
{
	char *mode = show_text(show, row, key), *both = NULL;

	if (!json_is_true(json_object_get(row, "paused")))
		return mode;
	if (asprintf(&both, "%s, paused", mode) < 0)
		both = NULL;
	free(mode);
	return MUST(both);
}

static const struct column columns[] = {
	{ "ROOT", show_text, "path", "the build root", 0 },
	{ "MODE", show_mode, "mode", "enforce or observe, and whether reaping is paused here", 0 },
	{ "ACTIONS", show_number, "actions", "actions that are not past", COLUMN_RIGHT },
	{ "MOUNTS", show_number, "mounts", "mounts below it", COLUMN_RIGHT },
	{ "LEFTOVERS", show_number, "leftovers", "mounts of actions that are over", COLUMN_RIGHT },
	{ "STUCK", show_number, "stuck", "leftovers that survived their ladder", COLUMN_RIGHT },
	{ "PROTECTED", show_number, "protected", "mounts of actions that are over, kept by a protect pattern",
	  COLUMN_RIGHT },
	{ "HEALTH", show_text, "health", "ok, absent, covered, dead, hung or unknown", COLUMN_STATE },
	{ "PAUSED", show_flag, "paused", "reaping is switched off here", 0 },
	{ 0 },
};

static const char *plural(int64_t count)
{
	return count == 1 ? "" : "s";
}

static char *join_texts(const json_t *array)
{
	CLEANUP_FREE char *all = MUST(strdup(""));
	json_t *item;
	size_t i;

	json_array_foreach (array, i, item) {
		CLEANUP_FREE char *text = show_item(item);

		must_append(&all, " ", text);
	}
	return take_ptr(all);
}

#define NUMBER_NOTE " (numbers come again: evidence begins afresh when the daemon starts)"

/* Of the process that shows the namespace, its name and number. */
static void print_watched(const json_t *watched)
{
	const json_t *one;
	size_t i;

	json_array_foreach (watched, i, one) {
		CLEANUP_FREE char *comm = show_string(one, "comm"), *source = show_string(one, "source");

		printf("            %lld %s[%lld], %lld mounts, %s\n", (long long)show_integer(one, "inode"), comm,
		       (long long)show_integer(one, "pid"), (long long)show_integer(one, "mounts"), source);
	}
}

static void print_source(const struct cli *cli, const json_t *status)
{
	CLEANUP_FREE char *version = show_string(status, "version"), *source = show_string(status, "source"),
			  *note = show_string(status, "source_note"), *identity = show_string(status, "identity");
	CLEANUP_FREE char *namespaces = join_texts(json_object_get(status, "namespaces"));
	CLEANUP_FREE char *age = show_age(&(struct show){ .now = cli->now }, status, "started");
	CLEANUP_FREE char *engine_age = show_age(&(struct show){ .now = cli->now }, status, "engine_started");
	bool anew = show_integer(status, "engine_deaths") > 0;

	printf("reaperd     %s, running for %s%s%s\n", version, age, anew ? "; its engine, which counts, for " : "",
	       anew ? engine_age : "");
	printf("source      %s%s%s%s\n", source, *note ? " (" : "", note, *note ? ")" : "");
	printf("identity    %s%s\n", identity, strcmp(identity, "number") ? "" : NUMBER_NOTE);
	printf("namespaces  %s\n", namespaces);
	print_watched(json_object_get(status, "watched"));
	if (show_integer(status, "unwatched") > 0)
		printf("            %lld more hold a root and are not watched\n",
		       (long long)show_integer(status, "unwatched"));
}

static void print_mode(const json_t *status)
{
	CLEANUP_FREE char *mode = show_string(status, "mode"), *until = show_string(status, "paused_until");
	bool paused = json_is_true(json_object_get(status, "paused"));

	printf("mode        %s%s%s%s\n", mode, paused ? ", paused" : "", paused && *until ? " until " : "",
	       paused ? until : "");
}

static void print_counts(const json_t *status)
{
	int64_t mounts = show_integer(status, "mounts"), events = show_integer(status, "events"),
		rescans = show_integer(status, "rescans");

	printf("mounts      %lld below roots, %lld of them unowned\n", (long long)mounts,
	       (long long)show_integer(status, "unowned"));
	printf("events      %lld event%s, %lld lost, %lld rescan%s, %.1f ms behind\n", (long long)events,
	       plural(events), (long long)show_integer(status, "lost"), (long long)rescans, plural(rescans),
	       json_number_value(json_object_get(status, "lag_ms")));
	printf("attached    %lld since the start, of %lld it is certain who made them\n",
	       (long long)show_integer(status, "attached"), (long long)show_integer(status, "attested"));
}

static void print_helpers(const json_t *status)
{
	const json_t *ledger = json_object_get(status, "ledger"), *broker = json_object_get(status, "broker");
	CLEANUP_FREE char *path = show_string(ledger, "path"), *state = show_string(ledger, "state"),
			  *problem = show_string(ledger, "problem"), *broker_state = show_string(broker, "state"),
			  *died = show_string(status, "engine_died");

	printf("ledger      %s, %s, %.1f MiB%s%s\n", state, path, (double)show_integer(ledger, "bytes") / (1 << 20),
	       *problem ? ": " : "", problem);
	printf("broker      %s, %lld in flight, %lld hung\n", broker_state,
	       (long long)show_integer(broker, "in_flight"), (long long)show_integer(broker, "hung"));
	if (show_integer(status, "engine_deaths"))
		printf("engine      died %lld times since the daemon started; the last one %s\n",
		       (long long)show_integer(status, "engine_deaths"), died);
}

static void print_status(const struct cli *cli, const json_t *status)
{
	if (!cli->noheadings && !cli->raw) {
		print_source(cli, status);
		print_mode(status);
		print_counts(status);
		print_helpers(status);
		printf("\n");
	}
	cli_table_print_array(cli, columns, "ROOT,MODE,ACTIONS,MOUNTS,LEFTOVERS,STUCK,HEALTH",
			      json_object_get(status, "roots"));
}

/* --check: leftovers outweigh what could not be told. */
static int check(const json_t *status)
{
	int64_t found = 0, unsure = show_integer(json_object_get(status, "broker"), "hung");
	const json_t *root;
	size_t i;

	json_array_foreach (json_object_get(status, "roots"), i, root) {
		CLEANUP_FREE char *health = show_string(root, "health");

		found += show_integer(root, "leftovers") + show_integer(root, "stuck");
		unsure += strcmp(health, "ok") != 0;
	}
	return found ? CLI_FOUND : unsure ? CLI_UNSURE : CLI_DONE;
}

static int run(struct cli *cli, int argc, char **argv)
{
	bool want_check = false;
	const struct cli_option options[] = {
		{ "check", NULL,
		  "exit 1 where there are leftovers or stuck mounts, 3 where a root or a probe says nothing",
		  .flag = &want_check },
		{ 0 },
	};
	CLEANUP_JSON json_t *reply = NULL;
	const json_t *status;
	int r;

	if (!options_parse(cli, options, argc, argv, &r))
		return r;
	r = cli_call(cli, "GetStatus", json_object(), &reply);
	if (r)
		return r;
	status = json_object_get(reply, "status");
	if (!json_is_object(status))
		return client_bad_reply(cli);
	if (cli->json)
		print_json(status);
	else
		print_status(cli, status);
	return want_check ? check(status) : CLI_DONE;
}

const struct command command_status = {
	.name = "status",
	.usage = "[--check]",
	.summary = "the daemon: its source, build roots, counts, leftovers, ledger and broker",
	.help = "--noheadings and --raw leave the table of build roots alone.",
	.flags = COMMAND_JSON | COMMAND_TABLE,
	.columns = columns,
	.run = run,
};
