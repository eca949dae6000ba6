/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The text of one file as sections of keys with values, each with its line. It knows the grammar (libini_config reads
 * keys and values), no key and no section by name.
 *
 * libini_config takes section names for equal that differ in case, ends them at 1 KiB, refuses bytes beyond ASCII in
 * them and does not say on which line they stand: so each header is handed to it as a number, and its text is kept
 * here.
 */
#ifndef REAPERD_CONFIG_SECTIONS_H
#define REAPERD_CONFIG_SECTIONS_H

#include <stddef.h>

#include "config/mistakes.h"

struct key_value {
	char *key;
	char *value; /* "" where there is none */
	unsigned line;
};

struct section {
	char *name; /* between the brackets, without white space around it */
	unsigned line;
	struct key_value *values;
	size_t value_count;
};

struct sections {
	struct section *items;
	size_t count;
};

/* Whatever can be read is read, and each mistake noted: 0 or -ENOMEM. sections_clear() in both cases. */
int sections_read(struct place_in_file place, const char *text, size_t length, struct mistakes *mistakes,
		  struct sections *ret);
void sections_clear(struct sections *sections);

#endif
