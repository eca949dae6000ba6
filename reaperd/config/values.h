/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Forms of values that several keys share. Each function: 0 and *ret set, -EINVAL with a sentence in `why` (of
 * SENTENCE_SIZE), or -ENOMEM; *ret is untouched on failure. What *ret held before is released on success.
 */
#ifndef REAPERD_CONFIG_VALUES_H
#define REAPERD_CONFIG_VALUES_H

#include <stddef.h>
#include <stdint.h>

#include "base/rules.h"

#define SENTENCE_SIZE 512

/* ", did you mean \"X\"?" for the nearest word, or "". Returns buf. */
char *nearest_hint(const char *word, const char *const *words, char *buf, size_t size);

int value_refuse(char *why, const char *format, ...) __attribute__((format(printf, 2, 3))); /* always -EINVAL */

int value_duration(const char *text, int64_t least_ns, int64_t *ret, char *why);
int value_size(const char *text, int64_t *ret, char *why);   /* bytes; K, M, G, T are powers of 1024 */
int value_count(const char *text, uint32_t *ret, char *why); /* a decimal number */
int value_list(const char *text, struct string_list *ret, char *why);
int value_path(const char *text, char **ret, char *why);   /* absolute, with escapes */
int value_unit(const char *text, char **ret, char *why);   /* the full name of one of systemd's units, likewise */
int value_replace_string(char **string, const char *text); /* 0 or -ENOMEM */

/* "yes", for what is not built yet, is an error that names `feature`. */
int value_not_yet(const char *text, const char *feature, char *why);

/* One of `words` (ends with NULL): its index in *ret. */
int value_word(const char *text, const char *const *words, unsigned *ret, char *why);

/* Several of `words`: their bits. */
int value_word_set(const char *text, const char *const *words, uint32_t *ret, char *why);

int value_ladder(const char *text, struct ladder *ret, char *why);

#endif
