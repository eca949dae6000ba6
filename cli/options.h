/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The arguments of a command from one table, from which its --help is printed too. Each option points at the variable
 * that it sets, in the form in which the command wants it; a value of another form is a usage error that names it.
 */
#ifndef REAPERD_CLI_OPTIONS_H
#define REAPERD_CLI_OPTIONS_H

#include "cli.h"

struct cli_option {
	const char *name;     /* NULL ends the table */
	const char *argument; /* how --help calls its value; NULL where it takes none */
	const char *help;
	char letter;
	/* One of these. */
	bool *flag;
	const char **text;	   /* as typed */
	char **bytes;		   /* unescaped; owned by the caller */
	char **path;		   /* unescaped and normalized, absolute; owned by the caller */
	struct string_list *paths; /* the same, any number of times */
	struct string_list *texts; /* as typed, any number of times */
	int64_t *time;		   /* ns since 1970 */
	int64_t *duration;	   /* ns */
	int64_t *number;	   /* not negative */
	const char *const *words;  /* with text, texts: one of these */
};

/*
 * Parses the options of cli->command, `own` ones and global ones, in argv[1] and on, and leaves the operands in `cli`.
 * False where nothing is left to do: --help was printed, or a message; *ret_status is then the program's.
 */
bool options_parse(struct cli *cli, const struct cli_option *own, int argc, char **argv, int *ret_status);

/* The global options before the command: CLI_DONE or CLI_USAGE. *ret_used is the index of the command's name, or argc.
 */
int options_parse_global(struct cli *cli, int argc, char **argv, int *ret_used);

/* What --help and --version of the program itself say. */
void options_print_global(void);
void options_print_version(void);

#endif
