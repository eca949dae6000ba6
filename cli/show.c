/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "show.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli.h"
#include "reference.h"

/* The daemon gives bytes that are not UTF-8 escaped, with <key>_b64 beside them, and everything else as it is. */
static bool is_escaped(const json_t *row, const char *key)
{
	CLEANUP_FREE char *beside = must_format("%s_b64", key);

	return json_object_get(row, beside);
}

/* A blank at either end is not seen, and is lost by whoever copies the word: it is escaped, too. Takes `text`. */
static char *show_outer_blanks(char *text)
{
	CLEANUP_FREE char *inner = text;
	size_t length = strlen(text);
	bool first = *text == ' ', last = length > 1 && text[length - 1] == ' ';

	if (!first && !last)
		return take_ptr(inner);
	return must_format("%s%.*s%s", first ? "\\x20" : "", (int)(length - first - last), text + first,
			   last ? "\\x20" : "");
}

char *show_item(const json_t *value)
{
	const char *text = json_string_value(value);

	return show_outer_blanks(MUST(text_escape(text ? text : "")));
}

char *show_sentence(const json_t *value)
{
	const char *text = json_string_value(value);
	CLEANUP_FREE char *bytes = NULL;

	if (!text || text_unescape(text, &bytes) < 0)
		return show_item(value);
	return MUST(text_escape(bytes));
}

char *show_string(const json_t *row, const char *key)
{
	const json_t *value = json_object_get(row, key);

	if (json_is_string(value) && is_escaped(row, key))
		return show_outer_blanks(MUST(strdup(json_string_value(value))));
	return show_item(value);
}

char *show_bytes(const json_t *row, const char *key)
{
	const char *value = json_string_value(json_object_get(row, key));
	char *bytes = NULL;

	if (!value)
		return NULL;
	if (is_escaped(row, key) && text_unescape(value, &bytes) == 0)
		return bytes;
	return MUST(strdup(value));
}

int64_t show_time(const json_t *row, const char *key)
{
	const char *value = json_string_value(json_object_get(row, key));
	int64_t time = 0;

	return value && time_parse(value, 0, &time) == 0 ? time : 0;
}

int64_t show_integer(const json_t *row, const char *key)
{
	return json_integer_value(json_object_get(row, key));
}

char *show_text(const struct show *show, const json_t *row, const char *key)
{
	char *bytes = show->raw ? show_bytes(row, key) : show_string(row, key);

	return bytes ? bytes : MUST(strdup(""));
}

char *show_words(const struct show *show, const json_t *row, const char *key)
{
	return show->raw ? show_text(show, row, key) : show_sentence(json_object_get(row, key));
}

char *show_number(const struct show *show, const json_t *row, const char *key)
{
	const json_t *value = json_object_get(row, key);

	(void)show;
	if (!json_is_integer(value))
		return MUST(strdup(""));
	return must_format("%" JSON_INTEGER_FORMAT, json_integer_value(value));
}

char *show_number_known(const struct show *show, const json_t *row, const char *key)
{
	return show_integer(row, key) ? show_number(show, row, key) : MUST(strdup(""));
}

char *show_flag(const struct show *show, const json_t *row, const char *key)
{
	(void)show;
	return MUST(strdup(json_is_true(json_object_get(row, key)) ? "yes" : ""));
}

char *show_age(const struct show *show, const json_t *row, const char *key)
{
	int64_t time = show_time(row, key);
	char text[64];

	if (!time)
		return MUST(strdup(""));
	return MUST(strdup(age_format(time < show->now.real ? show->now.real - time : 0, text, sizeof(text))));
}

char *show_name(const struct show *show, const json_t *row, const char *key)
{
	CLEANUP_FREE char *name = show_text(show, row, key);
	int64_t generation = show_integer(row, "generation");

	if (!*name || generation < 1 || (generation == 1 && !show->ambiguous && !action_name_misleads(name)))
		return take_ptr(name);
	return must_format("%s@%lld", name, (long long)generation);
}

char *show_kinds(const struct show *show, const json_t *row, const char *key)
{
	CLEANUP_FREE char *all = MUST(strdup(""));
	const json_t *item;
	size_t i;

	(void)show;
	json_array_foreach (json_object_get(row, key), i, item) {
		CLEANUP_FREE char *kind = show_string(item, "kind");

		must_append(&all, ",", kind);
	}
	return take_ptr(all);
}

/* "mount[9]", "pid 9" where its command is not known, "". */
static char *show_process(const json_t *process)
{
	CLEANUP_FREE char *comm = show_string(process, "comm");
	int64_t pid = show_integer(process, "pid");

	if (!pid)
		return MUST(strdup(""));
	return *comm ? must_format("%s[%lld]", comm, (long long)pid) : must_format("pid %lld", (long long)pid);
}

char *show_owner(const struct show *show, const json_t *row, const char *key)
{
	const json_t *owner = json_object_get(row, key);
	CLEANUP_FREE char *kind = show_string(owner, "kind"), *process = show_process(owner);

	(void)show;
	return must_format("%s%s%s", json_is_true(json_object_get(owner, "lease")) ? "lease" : kind,
			   *process ? " " : "", process);
}

char *show_attacher(const struct show *show, const json_t *row, const char *key)
{
	(void)show;
	return show_process(json_object_get(row, key));
}

char *show_owner_pid(const struct show *show, const json_t *row, const char *key)
{
	return show_number(show, json_object_get(row, "owner"), key);
}

char *show_owner_comm(const struct show *show, const json_t *row, const char *key)
{
	return show_text(show, json_object_get(row, "owner"), key);
}

char *show_attacher_pid(const struct show *show, const json_t *row, const char *key)
{
	return show_number(show, json_object_get(row, "attached_by"), key);
}

char *show_attacher_comm(const struct show *show, const json_t *row, const char *key)
{
	return show_text(show, json_object_get(row, "attached_by"), key);
}

static char *show_value(const json_t *object, const char *key, const json_t *value)
{
	if (json_is_string(value))
		return show_string(object, key);
	return MUST(json_dumps(value, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_ENCODE_ANY));
}

char *show_detail(const struct show *show, const json_t *row, const char *key)
{
	CLEANUP_FREE char *all = MUST(strdup(""));
	json_t *detail = json_object_get(row, key), *value;
	const char *name;

	(void)show;
	json_object_foreach (detail, name, value) {
		CLEANUP_FREE char *shown = NULL, *both = NULL;
		size_t length = strlen(name);

		if (json_is_null(value) || (length > 4 && !strcmp(name + length - 4, "_b64")))
			continue;
		shown = show_value(detail, name, value);
		both = must_format("%s=%s", name, shown);
		must_append(&all, " ", both);
	}
	return take_ptr(all);
}
