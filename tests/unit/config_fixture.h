/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* For tests of the configuration: a text that must be taken, or refused with certain words. */
#ifndef TESTS_UNIT_CONFIG_FIXTURE_H
#define TESTS_UNIT_CONFIG_FIXTURE_H

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "config/config.h"

#define SECONDS(n) ((n)*NSEC_PER_SEC)

static inline struct config *good_bytes(const char *text, size_t length)
{
	struct config *config = NULL;
	char *errors = NULL;
	int r = config_parse("f", text, length, &config, &errors);

	ck_assert_msg(r == 0, "%d: %s", r, errors ? errors : "no message");
	ck_assert_ptr_null(errors);
	ck_assert_ptr_nonnull(config);
	return config;
}

static inline struct config *good(const char *text)
{
	return good_bytes(text, strlen(text));
}

static inline char *bad_bytes(const char *text, size_t length)
{
	struct config *config = NULL;
	char *errors = NULL;

	ck_assert_int_eq(config_parse("f", text, length, &config, &errors), -EINVAL);
	ck_assert_ptr_null(config);
	ck_assert_ptr_nonnull(errors);
	return errors;
}

/* The text is refused, with these words in what is said and no other line than the given number of them. */
static inline void refused(const char *text, unsigned lines, const char *words)
{
	CLEANUP_FREE char *errors = bad_bytes(text, strlen(text));
	unsigned count = 0;

	for (const char *at = errors; *at; at++)
		count += *at == '\n';
	ck_assert_msg(strstr(errors, words), "of \"%s\", this lacks \"%s\": %s", text, words, errors);
	ck_assert_msg(count == lines, "of \"%s\", expected %u lines: %s", text, lines, errors);
}

/* A value of a root that must be refused. */
static inline void root_value_refused(const char *line, const char *words)
{
	char text[4096];

	snprintf(text, sizeof(text), "[root /r]\n%s\n", line);
	refused(text, 1, words);
	ck_assert_ptr_nonnull(strstr(words, "f:2: "));
}

static inline void daemon_value_refused(const char *line, const char *words)
{
	char text[4096];

	snprintf(text, sizeof(text), "[daemon]\n%s\n", line);
	refused(text, 1, words);
	ck_assert_ptr_nonnull(strstr(words, "f:2: "));
}

#endif
