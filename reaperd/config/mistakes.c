/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/mistakes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"

struct mistake {
	struct place_in_file place;
	size_t order; /* of finding */
	char *text;
};

/* As text_escape(), but for backslashes: what values a sentence shows are escaped already. NULL when out of memory. */
static char *escape_rest(const char *text)
{
	size_t left = strlen(text);
	char *out = reallocarray(NULL, left + 1, 4), *at = out;

	if (!out)
		return NULL;
	while (left > 0) {
		size_t length = *text == '\\' ? 1 : text_plain_sequence(text, left);

		if (length > 0)
			at = mempcpy(at, text, length);
		else
			at += sprintf(at, "\\x%02x", (unsigned char)*text);
		text += length > 0 ? length : 1;
		left -= length > 0 ? length : 1;
	}
	*at = '\0';
	return out;
}

void mistakes_add(struct mistakes *mistakes, struct place_in_file place, const char *format, ...)
{
	CLEANUP_FREE char *sentence = NULL;
	CLEANUP_FREE char *text = NULL;
	struct mistake *items;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vasprintf(&sentence, format, arguments);
	va_end(arguments);
	items = reallocarray(mistakes->items, mistakes->count + 1, sizeof(*items));
	if (items)
		mistakes->items = items;
	if (length < 0)
		sentence = NULL;
	text = sentence ? escape_rest(sentence) : NULL;
	if (!text || !items) {
		mistakes->no_memory = true;
		return;
	}
	items[mistakes->count] = (struct mistake){ .place = place, .order = mistakes->count, .text = take_ptr(text) };
	mistakes->count++;
}

static int compare_mistakes(const void *left, const void *right)
{
	const struct mistake *a = left, *b = right;

	if (a->place.file != b->place.file)
		return a->place.file < b->place.file ? -1 : 1;
	if (a->place.line != b->place.line)
		return a->place.line < b->place.line ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

static void print_mistake(FILE *out, const struct mistake *mistake)
{
	if (mistake->place.line)
		fprintf(out, "%s:%u: %s\n", mistake->place.name, mistake->place.line, mistake->text);
	else
		fprintf(out, "%s: %s\n", mistake->place.name, mistake->text);
}

char *mistakes_text(struct mistakes *mistakes)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	if (mistakes->count > 0)
		qsort(mistakes->items, mistakes->count, sizeof(*mistakes->items), compare_mistakes);
	for (size_t i = 0; i < mistakes->count; i++)
		print_mistake(out, &mistakes->items[i]);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

void mistakes_clear(struct mistakes *mistakes)
{
	for (size_t i = 0; i < mistakes->count; i++)
		free(mistakes->items[i].text);
	free(mistakes->items);
	*mistakes = (struct mistakes){ 0 };
}
