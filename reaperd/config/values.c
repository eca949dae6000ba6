/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/values.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/path.h"
#include "base/text.h"

int value_refuse(char *why, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(why, SENTENCE_SIZE, format, arguments);
	va_end(arguments);
	return -EINVAL;
}

/* A value as part of a sentence: escaped, and cut where it is long. */
struct shown {
	char text[128];
};

static struct shown show(const char *value)
{
	CLEANUP_FREE char *escaped = text_escape(value);
	struct shown shown;

	snprintf(shown.text, sizeof(shown.text), "%.120s%s", escaped ? escaped : "?",
		 escaped && strlen(escaped) > 120 ? "..." : "");
	return shown;
}

char *nearest_hint(const char *word, const char *const *words, char *buf, size_t size)
{
	const char *nearest = text_nearest(word, words);

	if (nearest)
		snprintf(buf, size, ", did you mean \"%s\"?", nearest);
	else
		*buf = '\0';
	return buf;
}

int value_duration(const char *text, int64_t least_ns, int64_t *ret, char *why)
{
	char least[24];
	int64_t ns;
	int r = duration_parse(text, &ns);

	if (r == -ERANGE)
		return value_refuse(why, "\"%s\" is more than 100 years", show(text).text);
	if (r < 0)
		return value_refuse(why, "\"%s\" is no duration; such are 500ms, 5s, 2m, 1h, 30d", show(text).text);
	if (ns < least_ns)
		return value_refuse(why, "\"%s\" is too short, at least %s", show(text).text,
				    duration_format(least_ns, least, sizeof(least)));
	*ret = ns;
	return 0;
}

/* Decimal digits up to INT64_MAX; what follows them in *ret_rest. */
static int parse_number(const char *text, int64_t *ret, const char **ret_rest)
{
	char *end;
	long long number;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	number = strtoll(text, &end, 10);
	if (errno)
		return -EINVAL;
	*ret = number;
	*ret_rest = end;
	return 0;
}

int value_size(const char *text, int64_t *ret, char *why)
{
	static const char units[] = "KMGT";
	const char *rest, *unit;
	int64_t number;

	if (parse_number(text, &number, &rest) < 0 || (*rest && rest[1]))
		return value_refuse(why, "\"%s\" is no size; such are 512M, 2G, 1048576", show(text).text);
	if (*rest) {
		unit = strchr(units, *rest);
		if (!unit)
			return value_refuse(why, "\"%s\" has an unknown unit; K, M, G and T are known",
					    show(text).text);
		if (__builtin_mul_overflow(number, INT64_C(1024) << 10 * (unit - units), &number))
			return value_refuse(why, "\"%s\" is too large", show(text).text);
	}
	*ret = number;
	return 0;
}

int value_count(const char *text, uint32_t *ret, char *why)
{
	const char *rest;
	int64_t number;

	if (parse_number(text, &number, &rest) < 0 || *rest || number > UINT32_MAX)
		return value_refuse(why, "\"%s\" is no number from 0 to %u", show(text).text, UINT32_MAX);
	*ret = (uint32_t)number;
	return 0;
}

int value_list(const char *text, struct string_list *ret, char *why)
{
	struct string_list list;
	int r = string_list_split(text, &list);

	if (r == -EINVAL)
		return value_refuse(why, "a broken escape: \\xNN is a byte (not \\x00), \\\\ a backslash");
	if (r < 0)
		return r;
	string_list_clear(ret);
	*ret = list;
	return 0;
}

/* Of the units that have a control group. */
static bool is_unit_name(const char *name)
{
	static const char *const types[] = { ".service", ".scope", ".slice" };
	size_t length = strlen(name);

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		size_t type = strlen(types[i]);

		if (length > type && strcmp(name + length - type, types[i]) == 0)
			return length <= 255 && !strchr(name, '/');
	}
	return false;
}

int value_unit(const char *text, char **ret, char *why)
{
	CLEANUP_FREE char *name = NULL;
	int r = text_unescape(text, &name);

	if (r < 0 && r != -EINVAL)
		return r;
	if (r == -EINVAL || !is_unit_name(name))
		return value_refuse(why, "\"%.64s\" is no unit's full name, as in bb-worker.service", text);
	*ret = take_ptr(name);
	return 0;
}

int value_path(const char *text, char **ret, char *why)
{
	CLEANUP_FREE char *bytes = NULL;
	char *path;
	int r = text_unescape(text, &bytes);

	if (r == -EINVAL)
		return value_refuse(why, "a broken escape: \\xNN is a byte (not \\x00), \\\\ a backslash");
	if (r < 0)
		return r;
	r = path_normalize(bytes, &path);
	if (r == -ENAMETOOLONG)
		return value_refuse(why, "the path is too long");
	if (r == -EINVAL)
		return value_refuse(why, "\"%s\" is no absolute path without . and .. in it", show(bytes).text);
	if (r < 0)
		return r;
	free(*ret);
	*ret = path;
	return 0;
}

int value_replace_string(char **string, const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		return -ENOMEM;
	free(*string);
	*string = copy;
	return 0;
}

int value_not_yet(const char *text, const char *feature, char *why)
{
	if (*text == '\0')
		return 0;
	return value_refuse(why, "%s is not built yet: leave the key out or empty", feature);
}

int value_word(const char *text, const char *const *words, unsigned *ret, char *why)
{
	char hint[128];

	for (unsigned i = 0; words[i]; i++) {
		if (strcmp(words[i], text) == 0) {
			*ret = i;
			return 0;
		}
	}
	return value_refuse(why, "\"%s\" is unknown here%s", show(text).text,
			    nearest_hint(text, words, hint, sizeof(hint)));
}

int value_word_set(const char *text, const char *const *words, uint32_t *ret, char *why)
{
	struct string_list list = { 0 };
	uint32_t bits = 0;
	int r = value_list(text, &list, why);

	for (size_t i = 0; i < list.count && r == 0; i++) {
		unsigned word;

		r = value_word(list.items[i], words, &word, why);
		if (r == 0)
			bits |= UINT32_C(1) << word;
	}
	string_list_clear(&list);
	if (r == 0)
		*ret = bits;
	return r;
}

static int add_step(struct ladder *ladder, const char *text, char *why)
{
	unsigned step;
	int r = value_word(text, step_names, &step, why);

	if (r < 0)
		return r;
	for (unsigned i = 0; i < ladder->count; i++) {
		if (ladder->steps[i] == step)
			return value_refuse(why, "the step \"%s\" stands twice", text);
		if (ladder->steps[i] == STEP_DETACH)
			return value_refuse(why, "nothing is left to do after \"detach\": it is the last step");
	}
	ladder->steps[ladder->count++] = (uint8_t)step;
	return 0;
}

int value_ladder(const char *text, struct ladder *ret, char *why)
{
	struct string_list list = { 0 };
	struct ladder ladder = { 0 };
	int r = value_list(text, &list, why);

	for (size_t i = 0; i < list.count && r == 0; i++)
		r = add_step(&ladder, list.items[i], why);
	string_list_clear(&list);
	if (r < 0)
		return r;
	if (ladder.count == 0)
		return value_refuse(why, "a ladder has at least one step: umount, abort, force, detach");
	*ret = ladder;
	return 0;
}
