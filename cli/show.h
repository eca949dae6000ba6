/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Values of the interface's objects as text. What comes out is on the heap and never NULL; in tables for people it is
 * escaped, for --raw it is the bytes (libsmartcols escapes those itself). A value that is not there is "".
 */
#ifndef REAPERD_CLI_SHOW_H
#define REAPERD_CLI_SHOW_H

#include <jansson.h>
#include <stdbool.h>

#include "base/clock.h"

struct show {
	struct now now;
	bool raw;
	bool ambiguous; /* names alone would not tell the rows apart: always with the generation */
};

typedef char *cell_function(const struct show *show, const json_t *row, const char *key);

cell_function show_text;   /* a string */
cell_function show_words;  /* what the daemon says, as show_sentence() */
cell_function show_number; /* an integer */
cell_function show_flag;   /* true as "yes" */
cell_function show_age;	   /* how long ago the time at `key` is */
cell_function show_name;   /* an action as people type it: the name at `key`, and the generation where it matters */
cell_function show_kinds;  /* evidence: its kinds, separated by commas */
cell_function show_owner;
cell_function show_attacher; /* attached_by */
cell_function show_detail;   /* an event's: key=value … */
cell_function show_owner_pid, show_owner_comm, show_attacher_pid, show_attacher_comm;
cell_function show_number_known; /* an integer, "" for 0 */

/* The string at `key` for people, whether the JSON holds it raw or escaped; blanks at its ends are escaped, too. */
char *show_string(const json_t *row, const char *key);
/* The same of a string that stands in no row: an element of an array. */
char *show_item(const json_t *value);
/* What the daemon says in words, where names are escaped already, and whatever else a terminal must not get. */
char *show_sentence(const json_t *value);
/* The string at `key` as bytes; NULL where there is none. */
char *show_bytes(const json_t *row, const char *key);
/* ns since 1970 at `key`; 0: none. */
int64_t show_time(const json_t *row, const char *key);
int64_t show_integer(const json_t *row, const char *key);

#endif
