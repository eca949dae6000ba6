/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "group_fixture.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "kernel/cgroup_tree.h"

#define GROUPS_MAX 16
#define FDS_MAX	   1024

static struct {
	char path[64];
	uint64_t id;
	bool there, populated;
} groups[GROUPS_MAX];
static size_t group_count;
static size_t group_of_fd[FDS_MAX];

const char *groups_view;
int groups_fail;

/* The one that is at the path now; made where there is none. */
static size_t group(const char *path)
{
	for (size_t i = 0; i < group_count; i++)
		if (groups[i].there && strcmp(groups[i].path, path) == 0)
			return i;
	ck_assert_uint_lt(group_count, GROUPS_MAX);
	snprintf(groups[group_count].path, sizeof(groups[0].path), "%s", path);
	groups[group_count].id = 7000 + group_count;
	groups[group_count].there = true;
	groups[group_count].populated = false;
	return group_count++;
}

uint64_t populate(const char *path)
{
	groups[group(path)].populated = true;
	return groups[group(path)].id;
}

void leave(const char *path)
{
	groups[group(path)].populated = false;
}

void remove_group(const char *path)
{
	groups[group(path)].there = false;
}

static const struct cgroup_tree the_tree = { .fd = -1, .version2 = true, .top = (char *)"/" };

int kernel_cgroup_trees_get(struct cgroup_trees *trees, const char *hierarchy, const struct cgroup_tree **ret)
{
	(void)trees;
	*ret = &the_tree;
	return *hierarchy ? -ENOENT : 0;
}

void kernel_cgroup_trees_close(struct cgroup_trees *trees)
{
	(void)trees;
}

int kernel_cgroup_find_tree(struct cgroup_trees *trees, const char *name, const struct cgroup_tree **ret_tree,
			    const char **ret_path)
{
	*ret_path = name;
	return *name == '/' ? kernel_cgroup_trees_get(trees, "", ret_tree) : -ENOENT;
}

int kernel_cgroup_open(const struct cgroup_tree *tree, const char *path)
{
	int fd;

	(void)tree;
	for (size_t i = 0; i < group_count; i++) {
		if (!groups[i].there || strcmp(groups[i].path, path) != 0)
			continue;
		fd = open("/dev/null", O_PATH | O_CLOEXEC);
		ck_assert(fd >= 0 && fd < FDS_MAX);
		group_of_fd[fd] = i;
		return fd;
	}
	return -ENOENT;
}

int kernel_cgroup_status(const struct cgroup_tree *tree, int fd, struct cgroup_status *ret)
{
	(void)tree;
	*ret = (struct cgroup_status){ groups[group_of_fd[fd]].id, groups[group_of_fd[fd]].populated };
	return groups[group_of_fd[fd]].there ? 0 : -ENOENT;
}

char *kernel_cgroup_tree_view(const struct cgroup_tree *tree)
{
	(void)tree;
	return groups_view ? strdup(groups_view) : NULL;
}

int kernel_cgroup_find_unit(const struct cgroup_tree *tree, const char *unit, char **ret_path)
{
	(void)tree;
	if (groups_fail)
		return groups_fail;
	for (size_t i = 0; i < group_count; i++) {
		const char *name = strrchr(groups[i].path, '/') + 1;

		if (groups[i].there && strcmp(name, unit) == 0) {
			*ret_path = strdup(groups[i].path);
			return 0;
		}
	}
	return -ENOENT;
}

/* --- the world --- */

void groups_begin(const char *lines)
{
	static const struct directory live[] = {
		{ .name = "a", .state = PROBE_PRESENT, .ino = 5, .full = true },
		{ .name = "b", .state = PROBE_PRESENT, .ino = 6, .full = true },
		{ .name = "c", .state = PROBE_PRESENT, .ino = 7, .full = true },
		{ .name = "d", .state = PROBE_PRESENT, .ino = 8, .full = true },
	};

	group_count = 0;
	groups_view = "2 1 /";
	groups_fail = 0;
	engine_root_lines = lines;
	engine_begin_world("", true);
	for (size_t i = 0; i < ARRAY_SIZE(live); i++)
		set_directory(&live[i]);
}

struct actor *by(int32_t pid, const char *path)
{
	const struct actor actor = { .pid = pid,
				     .attested = true,
				     .start_time = 1, /* nobody's */
				     .comm = (char *)"mounter",
				     .cgroup = (char *)path,
				     .cgroup_id = strcmp(path, "/") == 0 ? 0 : groups[group(path)].id };

	return actor_new(&actor);
}

struct actor *by_a_pid(int32_t pid)
{
	const struct actor actor = { .pid = pid, .uid = -1 };

	return actor_new(&actor);
}

bool is_over(const char *name)
{
	return action(name)->evidence & EVIDENCE_BIT(EVIDENCE_OWNER_EXITED);
}

void nothing_happens(void)
{
	size_t asked = steps_asked;

	pass(60);
	ck_assert_uint_eq(steps_asked, asked);
}
