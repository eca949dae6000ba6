/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The least that it can cost to unmount many: umount2() in a loop over the paths on standard input, one a line.
 * Prints {"mounts", "seconds"}.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "base/clock.h"

static char **read_paths(size_t *ret_count)
{
	char **paths = NULL, *line = NULL;
	size_t count = 0, room = 0, size = 0;
	ssize_t length;

	while ((length = getline(&line, &size, stdin)) > 0) {
		line[length - (line[length - 1] == '\n')] = '\0';
		if (count == room) {
			room = room ? 2 * room : 1024;
			paths = reallocarray(paths, room, sizeof(*paths));
			if (!paths)
				err(1, "paths");
		}
		paths[count++] = strdup(line);
	}
	free(line);
	*ret_count = count;
	return paths;
}

int main(void)
{
	size_t count;
	char **paths = read_paths(&count);
	int64_t start = clock_now().mono;

	for (size_t i = 0; i < count; i++)
		if (umount2(paths[i], UMOUNT_NOFOLLOW) < 0)
			err(1, "%s", paths[i]);
	printf("{\"mounts\": %zu, \"seconds\": %.6f}\n", count, (double)(clock_now().mono - start) / NSEC_PER_SEC);
	for (size_t i = 0; i < count; i++)
		free(paths[i]);
	free(paths);
	return 0;
}
