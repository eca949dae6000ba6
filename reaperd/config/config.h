/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The configuration file: INI, by libini_config; every mistake is an error with file, line and the nearest valid word.
 * It knows the keys and their forms, not what they are for; the only filesystem access is reading the files it is told.
 *
 * config_text() writes a configuration in its canonical form, which config_parse() reads back to the same values: the
 * broker hands that to the engine, `config show` prints it.
 */
#ifndef REAPERD_CONFIG_CONFIG_H
#define REAPERD_CONFIG_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#include "base/rules.h"
#include "base/words.h"

struct config {
	char *user;
	enum source_kind source;
	struct string_list namespaces; /* only "self" until other namespaces are watched */
	char *state_dir;
	char *runtime_dir;
	char *runner_socket; /* "": none */
	int64_t retain;	     /* ns */
	int64_t retain_size; /* bytes */
	uint32_t max_reaps_per_minute;
	struct root_rules *roots;
	size_t root_count;
};

#define CONFIG_DEFAULT_FILE	   "/etc/reaperd.conf"
#define CONFIG_DEFAULT_STATE_DIR   "/var/lib/reaperd"
#define CONFIG_DEFAULT_RUNTIME_DIR "/run/reaperd"

/* Defaults, without roots. NULL when out of memory. */
struct config *config_new(void);
void config_free(struct config *config);

/*
 * Reads FILE and, after it, FILE.d/<name>.conf in order of their names. 0, or -EINVAL / -errno with every mistake, a
 * line each ("FILE:LINE: …"), in *ret_errors (caller frees).
 */
int config_load(const char *file, struct config **ret, char **ret_errors);

/* The same for text that came another way; `name` stands for the file in messages. */
int config_parse(const char *name, const char *text, size_t length, struct config **ret, char **ret_errors);

/*
 * Adds a root with the defaults (--root DIR): 0, -ENOMEM, or -EINVAL with a sentence in `why` (relative, "/", twice,
 * inside another).
 */
int config_add_root(struct config *config, const char *path, char *why, size_t size);

/* The first root that runner_socket lies in, where opening it may hang; NULL: none. */
const struct root_rules *config_root_of_socket(const struct config *config);

/* Canonical text; NULL when out of memory. The caller frees it. */
char *config_text(const struct config *config);

#endif
