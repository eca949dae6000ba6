/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernel/holders.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/text.h"
#include "kernel/mounts.h"
#include "kernel/procfs.h"
#include "kernel/table.h"

const char *const kernel_holder_names[] = {
	[KERNEL_HOLDER_CWD] = "cwd",   [KERNEL_HOLDER_ROOT] = "root",	[KERNEL_HOLDER_EXE] = "exe",
	[KERNEL_HOLDER_FD] = "fd",     [KERNEL_HOLDER_MMAP] = "mmap",	[KERNEL_HOLDER_NAMESPACE] = "namespace",
	[KERNEL_HOLDER_LOOP] = "loop", [KERNEL_HOLDER_LAYER] = "layer",
};

struct search {
	struct kernel_mount mount;
	char *root, *target; /* of the mount; "" where it cannot be told; NULL: it has none any more */
	ino_t own_namespace;
	ino_t *namespaces; /* seen */
	size_t namespace_count;
	struct kernel_holder *found;
	size_t count, size;
};

static void search_clear(struct search *search)
{
	free(search->root);
	free(search->target);
	free(search->namespaces);
}

static void add(struct search *search, pid_t pid, enum kernel_holder_kind how, uint32_t number)
{
	struct kernel_holder *holder;
	char path[PROCFS_NAME_SIZE];
	CLEANUP_CLOSE int fd = -1;
	ssize_t length;

	if (search->count == search->size)
		return;
	holder = &search->found[search->count++];
	*holder = (struct kernel_holder){ .pid = pid, .how = how, .number = number };
	if (!pid)
		return;
	procfs_name(path, sizeof(path), "%d/comm", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	length = fd < 0 ? 0 : read(fd, holder->comm, sizeof(holder->comm) - 1);
	holder->comm[length > 0 ? length : 0] = '\0';
	holder->comm[strcspn(holder->comm, "\n")] = '\0';
}

/* A magic link leads to its file without any name being looked up. */
static bool is_on_mount(const struct search *search, const char *link)
{
	CLEANUP_CLOSE int fd = open(link, O_PATH | O_CLOEXEC);
	struct place_status place;

	return fd >= 0 && kernel_status_at(fd, "", false, &place) == 0 && kernel_place_is_on(&place, &search->mount);
}

static void search_links(struct search *search, pid_t pid)
{
	static const struct {
		const char *name;
		enum kernel_holder_kind how;
	} links[] = { { "cwd", KERNEL_HOLDER_CWD }, { "root", KERNEL_HOLDER_ROOT }, { "exe", KERNEL_HOLDER_EXE } };
	char path[PROCFS_NAME_SIZE];

	for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
		procfs_name(path, sizeof(path), "%d/%s", pid, links[i].name);
		if (is_on_mount(search, path))
			add(search, pid, links[i].how, 0);
	}
}

static void search_descriptors(struct search *search, pid_t pid)
{
	CLEANUP_CLOSEDIR DIR *dir = NULL;
	struct dirent *entry;
	char path[PROCFS_NAME_SIZE];

	procfs_name(path, sizeof(path), "%d/fd", pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		unsigned long number = strtoul(entry->d_name, NULL, 10);

		if (*entry->d_name == '.')
			continue;
		procfs_name(path, sizeof(path), "%d/fd/%lu", pid, number);
		if (is_on_mount(search, path)) {
			add(search, pid, KERNEL_HOLDER_FD, (uint32_t)number);
			return;
		}
	}
}

/*
 * A mapping names its superblock in text, so that only few links have to be followed. Without the right to follow them
 * the text must do.
 */
static bool is_mapping_of(const struct search *search, pid_t pid, const char *line)
{
	uint64_t from, to;
	unsigned major, minor;
	char path[PROCFS_NAME_SIZE];

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %*s %x:%x", &from, &to, &major, &minor) != 4 ||
	    makedev(major, minor) != search->mount.dev)
		return false;
	procfs_name(path, sizeof(path), "%d/map_files/%" PRIx64 "-%" PRIx64, pid, from, to);
	return is_on_mount(search, path) || (access(path, F_OK) < 0 && (errno == EPERM || errno == EACCES));
}

static void search_mappings(struct search *search, pid_t pid)
{
	CLEANUP_FCLOSE FILE *file = NULL;
	CLEANUP_FREE char *line = NULL;
	size_t size = 0;
	char path[PROCFS_NAME_SIZE];

	procfs_name(path, sizeof(path), "%d/maps", pid);
	file = fopen(path, "re");
	while (file && getline(&line, &size, file) > 0)
		if (is_mapping_of(search, pid, line)) {
			add(search, pid, KERNEL_HOLDER_MMAP, 0);
			return;
		}
}

static bool is_new_namespace(struct search *search, pid_t pid)
{
	char path[PROCFS_NAME_SIZE];
	struct stat st;
	ino_t *more;

	procfs_name(path, sizeof(path), "%d/ns/mnt", pid);
	if (stat(path, &st) < 0 || st.st_ino == search->own_namespace)
		return false;
	for (size_t i = 0; i < search->namespace_count; i++)
		if (search->namespaces[i] == st.st_ino)
			return false;
	more = reallocarray(search->namespaces, search->namespace_count + 1, sizeof(*more));
	if (!more)
		return false;
	search->namespaces = more;
	more[search->namespace_count++] = st.st_ino;
	return true;
}

static void search_namespace(struct search *search, pid_t pid)
{
	CLEANUP(kernel_table_clear) struct mount_table table = { 0 };
	char path[PROCFS_NAME_SIZE];

	if (!is_new_namespace(search, pid))
		return;
	procfs_name(path, sizeof(path), "%d/mountinfo", pid);
	if (kernel_table_read_mountinfo(path, &table) < 0)
		return;
	for (size_t i = 0; i < table.count; i++)
		if (table.entries[i].dev == search->mount.dev && !strcmp(table.entries[i].root, search->root)) {
			add(search, pid, KERNEL_HOLDER_NAMESPACE, 0);
			return;
		}
}

static void search_processes(struct search *search)
{
	char path[PROCFS_NAME_SIZE];
	CLEANUP_CLOSEDIR DIR *dir = opendir(procfs_name(path, sizeof(path), "."));
	struct dirent *entry;

	while (dir && search->count < search->size && (entry = readdir(dir))) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (pid <= 0 || pid == getpid())
			continue;
		search_links(search, pid);
		search_descriptors(search, pid);
		search_mappings(search, pid);
		if (search->root)
			search_namespace(search, pid);
	}
}

static void search_loops(struct search *search)
{
	char path[PROCFS_NAME_SIZE];
	CLEANUP_CLOSEDIR DIR *dir = opendir(sysfs_name(path, sizeof(path), "block"));
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		CLEANUP_FCLOSE FILE *file = NULL;
		CLEANUP_FREE char *line = NULL;
		unsigned number;
		size_t size = 0;

		if (sscanf(entry->d_name, "loop%u", &number) != 1)
			continue;
		sysfs_name(path, sizeof(path), "block/loop%u/loop/backing_file", number);
		file = fopen(path, "re");
		if (!file || getline(&line, &size, file) <= 0)
			continue;
		line[strcspn(line, "\n")] = '\0';
		if (*search->target && path_is_below(line, search->target))
			add(search, 0, KERNEL_HOLDER_LOOP, number);
	}
}

/* Cuts off and returns what stands before the first `end`; a backslash takes its meaning from what follows it. */
static char *take_part(char **cursor, char end)
{
	char *part = *cursor, *at = part;

	while (*at && *at != end)
		at += *at == '\\' && at[1] ? 2 : 1;
	*cursor = *at ? at + 1 : NULL;
	*at = '\0';
	return part;
}

static void remove_backslashes(char *text)
{
	char *to = text;

	for (const char *from = text; *from; *to++ = *from++)
		if (*from == '\\' && from[1])
			from++;
	*to = '\0';
}

/* The layers as they were named when it was mounted: "lowerdir=A:B", "lowerdir+=A", "upperdir=A". */
static bool has_layer_in(char *options, const char *target)
{
	while (options) {
		char *option = take_part(&options, ','), *layers = strchr(option, '=');

		if (!layers || !strstr(option, "dir"))
			continue;
		for (layers++; layers;) {
			char *layer = take_part(&layers, ':');

			remove_backslashes(layer);
			if (path_is_below(layer, target))
				return true;
		}
	}
	return false;
}

static void search_layers(struct search *search)
{
	char path[PROCFS_NAME_SIZE];
	CLEANUP_FCLOSE FILE *file = fopen(procfs_name(path, sizeof(path), "self/mountinfo"), "re");
	CLEANUP_FREE char *line = NULL;
	size_t size = 0;

	while (file && getline(&line, &size, file) > 0) {
		char *overlay = strstr(line, " - overlay "), *options = overlay ? strrchr(overlay, ' ') : NULL;
		unsigned number;

		if (!options || sscanf(line, "%u", &number) != 1)
			continue;
		options[strcspn(options, "\n")] = '\0';
		text_unescape_octal(options);
		if (has_layer_in(options + 1, search->target))
			add(search, 0, KERNEL_HOLDER_LAYER, number);
	}
}

/* Fills in what the table knows of the mount. 0, -ENOENT or -errno. */
static int find_mount(struct search *search)
{
	CLEANUP(kernel_table_clear) struct mount_table table = { 0 };
	struct mount_entry *entry;
	int r = kernel_table_read(&table);

	if (r < 0)
		return r;
	entry = search->mount.id ? kernel_table_find(&table, search->mount.id) :
				   kernel_table_find_number(&table, search->mount.id32, search->mount.dev);
	if (!entry)
		return -ENOENT;
	r = kernel_table_fill(&table, entry);
	if (r < 0)
		return r;
	search->mount.id = table.unique_ids ? entry->id : 0;
	search->mount.dev = entry->dev;
	search->root = take_ptr(entry->root);
	search->target = take_ptr(entry->target);
	return 0;
}

ssize_t kernel_find_holders(const struct kernel_mount *mount, const char *below, struct kernel_holder *ret, size_t size)
{
	CLEANUP(search_clear) struct search search = { .mount = *mount, .found = ret, .size = size };
	int r = find_mount(&search);

	if (r < 0)
		return r;
	if (!path_is_below(search.target, below))
		return -EXDEV;
	search.own_namespace = kernel_mount_namespace();
	search_processes(&search);
	search_loops(&search);
	search_layers(&search);
	return (ssize_t)search.count;
}

ssize_t kernel_find_holders_detached(uint64_t id, uint64_t dev, struct kernel_holder *ret, size_t size)
{
	CLEANUP(search_clear)
	struct search search = { .mount = { .id = id, .dev = dev }, .found = ret, .size = size };

	search_processes(&search);
	return (ssize_t)search.count;
}
