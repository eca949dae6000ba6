/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "source/mountinfo.h"

#include <errno.h>
#include <fcntl.h>
#include <libmount/libmount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "source/source.h"
#include "source/wake.h"

#define NAME_DELETED "(deleted) "
#define TARGET_FIELD 5

/* How often a table with a line that cannot be read is read again before it is given up. */
#define READ_TRIES 3

static void cleanup_table(struct libmnt_table **table)
{
	mnt_unref_table(*table);
}

static void cleanup_iter(struct libmnt_iter **iter)
{
	mnt_free_iter(*iter);
}

struct text {
	char *bytes;
	size_t length;
};

static int text_read(int fd, struct text *ret)
{
	CLEANUP_FREE char *bytes = NULL;
	size_t length = 0, allocated = 0;

	for (;;) {
		ssize_t n;

		if (allocated - length < 4096) {
			char *more;

			allocated = allocated ? 2 * allocated : 65536;
			more = realloc(bytes, allocated);
			if (!more)
				return -ENOMEM;
			bytes = more;
		}
		n = read(fd, bytes + length, allocated - length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		length += n;
	}
	ret->bytes = take_ptr(bytes);
	ret->length = length;
	return 0;
}

/* True where the field that ends at `end` is the mount point. Fields hold no space: the kernel writes \040. */
static bool ends_target(const struct text *text, const char *end)
{
	const char *line = memrchr(text->bytes, '\n', end - text->bytes);
	unsigned spaces = 0;

	for (const char *p = line ? line + 1 : text->bytes; p < end; p++)
		spaces += *p == ' ';
	return spaces == TARGET_FIELD - 1;
}

/*
 * Some versions of libmount take " (deleted)" off the end of a mount point and do not say so; the kernel never puts it
 * there (a deleted root has "//deleted"), so it is part of a directory's name. A slash behind it hides it;
 * take_target() drops that.
 */
static int hide_deleted_names(struct text *text)
{
	char *found;

	for (size_t at = 0;
	     (found = memmem(text->bytes + at, text->length - at, NAME_DELETED, strlen(NAME_DELETED)));) {
		char *bytes;

		at = found - text->bytes + strlen(NAME_DELETED) - 1;
		if (!ends_target(text, text->bytes + at))
			continue;
		bytes = realloc(text->bytes, text->length + 1);
		if (!bytes)
			return -ENOMEM;
		memmove(bytes + at + 1, bytes + at, text->length - at);
		bytes[at] = '/';
		text->bytes = bytes;
		text->length++;
	}
	return 0;
}

static int refuse_line(struct libmnt_table *table, const char *filename, int line)
{
	(void)table, (void)filename, (void)line;
	return -EBADMSG;
}

static int parse_text(const struct text *text, struct libmnt_table *table)
{
	CLEANUP_FCLOSE FILE *file = fmemopen(text->bytes, text->length, "r");

	if (!file)
		return -errno;
	mnt_table_set_parser_errcb(table, refuse_line);
	if (mnt_table_parse_stream(table, file, MOUNTINFO_PATH) != 0)
		return -EBADMSG;
	return 0;
}

/* "shared:3 master:1 propagate_from:1"; what is not known yet is passed over. */
static int take_optional_fields(const char *fields, struct mount_facts *facts)
{
	const struct {
		const char *tag;
		uint64_t *number;
	} known[] = { { "shared:", &facts->peer_group }, { "master:", &facts->master } };

	for (const char *p = fields; p && *p; p += strcspn(p, " ")) {
		p += strspn(p, " ");
		for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
			size_t length = strlen(known[i].tag);
			char *end;

			if (strncmp(p, known[i].tag, length) != 0)
				continue;
			*known[i].number = strtoull(p + length, &end, 10);
			if (end == p + length || (*end && *end != ' '))
				return -EBADMSG;
		}
	}
	return 0;
}

static int copy_string(const char *from, char **ret)
{
	*ret = strdup(from ? from : "");
	return *ret ? 0 : -ENOMEM;
}

static int take_target(const char *target, char **ret)
{
	size_t length = strlen(target);

	*ret = strndup(target, length > 1 && target[length - 1] == '/' ? length - 1 : length);
	return *ret ? 0 : -ENOMEM;
}

bool mountinfo_strip_deleted(char *root)
{
	size_t length = strlen(root), mark = strlen(MOUNTINFO_DELETED);

	if (length < mark || strcmp(root + length - mark, MOUNTINFO_DELETED) != 0)
		return false;
	root[length - mark] = 0;
	return true;
}

static int take_facts(struct libmnt_fs *fs, struct mount_facts *facts)
{
	const char *root = mnt_fs_get_root(fs), *target = mnt_fs_get_target(fs);

	/* libmount guesses the format from the first line: one of fstab's has no root. */
	if (mnt_fs_get_id(fs) <= 0 || !root || *root == 0 || !target || *target != '/')
		return -EBADMSG;
	facts->id32 = mnt_fs_get_id(fs);
	facts->parent32 = mnt_fs_get_parent_id(fs);
	facts->dev = mnt_fs_get_devno(fs);
	if (copy_string(root, &facts->root) < 0 || take_target(target, &facts->target) < 0 ||
	    copy_string(mnt_fs_get_fstype(fs), &facts->fstype) < 0 ||
	    copy_string(mnt_fs_get_source(fs), &facts->source) < 0 ||
	    copy_string(mnt_fs_get_vfs_options(fs), &facts->options) < 0 ||
	    copy_string(mnt_fs_get_fs_options(fs), &facts->super_options) < 0)
		return -ENOMEM;
	facts->root_deleted = mountinfo_strip_deleted(facts->root);
	return take_optional_fields(mnt_fs_get_optional_fields(fs), facts);
}

static int take_table(struct libmnt_table *table, struct scan *ret)
{
	CLEANUP(cleanup_iter) struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
	struct libmnt_fs *fs;
	int r;

	if (!iter)
		return -ENOMEM;
	while ((r = mnt_table_next_fs(table, iter, &fs)) == 0) {
		struct mount_facts *facts = scan_add(ret);

		if (!facts)
			return -ENOMEM;
		r = take_facts(fs, facts);
		if (r < 0)
			return r;
	}
	return r < 0 ? r : 0;
}

struct numbered {
	uint32_t id32;
	size_t index;
};

static int compare_numbered(const void *a, const void *b)
{
	const struct numbered *x = a, *y = b;

	if (x->id32 != y->id32)
		return x->id32 < y->id32 ? -1 : 1;
	return x->index < y->index ? -1 : 1;
}

/*
 * The kernel writes the table in pieces: a mount that went after its line was written leaves its number to a new one
 * further on.
 */
static int keep_last_of_each(struct scan *scan)
{
	CLEANUP_FREE struct numbered *order = calloc(scan->count + 1, sizeof(*order));
	size_t kept = 0;

	if (!order)
		return -ENOMEM;
	for (size_t i = 0; i < scan->count; i++)
		order[i] = (struct numbered){ scan->mounts[i].id32, i };
	qsort(order, scan->count, sizeof(*order), compare_numbered);
	for (size_t i = 0; i + 1 < scan->count; i++) {
		if (order[i].id32 == order[i + 1].id32)
			scan->mounts[order[i].index].id32 = 0;
	}
	for (size_t i = 0; i < scan->count; i++) {
		if (scan->mounts[i].id32 == 0)
			mount_facts_clear(&scan->mounts[i]);
		else
			scan->mounts[kept++] = scan->mounts[i];
	}
	scan->count = kept;
	return 0;
}

/* Whether the fields before the " - " are as the kernel writes them. libmount takes any white space as it likes. */
static bool fields_are_sound(const char *line, size_t length)
{
	return !memchr(line, '\t', length) && !memmem(line, length, "  ", 2);
}

/*
 * How many lines there are; -EBADMSG for one that the kernel would not have written. Behind the " - " stand options,
 * which not every filesystem escapes.
 */
static ssize_t count_lines(const struct text *text)
{
	const char *end = text->bytes + text->length;
	ssize_t count = 0;

	for (const char *line = text->bytes; line < end; count++) {
		const char *newline = memchr(line, '\n', end - line), *separator;

		separator = newline ? memmem(line, newline - line, " - ", 3) : NULL;
		if (!separator || !fields_are_sound(line, separator - line) || memchr(line, '\0', newline - line))
			return -EBADMSG;
		line = newline + 1;
	}
	return count;
}

static int take_text(struct text *text, struct scan *ret)
{
	CLEANUP(cleanup_table) struct libmnt_table *table = mnt_new_table();
	ssize_t lines;
	int r;

	if (!table)
		return -ENOMEM;
	lines = count_lines(text);
	if (lines < 0)
		return (int)lines;
	r = hide_deleted_names(text);
	if (r < 0)
		return r;
	r = parse_text(text, table);
	if (r < 0)
		return r;
	/* Empty lines and comments are passed over by libmount; the kernel writes none. */
	if (mnt_table_get_nents(table) != lines)
		return -EBADMSG;
	return take_table(table, ret);
}

int mountinfo_read(const char *path, struct scan *ret)
{
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : mountinfo_read_open(fd, ret);
}

int mountinfo_read_open(int fd, struct scan *ret)
{
	struct text text = { 0 };
	int r;

	if (lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	r = text_read(fd, &text);
	if (r == 0 && text.length > 0)
		r = take_text(&text, ret);
	free(text.bytes);
	if (r == 0)
		r = keep_last_of_each(ret);
	ret->complete = true;
	ret->unique_ids = false;
	return r;
}

static int mountinfo_source_read(struct source *source, const struct model *model, bool complete, struct scan *ret)
{
	int r = -EBADMSG;

	(void)source, (void)model, (void)complete;
	for (int i = 0; i < READ_TRIES && r == -EBADMSG; i++) {
		scan_clear(ret);
		r = mountinfo_read(MOUNTINFO_PATH, ret);
	}
	return r;
}

static int mountinfo_source_refresh(struct source *source, const struct model *model, struct scan *ret)
{
	return mountinfo_source_read(source, model, true, ret);
}

static int mountinfo_source_open(struct source *source, struct source_inputs *inputs, char *why, size_t size)
{
	struct libmnt_monitor *monitor;
	int r;

	(void)inputs;
	r = wake_open(&monitor, &source->fd);
	if (r < 0) {
		snprintf(why, size, "%s cannot be watched: %s", MOUNTINFO_PATH, strerror(-r));
		return r;
	}
	source->state = monitor;
	return 0;
}

static void mountinfo_source_close(struct source *source)
{
	mnt_unref_monitor(source->state);
}

static int mountinfo_source_drain(struct source *source)
{
	return wake_drain(source->state);
}

const struct source_ops source_mountinfo_ops = {
	.kind = SOURCE_MOUNTINFO,
	.unique_ids = false,
	.open = mountinfo_source_open,
	.close = mountinfo_source_close,
	.drain = mountinfo_source_drain,
	.read = mountinfo_source_read,
	.refresh = mountinfo_source_refresh,
};
