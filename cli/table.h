/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tables of JSON objects, by libsmartcols. A column is a name and a function that makes a cell of a row; which columns
 * are shown, and how, is the user's choice (-o, --noheadings, --raw). Colours and fitting to a width happen on a
 * terminal only.
 */
#ifndef REAPERD_CLI_TABLE_H
#define REAPERD_CLI_TABLE_H

#include "cli.h"
#include "show.h"

struct column {
	const char *name; /* NULL ends the list */
	cell_function *cell;
	const char *key; /* for the cell function */
	const char *help;
	unsigned flags;
};
#define COLUMN_RIGHT   1u /* numbers */
#define COLUMN_SHRINKS 2u /* cut short where the terminal is too narrow */
#define COLUMN_STATE   4u /* coloured by what it says */
#define COLUMN_TREE    8u /* carries the tree, where there is one */

struct cli_table;

/*
 * `usual`: names of the columns, separated by commas, that are shown without -o. `columns` are checked before, see
 * below.
 */
struct cli_table *cli_table_new(const struct cli *cli, const struct column *columns, const char *usual, bool tree);
void cli_table_free(struct cli_table *table);

static inline void cleanup_table(struct cli_table **table)
{
	cli_table_free(*table);
}
#define CLEANUP_TABLE CLEANUP(cleanup_table)

/* How its cells are made; may be changed before the first row. */
struct show *cli_table_show(struct cli_table *table);

/* Adds a row below `parent` (a line that this gave before, or NULL). The row may go afterwards. */
struct libscols_line *cli_table_add(struct cli_table *table, const json_t *row, struct libscols_line *parent);
void cli_table_print(struct cli_table *table);

/* One row for each element, printed at once; nothing for an empty array on a terminal, headings otherwise. */
void cli_table_print_array(const struct cli *cli, const struct column *columns, const char *usual, const json_t *array);

/* CLI_DONE, or CLI_USAGE with a message that names the nearest column. */
int cli_table_check_columns(const struct cli *cli, const struct column *columns, const char *wanted);
void cli_table_print_columns(const struct column *columns);

#endif
