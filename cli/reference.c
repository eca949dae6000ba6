/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reference.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "cli.h"

/* A number of digits alone, 1 to `max`; 0 for anything else. */
static uint64_t parse_number(const char *text, uint64_t max)
{
	uint64_t value = 0;

	for (; *text; text++) {
		if (*text < '0' || *text > '9' || value > (max - (uint64_t)(*text - '0')) / 10)
			return 0;
		value = value * 10 + (uint64_t)(*text - '0');
	}
	return value;
}

static const char *generation_mark(const char *text, uint32_t *ret_generation)
{
	const char *at = strrchr(text, '@');
	uint32_t generation;

	if (!at || at == text || at[1] == '0')
		return NULL;
	generation = (uint32_t)parse_number(at + 1, UINT32_MAX);
	if (!generation)
		return NULL;
	*ret_generation = generation;
	return at;
}

int action_reference_parse(const char *text, struct action_reference *ret)
{
	uint32_t generation = 0;
	const char *at = generation_mark(text, &generation);
	CLEANUP_FREE char *name = at ? strndup(text, (size_t)(at - text)) : strdup(text);
	char *bytes = NULL;
	int r;

	if (!name)
		return -ENOMEM;
	if (!*name)
		return -EINVAL;
	r = text_unescape(name, &bytes);
	if (r < 0)
		return r;
	*ret = (struct action_reference){ .name = bytes, .generation = generation };
	return 0;
}

void action_reference_clear(struct action_reference *reference)
{
	free(reference->name);
	*reference = (struct action_reference){ 0 };
}

bool action_name_misleads(const char *name)
{
	uint32_t ignored;

	return strncmp(name, "mnt:", 4) == 0 || generation_mark(name, &ignored);
}

char *action_reference_text(const char *name, uint32_t generation)
{
	CLEANUP_FREE char *text = MUST(text_escape(name));
	uint32_t ignored;
	const char *at;

	if (generation)
		return must_format("%s@%u", text, generation);
	if (!strncmp(text, "mnt:", 4))
		return must_format("mnt\\x3a%s", text + 4);
	at = generation_mark(text, &ignored);
	if (!at)
		return take_ptr(text);
	return must_format("%.*s\\x40%s", (int)(at - text), text, at + 1);
}

int mount_reference_parse(const char *text, uint64_t *ret_id)
{
	uint64_t id;

	if (strncmp(text, "mnt:", 4))
		return -EINVAL;
	id = parse_number(text + 4, INT64_MAX);
	if (!id)
		return -EINVAL;
	*ret_id = id;
	return 0;
}
