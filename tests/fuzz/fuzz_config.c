/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Configuration files. Every mistake names its line and can be shown on a terminal; what was taken is sound, and its
 * canonical text gives the same again.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/layout.h"
#include "base/path.h"
#include "base/text.h"
#include "config/config.h"
#include "fuzz.h"

static size_t count_lines(const uint8_t *data, size_t size)
{
	size_t lines = 1;

	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n';
	return lines;
}

/* "f:LINE: sentence", a line for each, in the order of lines. */
static void check_errors(const char *errors, size_t lines)
{
	unsigned long last = 1;

	FUZZ_HOLDS(*errors);
	while (*errors) {
		const char *end = strchr(errors, '\n');
		CLEANUP_FREE char *one = end ? strndup(errors, (size_t)(end - errors)) : NULL;
		unsigned long line;
		char *rest;

		FUZZ_HOLDS(one && text_is_utf8(one, strlen(one)));
		for (const char *p = one; *p; p++)
			FUZZ_HOLDS((unsigned char)*p >= 0x20 && *p != 0x7f);
		FUZZ_HOLDS(strncmp(one, "f:", 2) == 0);
		line = strtoul(one + 2, &rest, 10);
		FUZZ_HOLDS(line >= last && line <= lines);
		FUZZ_HOLDS(strncmp(rest, ": ", 2) == 0 && rest[2]);
		last = line;
		errors = end + 1;
	}
}

static void check_root(const struct root_rules *rules)
{
	CLEANUP_FREE char *normal = NULL;
	char why[512];

	FUZZ_HOLDS(path_normalize(rules->path, &normal) == 0 && strcmp(normal, rules->path) == 0);
	FUZZ_HOLDS(strcmp(rules->path, "/") != 0);
	FUZZ_HOLDS(layout_check(rules->layout, why, sizeof(why)) == 0);
	FUZZ_HOLDS(rules->step_timeout > 0 && rules->probe_interval > 0);
	FUZZ_HOLDS(rules->grace >= 0 && rules->grace_hollow >= 0 && rules->max_age >= 0);
	FUZZ_HOLDS(rules->ladder.count <= STEP_COUNT);
	FUZZ_HOLDS((rules->owner == OWNER_RULE_PIDFILE) == (rules->owner_argument != NULL));
}

static void check_config(const struct config *config)
{
	for (size_t i = 0; i < config->root_count; i++) {
		check_root(&config->roots[i]);
		for (size_t j = 0; j < i; j++) {
			FUZZ_HOLDS(!path_relative(config->roots[i].path, config->roots[j].path));
			FUZZ_HOLDS(!path_relative(config->roots[j].path, config->roots[i].path));
		}
	}
}

static void check_canonical_text(const struct config *config)
{
	CLEANUP_FREE char *text = config_text(config);
	CLEANUP_FREE char *again = NULL;
	CLEANUP_FREE char *errors = NULL;
	struct config *parsed = NULL;

	FUZZ_HOLDS(text && text_is_utf8(text, strlen(text)));
	FUZZ_HOLDS(config_parse("f", text, strlen(text), &parsed, &errors) == 0);
	again = config_text(parsed);
	FUZZ_HOLDS(again && strcmp(text, again) == 0);
	FUZZ_HOLDS(parsed->root_count == config->root_count);
	for (size_t i = 0; i < config->root_count; i++)
		FUZZ_HOLDS(strcmp(parsed->roots[i].path, config->roots[i].path) == 0);
	config_free(parsed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP_FREE char *errors = NULL;
	struct config *config = NULL;
	int r = config_parse("f", (const char *)data, size, &config, &errors);

	FUZZ_HOLDS(r == 0 || r == -EINVAL);
	fuzz_accepted = r == 0;
	if (r < 0) {
		FUZZ_HOLDS(!config && errors);
		check_errors(errors, count_lines(data, size));
		return 0;
	}
	FUZZ_HOLDS(config && !errors);
	check_config(config);
	check_canonical_text(config);
	config_free(config);
	return 0;
}
