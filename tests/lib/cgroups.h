/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Control groups for tests, made in the hierarchies that are there. A test removes its own; what one that failed has
 * left behind goes with cgroups_end(). Where none can be made, the test says so and does without.
 */
#ifndef REAPERD_TESTS_CGROUPS_H
#define REAPERD_TESTS_CGROUPS_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <mntent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static pid_t cgroups_of; /* part of their names, for other tests run beside these */

/* In main(), before the tests. */
static inline void cgroups_begin(void)
{
	cgroups_of = getpid();
}

/* Where version 2 is mounted, or the first hierarchy of version 1. */
static inline bool cgroups_mounted(bool version2, char ret_path[static PATH_MAX])
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	struct mntent *entry;
	bool found = false;

	while (mounts && !found && (entry = getmntent(mounts))) {
		found = strcmp(entry->mnt_type, version2 ? "cgroup2" : "cgroup") == 0;
		if (found)
			snprintf(ret_path, PATH_MAX, "%s", entry->mnt_dir);
	}
	if (mounts)
		endmntent(mounts);
	return found;
}

struct cgroup {
	char directory[PATH_MAX];
	const char *path; /* as processes say it, of a hierarchy whose top is mounted */
};

/* False where it cannot be made. */
static inline bool cgroup_make(struct cgroup *group, bool version2, const char *name)
{
	char top[PATH_MAX];
	size_t length;

	if (!cgroups_mounted(version2, top))
		return false;
	length = strlen(top);
	if ((size_t)snprintf(group->directory, PATH_MAX, "%s/reaperd-%d-%s", top, cgroups_of, name) >= PATH_MAX)
		return false;
	group->path = group->directory + length;
	return mkdir(group->directory, 0755) == 0;
}

static inline bool cgroup_put(const struct cgroup *group, pid_t pid)
{
	char file[PATH_MAX + 16];
	bool done;
	int fd;

	snprintf(file, sizeof(file), "%s/cgroup.procs", group->directory);
	fd = open(file, O_WRONLY | O_CLOEXEC);
	done = fd >= 0 && dprintf(fd, "%d\n", pid) > 0;
	if (fd >= 0)
		close(fd);
	return done;
}

/* Of who has just ended a group is empty a moment later. */
static inline bool cgroup_remove(const struct cgroup *group)
{
	for (int i = 0; i < 1000; i++) {
		if (rmdir(group->directory) == 0)
			return true;
		if (errno != EBUSY)
			return false;
		usleep(1000);
	}
	return false;
}

static inline void cgroups_sweep(bool version2)
{
	struct cgroup group;
	char top[PATH_MAX], prefix[64];
	struct dirent *entry;
	DIR *directory;

	if (!cgroups_mounted(version2, top) || !(directory = opendir(top)))
		return;
	snprintf(prefix, sizeof(prefix), "reaperd-%d-", cgroups_of);
	while ((entry = readdir(directory))) {
		if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
			continue;
		snprintf(group.directory, sizeof(group.directory), "%.2000s/%s", top, entry->d_name);
		cgroup_remove(&group);
	}
	closedir(directory);
}

static inline void cgroups_end(void)
{
	cgroups_sweep(true);
	cgroups_sweep(false);
}

#endif
