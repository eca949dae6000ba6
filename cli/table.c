/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "table.h"

#include <libsmartcols/libsmartcols.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "usage.h"

#define COLUMNS_MAX 32

struct cli_table {
	struct libscols_table *scols;
	const struct column *chosen[COLUMNS_MAX];
	size_t count;
	struct show show;
};

static size_t columns_count(const struct column *columns)
{
	size_t count = 0;

	while (columns[count].name)
		count++;
	return count;
}

static const struct column *find_column(const struct column *columns, const char *name, size_t length)
{
	for (; columns->name; columns++)
		if (strlen(columns->name) == length && !strncasecmp(columns->name, name, length))
			return columns;
	return NULL;
}

static int unknown_column(const struct cli *cli, const struct column *columns, const char *name, size_t length)
{
	const char *names[COLUMNS_MAX + 1] = { NULL };
	CLEANUP_FREE char *word = MUST(strndup(name, length));

	for (char *c = word; *c; c++)
		*c = *c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c;
	for (size_t i = 0; i < columns_count(columns) && i < COLUMNS_MAX; i++)
		names[i] = columns[i].name;
	return usage_unknown(cli, "column", word, names);
}

int cli_table_check_columns(const struct cli *cli, const struct column *columns, const char *wanted)
{
	const char *name = *wanted == '+' ? wanted + 1 : wanted;

	for (;; name++) {
		size_t length = strcspn(name, ",");

		if (!find_column(columns, name, length))
			return unknown_column(cli, columns, name, length);
		name += length;
		if (!*name)
			return CLI_DONE;
	}
}

void cli_table_print_columns(const struct column *columns)
{
	printf("\nColumns for -o:\n");
	for (; columns->name; columns++)
		printf("  %-12s %s\n", columns->name, columns->help);
}

static void choose(struct cli_table *table, const struct column *columns, const char *names)
{
	while (*names && table->count < COLUMNS_MAX) {
		size_t length = strcspn(names, ",");
		const struct column *column = find_column(columns, names, length);

		if (column)
			table->chosen[table->count++] = column;
		names += length;
		if (*names)
			names++;
	}
}

static void add_column(struct cli_table *table, const struct column *column, bool tree)
{
	int flags = 0;

	if (column->flags & COLUMN_RIGHT)
		flags |= SCOLS_FL_RIGHT;
	if (column->flags & COLUMN_SHRINKS)
		flags |= SCOLS_FL_TRUNC;
	if (tree && column->flags & COLUMN_TREE)
		flags |= SCOLS_FL_TREE;
	must(scols_table_new_column(table->scols, column->name, 0, flags));
}

struct cli_table *cli_table_new(const struct cli *cli, const struct column *columns, const char *usual, bool tree)
{
	struct cli_table *table = MUST(calloc(1, sizeof(*table)));
	const char *wanted = cli->columns;

	table->show = (struct show){ .now = cli->now, .raw = cli->raw };
	if (!wanted || *wanted == '+')
		choose(table, columns, usual);
	if (wanted)
		choose(table, columns, *wanted == '+' ? wanted + 1 : wanted);
	table->scols = MUST(scols_new_table());
	scols_table_enable_raw(table->scols, cli->raw);
	scols_table_enable_noheadings(table->scols, cli->noheadings);
	/* Cells are escaped already; the library would escape our backslashes again. */
	scols_table_enable_noencoding(table->scols, 1);
	scols_table_enable_colors(table->scols, isatty(STDOUT_FILENO) && !getenv("NO_COLOR"));
	for (size_t i = 0; i < table->count; i++)
		add_column(table, table->chosen[i], tree);
	return table;
}

void cli_table_free(struct cli_table *table)
{
	if (!table)
		return;
	scols_unref_table(table->scols);
	free(table);
}

struct show *cli_table_show(struct cli_table *table)
{
	return &table->show;
}

static const char *state_color(const char *state)
{
	static const struct {
		const char *state, *color;
	} colors[] = {
		{ "stuck", "red" },	 { "dead", "red" },	  { "hung", "red" },	   { "degraded", "red" },
		{ "over", "yellow" },	 { "reaping", "yellow" }, { "suspect", "yellow" }, { "covered", "yellow" },
		{ "unknown", "yellow" }, { "absent", "yellow" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(colors); i++)
		if (!strcmp(colors[i].state, state))
			return colors[i].color;
	return NULL;
}

struct libscols_line *cli_table_add(struct cli_table *table, const json_t *row, struct libscols_line *parent)
{
	struct libscols_line *line = MUST(scols_table_new_line(table->scols, parent));

	for (size_t i = 0; i < table->count; i++) {
		const struct column *column = table->chosen[i];
		char *text = column->cell(&table->show, row, column->key);
		const char *color = column->flags & COLUMN_STATE ? state_color(text) : NULL;

		/* An empty cell would move the rest of the line for whoever splits it at blanks. */
		if (!*text && table->show.raw) {
			free(text);
			text = MUST(strdup("-"));
		}
		if (scols_line_refer_data(line, i, text) < 0)
			must(NULL);
		if (color)
			scols_cell_set_color(scols_line_get_cell(line, i), color);
	}
	return line;
}

void cli_table_print(struct cli_table *table)
{
	if (scols_table_get_nlines(table->scols) || !isatty(STDOUT_FILENO))
		scols_print_table(table->scols);
}

void cli_table_print_array(const struct cli *cli, const struct column *columns, const char *usual, const json_t *array)
{
	CLEANUP_TABLE struct cli_table *table = cli_table_new(cli, columns, usual, false);
	const json_t *row;
	size_t i;

	json_array_foreach (array, i, row)
		cli_table_add(table, row, NULL);
	cli_table_print(table);
}
