/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/path.h"
#include "base/text.h"
#include "table.h"
#include "usage.h"

#define OPTIONS_MAX  32
#define FIRST_OPTION 256 /* above every letter */

static int set_bytes(const struct cli *cli, const struct cli_option *option, const char *value, char **ret)
{
	CLEANUP_FREE char *bytes = NULL;

	if (text_unescape(value, &bytes) < 0)
		return usage_escape(cli, value);
	if (!*bytes)
		return usage_error(cli, "--%s: its %s is empty", option->name, option->argument);
	free(*ret);
	*ret = take_ptr(bytes);
	return CLI_DONE;
}

static int set_path(const struct cli *cli, const struct cli_option *option, const char *value, char **ret)
{
	CLEANUP_FREE char *bytes = NULL, *path = NULL;
	int status = set_bytes(cli, option, value, &bytes);

	if (status)
		return status;
	if (path_normalize(bytes, &path) < 0)
		return usage_error(cli, "--%s: '%s' is no absolute path without '.' and '..'", option->name, value);
	free(*ret);
	*ret = take_ptr(path);
	return CLI_DONE;
}

static int add_path(const struct cli *cli, const struct cli_option *option, const char *value)
{
	CLEANUP_FREE char *path = NULL;
	int status = set_path(cli, option, value, &path);

	if (!status && string_list_add(option->paths, path) < 0)
		must(NULL);
	return status;
}

static int set_number(const struct cli *cli, const struct cli_option *option, const char *value)
{
	char *end;
	long long number;

	errno = 0;
	number = strtoll(value, &end, 10);
	if (errno || end == value || *end || *value < '0' || *value > '9')
		return usage_error(cli, "--%s: '%s' is no number", option->name, value);
	*option->number = number;
	return CLI_DONE;
}

static int check_word(const struct cli *cli, const struct cli_option *option, const char *value)
{
	CLEANUP_FREE char *what = must_format("value of --%s", option->name);

	for (const char *const *word = option->words; word; word++) {
		if (!*word)
			return usage_unknown(cli, what, value, option->words);
		if (!strcmp(*word, value))
			break;
	}
	if (!*value)
		return usage_error(cli, "--%s: its %s is empty", option->name, option->argument);
	return CLI_DONE;
}

static int set_text(const struct cli *cli, const struct cli_option *option, const char *value)
{
	int status = check_word(cli, option, value);

	if (!status)
		*option->text = value;
	return status;
}

static int add_text(const struct cli *cli, const struct cli_option *option, const char *value)
{
	int status = check_word(cli, option, value);

	if (!status && string_list_add(option->texts, value) < 0)
		must(NULL);
	return status;
}

static int set_option(const struct cli *cli, const struct cli_option *option, const char *value)
{
	if (option->flag)
		*option->flag = true;
	else if (option->text)
		return set_text(cli, option, value);
	else if (option->bytes)
		return set_bytes(cli, option, value, option->bytes);
	else if (option->path)
		return set_path(cli, option, value, option->path);
	else if (option->paths)
		return add_path(cli, option, value);
	else if (option->texts)
		return add_text(cli, option, value);
	else if (option->number)
		return set_number(cli, option, value);
	else if (option->time && time_parse(value, cli->now.real, option->time) < 0)
		return usage_error(cli, "--%s: '%s' is no time: 2026-01-31T12:00:00Z, 12:30 or -2h", option->name,
				   value);
	else if (option->duration && duration_parse(value, option->duration) < 0)
		return usage_error(cli, "--%s: '%s' is no duration: 500ms, 5s, 2m, 1h, 30d", option->name, value);
	return CLI_DONE;
}

/* Own options first, then the global ones; gives their number. */
static size_t collect(struct cli *cli, const struct cli_option *own, struct cli_option all[static OPTIONS_MAX])
{
	const struct cli_option globals[] = {
		{ "socket", "PATH", "the daemon's control socket", .text = &cli->socket },
		{ "db", "FILE", "read this ledger, without a daemon", .text = &cli->db },
		{ "json", NULL, "JSON instead of tables", .flag = &cli->json },
		{ "output", "COL,...", "the columns to show; +COL,... adds to the usual ones", 'o',
		  .text = &cli->columns },
		{ "noheadings", NULL, "no line of headings", .flag = &cli->noheadings },
		{ "raw", NULL, "one blank between columns, \\xNN for blanks in them", .flag = &cli->raw },
		{ "help", NULL, "this text", 'h', .flag = &cli->help },
		{ "version", NULL, "the version", .flag = &cli->version },
	};
	size_t count = 0;

	for (; own && own->name; own++)
		all[count++] = *own;
	for (size_t i = 0; i < ARRAY_SIZE(globals); i++)
		all[count++] = globals[i];
	return count;
}

static void print_options(const struct cli_option *options, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct cli_option *option = &options[i];
		const char letter[] = { '-', option->letter, ',', ' ', '\0' };
		CLEANUP_FREE char *names =
			must_format("%s--%s%s%s", option->letter ? letter : "", option->name,
				    option->argument ? " " : "", option->argument ? option->argument : "");

		printf("  %-24s %s\n", names, option->help);
	}
}

/* A command's help does not offer what the command refuses. */
static bool is_known(const struct command *command, const struct cli_option *option)
{
	static const struct {
		const char *name;
		unsigned flag;
	} needs[] = {
		{ "db", COMMAND_DB },	     { "json", COMMAND_JSON },
		{ "output", COMMAND_TABLE }, { "noheadings", COMMAND_TABLE },
		{ "raw", COMMAND_TABLE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(needs); i++)
		if (!strcmp(needs[i].name, option->name))
			return command->flags & needs[i].flag;
	return true;
}

static void print_command_help(const struct command *command, const struct cli_option *options, size_t own,
			       size_t count)
{
	printf("Usage: reaperctl %s%s%s\n\n%s\n", command->name, *command->usage ? " " : "", command->usage,
	       command->summary);
	if (command->help)
		printf("%s\n", command->help);
	if (own) {
		printf("\nOptions:\n");
		print_options(options, own);
	}
	printf("\nGlobal options, before or after the command:\n");
	for (size_t i = own; i < count; i++)
		if (is_known(command, &options[i]))
			print_options(&options[i], 1);
	if (command->columns)
		cli_table_print_columns(command->columns);
}

void options_print_global(void)
{
	struct cli cli = { 0 };
	struct cli_option all[OPTIONS_MAX];

	print_options(all, collect(&cli, NULL, all));
}

void options_print_version(void)
{
	printf("reaperctl %s\n", PACKAGE_VERSION);
}

static int unknown_option(const struct cli *cli, const struct cli_option *options, size_t count, const char *argument)
{
	char dashed[OPTIONS_MAX][32];
	const char *names[OPTIONS_MAX + 1] = { NULL };
	CLEANUP_FREE char *word = MUST(strdup(argument));

	if (strncmp(word, "--", 2))
		return usage_error(cli, "unknown option '-%c'", optopt);
	word[strcspn(word, "=")] = '\0';
	for (size_t i = 0; i < count; i++) {
		snprintf(dashed[i], sizeof(dashed[i]), "--%s", options[i].name);
		names[i] = dashed[i];
		if (optopt == FIRST_OPTION + (int)i)
			return usage_error(cli, "--%s takes no value", options[i].name);
	}
	return usage_unknown(cli, "option", word, names);
}

static const struct cli_option *option_for(const struct cli_option *options, size_t count, int value)
{
	if (value >= FIRST_OPTION)
		return &options[value - FIRST_OPTION];
	for (size_t i = 0; i < count; i++)
		if (options[i].letter == value)
			return &options[i];
	return NULL;
}

static int missing_value(const struct cli *cli, const struct cli_option *options, size_t count)
{
	const struct cli_option *option = option_for(options, count, optopt);

	return usage_error(cli, "--%s needs a value: %s", option->name, option->argument);
}

/* getopt_long() over the whole of argv; `stop` at the first operand. */
static int scan(struct cli *cli, const struct cli_option *options, size_t count, int argc, char **argv, bool stop)
{
	struct option table[OPTIONS_MAX + 1] = { 0 };
	char letters[2 * OPTIONS_MAX + 3], *letter = letters;
	int value;

	*letter++ = stop ? '+' : ':';
	if (stop)
		*letter++ = ':';
	for (size_t i = 0; i < count; i++) {
		table[i] = (struct option){ options[i].name, options[i].argument ? required_argument : no_argument,
					    NULL, FIRST_OPTION + (int)i };
		if (options[i].letter)
			*letter++ = options[i].letter;
		if (options[i].letter && options[i].argument)
			*letter++ = ':';
	}
	*letter = '\0';
	opterr = 0;
	optind = 0;
	while ((value = getopt_long(argc, argv, letters, table, NULL)) != -1) {
		int status = value == '?' ? unknown_option(cli, options, count, argv[optind - 1]) :
			     value == ':' ? missing_value(cli, options, count) :
					    set_option(cli, option_for(options, count, value), optarg);

		if (status)
			return status;
	}
	return CLI_DONE;
}

static int check_globals(const struct cli *cli)
{
	unsigned flags = cli->command->flags;

	if (cli->db && !(flags & COMMAND_DB))
		return usage_error(cli, "has no --db: %s",
				   strcmp(cli->command->name, "audit") ?
					   "it asks the daemon" :
					   "it looks at what is mounted, and reads the ledger in --config's state-dir");
	if (cli->json && !(flags & COMMAND_JSON))
		return usage_error(cli, "has no --json");
	if ((cli->columns || cli->raw || cli->noheadings) && !(flags & COMMAND_TABLE))
		return usage_error(cli, "has no -o, --raw or --noheadings");
	if (cli->columns && cli->json)
		return usage_error(cli, "-o is for tables: --json gives every key");
	if (cli->columns)
		return cli_table_check_columns(cli, cli->command->columns, cli->columns);
	return CLI_DONE;
}

static int check_operands(const struct cli *cli)
{
	const struct command *command = cli->command;

	if (cli->operand_count < command->operands_min)
		return usage_error(cli, "something is missing: reaperctl %s %s", command->name, command->usage);
	if (command->operands_max >= 0 && cli->operand_count > command->operands_max) {
		CLEANUP_FREE char *shown = MUST(text_escape(cli->operands[command->operands_max]));

		return usage_error(cli, "one argument too many: '%s'", shown);
	}
	return CLI_DONE;
}

bool options_parse(struct cli *cli, const struct cli_option *own, int argc, char **argv, int *ret_status)
{
	struct cli_option all[OPTIONS_MAX];
	size_t count = collect(cli, own, all), own_count = 0;
	int status = scan(cli, all, count, argc, argv, false);

	for (; own && own[own_count].name;)
		own_count++;
	cli->operands = argv + optind;
	cli->operand_count = argc - optind;
	*ret_status = status;
	if (!status && (cli->help || cli->version)) {
		if (cli->help)
			print_command_help(cli->command, all, own_count, count);
		else
			options_print_version();
		return false;
	}
	if (!*ret_status)
		*ret_status = check_globals(cli);
	if (!*ret_status)
		*ret_status = check_operands(cli);
	return !*ret_status;
}

int options_parse_global(struct cli *cli, int argc, char **argv, int *ret_used)
{
	struct cli_option all[OPTIONS_MAX];
	size_t count = collect(cli, NULL, all);
	int status = scan(cli, all, count, argc, argv, true);

	*ret_used = optind;
	return status;
}
