/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/selector.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/path.h"

static bool parse_pid(const char *text, int32_t *ret)
{
	char *end;
	long number;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	number = strtol(text, &end, 10);
	if (*end || errno || number < 1 || number > INT32_MAX)
		return false;
	*ret = (int32_t)number;
	return true;
}

/* As it is written, for a path that is another when normalized would be shown as another. */
static bool is_path(const char *text)
{
	CLEANUP_FREE char *path = NULL;

	return path_normalize(text, &path) == 0 && strcmp(path, text) == 0;
}

static int refuse(char *why, size_t size, const char *sentence)
{
	snprintf(why, size, "%s", sentence);
	return -EINVAL;
}

static int parse_argument(struct selector *selector, char *why, size_t size)
{
	switch (selector->kind) {
	case SELECTOR_PID:
		if (!parse_pid(selector->argument, &selector->pid))
			return refuse(why, size, "pid: is followed by the number of a process");
		break;
	case SELECTOR_PIDFILE:
		if (!is_path(selector->argument))
			return refuse(why, size,
				      "pidfile: is followed by an absolute path, without doubled slashes, . or ..");
		break;
	case SELECTOR_PATH:
		if (!is_path(selector->argument))
			return refuse(why, size, "a namespace's path has no doubled slashes, . or ..");
		break;
	case SELECTOR_COMM:
		if (!*selector->argument)
			return refuse(why, size, "comm: is followed by the name of a command");
		if (strlen(selector->argument) > COMM_MAX)
			return refuse(why, size, "the kernel keeps 15 bytes of a command's name: write these alone");
		break;
	case SELECTOR_SELF:
	case SELECTOR_ALL:
		if (*selector->argument)
			return refuse(why, size, "this selects no mount namespace");
		break;
	}
	return 0;
}

int selector_parse(const char *text, struct selector *ret, char *why, size_t size)
{
	static const struct {
		const char *prefix;
		enum selector_kind kind;
	} kinds[] = {
		{ "self", SELECTOR_SELF },	  { "all", SELECTOR_ALL },    { "pid:", SELECTOR_PID },
		{ "pidfile:", SELECTOR_PIDFILE }, { "comm:", SELECTOR_COMM },
	};

	if (*text == '/') {
		*ret = (struct selector){ .kind = SELECTOR_PATH, .argument = text };
		return parse_argument(ret, why, size);
	}
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		size_t length = strlen(kinds[i].prefix);

		if (strncmp(text, kinds[i].prefix, length) != 0)
			continue;
		*ret = (struct selector){ .kind = kinds[i].kind, .argument = text + length };
		return parse_argument(ret, why, size);
	}
	return refuse(why, size, "this selects no mount namespace");
}
