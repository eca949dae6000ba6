/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* reaperd's command line. Strings point into argv. */
#ifndef REAPERD_BROKER_OPTIONS_H
#define REAPERD_BROKER_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/log.h"
#include "base/words.h"

struct options {
	const char *config; /* NULL: not given, as all others */
	const char **roots; /* owned */
	size_t root_count;
	const char *state_dir;
	const char *runtime_dir;
	bool has_source;
	enum source_kind source;
	bool observe;
	bool once;
	enum log_level log_level;
};

/* -1: go on; else the exit status (0 after --help and --version, 2 after a mistake, which is on stderr). */
int options_parse(int argc, char **argv, struct options *ret);
void options_clear(struct options *options);

#endif
