/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Control groups in the filesystem: whether one is there, which it is, and whether anybody is in it. A path comes again
 * and says nothing of that; a group's number, the inode number of its directory, is given once in a boot.
 *
 * Nothing here leaves the cgroup filesystem or follows a link, and that never waits for another filesystem.
 */
#ifndef REAPERD_KERNEL_CGROUP_TREE_H
#define REAPERD_KERNEL_CGROUP_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A hierarchy, as mounted in our namespace. */
struct cgroup_tree {
	int fd; /* O_PATH, of the directory on which it is mounted; owned */
	bool version2;
	char *top; /* the group that is mounted there, usually "/"; owned */
};

/*
 * `hierarchy`: "" for version 2, else as /proc/PID/cgroup names one of version 1: "memory", "cpu,cpuacct",
 * "name=systemd". Of the mounts that can be reached, the one nearest to the top of our cgroup namespace: 0, -ENOENT
 * where there is none, or -errno.
 */
int kernel_cgroup_tree_open(const char *hierarchy, struct cgroup_tree *ret);
void kernel_cgroup_tree_close(struct cgroup_tree *tree); /* also one that was never opened, {0} */

/*
 * What paths mean in it: where two trees of one boot say the same, in whatever cgroup namespaces, equal paths are equal
 * groups. NULL where it cannot be said or memory is out. The caller frees it.
 */
char *kernel_cgroup_tree_view(const struct cgroup_tree *tree);

/* An O_PATH fd of the group: -ENOENT where there is none, -EXDEV where it is not below the one that is mounted. */
int kernel_cgroup_open(const struct cgroup_tree *tree, const char *path);

struct cgroup_status {
	uint64_t id;	/* of a 32-bit kernel only the lower half, which is then what comes once */
	bool populated; /* a process that has not ended is in it or below it; with version 1: it is there */
};

/* 0, -ENOENT where it has been removed, or -errno. */
int kernel_cgroup_status(const struct cgroup_tree *tree, int group, struct cgroup_status *ret);

/*
 * The path of a systemd unit's group ("worker.service"): below slices, where the machine's manager alone makes groups,
 * and not below what it gave to a user's manager or a container's. The one nearest to the top where there are several.
 * 0; -ENOENT: it is not there; or -errno: nobody knows. The caller frees it.
 */
int kernel_cgroup_find_unit(const struct cgroup_tree *tree, const char *unit, char **ret_path);

#define CGROUP_TREES_MAX 16

/* Hierarchies that were opened, by name. One that was not there is not looked for again. */
struct cgroup_trees {
	struct {
		char *hierarchy;
		int error; /* -errno; 0: it is open */
		struct cgroup_tree tree;
	} items[CGROUP_TREES_MAX];
	size_t count;
};

/* As kernel_cgroup_tree_open(); *ret stays the trees'. */
int kernel_cgroup_trees_get(struct cgroup_trees *trees, const char *hierarchy, const struct cgroup_tree **ret);
void kernel_cgroup_trees_close(struct cgroup_trees *trees);

/*
 * A group as kernel_process_cgroup() says it ("/a/b", "memory:/a/b"): the tree that it is in, with its path there, which
 * points into `group`. 0, -EINVAL, -ENOMEM, or as kernel_cgroup_tree_open().
 */
int kernel_cgroup_find_tree(struct cgroup_trees *trees, const char *group, const struct cgroup_tree **ret_tree,
			    const char **ret_path);

#endif
