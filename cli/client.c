/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"

static const char *parameter(const json_t *parameters, const char *key)
{
	const char *value = json_string_value(json_object_get(parameters, key));

	return value ? value : "?";
}

static char *join_strings(const json_t *array)
{
	char *all = MUST(strdup(""));
	const json_t *item;
	size_t i;

	json_array_foreach (array, i, item)
		must_append(&all, ", ", json_is_string(item) ? json_string_value(item) : "?");
	return all;
}

/* What the daemon's errors mean to whoever typed the command. */
static const struct {
	const char *name, *before, *after, *key;
	enum cli_status status;
} daemon_errors[] = {
	{ "NoSuchRoot", "the daemon has no build root ", "", "root", CLI_NO_MATCH },
	{ "NoSuchAction", "no action ", "", "action", CLI_NO_MATCH },
	{ "NoSuchMount", "no mount ", "", "what", CLI_NO_MATCH },
	{ "ActionIsActive", "nothing says that ", " is over: to reap it all the same, --active", "action",
	  CLI_REFUSED },
	{ "ActionIsHeld", "the daemon refused: ", "", "reason", CLI_REFUSED },
	{ "NotAllowed", "the daemon does not allow it: ", "", "reason", CLI_REFUSED },
	{ "InvalidTime", "the daemon reads no time in ", "", "time", CLI_USAGE },
	{ "Unavailable", "the daemon cannot say: ", "", "reason", CLI_REFUSED },
	{ "org.varlink.service.InvalidParameter", "the daemon cannot use the value of '", "'", "parameter", CLI_USAGE },
	{ "org.varlink.service.MethodNotFound", "the daemon has no ", ": is it older than this reaperctl?", "method",
	  CLI_REFUSED },
};

/* What a parameter must be, where the protocol's own error has only its name. */
static const char *why_invalid(const struct cli *cli, const char *parameter_name)
{
	static const struct {
		const char *command, *parameter, *why;
	} reasons[] = {
		{ "begin", "pid", ": there is no such process in its pid namespace" },
		{ "begin", "name", ": the layout and match of that root have no place for such a name" },
		{ "run", "name", ": the layout and match of that root have no place for such a name" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		if (!strcmp(reasons[i].command, cli->command->name) && !strcmp(reasons[i].parameter, parameter_name))
			return reasons[i].why;
	return "";
}

/* What was looked for may be something else than it was typed as. */
static const char *hint(const char *error, const char *value)
{
	if (!strcmp(error, "NoSuchMount") && *value == '/')
		return ", and no known action has its directory there or above: 'reaperctl actions' lists them";
	if (!strcmp(error, "NoSuchAction") && !strncmp(value, "mnt\\x3a", 7))
		return "; of a mount 'reaperctl explain mnt:ID' tells";
	return "";
}

static int complain_error(const struct cli *cli, const struct client *client)
{
	const json_t *parameters;
	const char *name = client_error(client, &parameters);
	const char *own =
		strncmp(name, CLIENT_INTERFACE, strlen(CLIENT_INTERFACE)) ? name : name + strlen(CLIENT_INTERFACE);

	if (!strcmp(own, "AmbiguousAction")) {
		CLEANUP_FREE char *roots = join_strings(json_object_get(parameters, "roots"));

		log_error("several build roots have an action %s: name one by --root: %s",
			  parameter(parameters, "action"), roots);
		return CLI_USAGE;
	}
	for (size_t i = 0; i < ARRAY_SIZE(daemon_errors); i++) {
		const char *value = parameter(parameters, daemon_errors[i].key);

		if (strcmp(daemon_errors[i].name, own))
			continue;
		log_error("%s%s%s%s", daemon_errors[i].before, value, daemon_errors[i].after,
			  strcmp(daemon_errors[i].key, "parameter") ? hint(own, value) : why_invalid(cli, value));
		return daemon_errors[i].status;
	}
	log_error("the daemon refused: %s", name);
	return CLI_REFUSED;
}

int client_complain(const struct cli *cli, const struct client *client, int r)
{
	if (r == -ENOMEM)
		must(NULL);
	if (!client && (r == -EACCES || r == -EPERM))
		log_error("may not talk to the daemon at %s: that takes root or the socket's group", cli->socket);
	else if (!client)
		log_error("no daemon at %s: %s", cli->socket, strerror(-r));
	else if (r == -EREMOTEIO)
		return complain_error(cli, client);
	else if (r == -ECONNRESET || r == -EPIPE)
		log_error("the daemon closed the connection");
	else if (r == -ETIME)
		log_error("the daemon did not answer within %d s", CLIENT_TIMEOUT_MS / 1000);
	else if (r == -EBADMSG)
		log_error("what answers at %s does not speak varlink", cli->socket);
	else
		log_error("talking to the daemon at %s: %s", cli->socket, strerror(-r));
	return CLI_REFUSED;
}

int client_bad_reply(const struct cli *cli)
{
	log_error("what answers at %s does not speak as reaperd does", cli->socket);
	return CLI_REFUSED;
}

int cli_connect(const struct cli *cli, struct client **ret)
{
	int r = client_open(cli->socket, ret);

	return r < 0 ? client_complain(cli, NULL, r) : CLI_DONE;
}

int cli_call(const struct cli *cli, const char *method, json_t *parameters, json_t **ret)
{
	CLEANUP_CLIENT struct client *client = NULL;
	int r = cli_connect(cli, &client);

	if (r) {
		json_decref(parameters);
		return r;
	}
	r = client_send(client, method, parameters, false);
	if (r == 0)
		r = client_receive(client, CLIENT_TIMEOUT_MS, ret);
	return r < 0 ? client_complain(cli, client, r) : CLI_DONE;
}

int cli_call_text(const struct cli *cli, const char *method)
{
	CLEANUP_JSON json_t *reply = NULL;
	const char *text;
	int status = cli_call(cli, method, MUST(json_object()), &reply);

	if (status)
		return status;
	text = json_string_value(json_object_get(reply, "text"));
	if (!text)
		return client_bad_reply(cli);
	fputs(text, stdout);
	return CLI_DONE;
}

int cli_list(const struct cli *cli, const char *method, json_t *parameters, const char *key, json_t **ret)
{
	CLEANUP_CLIENT struct client *client = NULL;
	CLEANUP_JSON json_t *all = MUST(json_array());
	int r = cli_connect(cli, &client);

	if (r) {
		json_decref(parameters);
		return r;
	}
	r = client_send(client, method, parameters, true);
	if (r < 0)
		return client_complain(cli, client, r);
	do {
		CLEANUP_JSON json_t *reply = NULL;
		json_t *some;

		r = client_receive(client, CLIENT_TIMEOUT_MS, &reply);
		if (r < 0)
			return client_complain(cli, client, r);
		some = json_object_get(reply, key);
		if (!json_is_array(some))
			return client_bad_reply(cli);
		if (json_array_extend(all, some) < 0)
			must(NULL);
	} while (r > 0);
	*ret = take_ptr(all);
	return CLI_DONE;
}
