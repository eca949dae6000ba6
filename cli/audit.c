/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "audit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "configuration.h"
#include "kernel/mounts.h"
#include "options.h"
#include "policy/policy.h"
#include "report/report.h"
#include "usage.h"

struct wanted {
	struct string_list roots;
	const char *config, *format;
	bool quiet;
};

/* Where --root and --config are both there, a root that the file has keeps its rules. */
static int keep_only(const struct cli *cli, struct config *config, const struct string_list *roots)
{
	size_t kept = 0;
	char why[256];

	for (size_t i = 0; i < config->root_count; i++) {
		bool named = false;

		for (size_t j = 0; j < roots->count; j++)
			named = named || !strcmp(roots->items[j], config->roots[i].path);
		if (named)
			config->roots[kept++] = config->roots[i];
		else
			rules_clear(&config->roots[i]);
	}
	config->root_count = kept;
	for (size_t j = 0; j < roots->count; j++) {
		bool known = false;

		for (size_t i = 0; i < kept; i++)
			known = known || !strcmp(roots->items[j], config->roots[i].path);
		if (!known && config_add_root(config, roots->items[j], why, sizeof(why)) < 0)
			return usage_error(cli, "--root: %s", why);
	}
	return CLI_DONE;
}

static int find_config(const struct cli *cli, const struct wanted *wanted, struct config **ret)
{
	CLEANUP_CONFIG struct config *config = NULL;
	int status = configuration_find(cli, wanted->config, !wanted->roots.count, &config);

	/* The daemon knows where the ledger is, and the rules of the roots that it has. */
	if (!status && !config && wanted->roots.count)
		config = MUST(config_new());
	if (!status && !config)
		return usage_error(
			cli,
			"which build roots? Name them by --root or --config: no daemon answers, and there is no %s",
			CONFIG_DEFAULT_FILE);
	if (!status && wanted->roots.count)
		status = keep_only(cli, config, &wanted->roots);
	if (!status && !config->root_count)
		status = usage_error(cli, "the configuration names no build root");
	if (!status)
		*ret = take_ptr(config);
	return status;
}

static int plan_and_report(struct model *model, struct now now, json_t **ret)
{
	struct plan plan = { 0 };

	if (policy_plan(model, &(const struct policy_facts){ 0 }, now, &plan) < 0)
		must(NULL);
	*ret = MUST(report_audit(model, &plan, kernel_mount_max(), now));
	plan_clear(&plan);
	return CLI_DONE;
}

static int audit(const struct cli *cli, const struct wanted *wanted, enum audit_format format)
{
	CLEANUP_CONFIG struct config *config = NULL;
	CLEANUP_STRINGS struct string_list notes = { 0 }, roots = { 0 };
	CLEANUP_JSON json_t *found = NULL;
	struct model *model = NULL;
	int status = find_config(cli, wanted, &config);

	if (status)
		return status;
	for (size_t i = 0; i < config->root_count; i++)
		if (string_list_add(&roots, config->roots[i].path) < 0)
			must(NULL);
	status = audit_read(config, cli->now, &notes, &model);
	if (status)
		return status;
	audit_probe(model, cli->now);
	plan_and_report(model, cli->now, &found);
	/* What is absent or says nothing may be mistyped: it is not clean. */
	if (json_object_set_new(found, "roots", audit_roots(config, model, &notes)) < 0 ||
	    json_object_set_new(found, "clean", json_boolean(audit_status(found, AUDIT_TEXT) == CLI_DONE)) < 0)
		must(NULL);
	model_free(model);
	status = audit_status(found, format);
	if (status || !wanted->quiet)
		audit_print(cli, &(const struct audit_result){ found, &roots, &notes }, format);
	return status;
}

static int read_format(const struct cli *cli, const struct wanted *wanted, enum audit_format *ret)
{
	*ret = cli->json ? AUDIT_JSON : AUDIT_TEXT;
	for (size_t i = 0; wanted->format && audit_format_names[i]; i++)
		if (!strcmp(audit_format_names[i], wanted->format))
			*ret = (enum audit_format)i;
	if (cli->json && *ret != AUDIT_JSON)
		return usage_error(cli, "--json and --format %s do not go together", wanted->format);
	return CLI_DONE;
}

static int run(struct cli *cli, int argc, char **argv)
{
	struct wanted wanted = { 0 };
	const struct cli_option options[] = {
		{ "root", "DIR", "look below this build root; may be said again", .paths = &wanted.roots },
		{ "config", "FILE", "the build roots and rules of this file", .text = &wanted.config },
		{ "format", "FORMAT", "text, json, nagios or prometheus", .text = &wanted.format,
		  .words = audit_format_names },
		{ "quiet", NULL, "print nothing where all is clean, for cron", 'q', .flag = &wanted.quiet },
		{ 0 },
	};
	enum audit_format format;
	int status;

	if (options_parse(cli, options, argc, argv, &status)) {
		status = read_format(cli, &wanted, &format);
		if (!status)
			status = audit(cli, &wanted, format);
	}
	string_list_clear(&wanted.roots);
	return status;
}

const struct command command_audit = {
	.name = "audit",
	.usage = "[--root DIR]... [--config FILE] [--format text|json|nagios|prometheus] [--quiet]",
	.summary = "what is left over right now, without a daemon; changes nothing",
	.help = "Build roots: those of --root, else of --config, else the daemon's, else those of " CONFIG_DEFAULT_FILE
		".\n"
		"Exit status: 0 clean, 1 leftovers or stuck mounts, 3 could not tell. With --format nagios: 0 OK, 1 leftovers,\n"
		"2 stuck mounts or the mount table over 90 % full, 3 everything else.",
	.flags = COMMAND_JSON,
	.run = run,
};
