/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernel/table.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "kernel/mounts.h"
#include "kernel/procfs.h"

#define STRINGS_SIZE ((size_t)32 << 10) /* enough for what any call takes; what is longer is asked for again */

static struct mount_entry *add(struct mount_table *table, size_t *allocated)
{
	if (table->count == *allocated) {
		size_t more = *allocated ? 2 * *allocated : 256;
		struct mount_entry *entries = reallocarray(table->entries, more, sizeof(*entries));

		if (!entries)
			return NULL;
		table->entries = entries;
		*allocated = more;
	}
	table->entries[table->count] = (struct mount_entry){ 0 };
	return &table->entries[table->count++];
}

/* Of the namespace with that id; 0: ours. */
static int read_numbers(uint64_t ns, const uint64_t *ids, size_t count, struct mount_table *table)
{
	size_t allocated = 0;

	table->unique_ids = table->sorted = true;
	for (size_t i = 0; i < count; i++) {
		struct mount_status status;
		struct mount_entry *entry;
		int r = kernel_statmount_in(ns, ids[i], &status);

		if (r == -ENOENT)
			continue;
		if (r < 0)
			return r;
		entry = add(table, &allocated);
		if (!entry)
			return -ENOMEM;
		entry->id = status.id;
		entry->id32 = status.id32;
		entry->parent = status.parent;
		entry->dev = status.dev;
		entry->peer_group = status.peer_group;
		entry->master = status.master;
		entry->ns = ns;
	}
	return 0;
}

static int compare_groups(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Slaves of a group that only another namespace has: what reaches that reaches them, and the kernel says from where. */
static int read_hidden_masters(struct mount_table *table)
{
	CLEANUP_FREE uint64_t *groups = calloc(table->count + 1, sizeof(*groups));
	size_t count = 0;

	if (!groups)
		return -ENOMEM;
	for (size_t i = 0; i < table->count; i++)
		if (table->entries[i].peer_group)
			groups[count++] = table->entries[i].peer_group;
	qsort(groups, count, sizeof(*groups), compare_groups);
	for (size_t i = 0; i < table->count; i++) {
		struct mount_entry *entry = &table->entries[i];
		int r = 0;

		if (entry->master && !bsearch(&entry->master, groups, count, sizeof(*groups), compare_groups))
			r = kernel_statmount_propagate_from(entry->id, &entry->from);
		if (r < 0 && r != -ENOENT)
			return r;
	}
	return 0;
}

int kernel_table_read(struct mount_table *ret)
{
	CLEANUP_FREE uint64_t *ids = NULL;
	size_t count;
	int r = kernel_listmount_all(&ids, &count);

	*ret = (struct mount_table){ 0 };
	if (r == -ENOSYS)
		return kernel_table_read_own_mountinfo(ret);
	if (r < 0)
		return r;
	r = read_numbers(0, ids, count, ret);
	if (r == 0)
		r = read_hidden_masters(ret);
	if (r < 0)
		kernel_table_clear(ret);
	return r;
}

static char *unescaped(const char *field)
{
	char *bytes = strdup(field);

	if (bytes)
		text_unescape_octal(bytes);
	return bytes;
}

/* No field is empty, and a tab would have been escaped. */
static bool is_sound(const char *field)
{
	return field && *field && !strchr(field, '\t');
}

static bool is_target(const char *field)
{
	return *field == '/' && (!field[1] || field[strlen(field) - 1] != '/');
}

static bool parse_number(const char *field, uint64_t *ret)
{
	char *end;

	if (!isdigit((unsigned char)*field))
		return false;
	errno = 0;
	*ret = strtoull(field, &end, 10);
	return *end == '\0' && errno == 0;
}

static bool parse_device(char *field, uint64_t *ret)
{
	char *colon = strchr(field, ':');
	uint64_t major, minor;

	if (!colon)
		return false;
	*colon = '\0';
	if (!parse_number(field, &major) || !parse_number(colon + 1, &minor) || major > UINT32_MAX ||
	    minor > UINT32_MAX)
		return false;
	*ret = makedev((unsigned)major, (unsigned)minor);
	return true;
}

/* "shared:N", "master:N", "propagate_from:N"; what is not known yet is passed over. */
static bool parse_optional_field(const char *field, struct mount_entry *entry)
{
	const struct {
		const char *tag;
		uint64_t *number;
	} known[] = { { "shared:", &entry->peer_group },
		      { "master:", &entry->master },
		      { "propagate_from:", &entry->from } };

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		size_t length = strlen(known[i].tag);

		if (!strncmp(field, known[i].tag, length))
			return parse_number(field + length, known[i].number);
	}
	return true;
}

/* Up to a lone "-"; behind it stand the filesystem's type, source and options. */
static int parse_optional_fields(char **rest, struct mount_entry *entry)
{
	const char *field;

	while ((field = strsep(rest, " ")) && strcmp(field, "-") != 0)
		if (!is_sound(field) || !parse_optional_field(field, entry))
			return -EBADMSG;
	field = field ? strsep(rest, " ") : NULL;
	if (!is_sound(field) || !*rest || !strchr(*rest, ' '))
		return -EBADMSG;
	entry->fstype = unescaped(field);
	return entry->fstype ? 0 : -ENOMEM;
}

static int parse_line(char *line, struct mount_entry *entry)
{
	char *fields[6], *rest = line;

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		fields[i] = strsep(&rest, " ");
		if (!is_sound(fields[i]))
			return -EBADMSG;
	}
	if (!rest || !parse_number(fields[0], &entry->id) || !parse_number(fields[1], &entry->parent) ||
	    !parse_device(fields[2], &entry->dev) || !is_target(fields[4]))
		return -EBADMSG;
	if (entry->id == 0 || entry->id > INT32_MAX || entry->parent > INT32_MAX)
		return -EBADMSG;
	entry->id32 = (uint32_t)entry->id;
	entry->root = unescaped(fields[3]);
	entry->target = unescaped(fields[4]);
	if (!entry->root || !entry->target)
		return -ENOMEM;
	return parse_optional_fields(&rest, entry);
}

/* Half a table would say that nothing else is mounted: a line that is not whole fails all of it. */
static int read_lines(FILE *file, struct mount_table *table)
{
	CLEANUP_FREE char *line = NULL;
	size_t size = 0, allocated = 0;
	ssize_t length;

	while ((length = getline(&line, &size, file)) > 0) {
		struct mount_entry *entry;
		int r;

		if (line[length - 1] != '\n' || memchr(line, '\0', (size_t)length))
			return -EBADMSG;
		line[length - 1] = '\0';
		entry = add(table, &allocated);
		if (!entry)
			return -ENOMEM;
		r = parse_line(line, entry);
		if (r < 0)
			return r;
	}
	return feof(file) && !ferror(file) ? 0 : -EIO;
}

int kernel_table_read_mountinfo(const char *name, struct mount_table *ret)
{
	CLEANUP_FCLOSE FILE *file = fopen(name, "re");
	int r;

	*ret = (struct mount_table){ 0 };
	if (!file)
		return -errno;
	r = read_lines(file, ret);
	if (r < 0)
		kernel_table_clear(ret);
	return r;
}

int kernel_table_read_own_mountinfo(struct mount_table *ret)
{
	char name[PROCFS_NAME_SIZE];

	return kernel_table_read_mountinfo(procfs_name(name, sizeof(name), "self/mountinfo"), ret);
}

int kernel_table_read_in(uint64_t ns, struct mount_table *ret)
{
	CLEANUP_FREE uint64_t *ids = NULL;
	size_t count;
	int r = kernel_listmount_all_in(ns, &ids, &count);

	*ret = (struct mount_table){ 0 };
	if (r == 0)
		r = read_numbers(ns, ids, count, ret);
	if (r < 0)
		kernel_table_clear(ret);
	return r;
}

int kernel_table_append(struct mount_table *table, struct mount_table *more)
{
	struct mount_entry *entries;

	if (!more->count)
		return 0;
	entries = reallocarray(table->entries, table->count + more->count, sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	memcpy(entries + table->count, more->entries, more->count * sizeof(*entries));
	table->entries = entries;
	table->count += more->count;
	table->sorted = false;
	free(more->entries);
	*more = (struct mount_table){ 0 };
	return 0;
}

static int compare_entries(const void *a, const void *b)
{
	const struct mount_entry *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

void kernel_table_sort(struct mount_table *table)
{
	if (table->count && !table->sorted)
		qsort(table->entries, table->count, sizeof(*table->entries), compare_entries);
	table->sorted = true;
}

int kernel_table_fill(const struct mount_table *table, struct mount_entry *entry)
{
	CLEANUP_FREE char *buffer = NULL;
	struct mount_status status;
	int r = -EOVERFLOW;

	if (entry->target || (!table->unique_ids && !entry->ns))
		return 0;
	for (size_t size = STRINGS_SIZE; r == -EOVERFLOW; size *= 2) {
		free(take_ptr(buffer));
		buffer = malloc(size);
		if (!buffer)
			return -ENOMEM;
		r = kernel_statmount_full_in(entry->ns, entry->id, buffer, size, &status, NULL);
	}
	if (r < 0)
		return r;
	entry->root = strdup(status.root);
	entry->fstype = strdup(status.fstype);
	entry->target = strdup(status.target);
	return entry->root && entry->fstype && entry->target ? 0 : -ENOMEM;
}

struct mount_entry *kernel_table_find(const struct mount_table *table, uint64_t id)
{
	const struct mount_entry wanted = { .id = id };

	if (table->count && table->sorted)
		return bsearch(&wanted, table->entries, table->count, sizeof(wanted), compare_entries);
	for (size_t i = 0; i < table->count; i++)
		if (table->entries[i].id == id)
			return &table->entries[i];
	return NULL;
}

struct mount_entry *kernel_table_find_number(const struct mount_table *table, uint32_t id32, uint64_t dev)
{
	for (size_t i = 0; i < table->count; i++)
		if (table->entries[i].id32 == id32 && table->entries[i].dev == dev)
			return &table->entries[i];
	return NULL;
}

void kernel_table_clear(struct mount_table *table)
{
	for (size_t i = 0; i < table->count; i++) {
		free(table->entries[i].root);
		free(table->entries[i].target);
		free(table->entries[i].fstype);
	}
	free(table->entries);
	*table = (struct mount_table){ 0 };
}

uint64_t kernel_mountinfo_device(uint32_t id32)
{
	CLEANUP(kernel_table_clear) struct mount_table table;
	const struct mount_entry *entry;

	if (kernel_table_read_own_mountinfo(&table) < 0)
		return 0;
	entry = kernel_table_find(&table, id32);
	return entry ? entry->dev : 0;
}

int kernel_table_read_filled(struct mount_table *table)
{
	int r = kernel_table_read(table);

	for (size_t i = 0; i < table->count && r == 0; i++) {
		r = kernel_table_fill(table, &table->entries[i]);
		r = r == -ENOENT ? 0 : r;
	}
	return r;
}
