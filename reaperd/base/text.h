/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Bytes as text. What is shown to people escapes control bytes, bytes that are not UTF-8 (and U+2028, U+2029,
 * bidirectional controls) as \xNN and a backslash as \\; what people type is read back by the inverse, so any byte but
 * NUL goes round.
 */
#ifndef REAPERD_BASE_TEXT_H
#define REAPERD_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* True where the bytes are valid UTF-8 (control characters allowed): JSON can carry them. */
bool text_is_utf8(const char *bytes, size_t length);

/*
 * How many of the `left` bytes (at least one) can be shown as they are, as one character; 0 where the first must be
 * escaped.
 */
size_t text_plain_sequence(const char *bytes, size_t left);

/* NULL when out of memory; the caller frees it. */
char *text_escape(const char *bytes);

/* -EINVAL for a broken escape, \x00 or a lone backslash at the end. The caller frees *ret_bytes. */
int text_unescape(const char *text, char **ret_bytes);

/*
 * In place, as the kernel escapes what stands in mountinfo: a backslash and three octal digits for a space, tab,
 * newline or backslash.
 */
void text_unescape_octal(char *text);

/* RFC 4648 base64 with padding. NULL when out of memory; the caller frees it. */
char *text_base64(const void *bytes, size_t length);

/*
 * The entry of `words` (terminated by NULL) nearest to `word` by edit distance, for "did you mean"; NULL where nothing
 * is near (more than a third of the letters differ).
 */
const char *text_nearest(const char *word, const char *const *words);

#endif
