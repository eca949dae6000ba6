/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/shares.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/path.h"

/* The inode of the pid namespace that the kernel makes first, fixed by its ABI. Only from there can all processes be
 * seen. */
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

struct seen {
	ino_t *inodes;
	size_t count, allocated;
};

/* 1: new, 0: known, or -ENOMEM. */
static int seen_add(struct seen *seen, ino_t inode)
{
	for (size_t i = 0; i < seen->count; i++)
		if (seen->inodes[i] == inode)
			return 0;
	if (seen->count == seen->allocated) {
		size_t more = seen->allocated ? 2 * seen->allocated : 64;
		ino_t *inodes = reallocarray(seen->inodes, more, sizeof(*inodes));

		if (!inodes)
			return -ENOMEM;
		seen->inodes = inodes;
		seen->allocated = more;
	}
	seen->inodes[seen->count++] = inode;
	return 1;
}

static void seen_clear(struct seen *seen)
{
	free(seen->inodes);
}

/*
 * Whether the process's mount namespace was looked at already: 1 new, 0 known, -ENOMEM. Security modules may hide which
 * one it is, from root too; then its mounts are read all the same.
 */
static int namespace_of(long pid, struct seen *seen)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%ld/ns/mnt", pid);
	return stat(path, &st) < 0 ? 1 : seen_add(seen, st.st_ino);
}

/* One process's mounts. A process that has gone says nothing. */
static bool process_is_fine(long pid, uint64_t dev, const char *action, struct seen *seen, char *why, size_t size)
{
	CLEANUP(kernel_table_clear) struct mount_table table = { 0 };
	const struct mount_entry *stranger;
	size_t known = seen->count;
	char path[64];
	int r = namespace_of(pid, seen);

	if (r == 0)
		return true;
	snprintf(path, sizeof(path), "/proc/%ld/mountinfo", pid);
	if (r > 0)
		r = kernel_table_read_mountinfo(path, &table);
	if (r == -ENOENT || r == -ESRCH || r == -EINVAL) {
		seen->count = known; /* it ended in between: another process may show this namespace */
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

static bool others_are_fine(uint64_t dev, const char *action, char *why, size_t size)
{
	CLEANUP_CLOSEDIR DIR *dir = opendir("/proc");
	CLEANUP(seen_clear) struct seen seen = { 0 };
	struct dirent *entry;
	struct stat st;

	if (!dir || stat("/proc/self/ns/mnt", &st) < 0 || seen_add(&seen, st.st_ino) < 0 ||
	    stat("/proc/self/ns/pid", &st) < 0) {
		snprintf(why, size, "procfs cannot be read");
		return false;
	}
	if (st.st_ino != INITIAL_PID_NAMESPACE) {
		snprintf(why, size, "not every mount namespace can be seen from this pid namespace");
		return false;
	}
	while ((entry = readdir(dir))) {
		long pid = strtol(entry->d_name, NULL, 10);

		if (pid > 0 && !process_is_fine(pid, dev, action, &seen, why, size))
			return false;
	}
	return true;
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
