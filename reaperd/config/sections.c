/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config/sections.h"

#include <ctype.h>
#include <errno.h>
#include <ini_configobj.h>
#include <ini_valueobj.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"

#define UTF8_BOM "\xef\xbb\xbf"

/* Lines with keys and values of their own, nothing is wrapped, no C comments, one value for each key. */
#define PARSE_FLAGS	(INI_PARSE_NOWRAP | INI_PARSE_NO_C_COMMENTS)
#define COLLISION_FLAGS (INI_MV1S_ERROR | INI_MV2S_ERROR | INI_MS_ERROR)

#define SECTIONS_MAX 1000
#define KEYS_MAX     1000

struct line {
	const char *text; /* in the caller's text, without the white space around it */
	size_t length;
	bool left_out; /* not for libini_config: empty, a comment, a mistake */
	bool header;
};

struct reader {
	struct place_in_file place;
	struct mistakes *mistakes;
	struct line *lines; /* line N at N - 1 */
	size_t line_count;
};

static struct place_in_file place_at(const struct reader *reader, size_t line)
{
	struct place_in_file place = reader->place;

	place.line = (unsigned)line;
	return place;
}

static struct line trim_line(const char *text, size_t length)
{
	while (length > 0 && strchr(" \t\r\v\f", text[length - 1]) && text[length - 1])
		length--;
	while (length > 0 && strchr(" \t\r\v\f", *text) && *text) {
		text++;
		length--;
	}
	return (struct line){ .text = text, .length = length };
}

static int split_lines(struct reader *reader, const char *text, size_t length)
{
	const char *end = text + length;

	if (length >= strlen(UTF8_BOM) && memcmp(text, UTF8_BOM, strlen(UTF8_BOM)) == 0)
		text += strlen(UTF8_BOM);
	reader->line_count = 1;
	for (const char *at = text; at < end; at++)
		reader->line_count += *at == '\n';
	reader->lines = calloc(reader->line_count, sizeof(*reader->lines));
	if (!reader->lines)
		return -ENOMEM;
	for (size_t i = 0; i < reader->line_count; i++) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));

		reader->lines[i] = trim_line(text, (size_t)((newline ? newline : end) - text));
		text = newline ? newline + 1 : end;
	}
	return 0;
}

static size_t key_length(const struct line *line)
{
	const char *equal = memchr(line->text, '=', line->length);
	size_t length = equal ? (size_t)(equal - line->text) : line->length;

	while (length > 0 && isspace((unsigned char)line->text[length - 1]))
		length--;
	return length;
}

/* One other byte in a key makes libini_config refuse the whole file, without a line. */
static bool key_is_sound(const struct line *line)
{
	size_t length = key_length(line);

	for (size_t i = 0; i < length; i++)
		if (!isascii(line->text[i]) || (!isalnum(line->text[i]) && !strchr("._:/-", line->text[i])))
			return false;
	return true;
}

/* What is wrong with a line that libini_config must not see; NULL where nothing is. */
static const char *line_problem(const struct line *line, bool in_section)
{
	if (memchr(line->text, '\0', line->length))
		return "a NUL byte: this is no text";
	if (!text_is_utf8(line->text, line->length))
		return "not UTF-8: write other bytes as \\xNN";
	if (line->header && line->text[line->length - 1] != ']')
		return "a section ends with ] and has nothing behind it";
	if (line->header)
		return NULL;
	if (!in_section)
		return "this stands before the first section ([daemon] or [root /path])";
	if (!memchr(line->text, '=', line->length))
		return "no \"=\" here: a key and its value stand on one line, a comment on a line of its own";
	if (key_length(line) == 0)
		return "no key before the \"=\"";
	if (!key_is_sound(line))
		return "no key is written with such characters";
	return NULL;
}

/*
 * libini_config looks through all sections for each new one, and through all keys of a section: a file of nothing else
 * would keep it busy for hours. Says so once, at the first that is too many; true where the line is one.
 */
static bool is_too_many(struct reader *reader, size_t line, size_t *sections, size_t *keys)
{
	bool header = reader->lines[line - 1].header;

	if (header) {
		++*sections;
		*keys = 0;
	} else {
		++*keys;
	}
	if (header && *sections == SECTIONS_MAX + 1)
		mistakes_add(reader->mistakes, place_at(reader, line), "more than %d sections in one file",
			     SECTIONS_MAX);
	else if (*sections <= SECTIONS_MAX && *keys == KEYS_MAX + 1)
		mistakes_add(reader->mistakes, place_at(reader, line), "more than %d keys in one section", KEYS_MAX);
	return *sections > SECTIONS_MAX || *keys > KEYS_MAX;
}

static void check_lines(struct reader *reader)
{
	size_t sections = 0, keys = 0;
	bool in_section = false;

	for (size_t i = 0; i < reader->line_count; i++) {
		struct line *line = &reader->lines[i];
		const char *problem;

		line->left_out = line->length == 0 || strchr("#;", *line->text);
		if (line->left_out && !memchr(line->text, '\0', line->length))
			continue;
		line->header = *line->text == '[';
		problem = line_problem(line, in_section);
		in_section = in_section || line->header;
		line->left_out = problem != NULL;
		if (problem)
			mistakes_add(reader->mistakes, place_at(reader, i + 1), "%s", problem);
		else if (is_too_many(reader, i + 1, &sections, &keys))
			*line = (struct line){ .left_out = true };
	}
}

/* What libini_config reads: the same lines, with a number for each header. */
static int write_prepared(const struct reader *reader, char **ret_text, size_t *ret_length)
{
	FILE *out = open_memstream(ret_text, ret_length);

	if (!out)
		return -ENOMEM;
	for (size_t i = 0; i < reader->line_count; i++) {
		const struct line *line = &reader->lines[i];

		if (line->header)
			fprintf(out, "[%zu]", i + 1);
		else if (!line->left_out)
			fwrite(line->text, 1, line->length, out);
		fputc('\n', out);
	}
	return fclose(out) == 0 ? 0 : -ENOMEM;
}

/* The line above `line`, in its section, with the same key; libini_config compares without regard to case. 0: none. */
static size_t line_of_same_key(const struct reader *reader, size_t line)
{
	const struct line *second = &reader->lines[line - 1];
	size_t length = key_length(second);

	for (size_t i = line - 1; i > 0 && !reader->lines[i - 1].header; i--) {
		const struct line *first = &reader->lines[i - 1];

		if (!first->left_out && key_length(first) == length &&
		    strncasecmp(first->text, second->text, length) == 0)
			return i;
	}
	return 0;
}

static void add_parse_error(struct reader *reader, int code, size_t line, const char *text)
{
	if (code == ERR_DUPKEY)
		mistakes_add(reader->mistakes, place_at(reader, line),
			     "the key \"%.*s\" stands in this section already, on line %zu",
			     (int)key_length(&reader->lines[line - 1]), reader->lines[line - 1].text,
			     line_of_same_key(reader, line));
	else if (code == ERR_LONGKEY)
		mistakes_add(reader->mistakes, place_at(reader, line), "unknown key, of more than 1,000 characters");
	else
		mistakes_add(reader->mistakes, place_at(reader, line), "cannot be read: %s", text);
}

/*
 * Notes libini_config's errors and leaves their lines out. It gives no values where a line was wrong, so the caller
 * parses again without those. False where that would change nothing.
 */
static bool take_parse_errors(struct reader *reader, struct ini_cfgobj *object)
{
	char **errors = NULL;
	bool progress = false;

	if (ini_config_error_count(object) == 0 || ini_config_get_errors(object, &errors) != 0)
		return false;
	for (size_t i = 0; errors[i]; i++) {
		const char *text = strstr(errors[i], ": ");
		unsigned line;
		int code;

		if (sscanf(errors[i], "%*[^(](%d) on line %u", &code, &line) != 2 || line == 0 ||
		    line > reader->line_count || reader->lines[line - 1].left_out || reader->lines[line - 1].header)
			continue;
		add_parse_error(reader, code, line, text ? text + 2 : errors[i]);
		reader->lines[line - 1].left_out = progress = true;
	}
	ini_config_free_errors(errors);
	return progress;
}

static int parse_once(const struct reader *reader, struct ini_cfgobj **ret)
{
	struct ini_cfgfile *file = NULL;
	struct ini_cfgobj *object = NULL;
	CLEANUP_FREE char *text = NULL;
	size_t length;
	int r = write_prepared(reader, &text, &length);

	if (r < 0 || ini_config_create(&object) != 0)
		return -ENOMEM;
	r = length > UINT32_MAX ? EFBIG : ini_config_file_from_mem(text, (uint32_t)length, &file);
	if (r == 0)
		r = ini_config_parse(file, INI_STOP_ON_NONE, COLLISION_FLAGS, PARSE_FLAGS, object);
	if (file)
		ini_config_file_destroy(file);
	*ret = object;
	return -r;
}

static int parse_prepared(struct reader *reader, struct ini_cfgobj **ret)
{
	for (;;) {
		struct ini_cfgobj *object = NULL;
		int r = parse_once(reader, &object);

		if (r == 0) {
			*ret = object;
			return 0;
		}
		if (!object)
			return r;
		if (!take_parse_errors(reader, object)) {
			ini_config_destroy(object);
			mistakes_add(reader->mistakes, reader->place, "cannot be read: %s", strerror(-r));
			*ret = NULL;
			return 0;
		}
		ini_config_destroy(object);
	}
}

static int copy_value(const struct reader *reader, struct ini_cfgobj *object, const char *section_number,
		      const char *key, struct section *section)
{
	struct value_obj *object_value = NULL;
	struct key_value *values;
	struct key_value value = { 0 };
	const char *text = NULL;
	uint32_t line = 0;

	if (ini_get_config_valueobj(section_number, key, object, INI_GET_FIRST_VALUE, &object_value) != 0 ||
	    !object_value || value_get_line(object_value, &line) != 0 ||
	    value_get_concatenated(object_value, &text) != 0 || line == 0 || line > reader->line_count)
		return -ENOMEM;
	values = reallocarray(section->values, section->value_count + 1, sizeof(*values));
	if (!values)
		return -ENOMEM;
	section->values = values;
	value.line = line;
	value.key = strndup(reader->lines[line - 1].text, key_length(&reader->lines[line - 1]));
	value.value = strdup(text ? text : "");
	values[section->value_count++] = value;
	return value.key && value.value ? 0 : -ENOMEM;
}

static int copy_values(const struct reader *reader, struct ini_cfgobj *object, struct section *section)
{
	char number[16];
	char **keys;
	int error = 0, r = 0;

	snprintf(number, sizeof(number), "%u", section->line);
	keys = ini_get_attribute_list(object, number, NULL, &error);
	if (!keys)
		return error == ENOMEM ? -ENOMEM : 0;
	for (size_t i = 0; keys[i] && r == 0; i++)
		r = copy_value(reader, object, number, keys[i], section);
	ini_free_attribute_list(keys);
	return r;
}

static int add_section(const struct reader *reader, size_t line, struct sections *sections)
{
	const struct line *header = &reader->lines[line - 1];
	struct line name = trim_line(header->text + 1, header->length - 2);
	struct section *items = reallocarray(sections->items, sections->count + 1, sizeof(*items));

	if (!items)
		return -ENOMEM;
	sections->items = items;
	items[sections->count] = (struct section){ .name = strndup(name.text, name.length), .line = (unsigned)line };
	return items[sections->count++].name ? 0 : -ENOMEM;
}

static int collect_sections(const struct reader *reader, struct ini_cfgobj *object, struct sections *sections)
{
	int r = 0;

	for (size_t i = 0; i < reader->line_count && r == 0; i++) {
		if (!reader->lines[i].header || reader->lines[i].left_out)
			continue;
		r = add_section(reader, i + 1, sections);
		if (r == 0 && object)
			r = copy_values(reader, object, &sections->items[sections->count - 1]);
	}
	return r;
}

int sections_read(struct place_in_file place, const char *text, size_t length, struct mistakes *mistakes,
		  struct sections *ret)
{
	struct reader reader = { .place = place, .mistakes = mistakes };
	struct ini_cfgobj *object = NULL;
	int r;

	*ret = (struct sections){ 0 };
	r = split_lines(&reader, text, length);
	if (r == 0) {
		check_lines(&reader);
		r = parse_prepared(&reader, &object);
	}
	if (r == 0)
		r = collect_sections(&reader, object, ret);
	if (object)
		ini_config_destroy(object);
	free(reader.lines);
	return r < 0 ? -ENOMEM : 0;
}

void sections_clear(struct sections *sections)
{
	for (size_t i = 0; i < sections->count; i++) {
		struct section *section = &sections->items[i];

		for (size_t j = 0; j < section->value_count; j++) {
			free(section->values[j].key);
			free(section->values[j].value);
		}
		free(section->values);
		free(section->name);
	}
	free(sections->items);
	*sections = (struct sections){ 0 };
}
