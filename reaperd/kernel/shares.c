/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernel/shares.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "kernel/mounts.h"
#include "kernel/namespaces.h"
#include "kernel/procfs.h"

/*
 * The inode of the pid namespace that the kernel makes first, fixed by its ABI. Only from there can all processes be
 * seen.
 */
#define INITIAL_PID_NAMESPACE 0xEFFFFFFCu

static struct mount_entry *find_stranger(const struct mount_table *table, uint64_t dev, const char *action)
{
	for (size_t i = 0; i < table->count; i++) {
		struct mount_entry *entry = &table->entries[i];

		if (entry->dev != dev || kernel_table_fill(table, entry) == -ENOENT)
			continue;
		if (!entry->target || !path_relative(entry->target, action))
			return entry;
	}
	return NULL;
}

/* A process is shown the mounts below its own root directory alone: a namespace is known as far as this one reaches. */
struct view {
	ino_t inode; /* of the namespace */
	char *root;
};

struct seen {
	ino_t own; /* our namespace, of which the whole table is known */
	struct view *views;
	size_t count, allocated;
};

/* 1: new, 0: known, or -ENOMEM. */
static int seen_add(struct seen *seen, ino_t inode, const char *root)
{
	for (size_t i = 0; i < seen->count; i++)
		if (seen->views[i].inode == inode && !strcmp(seen->views[i].root, root))
			return 0;
	if (seen->count == seen->allocated) {
		size_t more = seen->allocated ? 2 * seen->allocated : 64;
		struct view *views = reallocarray(seen->views, more, sizeof(*views));

		if (!views)
			return -ENOMEM;
		seen->views = views;
		seen->allocated = more;
	}
	seen->views[seen->count] = (struct view){ inode, strdup(root) };
	return seen->views[seen->count].root ? seen->count++, 1 : -ENOMEM;
}

static void seen_shorten(struct seen *seen, size_t count)
{
	while (seen->count > count)
		free(seen->views[--seen->count].root);
}

static void seen_clear(struct seen *seen)
{
	seen_shorten(seen, 0);
	free(seen->views);
}

/*
 * Whether the process's view of its mount namespace was looked at already: 1 new, 0 known, -ENOMEM. Security modules
 * may hide which one it is, from root too; then its mounts are read all the same.
 */
static int view_of(long pid, struct seen *seen)
{
	char path[PROCFS_NAME_SIZE], root[PATH_MAX];
	struct stat st;
	ssize_t length;

	procfs_name(path, sizeof(path), "%ld/ns/mnt", pid);
	if (stat(path, &st) < 0)
		return 1;
	if (st.st_ino == seen->own)
		return 0;
	procfs_name(path, sizeof(path), "%ld/root", pid);
	length = readlink(path, root, sizeof(root) - 1);
	if (length < 0)
		return 1;
	root[length] = '\0';
	return seen_add(seen, st.st_ino, root);
}

/* One process's mounts. A process that has gone says nothing. */
static bool process_is_fine(long pid, uint64_t dev, const char *action, struct seen *seen, char *why, size_t size)
{
	CLEANUP(kernel_table_clear) struct mount_table table = { 0 };
	const struct mount_entry *stranger;
	size_t known = seen->count;
	char path[PROCFS_NAME_SIZE];
	int r = view_of(pid, seen);

	if (r == 0)
		return true;
	procfs_name(path, sizeof(path), "%ld/mountinfo", pid);
	if (r > 0)
		r = kernel_table_read_mountinfo(path, &table);
	if (r == -ENOENT || r == -ESRCH || r == -EINVAL) {
		seen_shorten(seen, known); /* it ended in between: another process may show the same */
		return true;
	}
	if (r < 0) {
		snprintf(why, size, "the mounts of process %ld cannot be read: %s", pid, strerror(-r));
		return false;
	}
	stranger = find_stranger(&table, dev, action);
	if (stranger)
		snprintf(why, size, "process %ld has the filesystem at %s", pid, stranger->target);
	return !stranger;
}

/* Namespaces that an open fd or a mount keeps, with no process to show them. Before Linux 6.12 they cannot be seen. */
static bool unattended_are_fine(uint64_t dev, const char *action, char *why, size_t size)
{
	CLEANUP(kernel_namespaces_clear) struct kernel_namespaces all = { 0 };
	bool fine = true;
	int r = kernel_namespaces_read(&all, true);

	if (r < 0) {
		snprintf(why, size, "mount namespaces cannot be listed: %s", strerror(-r));
		return false;
	}
	for (size_t i = 0; i < all.count && fine; i++) {
		CLEANUP(kernel_table_clear) struct mount_table table = { 0 };
		const struct mount_entry *stranger = NULL;

		if (all.entries[i].pid || !all.entries[i].ns.id)
			continue;
		if (kernel_table_read_in(all.entries[i].ns.id, &table) == 0)
			stranger = find_stranger(&table, dev, action);
		if (stranger)
			snprintf(why, size, "mount namespace %llu, which has no process, has the filesystem at %s",
				 (unsigned long long)all.entries[i].ns.inode,
				 stranger->target ? stranger->target : "a place that cannot be read");
		fine = !stranger;
	}
	return fine;
}

static bool others_are_fine(uint64_t dev, const char *action, char *why, size_t size)
{
	char path[PROCFS_NAME_SIZE];
	CLEANUP_CLOSEDIR DIR *dir = opendir(procfs_name(path, sizeof(path), "."));
	CLEANUP(seen_clear) struct seen seen = { 0 };
	struct dirent *entry;
	struct stat st;

	if (dir)
		seen.own = kernel_mount_namespace();
	if (!seen.own || stat(procfs_name(path, sizeof(path), "self/ns/pid"), &st) < 0) {
		snprintf(why, size, "procfs cannot be read");
		return false;
	}
	while ((entry = readdir(dir))) {
		long pid = strtol(entry->d_name, NULL, 10);

		if (pid > 0 && !process_is_fine(pid, dev, action, &seen, why, size))
			return false;
	}
	if (!unattended_are_fine(dev, action, why, size))
		return false;
	/* Last, for who has the filesystem is worth more to know than that somebody else might. */
	if (st.st_ino != INITIAL_PID_NAMESPACE)
		snprintf(why, size, "not every mount namespace can be seen from this pid namespace");
	return st.st_ino == INITIAL_PID_NAMESPACE;
}

bool shares_are_own(const struct mount_table *table, uint64_t dev, const char *action, uint64_t *ret_stranger,
		    char *why, size_t size)
{
	const struct mount_entry *stranger = find_stranger(table, dev, action);

	*ret_stranger = stranger ? stranger->id : 0;
	if (stranger) {
		snprintf(why, size, "%s shares its filesystem",
			 stranger->target ? stranger->target : "a mount that cannot be read");
		return false;
	}
	return others_are_fine(dev, action, why, size);
}
