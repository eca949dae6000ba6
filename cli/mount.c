/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * mountat for an action. All of it is done in a child with a deadline, for whatever is mounted, and whatever lies on the
 * way to the target, may hang. The mount is made before the action is registered, and attached after it: what is wrong
 * with the request registers nothing, and nothing stands anywhere that nobody would take away. For that the daemon is
 * asked once more in the end: the action may have been over before the mount was there. A registration that was made for
 * a mount that did not come is taken back, unless somebody else uses it by then.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/path.h"
#include "base/text.h"
#include "client.h"
#include "in_time.h"
#include "kernel/at.h"
#include "kernel/mountat.h"
#include "mount_options.h"
#include "options.h"
#include "parameters.h"
#include "reference.h"
#include "show.h"
#include "usage.h"

#define DEADLINE (30 * NSEC_PER_SEC)

struct wanted {
	const struct cli *cli;
	char *root, *action;
	char *type, *source, *target;
	const char *typed_options;
	struct string_list options;
	int64_t pid, max_age, timeout;
};

struct mounted {
	int status;
	bool begun;	 /* the action was not registered before */
	bool taken_back; /* it is over, or registered no more */
	uint32_t generation;
};

static void wanted_clear(struct wanted *wanted)
{
	free(wanted->root);
	free(wanted->action);
	free(wanted->type);
	free(wanted->source);
	free(wanted->target);
	string_list_clear(&wanted->options);
}

/* ---- in the child ---- */

static int make(const struct wanted *wanted)
{
	CLEANUP_FREE const char **options = mount_options_list(&wanted->options);
	CLEANUP_FREE char *type = MUST(text_escape(wanted->type));
	char why[512];
	int fd = kernel_mountat_make(
		&(struct mountat_request){ .type = wanted->type, .source = wanted->source, .options = options }, why,
		sizeof(why));

	if (fd < 0)
		log_error("%s: %s", type, why);
	return fd;
}

static json_t *make_join(const struct wanted *wanted)
{
	json_t *parameters = MUST(json_pack("{s:b}", "join", 1));

	parameter_bytes(parameters, "root", wanted->root);
	parameter_bytes(parameters, "name", wanted->action);
	return parameters;
}

static int register_action(const struct wanted *wanted, struct mounted *ret, char **ret_path)
{
	CLEANUP_JSON json_t *reply = NULL;
	json_t *parameters = make_join(wanted);
	char text[32];
	int status;

	if (wanted->pid && json_object_set_new(parameters, "pid", json_integer(wanted->pid)) < 0)
		must(NULL);
	if (wanted->max_age)
		parameter_text(parameters, "max_age", duration_format(wanted->max_age, text, sizeof(text)));
	status = cli_call(wanted->cli, "Begin", parameters, &reply);
	if (status)
		return status;
	*ret_path = show_bytes(reply, "path");
	/* One that does not know `join` may have changed whose the action is. */
	if (!json_is_boolean(json_object_get(reply, "joined")) || !*ret_path)
		return client_bad_reply(wanted->cli);
	ret->begun = json_is_false(json_object_get(reply, "joined"));
	ret->generation = (uint32_t)json_integer_value(json_object_get(reply, "generation"));
	return CLI_DONE;
}

static int complain(const char *what, const char *path, int r)
{
	CLEANUP_FREE char *shown = MUST(text_escape(path));

	log_error("%s %s: %s", what, shown, strerror(-r));
	return r == -ENOENT || r == -ENOTDIR ? CLI_NO_MATCH : CLI_UNSURE;
}

static int attach(const struct wanted *wanted, int made, const char *path)
{
	const char *relative = path_relative(path, wanted->root);
	CLEANUP_CLOSE int top = kernel_open_root(wanted->root), directory = -1;
	char why[512];
	int r;

	if (!relative || !*relative)
		return client_bad_reply(wanted->cli);
	if (top < 0)
		return complain("the build root", wanted->root, top);
	directory = kernel_open_beneath(top, relative, 0);
	if (directory < 0)
		return complain("the action's directory", path, directory);
	r = kernel_mountat_attach(made, directory, wanted->target, why, sizeof(why));
	if (r == 0)
		return CLI_DONE;
	log_error("%s", why);
	return r == -ENOENT || r == -ENOTDIR ? CLI_NO_MATCH : CLI_UNSURE;
}

/*
 * The daemon takes what was mounted before the end of its action, and what comes later is nobody's. Whoever cannot be
 * asked cannot be relied on.
 */
static int confirm(const struct wanted *wanted, struct mounted *mounted, int made, uint64_t newest)
{
	CLEANUP_JSON json_t *reply = NULL;
	json_t *parameters = make_join(wanted);
	int status, r;

	if (json_object_set_new(parameters, "generation", json_integer(mounted->generation)) < 0)
		must(NULL);
	status = cli_call(wanted->cli, "Begin", parameters, &reply);
	if (!status)
		return CLI_DONE;
	mounted->taken_back = true;
	r = kernel_mountat_detach(made, newest);
	if (r == 0) {
		log_error("nobody would take away what was mounted: it is unmounted again");
		return status;
	}
	log_error("nobody takes away what was mounted, and it cannot be unmounted again: %s", strerror(-r));
	return CLI_UNSURE;
}

/*
 * What this registered or joined and has no mount for. Who else uses it by then the daemon knows; where it says nothing,
 * the registration stays, which tell() then says.
 */
static void undo_begin(const struct wanted *wanted, struct mounted *mounted)
{
	CLEANUP_CLIENT struct client *client = NULL;
	CLEANUP_JSON json_t *reply = NULL;
	json_t *parameters;

	if (client_open(wanted->cli->socket, &client) < 0)
		return;
	parameters = MUST(json_pack("{s:I,s:b}", "generation", (json_int_t)mounted->generation, "only_if_unused", 1));
	parameter_bytes(parameters, "root", wanted->root);
	parameter_bytes(parameters, "name", wanted->action);
	if (client_send(client, "End", parameters, false) == 0 &&
	    client_receive(client, CLIENT_TIMEOUT_MS, &reply) == 0)
		mounted->taken_back = json_is_true(json_object_get(reply, "ended"));
}

static void mount_it(size_t index, void *result, void *context)
{
	const struct wanted *wanted = context;
	struct mounted *mounted = result;
	CLEANUP_FREE char *path = NULL;
	CLEANUP_CLOSE int made = make(wanted);
	uint64_t newest;

	(void)index;
	mounted->status = made < 0 ? CLI_UNSURE : register_action(wanted, mounted, &path);
	/* What came with a bind is older than this, whatever comes to stand below it is not. */
	newest = kernel_mountat_newest();
	if (mounted->status)
		return;
	mounted->status = attach(wanted, made, path);
	if (mounted->status)
		undo_begin(wanted, mounted);
	else
		mounted->status = confirm(wanted, mounted, made, newest);
}

/* ---- what came of it ---- */

/* Neither at once nor silently for ever: nobody else tells of what is registered for nobody. */
static void say_how_it_ends(const struct wanted *wanted, const struct mounted *mounted)
{
	CLEANUP_FREE char *name = action_reference_text(wanted->action, mounted->generation);

	if (!mounted->begun || wanted->pid || wanted->max_age)
		return;
	log_notice(
		"%s was not registered; now it is, by nobody who could exit: it is over when 'reaperctl end' says so, or "
		"its directory has gone",
		name);
}

static int tell(void *context, enum batch_item_state state, const void *result)
{
	const struct wanted *wanted = context;
	const struct mounted *mounted = result;

	if (state != BATCH_ITEM_DONE) {
		log_error(state == BATCH_ITEM_HUNG ?
				  "it did not answer in time: whether it is mounted, 'reaperctl mounts' says" :
				  "it was killed: whether it is mounted, 'reaperctl mounts' says");
	} else if (!mounted->status) {
		CLEANUP_FREE char *name = action_reference_text(wanted->action, mounted->generation);

		puts(name);
	}
	if (mounted->generation && !mounted->taken_back)
		say_how_it_ends(wanted, mounted);
	return state == BATCH_ITEM_DONE ? mounted->status : CLI_UNSURE;
}

/* ---- what was typed ---- */

static int read_operands(const struct cli *cli, struct wanted *wanted)
{
	char **bytes[] = { &wanted->source, &wanted->target };

	for (size_t i = 0; i < ARRAY_SIZE(bytes); i++)
		if (text_unescape(cli->operands[i], bytes[i]) < 0)
			return usage_escape(cli, cli->operands[i]);
	if (!path_is_plain_relative(wanted->target))
		return usage_error(cli, "'%s' is no path within the action's directory: relative, without '.' and '..'",
				   cli->operands[1]);
	if (!*wanted->source) {
		free(wanted->source);
		wanted->source = NULL;
	}
	return mount_options_read(cli, wanted->typed_options, &wanted->options);
}

static int check(const struct cli *cli, const struct wanted *wanted)
{
	if (!wanted->root)
		return usage_error(cli, "--root is missing: below which build root?");
	if (!wanted->action)
		return usage_error(cli, "--action is missing: for which action?");
	if (!wanted->type)
		return usage_error(cli, "-t is missing: which filesystem?");
	if (wanted->timeout == 0)
		return usage_error(cli, "--timeout: it must be longer than 0");
	if (wanted->pid > INT32_MAX)
		return usage_error(cli, "--pid: there is no process with so large a number");
	return CLI_DONE;
}

static int run(struct cli *cli, int argc, char **argv)
{
	CLEANUP(wanted_clear) struct wanted wanted = { .cli = cli, .timeout = DEADLINE };
	const struct cli_option options[] = {
		{ "root", "DIR", "the build root", .path = &wanted.root },
		{ "action", "NAME", "the action's name", .bytes = &wanted.action },
		{ "type", "TYPE", "a filesystem, bind or rbind", 't', .bytes = &wanted.type },
		{ "options", "OPTION,...", "the mount's, and the filesystem's", 'o', .text = &wanted.typed_options },
		{ "pid", "PID", "where the action is not registered: it is over when this process has gone",
		  .number = &wanted.pid },
		{ "max-age", "DURATION", "where it is not registered: it is over after this",
		  .duration = &wanted.max_age },
		{ "timeout", "DURATION", "how long it may take: 30s", .duration = &wanted.timeout },
		{ 0 },
	};
	int status;

	if (!options_parse(cli, options, argc, argv, &status))
		return status;
	status = check(cli, &wanted);
	if (!status)
		status = read_operands(cli, &wanted);
	return status ? status : in_time(wanted.timeout, mount_it, sizeof(struct mounted), tell, &wanted);
}

const struct command command_mount = {
	.name = "mount",
	.usage =
		"--root DIR --action NAME -t TYPE [-o OPTION,...] [--pid PID] [--max-age DURATION] [--timeout DURATION] SOURCE TARGET",
	.summary = "mount something for an action",
	.help = "TARGET is in the action's directory, where it must be; no symlink leads there. SOURCE may be empty: ''.\n"
		"The action is registered before it is mounted; one that is registered stays as it is. Prints NAME@GENERATION.\n"
		"Exit status: 3 it is not mounted, or cannot be unmounted again, 4 no daemon or it refused (nothing is mounted),\n"
		"5 the directory or TARGET is not there.",
	.operands_min = 2,
	.operands_max = 2,
	.run = run,
};
