/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A configuration, from where there is one: what is wrong with it is said here. */
#ifndef REAPERD_CLI_CONFIGURATION_H
#define REAPERD_CLI_CONFIGURATION_H

#include "cli.h"
#include "config/config.h"

static inline void cleanup_config(struct config **config)
{
	config_free(*config);
}
#define CLEANUP_CONFIG CLEANUP(cleanup_config)

/* CLI_DONE, or CLI_USAGE with file, line and reason of every mistake. */
int configuration_load(const struct cli *cli, const char *file, struct config **ret);

/*
 * Of that file where one is named, else the daemon's where one answers, else, if that is wanted, of the default file. The
 * same; with NULL in *ret there is none of them.
 */
int configuration_find(const struct cli *cli, const char *file, bool or_default, struct config **ret);

#endif
