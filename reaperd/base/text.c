/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/text.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/*
 * The length of the valid UTF-8 sequence at `s` with its code point, or 0: overlong forms, surrogates and what lies
 * beyond U+10FFFF are refused, for JSON readers refuse them.
 */
static size_t utf8_sequence(const unsigned char *s, size_t left, uint32_t *ret_point)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t length = s[0] < 0x80 ? 1 : s[0] < 0xc0 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf8 ? 4 : 0;
	uint32_t point = length < 2 ? s[0] : s[0] & (0x7fu >> length);

	if (length == 0 || length > left)
		return 0;
	for (size_t i = 1; i < length; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		point = point << 6 | (s[i] & 0x3f);
	}
	if (point < smallest[length] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
		return 0;
	*ret_point = point;
	return length;
}

/* Line and paragraph separators, and the controls that make a terminal show text in another order than it has. */
static bool point_is_deceptive(uint32_t point)
{
	return point == 0x061c || point == 0x200e || point == 0x200f || (point >= 0x2028 && point <= 0x202e) ||
	       (point >= 0x2066 && point <= 0x2069) || point == 0xfeff;
}

static bool point_is_control(uint32_t point)
{
	return point < 0x20 || (point >= 0x7f && point < 0xa0);
}

size_t text_plain_sequence(const char *bytes, size_t left)
{
	uint32_t point = 0;
	size_t length = utf8_sequence((const unsigned char *)bytes, left, &point);

	if (length == 0 || point == '\\' || point_is_control(point) || point_is_deceptive(point))
		return 0;
	return length;
}

bool text_is_utf8(const char *bytes, size_t length)
{
	const unsigned char *s = (const unsigned char *)bytes;
	uint32_t point;

	while (length > 0) {
		size_t step = utf8_sequence(s, length, &point);

		if (step == 0)
			return false;
		s += step;
		length -= step;
	}
	return true;
}

static size_t escape_byte(unsigned char byte, char *out)
{
	static const char digits[] = "0123456789abcdef";

	out[0] = '\\';
	if (byte == '\\') {
		out[1] = '\\';
		return 2;
	}
	out[1] = 'x';
	out[2] = digits[byte >> 4];
	out[3] = digits[byte & 15];
	return 4;
}

char *text_escape(const char *bytes)
{
	size_t left = strlen(bytes);
	char *out, *at;

	/* Four bytes for one, and the end. */
	out = reallocarray(NULL, left + 1, 4);
	if (!out)
		return NULL;
	at = out;
	while (left > 0) {
		size_t length = text_plain_sequence(bytes, left);

		if (length > 0) {
			at = mempcpy(at, bytes, length);
		} else {
			at += escape_byte((unsigned char)*bytes, at);
			length = 1;
		}
		bytes += length;
		left -= length;
	}
	*at = '\0';
	return out;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -EINVAL;
}

/* Reads the escape behind a backslash: how many bytes it has, with its value; -EINVAL where it is broken. */
static int unescape_one(const char *text, char *ret)
{
	int high, low;

	if (text[0] == '\\') {
		*ret = '\\';
		return 1;
	}
	if (text[0] != 'x')
		return -EINVAL;
	high = hex_digit(text[1]);
	low = high < 0 ? high : hex_digit(text[2]);
	if (low < 0 || (high == 0 && low == 0))
		return -EINVAL;
	*ret = (char)(high << 4 | low);
	return 3;
}

int text_unescape(const char *text, char **ret_bytes)
{
	CLEANUP_FREE char *out = malloc(strlen(text) + 1);
	char *at = out;

	if (!out)
		return -ENOMEM;
	while (*text) {
		int r;

		if (*text != '\\') {
			*at++ = *text++;
			continue;
		}
		r = unescape_one(text + 1, at);
		if (r < 0)
			return r;
		at++;
		text += 1 + r;
	}
	*at = '\0';
	*ret_bytes = take_ptr(out);
	return 0;
}

void text_unescape_octal(char *text)
{
	char *to = text;

	while (*text) {
		if (text[0] == '\\' && strspn(text + 1, "01234567") >= 3) {
			*to++ = (char)((text[1] - '0') << 6 | (text[2] - '0') << 3 | (text[3] - '0'));
			text += 4;
		} else {
			*to++ = *text++;
		}
	}
	*to = '\0';
}

char *text_base64(const void *bytes, size_t length)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *in = bytes;
	char *out = reallocarray(NULL, length / 3 + 1, 5);
	char *at = out;

	if (!out)
		return NULL;
	for (size_t i = 0; i < length; i += 3) {
		size_t left = length - i;
		uint32_t group = (uint32_t)in[i] << 16;

		group |= left > 1 ? (uint32_t)in[i + 1] << 8 : 0;
		group |= left > 2 ? in[i + 2] : 0;
		*at++ = digits[group >> 18];
		*at++ = digits[group >> 12 & 63];
		*at++ = left > 1 ? digits[group >> 6 & 63] : '=';
		*at++ = left > 2 ? digits[group & 63] : '=';
	}
	*at = '\0';
	return out;
}

/* Longer words are never near anything that people could have meant. */
#define NEAREST_MAX 64

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/*
 * Letters inserted, removed, changed or swapped with their neighbour count one each. Both words are at most NEAREST_MAX
 * long.
 */
static size_t edit_distance(const char *a, const char *b)
{
	size_t rows[3][NEAREST_MAX + 1];
	size_t length = strlen(b);
	size_t i;

	for (size_t j = 0; j <= length; j++)
		rows[0][j] = j;
	for (i = 1; a[i - 1]; i++) {
		size_t *row = rows[i % 3];
		const size_t *above = rows[(i + 2) % 3];
		const size_t *two_above = rows[(i + 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= length; j++) {
			row[j] = smaller(smaller(above[j], row[j - 1]) + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = smaller(row[j], two_above[j - 2] + 1);
		}
	}
	return rows[(i - 1) % 3][length];
}

const char *text_nearest(const char *word, const char *const *words)
{
	const char *nearest = NULL;
	size_t best = SIZE_MAX;
	size_t length = strlen(word);

	if (length > NEAREST_MAX)
		return NULL;
	for (; *words; words++) {
		size_t other = strlen(*words);
		size_t distance;

		if (other > NEAREST_MAX)
			continue;
		distance = edit_distance(word, *words);
		if (distance < best && distance * 3 <= (other > length ? other : length)) {
			best = distance;
			nearest = *words;
		}
	}
	return nearest;
}
