/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>

#include "audit.h"
#include "base/text.h"
#include "table.h"

#define TABLE_FULL 0.9 /* of fs.mount-max */

const char *const audit_format_names[] = {
	[AUDIT_TEXT] = "text",
	[AUDIT_JSON] = "json",
	[AUDIT_NAGIOS] = "nagios",
	[AUDIT_PROMETHEUS] = "prometheus",
	NULL,
};

struct totals {
	size_t leftover_actions, leftover_mounts, stuck, unowned, unknown;
	size_t silent; /* roots that say nothing */
	int64_t mounts, mount_max;
};

static size_t size_of(const json_t *audit, const char *key)
{
	return json_array_size(json_object_get(audit, key));
}

/* Actions and mounts of the leftovers below `root`; NULL: below any. */
static void count_leftovers(const json_t *audit, const char *root, size_t *ret_actions, size_t *ret_mounts)
{
	const json_t *leftover;
	size_t i;

	*ret_actions = *ret_mounts = 0;
	json_array_foreach (json_object_get(audit, "leftovers"), i, leftover) {
		CLEANUP_FREE char *below = show_bytes(leftover, "root");

		if (root && (!below || strcmp(below, root)))
			continue;
		++*ret_actions;
		*ret_mounts += size_of(leftover, "mounts");
	}
}

static bool is_ok(const json_t *root)
{
	const char *health = json_string_value(json_object_get(root, "health"));

	return health && !strcmp(health, "ok");
}

static struct totals count(const json_t *audit)
{
	const json_t *root;
	size_t i;
	struct totals totals = {
		.stuck = size_of(audit, "stuck"),
		.unowned = size_of(audit, "unowned"),
		.unknown = size_of(audit, "unknown"),
		.mounts = show_integer(audit, "mounts_total"),
		.mount_max = show_integer(audit, "mount_max"),
	};

	json_array_foreach (json_object_get(audit, "roots"), i, root)
		totals.silent += !is_ok(root);
	count_leftovers(audit, NULL, &totals.leftover_actions, &totals.leftover_mounts);
	return totals;
}

static double fullness(const struct totals *totals)
{
	return totals->mount_max > 0 ? (double)totals->mounts / (double)totals->mount_max : 0;
}

static int nagios_status(const struct totals *totals)
{
	if (totals->stuck || fullness(totals) > TABLE_FULL)
		return 2;
	if (totals->leftover_actions)
		return 1;
	return totals->unknown || totals->silent ? 3 : 0;
}

int audit_status(const json_t *audit, enum audit_format format)
{
	struct totals totals = count(audit);

	if (format == AUDIT_NAGIOS)
		return nagios_status(&totals);
	if (totals.leftover_actions || totals.stuck)
		return CLI_FOUND;
	return totals.unknown || totals.silent ? CLI_UNSURE : CLI_DONE;
}

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

/* ---- text ---- */

/* Rows of leftovers are {"leftover", "mount"}: one for each mount. */
static char *show_leftover_action(const struct show *show, const json_t *row, const char *key)
{
	return show_name(show, json_object_get(row, "leftover"), key);
}

static char *show_leftover_kinds(const struct show *show, const json_t *row, const char *key)
{
	return show_kinds(show, json_object_get(row, "leftover"), key);
}

static char *show_leftover_mount(const struct show *show, const json_t *row, const char *key)
{
	return show_text(show, json_object_get(row, "mount"), key);
}

static const struct column leftover_columns[] = {
	{ "ACTION", show_leftover_action, "action", "", 0 },
	{ "EVIDENCE", show_leftover_kinds, "evidence", "", 0 },
	{ "FSTYPE", show_leftover_mount, "fstype", "", 0 },
	{ "TARGET", show_leftover_mount, "target", "", 0 },
	{ 0 },
};
static const struct column mount_columns[] = {
	{ "ID", show_number, "id", "", COLUMN_RIGHT },
	{ "TARGET", show_text, "target", "", 0 },
	{ "FSTYPE", show_text, "fstype", "", 0 },
	{ "ACTION", show_name, "action", "", 0 },
	{ 0 },
};
static const struct column action_columns[] = {
	{ "ACTION", show_name, "action", "", 0 },
	{ "EVIDENCE", show_kinds, "evidence", "", 0 },
	{ "ROOT", show_text, "root", "", 0 },
	{ 0 },
};

static void print_part(const struct cli *cli, const json_t *audit, const char *key, const char *heading,
		       const struct column *columns, const char *usual)
{
	const json_t *array = json_object_get(audit, key);

	if (!json_array_size(array))
		return;
	printf("\n%s:\n", heading);
	cli_table_print_array(cli, columns, usual, array);
}

static void print_leftovers(const struct cli *cli, const json_t *audit)
{
	CLEANUP_JSON json_t *rows = MUST(json_array());
	json_t *leftover, *mount;
	size_t i, j;

	json_array_foreach (json_object_get(audit, "leftovers"), i, leftover)
		json_array_foreach (json_object_get(leftover, "mounts"), j, mount)
			if (json_array_append_new(
				    rows, MUST(json_pack("{s:O, s:O}", "leftover", leftover, "mount", mount))) < 0)
				must(NULL);
	if (!json_array_size(rows))
		return;
	printf("\nleft over:\n");
	cli_table_print_array(cli, leftover_columns, "ACTION,EVIDENCE,FSTYPE,TARGET", rows);
}

static void print_verdict(const struct audit_result *result, const struct totals *totals)
{
	if (totals->leftover_actions)
		printf("%zu mount%s left over by %zu action%s\n", totals->leftover_mounts,
		       plural(totals->leftover_mounts), totals->leftover_actions, plural(totals->leftover_actions));
	else if (totals->stuck)
		printf("%zu stuck mount%s\n", totals->stuck, plural(totals->stuck));
	else if (totals->unknown)
		printf("could not tell: %zu action%s gave no answer\n", totals->unknown, plural(totals->unknown));
	else if (totals->silent)
		printf("could not tell: %zu of %zu build root%s said nothing\n", totals->silent, result->roots->count,
		       plural(result->roots->count));
	else
		printf("clean: nothing is left over below %zu build root%s\n", result->roots->count,
		       plural(result->roots->count));
}

static void print_text(const struct cli *cli, const struct audit_result *result)
{
	struct totals totals = count(result->audit);

	print_verdict(result, &totals);
	for (size_t i = 0; i < result->notes->count; i++)
		printf("note: %s\n", result->notes->items[i]);
	if (totals.mount_max && fullness(&totals) > TABLE_FULL)
		printf("note: the mount table is %.0f %% full: %lld of %lld\n", 100 * fullness(&totals),
		       (long long)totals.mounts, (long long)totals.mount_max);
	print_leftovers(cli, result->audit);
	print_part(cli, result->audit, "stuck", "stuck", mount_columns, "ID,TARGET,FSTYPE,ACTION");
	print_part(cli, result->audit, "suspects", "suspect, by evidence that does not act here", action_columns,
		   "ACTION,EVIDENCE,ROOT");
	print_part(cli, result->audit, "unowned", "of no action", mount_columns, "ID,TARGET,FSTYPE");
	print_part(cli, result->audit, "unknown", "without an answer", action_columns, "ACTION,EVIDENCE,ROOT");
}

/* ---- nagios ---- */

static void print_nagios(const struct audit_result *result)
{
	static const char *const words[] = { "OK", "WARNING", "CRITICAL", "UNKNOWN" };
	struct totals totals = count(result->audit);

	printf("REAPERD %s - %zu leftover mount%s of %zu action%s, %zu stuck, %zu without an answer, ",
	       words[nagios_status(&totals)], totals.leftover_mounts, plural(totals.leftover_mounts),
	       totals.leftover_actions, plural(totals.leftover_actions), totals.stuck, totals.unknown);
	if (totals.silent)
		printf("%zu silent build root%s, ", totals.silent, plural(totals.silent));
	printf("mount table %.0f %% full"
	       " | leftover_mounts=%zu;0;;0; leftover_actions=%zu;0;;0; stuck=%zu;;0;0; unknown=%zu;;;0; unowned=%zu;;;0; mounts=%lld;;",
	       100 * fullness(&totals), totals.leftover_mounts, totals.leftover_actions, totals.stuck, totals.unknown,
	       totals.unowned, (long long)totals.mounts);
	if (totals.mount_max)
		printf("%.0f;0;%lld\n", TABLE_FULL * (double)totals.mount_max, (long long)totals.mount_max);
	else
		printf(";0;\n");
}

/* ---- prometheus ---- */

/* Of a label: what is shown anyway, with the backslashes and quotes of the format. */
static char *label(const char *bytes)
{
	CLEANUP_FREE char *shown = MUST(text_escape(bytes));
	char *text = MUST(calloc(strlen(shown) + 1, 2)), *end = text;

	for (const char *c = shown; *c; c++) {
		if (*c == '\\' || *c == '"')
			*end++ = '\\';
		*end++ = *c;
	}
	return text;
}

static void print_help(const char *name, const char *help)
{
	printf("# HELP reaperd_audit_%s %s\n# TYPE reaperd_audit_%s gauge\n", name, help, name);
}

static void print_gauge(const char *name, const char *help, double value)
{
	print_help(name, help);
	printf("reaperd_audit_%s %.15g\n", name, value);
}

static void print_for_roots(const struct audit_result *result, const char *name, const char *help, bool mounts)
{
	print_help(name, help);
	for (size_t i = 0; i < result->roots->count; i++) {
		CLEANUP_FREE char *root = label(result->roots->items[i]);
		size_t actions, leftover_mounts;

		count_leftovers(result->audit, result->roots->items[i], &actions, &leftover_mounts);
		printf("reaperd_audit_%s{root=\"%s\"} %zu\n", name, root, mounts ? leftover_mounts : actions);
	}
}

static void print_prometheus(const struct audit_result *result)
{
	struct totals totals = count(result->audit);

	print_for_roots(result, "leftover_actions", "Actions that are over and still have mounts.", false);
	print_for_roots(result, "leftover_mounts", "Mounts of actions that are over.", true);
	print_gauge("stuck_mounts", "Leftovers that survived their ladder.", (double)totals.stuck);
	print_gauge("suspect_actions", "Actions with evidence that does not act here.",
		    (double)size_of(result->audit, "suspects"));
	print_gauge("unowned_mounts", "Mounts below a build root that belong to no action.", (double)totals.unowned);
	print_gauge("unknown_actions", "Actions that gave no answer.", (double)totals.unknown);
	print_gauge("silent_roots", "Build roots that are absent or did not answer.", (double)totals.silent);
	print_gauge("mounts", "Mounts in the whole table.", (double)totals.mounts);
	print_gauge("mount_table_ratio", "How full the mount table is, of fs.mount-max.", fullness(&totals));
	print_gauge("clean", "1 where nothing is left over and everything answered.",
		    audit_status(result->audit, AUDIT_TEXT) == CLI_DONE);
}

void audit_print(const struct cli *cli, const struct audit_result *result, enum audit_format format)
{
	switch (format) {
	case AUDIT_TEXT:
		print_text(cli, result);
		return;
	case AUDIT_JSON:
		print_json(result->audit);
		return;
	case AUDIT_NAGIOS:
		print_nagios(result);
		return;
	case AUDIT_PROMETHEUS:
		print_prometheus(result);
		return;
	}
}
