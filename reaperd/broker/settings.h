/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The configuration in force: the file, with what the command line says over it, and its roots as they stand in the
 * filesystem. Shared by reference, for a request that is under way keeps the settings that it began with.
 */
#ifndef REAPERD_BROKER_SETTINGS_H
#define REAPERD_BROKER_SETTINGS_H

#include "base/batch.h"
#include "broker/options.h"
#include "config/config.h"

struct settings {
	unsigned references;
	uint32_t serial;
	struct config *config;
	int text; /* a sealed memfd with the canonical configuration */
};

/*
 * Reads everything anew. Roots that are symbolic links are resolved, by children of `pool` with a deadline, for a root
 * may lie on a filesystem that hangs. 0 with one reference; or -errno with every mistake, a line each, in *ret_errors
 * (the caller frees).
 */
int settings_load(const struct options *options, uint32_t serial, struct batch_pool *pool, struct settings **ret,
		  char **ret_errors);

struct settings *settings_ref(struct settings *settings);
void settings_unref(struct settings *settings); /* takes NULL */

#endif
