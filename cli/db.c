/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "client.h"
#include "config/config.h"
#include "ledger.h"
#include "options.h"
#include "usage.h"

static const char *const verbs[] = { "check", NULL };
static const char *const later_verbs[] = { "backup", "prune", NULL };

/*
 * The daemon's, where one answers, else the usual place. Without --db nobody asked for a daemon, so its absence is no
 * error.
 */
static char *find_ledger(const struct cli *cli)
{
	CLEANUP_CLIENT struct client *client = NULL;
	CLEANUP_JSON json_t *reply = NULL;
	const char *path = NULL;

	if (cli->db)
		return MUST(strdup(cli->db));
	if (client_open(cli->socket, &client) == 0 &&
	    client_send(client, "GetStatus", MUST(json_object()), false) == 0 &&
	    client_receive(client, CLIENT_TIMEOUT_MS, &reply) == 0)
		path = json_string_value(
			json_object_get(json_object_get(json_object_get(reply, "status"), "ledger"), "path"));
	return MUST(strdup(path ? path : CONFIG_DEFAULT_STATE_DIR "/ledger.db"));
}

static void print_result(const struct cli *cli, const char *path, bool ok, const char *why)
{
	CLEANUP_JSON json_t *result = NULL;

	if (!cli->json && ok) {
		printf("%s: ok\n", path);
	} else if (!cli->json) {
		log_error("%s: %s", path, why);
	} else {
		result = MUST(json_pack("{s:s, s:b, s:s}", "path", path, "ok", ok, "problem", why));
		print_json(result);
	}
}

static int check(const struct cli *cli)
{
	CLEANUP_FREE char *path = find_ledger(cli);
	CLEANUP_STORE struct store *store = NULL;
	char why[512] = "";
	int status = ledger_open_path(path, &store);

	if (status)
		return status;
	status = store_check(store, why, sizeof(why)) < 0 ? CLI_UNSURE : CLI_DONE;
	print_result(cli, path, status == CLI_DONE, why);
	return status;
}

static int run(struct cli *cli, int argc, char **argv)
{
	int status;

	if (!options_parse(cli, NULL, argc, argv, &status))
		return status;
	for (const char *const *later = later_verbs; *later; later++)
		if (!strcmp(cli->operands[0], *later))
			return usage_error(cli, "%s comes in a later release", *later);
	if (strcmp(cli->operands[0], "check"))
		return usage_unknown(cli, "word", cli->operands[0], verbs);
	if (cli->operand_count > 1)
		return usage_error(cli, "one argument too many: '%s'; the ledger's file goes with --db",
				   cli->operands[1]);
	return check(cli);
}

const struct command command_db = {
	.name = "db",
	.usage = "check",
	.summary = "look the ledger over",
	.help = "Of the file that --db names, else of the daemon's. Exit status 3: it is damaged or cannot be read.",
	.flags = COMMAND_JSON | COMMAND_DB,
	.operands_min = 1,
	.operands_max = 2,
	.run = run,
};
