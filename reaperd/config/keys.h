/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The keys of [daemon] and of [root ...], and the form of their values. A value is judged by itself here; how sections
 * go together is config.c's matter.
 */
#ifndef REAPERD_CONFIG_KEYS_H
#define REAPERD_CONFIG_KEYS_H

#include "config/config.h"
#include "config/values.h"

/* Both: 0 and the value taken over, -EINVAL with a sentence in `why` (of SENTENCE_SIZE), or -ENOMEM. */
int daemon_key_set(struct config *config, const char *key, const char *value, char *why);
int root_key_set(struct root_rules *rules, const char *key, const char *value, char *why);

/*
 * The path of a root as text with escapes: 0 with the normalized bytes in *ret_path, -EINVAL with a sentence, -ENOMEM.
 */
int root_path_parse(const char *text, char **ret_path, char *why);
int root_path_check(const char *bytes, char **ret_path, char *why);

#endif
