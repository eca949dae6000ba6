/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernel/cgroup.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "kernel/process.h"

#define DELETED " (deleted)"
#define ID_SIZE 64

/* "HIERARCHY:CONTROLLERS:PATH". Of version 2 both are "0" and "". */
static bool split(char *line, char **ret_controllers, char **ret_path)
{
	char *first = strchr(line, ':'), *second = first ? strchr(first + 1, ':') : NULL;

	if (!second)
		return false;
	*second = '\0';
	*ret_controllers = first + 1;
	*ret_path = second + 1;
	return true;
}

static char *choose(FILE *file)
{
	CLEANUP_FREE char *line = NULL, *old = NULL;
	char *controllers, *path;
	size_t size = 0;
	ssize_t length;

	while ((length = getline(&line, &size, file)) > 0) {
		if (line[length - 1] == '\n')
			line[length - 1] = '\0';
		if (!split(line, &controllers, &path) || strcmp(path, "/") == 0)
			continue;
		if (!*controllers)
			return strdup(path);
		if (!old && asprintf(&old, "%s:%s", controllers, path) < 0)
			return NULL;
	}
	return old ? take_ptr(old) : strdup("/");
}

/* Only what exits can be in a group that was removed; of all others this is the end of a name. */
static void remove_deleted(char *path)
{
	size_t length = strlen(path);

	if (length > strlen(DELETED) && strcmp(path + length - strlen(DELETED), DELETED) == 0)
		path[length - strlen(DELETED)] = '\0';
}

char *kernel_process_cgroup(int32_t pid)
{
	CLEANUP_FCLOSE FILE *file = NULL;
	CLEANUP_FREE char *group = NULL;
	struct process_stat status;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
	file = fopen(path, "re");
	group = file ? choose(file) : NULL;
	/* Asked afterwards: if it does not exit now, it did not then. */
	if (!group || kernel_process_stat(pid, &status) < 0)
		return NULL;
	if (!status.exiting)
		return take_ptr(group);
	if (strcmp(group, "/") == 0)
		return NULL;
	remove_deleted(group);
	return take_ptr(group);
}

/* The last 64 digits of a segment without its ".scope", with nothing or a dash before them. */
static const char *container_id(const char *segment, size_t length)
{
	static const char scope[] = ".scope";
	const char *id;

	if (length > strlen(scope) && strncmp(segment + length - strlen(scope), scope, strlen(scope)) == 0)
		length -= strlen(scope);
	if (length < ID_SIZE)
		return NULL;
	id = segment + length - ID_SIZE;
	if (strspn(id, "0123456789abcdef") < ID_SIZE || (id > segment && id[-1] != '-' && id[-1] != ':'))
		return NULL;
	return id;
}

static bool ends_with(const char *segment, size_t length, const char *end)
{
	return length > strlen(end) && strncmp(segment + length - strlen(end), end, strlen(end)) == 0;
}

char *kernel_cgroup_container(const char *path)
{
	const char *unit = NULL, *id = NULL;
	size_t unit_length = 0;

	for (const char *segment = path; *segment;) {
		size_t length = strcspn(segment, "/");
		const char *found = container_id(segment, length);

		/* The innermost: a container may run containers. */
		if (found)
			id = found;
		else if (ends_with(segment, length, ".service") || ends_with(segment, length, ".scope")) {
			unit = segment;
			unit_length = length;
		}
		segment += length + (segment[length] == '/');
	}
	if (id)
		return strndup(id, ID_SIZE);
	return unit ? strndup(unit, unit_length) : NULL;
}
