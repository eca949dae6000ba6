/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "config/config.h"

/*
 * Bytes as one word: spaces are escaped, too, for they end an item of a list, and at the end of a line they are not
 * seen.
 */
static void print_word(FILE *out, const char *bytes)
{
	size_t left = strlen(bytes);

	while (left > 0) {
		size_t length = *bytes == ' ' ? 0 : text_plain_sequence(bytes, left);

		if (length > 0)
			fwrite(bytes, 1, length, out);
		else if (*bytes == '\\')
			fputs("\\\\", out);
		else
			fprintf(out, "\\x%02x", (unsigned char)*bytes);
		bytes += length > 0 ? length : 1;
		left -= length > 0 ? length : 1;
	}
}

static void print_list(FILE *out, const char *key, const struct string_list *list)
{
	fprintf(out, "%s =", key);
	for (size_t i = 0; i < list->count; i++) {
		fputc(' ', out);
		print_word(out, list->items[i]);
	}
	fputc('\n', out);
}

static void print_bytes(FILE *out, const char *key, const char *bytes)
{
	fprintf(out, "%s = ", key);
	print_word(out, bytes);
	fputc('\n', out);
}

static void print_duration(FILE *out, const char *key, int64_t ns)
{
	char text[24];

	fprintf(out, "%s = %s\n", key, duration_format(ns, text, sizeof(text)));
}

static void print_size(FILE *out, const char *key, int64_t bytes)
{
	static const char units[] = "KMGT";
	int unit = -1;

	while (bytes > 0 && bytes % 1024 == 0 && unit < 3) {
		bytes /= 1024;
		unit++;
	}
	fprintf(out, "%s = %" PRId64, key, bytes);
	if (unit >= 0)
		fputc(units[unit], out);
	fputc('\n', out);
}

static void print_ladder(FILE *out, const char *type, const struct ladder *ladder)
{
	fprintf(out, "ladder%s%s =", *type ? "." : "", type);
	for (unsigned i = 0; i < ladder->count; i++)
		fprintf(out, " %s", step_name(ladder->steps[i]));
	fputc('\n', out);
}

static void print_evidence(FILE *out, const char *key, uint32_t bits)
{
	fprintf(out, "%s =", key);
	for (unsigned i = 0; i < EVIDENCE_COUNT; i++)
		if (bits & EVIDENCE_BIT(i))
			fprintf(out, " %s", evidence_name(i));
	fputc('\n', out);
}

static void print_owner(FILE *out, const struct root_rules *rules)
{
	static const char *const words[] = {
		[OWNER_RULE_NONE] = "none",
		[OWNER_RULE_PIDFILE] = "pidfile:",
		[OWNER_RULE_CGROUP] = "cgroup",
		[OWNER_RULE_UNIT] = "unit:",
	};

	fprintf(out, "owner = %s", words[rules->owner]);
	if (rules->owner_argument)
		print_word(out, rules->owner_argument);
	fputc('\n', out);
}

static void print_path(FILE *out, const struct root_path *path)
{
	fprintf(out, "path.%s = ", path->selector);
	print_word(out, path->path);
	fputc('\n', out);
}

static void print_root(FILE *out, const struct root_rules *rules)
{
	fputs("\n[root ", out);
	print_word(out, rules->path);
	fputs("]\n", out);
	print_bytes(out, "layout", rules->layout);
	print_list(out, "match", &rules->match);
	print_list(out, "trash", &rules->trash);
	fprintf(out, "mode = %s\n", root_mode_name(rules->mode));
	print_evidence(out, "reap-when", rules->reap_when);
	print_duration(out, "grace", rules->grace);
	print_duration(out, "grace.hollow", rules->grace_hollow);
	print_duration(out, "max-age", rules->max_age);
	print_owner(out, rules);
	print_ladder(out, "", &rules->ladder);
	for (size_t i = 0; i < rules->ladder_count; i++)
		print_ladder(out, rules->ladders[i].type, &rules->ladders[i].ladder);
	print_duration(out, "step-timeout", rules->step_timeout);
	print_duration(out, "probe-interval", rules->probe_interval);
	print_list(out, "protect", &rules->protect);
	fprintf(out, "reap-root = %s\n", rules->reap_root ? "yes" : "no");
	fprintf(out, "prune = %s\n", rules->prune ? "yes" : "no");
	print_list(out, "register", &rules->register_users);
	for (size_t i = 0; i < rules->path_count; i++)
		print_path(out, &rules->paths[i]);
}

char *config_text(const struct config *config)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	fprintf(out, "[daemon]\nuser = %s\nsource = %s\n", config->user, source_name(config->source));
	print_list(out, "namespaces", &config->namespaces);
	print_bytes(out, "state-dir", config->state_dir);
	print_bytes(out, "runtime-dir", config->runtime_dir);
	print_bytes(out, "runner-socket", config->runner_socket);
	print_duration(out, "retain", config->retain);
	print_size(out, "retain-size", config->retain_size);
	fprintf(out, "max-reaps-per-minute = %" PRIu32 "\n", config->max_reaps_per_minute);
	for (size_t i = 0; i < config->root_count; i++)
		print_root(out, &config->roots[i]);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}
