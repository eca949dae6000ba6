/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Every mistake that was found in the files of a configuration, to be told in the order in which a person reads them.
 * Whoever made a struct mistakes clears it. Running out of memory is kept here, too, so that finders need not look at
 * each report.
 */
#ifndef REAPERD_CONFIG_MISTAKES_H
#define REAPERD_CONFIG_MISTAKES_H

#include <stdbool.h>
#include <stddef.h>

struct mistake;

/* Where something stands: `file` is an index in the order of reading, for sorting; `name` outlives the struct. */
struct place_in_file {
	unsigned file;
	const char *name;
	unsigned line; /* 0: the file as a whole */
};

struct mistakes {
	struct mistake *items;
	size_t count;
	bool no_memory;
};

/* Bytes that cannot be shown are escaped here. */
void mistakes_add(struct mistakes *mistakes, struct place_in_file place, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* "FILE:LINE: text" for each, with a newline, sorted; NULL when out of memory. The caller frees it. */
char *mistakes_text(struct mistakes *mistakes);
void mistakes_clear(struct mistakes *mistakes);

#endif
