/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bytes as text: whatever is shown comes back the same bytes, and what is shown can be shown anywhere. */
#include <errno.h>
#include <iconv.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "fuzz.h"

/* Asks the C library, which knows the same rules by another way. */
static bool is_utf8(const char *bytes, size_t length)
{
	static iconv_t converter;
	CLEANUP_FREE char *room = malloc(4 * length + 4);
	char *in = (char *)bytes, *out = room;
	size_t in_left = length, out_left = 4 * length + 4;

	if (!converter)
		converter = iconv_open("UTF-32LE", "UTF-8");
	FUZZ_HOLDS(converter != (iconv_t)-1);
	iconv(converter, NULL, NULL, NULL, NULL);
	return iconv(converter, &in, &in_left, &out, &out_left) != (size_t)-1;
}

static bool is_plain(const char *bytes)
{
	size_t left = strlen(bytes), length = 1;

	for (; left > 0 && length > 0; left -= length, bytes += length)
		length = text_plain_sequence(bytes, left);
	return length > 0;
}

static void check_shown(const char *bytes, const char *shown)
{
	CLEANUP_FREE char *back = NULL;

	FUZZ_HOLDS(is_utf8(shown, strlen(shown)));
	for (const char *p = shown; *p; p++)
		FUZZ_HOLDS((unsigned char)*p >= 0x20 && *p != 0x7f);
	FUZZ_HOLDS(is_plain(bytes) == (strcmp(bytes, shown) == 0));
	FUZZ_HOLDS(text_unescape(shown, &back) == 0 && strcmp(back, bytes) == 0);
}

/* Typed text may be written in more ways than one; what it means is shown in one. */
static void check_typed(const char *text)
{
	CLEANUP_FREE char *bytes = NULL;
	CLEANUP_FREE char *shown = NULL;
	int r = text_unescape(text, &bytes);

	FUZZ_HOLDS(r == 0 || (r == -EINVAL && !bytes && strchr(text, '\\')));
	fuzz_accepted = r == 0;
	if (r < 0)
		return;
	FUZZ_HOLDS(strlen(bytes) <= strlen(text));
	FUZZ_HOLDS(strchr(text, '\\') || strcmp(text, bytes) == 0);
	shown = text_escape(bytes);
	check_shown(bytes, shown);
}

static unsigned digit_value(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *found = strchr(digits, c);

	FUZZ_HOLDS(c && found);
	return (unsigned)(found - digits);
}

static void check_base64(const uint8_t *data, size_t size)
{
	CLEANUP_FREE char *text = text_base64(data, size);
	size_t padding = (3 - size % 3) % 3, length = strlen(text);

	FUZZ_HOLDS(length == (size + 2) / 3 * 4);
	for (size_t i = 0; i < padding; i++)
		FUZZ_HOLDS(text[length - 1 - i] == '=');
	for (size_t i = 0; i < size; i++) {
		const char *group = text + i / 3 * 4;
		unsigned high = digit_value(group[i % 3]), low = digit_value(group[i % 3 + 1]);

		FUZZ_HOLDS(((high << (2 + 2 * (i % 3)) | low >> (4 - 2 * (i % 3))) & 0xff) == data[i]);
	}
}

static void check_nearest(const char *word)
{
	static const char *const words[] = { "umount", "abort", "force", "detach", "", "grace.hollow", NULL };
	const char *nearest = text_nearest(word, words);

	for (size_t i = 0; words[i]; i++)
		FUZZ_HOLDS(strcmp(word, words[i]) != 0 || nearest == words[i]);
	FUZZ_HOLDS(!nearest || *nearest || !*word);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP_FREE char *bytes = fuzz_string(data, size);
	CLEANUP_FREE char *shown = text_escape(bytes);

	FUZZ_HOLDS(text_is_utf8((const char *)data, size) == is_utf8((const char *)data, size));
	check_shown(bytes, shown);
	check_typed(bytes);
	check_base64(data, size);
	check_nearest(bytes);
	return 0;
}
