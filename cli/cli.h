/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * reaperctl: what all its commands share. Every command is one `struct command`, which reaperctl.c lists and options.c
 * parses and explains. Messages go to stderr by base/log.h, results to stdout. Out of memory ends the program: nothing
 * here holds state worth saving.
 *
 * Bytes: arguments take \xNN and \\ and are kept as bytes; the daemon gets them in text_escape()'s form, and whatever
 * is shown is in it.
 */
#ifndef REAPERD_CLI_CLI_H
#define REAPERD_CLI_CLI_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/rules.h"

/* Exit statuses; scripts rely on them. */
enum cli_status {
	CLI_DONE = 0,
	CLI_FOUND = 1,	 /* leftovers or stuck mounts */
	CLI_USAGE = 2,	 /* or configuration */
	CLI_UNSURE = 3,	 /* could not tell */
	CLI_REFUSED = 4, /* no daemon, or it refused */
	CLI_NO_MATCH = 5,
};

struct cli {
	const char *socket;
	const char *db;	     /* NULL: ask the daemon */
	const char *columns; /* of -o */
	bool json, noheadings, raw, help, version;
	struct now now;
	const struct command *command;
	char **operands; /* what is left of the arguments */
	int operand_count;
};

#define COMMAND_JSON  1u /* knows --json */
#define COMMAND_TABLE 2u /* knows -o, --noheadings, --raw */
#define COMMAND_DB    4u /* knows --db */

struct column;

struct command {
	const char *name;
	const char *usage;   /* what follows the name */
	const char *summary; /* for the list of commands */
	const char *help;    /* more sentences for --help, or NULL */
	unsigned flags;
	int operands_min, operands_max;			    /* max -1: any number */
	const struct column *columns;			    /* of its table, for -o */
	int (*run)(struct cli *cli, int argc, char **argv); /* gives an enum cli_status */
};

extern const struct command command_status, command_actions, command_mounts, command_events, command_explain,
	command_audit, command_reap, command_pause, command_resume, command_begin, command_end, command_metrics,
	command_config, command_db, command_run, command_mount, command_umount, command_hook;

/* `p`, which is not NULL: the program ends with a message where memory is out. */
void *must(void *p);
#define MUST(p) ((__typeof__(p))must((void *)(p)))
char *must_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Adds to *list, which is on the heap, after a separator where there is something in it. */
void must_append(char **list, const char *separator, const char *more);

static inline void cleanup_json(json_t **json)
{
	json_decref(*json);
}
static inline void cleanup_strings(struct string_list *list)
{
	string_list_clear(list);
}
#define CLEANUP_JSON	CLEANUP(cleanup_json)
#define CLEANUP_STRINGS CLEANUP(cleanup_strings)

/* Prints {"<key>": value} as --json shows it; steals `value`. */
void print_envelope(const char *key, json_t *value);
void print_json(const json_t *value);

#endif
