/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* unmountat by the end of a path. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/path.h"
#include "base/text.h"
#include "configuration.h"
#include "in_time.h"
#include "kernel/holders.h"
#include "options.h"
#include "unmounting.h"
#include "usage.h"

#define DEADLINE    (10 * NSEC_PER_SEC)
#define HOLDERS_MAX 16

struct wanted {
	char *under;
	const char *config;
	bool lazy, force;
	int64_t timeout;
};

/* ---- who holds it ---- */

struct holders {
	ssize_t count; /* or -errno */
	struct kernel_holder found[HOLDERS_MAX];
};

static void find_holders(size_t index, void *result, void *context)
{
	const struct unmounted *unmounted = context;
	struct holders *holders = result;

	(void)index;
	holders->count = kernel_find_holders(&unmounted->mount, unmounted->root, holders->found, HOLDERS_MAX);
}

static void print_holder(const struct kernel_holder *holder)
{
	CLEANUP_FREE char *comm = MUST(text_escape(holder->comm));

	if (holder->pid)
		log_error("  held by %s[%d]: %s", comm, (int)holder->pid, kernel_holder_names[holder->how]);
	else
		log_error("  held by %s %u", kernel_holder_names[holder->how], holder->number);
}

static int tell_holders(void *context, enum batch_item_state state, const void *result)
{
	const struct holders *holders = result;

	(void)context;
	if (state != BATCH_ITEM_DONE || holders->count < 0)
		log_error("  who holds it cannot be told");
	else if (!holders->count)
		log_error("  nobody seems to hold it: what is mounted below it does, or a process that cannot be seen");
	for (ssize_t i = 0; i < holders->count; i++)
		print_holder(&holders->found[i]);
	return CLI_DONE;
}

/* ---- the unmount ---- */

struct attempt {
	struct unmounting unmounting;
	int64_t timeout;
};

static void unmount_it(size_t index, void *result, void *context)
{
	const struct attempt *attempt = context;

	(void)index;
	unmounting_do(&attempt->unmounting, result);
}

static int tell(void *context, enum batch_item_state state, const void *result)
{
	const struct attempt *attempt = context;
	struct unmounted unmounted = *(const struct unmounted *)result;
	CLEANUP_FREE char *shown = MUST(text_escape(unmounted.target));

	if (state != BATCH_ITEM_DONE) {
		log_error("%s%sno answer in time: whether it is unmounted, the mount table says", shown,
			  *shown ? ": " : "");
		return CLI_UNSURE;
	}
	if (!unmounted.status)
		puts(shown);
	if (unmounted.busy)
		in_time(attempt->timeout, find_holders, sizeof(struct holders), tell_holders, &unmounted);
	return unmounted.status;
}

/* ---- what was typed ---- */

static int check_under(const struct cli *cli, const struct config *config, const char *under)
{
	CLEANUP_FREE char *shown = under ? MUST(text_escape(under)) : NULL;

	for (size_t i = 0; under && i < config->root_count; i++)
		if (path_is_at_or_below(under, config->roots[i].path))
			return CLI_DONE;
	return under ? usage_error(cli, "--under: %s is neither a build root nor below one", shown) : CLI_DONE;
}

static int find_roots(const struct cli *cli, const char *file, struct config **ret)
{
	int status = configuration_find(cli, file, true, ret);

	if (!status && !*ret) {
		log_error("below which build roots? Name them by --config: no daemon at %s, and there is no %s",
			  cli->socket, CONFIG_DEFAULT_FILE);
		return CLI_REFUSED;
	}
	if (!status && !(*ret)->root_count)
		return usage_error(cli, "the configuration names no build root");
	return status;
}

static int unmount(const struct cli *cli, const struct wanted *wanted)
{
	CLEANUP_CONFIG struct config *config = NULL;
	CLEANUP(segments_clear) struct segments segments = { 0 };
	struct attempt attempt;
	int r = segments_parse(cli->operands[0], &segments), status;

	if (r == -ENOMEM)
		must(NULL);
	if (r < 0)
		return usage_error(cli,
				   "'%s' is not the end of a path: whole segments, without a slash before or behind",
				   cli->operands[0]);
	status = find_roots(cli, wanted->config, &config);
	if (!status)
		status = check_under(cli, config, wanted->under);
	if (status)
		return status;
	attempt = (struct attempt){ .unmounting = { .config = config,
						    .under = wanted->under,
						    .segments = &segments,
						    .typed = cli->operands[0],
						    .lazy = wanted->lazy,
						    .force = wanted->force },
				    .timeout = wanted->timeout };
	return in_time(attempt.timeout, unmount_it, sizeof(struct unmounted), tell, &attempt);
}

static int run(struct cli *cli, int argc, char **argv)
{
	struct wanted wanted = { .timeout = DEADLINE };
	const struct cli_option options[] = {
		{ "lazy", NULL, "detach it, with what is below it, though it is busy", .flag = &wanted.lazy },
		{ "force", NULL, "end its filesystem, where it has it alone (FUSE, NFS and their like)",
		  .flag = &wanted.force },
		{ "under", "DIR", "at or below this directory, which is so of a build root", .path = &wanted.under },
		{ "config", "FILE", "the build roots of this file", .text = &wanted.config },
		{ "timeout", "DURATION", "how long it may take: 10s", .duration = &wanted.timeout },
		{ 0 },
	};
	int status;

	if (options_parse(cli, options, argc, argv, &status))
		status = wanted.timeout ? unmount(cli, &wanted) :
					  usage_error(cli, "--timeout: it must be longer than 0");
	free(wanted.under);
	return status;
}

const struct command command_umount = {
	.name = "umount",
	.usage = "[--lazy] [--force] [--under DIR] [--config FILE] [--timeout DURATION] SEGMENTS",
	.summary = "unmount the one mount below a build root whose path ends so",
	.help = "SEGMENTS are whole ones, as in f3fb7c74c3b342a0/root/proc; * is any one. Prints the path.\n"
		"Build roots: those of --config, else the daemon's, else those of " CONFIG_DEFAULT_FILE ".\n"
		"Exit status: 2 several mounts end so, which are listed; 3 it is still mounted; 4 no daemon says\n"
		"which build roots there are, nor a file; 5 none does.",
	.operands_min = 1,
	.operands_max = 1,
	.run = run,
};
