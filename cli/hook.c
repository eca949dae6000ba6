/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * For a runner's cleaning command. Such a runner waits for it, throws away what it prints, and fails the build action
 * where it fails: so all of it is done in a child with a deadline, messages go to syslog where stderr leads nowhere, and
 * the exit status is 0 whatever happened.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/log.h"
#include "base/text.h"
#include "client.h"
#include "in_time.h"
#include "model/model.h"
#include "options.h"
#include "sentinel.h"
#include "show.h"
#include "usage.h"

#define DEADLINE (2 * NSEC_PER_SEC)

struct hook {
	const struct cli *cli;
	char *root, *sentinel;
	int64_t timeout;
};

static void hook_clear(struct hook *hook)
{
	free(hook->root);
	free(hook->sentinel);
}

static bool stderr_leads_nowhere(void)
{
	struct stat st;

	return fstat(STDERR_FILENO, &st) < 0 || (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3));
}

/* Of a root that does not answer nobody knows what is below it, nor could take it away. */
static bool is_silent(const json_t *root)
{
	static const enum root_health silent[] = { ROOT_HEALTH_COVERED, ROOT_HEALTH_DEAD, ROOT_HEALTH_HUNG };
	CLEANUP_FREE char *health = show_string(root, "health");

	for (size_t i = 0; i < ARRAY_SIZE(silent); i++)
		if (!strcmp(health, root_health_name(silent[i])))
			return true;
	return false;
}

static void say_silent(const char *path, const json_t *root)
{
	CLEANUP_FREE char *health = show_string(root, "health"), *shown = MUST(text_escape(path));

	log_warning("%s is %s: what is in the way there cannot be told", shown, health);
}

/* What is stuck is a leftover too. */
static int64_t in_the_way(const json_t *root)
{
	int64_t leftovers = show_integer(root, "leftovers"), stuck = show_integer(root, "stuck");

	return stuck > leftovers ? stuck : leftovers;
}

/* How many mounts are in the way; -1: it cannot be told. */
static int64_t count_leftovers(const struct hook *hook, const json_t *status)
{
	const json_t *roots = json_object_get(status, "roots"), *root;
	int64_t found = 0;
	bool any = false, silent = false;
	size_t i;

	json_array_foreach (roots, i, root) {
		CLEANUP_FREE char *path = show_bytes(root, "path");

		if (hook->root && (!path || strcmp(path, hook->root) != 0))
			continue;
		any = true;
		found += in_the_way(root);
		if (!is_silent(root))
			continue;
		silent = true;
		say_silent(path ? path : "", root);
	}
	if (any)
		return found || !silent ? found : -1;
	log_warning(hook->root ? "the daemon has no such build root" : "the daemon has no build root");
	return -1;
}

static void set_sentinel(const struct hook *hook, bool wanted)
{
	CLEANUP_FREE char *shown = MUST(text_escape(hook->sentinel));
	int r = wanted ? sentinel_put(hook->sentinel) : sentinel_take(hook->sentinel);

	if (r == -EEXIST)
		log_warning("%s is not a sentinel of ours, and is left alone", shown);
	else if (r == -ELOOP)
		log_warning("%s cannot be %s: there is a symbolic link on the way to it", shown,
			    wanted ? "made" : "removed");
	else if (r < 0)
		log_warning("%s cannot be %s: %s", shown, wanted ? "made" : "removed", strerror(-r));
}

/* In the child. What went wrong was said by whoever met it. */
static void ask_and_act(size_t index, void *result, void *context)
{
	const struct hook *hook = context;
	CLEANUP_JSON json_t *reply = NULL;
	int64_t leftovers = -1;

	(void)index, (void)result;
	if (cli_call(hook->cli, "GetStatus", json_object(), &reply) == CLI_DONE)
		leftovers = count_leftovers(hook, json_object_get(reply, "status"));
	if (leftovers > 0)
		log_notice("%lld leftover mounts are in the way", (long long)leftovers);
	if (leftovers >= 0 && hook->sentinel)
		set_sentinel(hook, leftovers == 0);
}

static int tell(void *context, enum batch_item_state state, const void *result)
{
	(void)context, (void)result;
	if (state == BATCH_ITEM_HUNG)
		log_warning("it was not done in time, and is given up");
	else if (state != BATCH_ITEM_DONE)
		log_warning("it was killed");
	return CLI_DONE;
}

static int run(struct cli *cli, int argc, char **argv)
{
	CLEANUP(hook_clear) struct hook hook = { .cli = cli, .timeout = DEADLINE };
	const struct cli_option options[] = {
		{ "sentinel", "PATH", "a file that is there while no leftover is in the way", .path = &hook.sentinel },
		{ "root", "DIR", "leftovers of this build root alone", .path = &hook.root },
		{ "timeout", "DURATION", "how long it may take: 2s", .duration = &hook.timeout },
		{ 0 },
	};
	int status;

	if (stderr_leads_nowhere())
		log_use_syslog();
	if (!options_parse(cli, options, argc, argv, &status))
		return CLI_DONE;
	if (hook.timeout > 0)
		in_time(hook.timeout, ask_and_act, 1, tell, &hook);
	else
		usage_error(cli, "--timeout: it must be longer than 0");
	return CLI_DONE;
}

const struct command command_hook = {
	.name = "hook",
	.usage = "[--sentinel PATH] [--root DIR] [--timeout DURATION]",
	.summary = "for a runner's cleaning command: says whether leftovers are in the way",
	.help = "Makes the sentinel where no leftover or stuck mount is known, and removes it where one is. Without an answer of\n"
		"the daemon's, or of a build root's, it stays as it is. Says what it has to say to syslog where stderr is /dev/null.\n"
		"Exit status: 0, whatever happened.",
	.run = run,
};
