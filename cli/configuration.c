/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "configuration.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "usage.h"

int configuration_load(const struct cli *cli, const char *file, struct config **ret)
{
	CLEANUP_FREE char *errors = NULL;
	int r = config_load(file, ret, &errors);

	if (r == 0)
		return CLI_DONE;
	if (r == -ENOMEM)
		must(NULL);
	if (errors && *errors)
		fprintf(stderr, "%s%s", errors, errors[strlen(errors) - 1] == '\n' ? "" : "\n");
	else
		usage_error(cli, "%s: %s", file, strerror(-r));
	return CLI_USAGE;
}

/* The daemon's, if one answers; its absence is no error here. */
static struct config *ask_daemon(const struct cli *cli)
{
	CLEANUP_CLIENT struct client *client = NULL;
	CLEANUP_JSON json_t *reply = NULL;
	CLEANUP_FREE char *errors = NULL;
	struct config *config = NULL;
	const json_t *text;

	if (client_open(cli->socket, &client) < 0 ||
	    client_send(client, "GetConfiguration", MUST(json_object()), false) < 0 ||
	    client_receive(client, CLIENT_TIMEOUT_MS, &reply) < 0)
		return NULL;
	text = json_object_get(reply, "text");
	if (!json_is_string(text) ||
	    config_parse("the daemon", json_string_value(text), json_string_length(text), &config, &errors) < 0)
		return NULL;
	return config;
}

int configuration_find(const struct cli *cli, const char *file, bool or_default, struct config **ret)
{
	*ret = NULL;
	if (file)
		return configuration_load(cli, file, ret);
	*ret = ask_daemon(cli);
	if (*ret || !or_default || (access(CONFIG_DEFAULT_FILE, F_OK) < 0 && errno == ENOENT))
		return CLI_DONE;
	return configuration_load(cli, CONFIG_DEFAULT_FILE, ret);
}
