/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernel/cgroup_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/text.h"
#include "kernel/at.h"
#include "kernel/procfs.h"

#define QUEUE_MAX 4096 /* slices and users; a host has some dozens */

/* ---- where it is mounted ---- */

/* What of a line of mountinfo is needed. */
struct found {
	uint32_t id;
	char *top, *target, *type, *options;
};

/* "ID PARENT MAJ:MIN ROOT TARGET OPTIONS [FIELD]... - TYPE SOURCE SUPER-OPTIONS"; cuts the line up. */
static bool parse_line(char *line, struct found *ret)
{
	char *rest = strstr(line, " - "), *cursor = line, *fields[5];
	unsigned id;

	if (!rest || sscanf(line, "%u", &id) != 1)
		return false;
	*rest = '\0';
	rest += strlen(" - ");
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		fields[i] = strsep(&cursor, " ");
	*ret = (struct found){ .id = id, .top = fields[3], .target = fields[4], .type = strsep(&rest, " ") };
	if (!strsep(&rest, " ")) /* the source */
		return false;
	ret->options = rest;
	if (!ret->top || !ret->target || !ret->type || !ret->options)
		return false;
	text_unescape_octal(ret->top);
	text_unescape_octal(ret->target);
	return true;
}

static bool has_word(const char *list, const char *word, size_t length)
{
	for (const char *at = list; *at && *at != '\n'; at += *at == ',') {
		size_t one = strcspn(at, ",\n");

		if (one == length && strncmp(at, word, length) == 0)
			return true;
		at += one;
	}
	return false;
}

/* Each word of the hierarchy's name is among the options of its mounts. */
static bool is_of(const struct found *found, const char *hierarchy)
{
	if (!*hierarchy)
		return strcmp(found->type, "cgroup2") == 0;
	if (strcmp(found->type, "cgroup") != 0)
		return false;
	for (const char *word = hierarchy; *word;) {
		size_t length = strcspn(word, ",");

		if (!has_word(found->options, word, length))
			return false;
		word += length + (word[length] == ',');
	}
	return true;
}

/* It may be covered by another mount, or lie behind a filesystem that does not answer: then another one is looked for. */
static int open_found(const struct found *found)
{
	CLEANUP_CLOSE int fd = kernel_open_root_passively(found->target);
	struct place_status status;
	int r;

	if (fd < 0)
		return fd;
	r = kernel_status_at(fd, "", false, &status);
	if (r < 0)
		return r;
	return status.mount_id32 == found->id ? take_fd(&fd) : -ENOENT;
}

/* In place of what was found before, where it is nearer to the top. */
static int keep_found(const struct found *found, struct cgroup_tree *tree)
{
	CLEANUP_CLOSE int fd = -1;
	char *top;

	if (tree->top && strlen(tree->top) <= strlen(found->top))
		return 0;
	fd = open_found(found);
	if (fd < 0)
		return 0;
	top = strdup(found->top);
	if (!top)
		return -ENOMEM;
	kernel_cgroup_tree_close(tree);
	tree->fd = take_fd(&fd);
	tree->top = top;
	return 0;
}

int kernel_cgroup_tree_open(const char *hierarchy, struct cgroup_tree *ret)
{
	CLEANUP_FCLOSE FILE *file = NULL;
	CLEANUP_FREE char *line = NULL;
	CLEANUP(kernel_cgroup_tree_close) struct cgroup_tree tree = { 0 };
	char path[PROCFS_NAME_SIZE];
	struct found found;
	size_t size = 0;
	int r = 0;

	file = fopen(procfs_name(path, sizeof(path), "self/mountinfo"), "re");
	if (!file)
		return -errno;
	while (r == 0 && getline(&line, &size, file) > 0)
		if (parse_line(line, &found) && is_of(&found, hierarchy))
			r = keep_found(&found, &tree);
	if (r < 0)
		return r;
	if (!tree.top)
		return -ENOENT;
	*ret = tree;
	ret->version2 = !*hierarchy;
	tree.top = NULL;
	return 0;
}

void kernel_cgroup_tree_close(struct cgroup_tree *tree)
{
	if (!tree->top)
		return;
	close(tree->fd);
	free(tree->top);
	*tree = (struct cgroup_tree){ 0 };
}

char *kernel_cgroup_tree_view(const struct cgroup_tree *tree)
{
	struct stat status;
	char *view;

	if (fstat(tree->fd, &status) < 0 ||
	    asprintf(&view, "%d %ju %s", tree->version2 ? 2 : 1, (uintmax_t)status.st_ino, tree->top) < 0)
		return NULL;
	return view;
}

int kernel_cgroup_trees_get(struct cgroup_trees *trees, const char *hierarchy, const struct cgroup_tree **ret)
{
	size_t i = 0;

	while (i < trees->count && strcmp(trees->items[i].hierarchy, hierarchy) != 0)
		i++;
	if (i == CGROUP_TREES_MAX)
		return -ENOSPC;
	if (i == trees->count) {
		trees->items[i].hierarchy = strdup(hierarchy);
		if (!trees->items[i].hierarchy)
			return -ENOMEM;
		trees->items[i].error = kernel_cgroup_tree_open(hierarchy, &trees->items[i].tree);
		trees->count++;
	}
	*ret = &trees->items[i].tree;
	return trees->items[i].error;
}

void kernel_cgroup_trees_close(struct cgroup_trees *trees)
{
	for (size_t i = 0; i < trees->count; i++) {
		free(trees->items[i].hierarchy);
		kernel_cgroup_tree_close(&trees->items[i].tree);
	}
	*trees = (struct cgroup_trees){ 0 };
}

int kernel_cgroup_find_tree(struct cgroup_trees *trees, const char *group, const struct cgroup_tree **ret_tree,
			    const char **ret_path)
{
	const char *path = *group == '/' ? group : strstr(group, ":/");
	CLEANUP_FREE char *hierarchy = path ? strndup(group, (size_t)(path - group)) : NULL;

	if (!path)
		return -EINVAL;
	*ret_path = path + (*path == ':');
	return hierarchy ? kernel_cgroup_trees_get(trees, hierarchy, ret_tree) : -ENOMEM;
}

/* ---- one group ---- */

int kernel_cgroup_open(const struct cgroup_tree *tree, const char *path)
{
	const char *relative = path_relative(path, tree->top);

	return relative ? kernel_open_beneath(tree->fd, relative, RESOLVE_NO_XDEV) : -EXDEV;
}

/* A removed group's files cannot be opened. */
static int read_populated(int group, bool *ret)
{
	CLEANUP_CLOSE int fd = openat(group, "cgroup.events", O_RDONLY | O_CLOEXEC);
	char text[256];
	const char *line;
	ssize_t length;

	if (fd < 0)
		return -errno;
	length = read(fd, text, sizeof(text) - 1);
	if (length < 0)
		return errno == ENODEV ? -ENOENT : -errno;
	text[length] = '\0';
	line = strstr(text, "populated ");
	if (!line)
		return -EBADMSG;
	*ret = line[strlen("populated ")] != '0';
	return 0;
}

int kernel_cgroup_status(const struct cgroup_tree *tree, int group, struct cgroup_status *ret)
{
	struct stat status;

	if (fstat(group, &status) < 0)
		return -errno;
	*ret = (struct cgroup_status){ .id = status.st_ino, .populated = true };
	return tree->version2 ? read_populated(group, &ret->populated) : 0;
}

/* ---- units ---- */

static bool ends_with(const char *name, const char *end)
{
	size_t length = strlen(name);

	return length > strlen(end) && strcmp(name + length - strlen(end), end) == 0;
}

/* A unit that is called like a file of the filesystem itself gets an underscore before its name. */
static bool is_unit(const char *name, const char *unit)
{
	return strcmp(name, unit) == 0 || (*name == '_' && strcmp(name + 1, unit) == 0);
}

/* The groups that are still to be looked into, the nearest to the top first. */
struct queue {
	char *paths[QUEUE_MAX]; /* owned from `next` on */
	size_t next, count;
};

static void queue_clear(struct queue *queue)
{
	while (queue->next < queue->count)
		free(queue->paths[queue->next++]);
}

/* -ENOENT: it is not the unit. */
static int look_at_entry(struct queue *queue, const char *path, const char *name, const char *unit, char **ret_path)
{
	CLEANUP_FREE char *below = NULL;

	if (!is_unit(name, unit) && !ends_with(name, ".slice"))
		return -ENOENT;
	below = path_join(path, name);
	if (!below)
		return -ENOMEM;
	if (is_unit(name, unit)) {
		*ret_path = take_ptr(below);
		return 0;
	}
	if (queue->count == QUEUE_MAX)
		return -ENOSPC;
	queue->paths[queue->count++] = take_ptr(below);
	return -ENOENT;
}

static int open_directory(const struct cgroup_tree *tree, const char *path, DIR **ret)
{
	CLEANUP_CLOSE int group = kernel_cgroup_open(tree, path);
	CLEANUP_CLOSE int fd = -1;

	if (group < 0)
		return group;
	fd = openat(group, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	*ret = fdopendir(fd);
	if (!*ret)
		return -errno;
	take_fd(&fd);
	return 0;
}

static int look_into(const struct cgroup_tree *tree, struct queue *queue, const char *path, const char *unit,
		     char **ret_path)
{
	const struct dirent *entry;
	DIR *directory = NULL;
	int r = open_directory(tree, path, &directory);

	if (!directory)
		return r;
	r = -ENOENT;
	while (r == -ENOENT && (errno = 0, entry = readdir(directory)))
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			r = look_at_entry(queue, path, entry->d_name, unit, ret_path);
	if (r == -ENOENT && errno)
		r = -errno;
	closedir(directory);
	return r;
}

int kernel_cgroup_find_unit(const struct cgroup_tree *tree, const char *unit, char **ret_path)
{
	CLEANUP(queue_clear) struct queue queue = { .paths = { strdup(tree->top) }, .count = 1 };
	int r = -ENOENT;

	if (!queue.paths[0])
		return -ENOMEM;
	while (r == -ENOENT && queue.next < queue.count) {
		CLEANUP_FREE char *path = queue.paths[queue.next++];

		r = look_into(tree, &queue, path, unit, ret_path);
	}
	return r;
}
