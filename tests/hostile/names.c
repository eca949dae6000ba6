/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hostile.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel/at.h"
#include "kernel/mounts.h"

uint32_t random_below(uint64_t *state, uint32_t bound)
{
	/* splitmix64, whose every seed is as good as any other. */
	uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);

	z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
	return (uint32_t)((z ^ (z >> 31)) % bound);
}

const char *life_name(unsigned slot, uint32_t life, char *buffer, size_t size)
{
	if (life % 3 == 0)
		snprintf(buffer, size, "d%u", slot);
	else
		snprintf(buffer, size, "d%u-%u", slot, life);
	return buffer;
}

int open_beneath(int dirfd, const char *path)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};

	return (int)syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
}

void make_directory(int dirfd, const char *path)
{
	must(mkdirat(dirfd, path, 0755) == 0 || errno == EEXIST, path);
}

uint64_t make_mount(int dirfd, const char *path, const char *type)
{
	int fd = open_beneath(dirfd, path);
	struct place_status status;
	char target[32];

	must(fd >= 0, path);
	snprintf(target, sizeof(target), "/proc/self/fd/%d", fd);
	must(mount(type, target, type, 0, NULL) == 0, path);
	close(fd);
	must(kernel_status_at(dirfd, path, false, &status) == 0, path);
	return status.mount_id;
}

bool is_mounted(uint64_t id)
{
	struct mount_status status;

	return kernel_statmount(id, &status) == 0;
}

bool is_anything_below(const char *root, const char *name)
{
	FILE *table = fopen("/proc/self/mountinfo", "re");
	size_t length = strlen(root), size = 0;
	char target[4096], *line = NULL;
	bool found = false;

	must(table, "mountinfo");
	while (!found && getline(&line, &size, table) > 0)
		found = sscanf(line, "%*s %*s %*s %*s %4095s", target) == 1 && !strncmp(target, root, length) &&
			target[length] == '/' && !strncmp(target + length + 1, name, strlen(name)) &&
			target[length + 1 + strlen(name)] == '/';
	free(line);
	fclose(table);
	return found;
}

static void make_alias(int action, unsigned number, const char *target)
{
	char name[8];

	snprintf(name, sizeof(name), "s%u", number);
	must(symlinkat(target, action, name) == 0, name);
}

void make_names(const struct place *place, unsigned slot, int action)
{
	static const char *const directories[] = { "root",	     "root/proc", "root/sys", "root/dev", "root/dev/x",
						   "root/dev/x/dev", "spare",	  "s4",	      "s4/proc",  "s5",
						   "s5/proc" };
	char alias[8];

	for (unsigned i = 0; i < sizeof(directories) / sizeof(*directories); i++)
		make_directory(action, directories[i]);
	make_alias(action, 0, "/");
	make_alias(action, 1, "../../host");
	make_alias(action, 2, "../live0/root");
	make_alias(action, 3, "../../other/live0/root");
	snprintf(alias, sizeof(alias), "a%u", slot);
	must(symlinkat(slot % 2 ? "live0" : "/", place->build, alias) == 0, alias);
}

/*
 * A link, or a directory with mount points in it: which is which, the swaps may have left to chance. What is mounted
 * stays, and nothing is looked for in it.
 */
static void remove_name(const struct place *place, int action, const char *name)
{
	int directory;
	struct stat st;

	if (unlinkat(action, name, 0) == 0)
		return;
	directory = open_beneath(action, name);
	if (directory < 0)
		return;
	if (fstat(directory, &st) == 0 && st.st_dev == place->dev) {
		unlinkat(directory, "proc", AT_REMOVEDIR);
		unlinkat(directory, "sys", AT_REMOVEDIR);
		unlinkat(directory, "dev/x/dev", AT_REMOVEDIR);
		unlinkat(directory, "dev/x", AT_REMOVEDIR);
		unlinkat(directory, "dev", AT_REMOVEDIR);
		unlinkat(action, name, AT_REMOVEDIR);
	}
	close(directory);
}

bool remove_names(const struct place *place, unsigned slot, const char *action_name)
{
	int action = open_beneath(place->build, action_name);
	char name[8];

	if (action < 0 && errno == ENOENT) /* a second time */
		return true;
	must(action >= 0, action_name);
	remove_name(place, action, "root");
	remove_name(place, action, "spare");
	for (unsigned i = 0; i < ALIASES; i++) {
		snprintf(name, sizeof(name), "s%u", i);
		remove_name(place, action, name);
	}
	close(action);
	snprintf(name, sizeof(name), "a%u", slot);
	unlinkat(place->build, name, 0);
	return unlinkat(place->build, action_name, AT_REMOVEDIR) == 0;
}
