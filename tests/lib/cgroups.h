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
#include <ftw.h>
#include <limits.h>
#include <mntent.h>
#include <stdbool.h>
#include <stdint.h>
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

/* What /proc/PID/cgroup calls the hierarchy of version 1 that it lists first; "" where there is none. */
static inline void cgroups_first_name(char ret[static 256])
{
	FILE *file = fopen("/proc/self/cgroup", "re");
	char line[PATH_MAX], *name = NULL;

	*ret = '\0';
	while (file && !*ret && fgets(line, sizeof(line), file)) {
		name = strchr(line, ':') + 1;
		name[strcspn(name, ":")] = '\0';
		snprintf(ret, 256, "%s", name);
	}
	if (file)
		fclose(file);
}

/* Where version 2 is mounted, or the first hierarchy of version 1. */
static inline bool cgroups_mounted(bool version2, char ret_path[static PATH_MAX])
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	char first[256], *end;
	struct mntent *entry;
	bool found = false;

	cgroups_first_name(first);
	end = strchr(first, ',');
	if (end)
		*end = '\0';
	while (mounts && !found && (entry = getmntent(mounts))) {
		found = version2 ? strcmp(entry->mnt_type, "cgroup2") == 0 :
				   strcmp(entry->mnt_type, "cgroup") == 0 && *first && hasmntopt(entry, first);
		if (found)
			snprintf(ret_path, PATH_MAX, "%s", entry->mnt_dir);
	}
	if (mounts)
		endmntent(mounts);
	return found;
}

struct cgroup {
	char directory[PATH_MAX];
	char name[PATH_MAX]; /* as processes say it, of a hierarchy whose top is mounted: "/a", "memory:/a" */
	const char *path;    /* points into it */
	uint64_t id;
};

/* False where it cannot be made. */
static inline bool cgroup_make(struct cgroup *group, bool version2, const char *name)
{
	char top[PATH_MAX], hierarchy[256] = "";
	struct stat status;

	if (!cgroups_mounted(version2, top))
		return false;
	if (!version2)
		cgroups_first_name(hierarchy);
	snprintf(group->name, sizeof(group->name), "%s%s/reaperd-%d-%.2000s", hierarchy, *hierarchy ? ":" : "",
		 cgroups_of, name);
	group->path = strchr(group->name, '/');
	snprintf(group->directory, sizeof(group->directory), "%.1000s%.2100s", top, group->path);
	if (mkdir(group->directory, 0755) < 0 || stat(group->directory, &status) < 0)
		return false;
	group->id = status.st_ino;
	return true;
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

static inline int cgroups_remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
	struct cgroup group;

	(void)status;
	(void)place;
	snprintf(group.directory, sizeof(group.directory), "%s", path);
	if (type == FTW_DP)
		cgroup_remove(&group);
	return 0;
}

static inline void cgroups_sweep(bool version2)
{
	char top[PATH_MAX], prefix[64], path[PATH_MAX];
	struct dirent *entry;
	DIR *directory;

	if (!cgroups_mounted(version2, top) || !(directory = opendir(top)))
		return;
	snprintf(prefix, sizeof(prefix), "reaperd-%d-", cgroups_of);
	while ((entry = readdir(directory))) {
		if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
			continue;
		snprintf(path, sizeof(path), "%.2000s/%s", top, entry->d_name);
		nftw(path, cgroups_remove_one, 16, FTW_DEPTH | FTW_PHYS);
	}
	closedir(directory);
}

static inline void cgroups_end(void)
{
	cgroups_sweep(true);
	cgroups_sweep(false);
}

#endif
