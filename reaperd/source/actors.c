/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "source/actors.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "kernel/cgroup.h"
#include "kernel/cgroup_tree.h"
#include "kernel/process.h"

#define KNOWN_COUNT 64

struct known_process {
	uint64_t inode; /* of its pidfd; 0: none */
	uint64_t batch;
	struct actor *actor;
};

struct known_cgroup {
	uint64_t id; /* 0: not known */
	char *path, *container;
};

struct actors {
	bool nameless; /* /proc is of no use */
	struct known_process processes[KNOWN_COUNT];
	struct known_cgroup cgroups[KNOWN_COUNT]; /* of version 2 */
	struct cgroup_trees trees;
};

struct actors *actors_new(void)
{
	struct actors *actors = calloc(1, sizeof(*actors));

	if (actors)
		actors->nameless = !kernel_proc_is_ours();
	return actors;
}

static void forget_cgroup(struct known_cgroup *cgroup)
{
	free(cgroup->path);
	free(cgroup->container);
	*cgroup = (struct known_cgroup){ 0 };
}

void actors_free(struct actors *actors)
{
	if (!actors)
		return;
	for (size_t i = 0; i < KNOWN_COUNT; i++) {
		actor_unref(actors->processes[i].actor);
		forget_cgroup(&actors->cgroups[i]);
	}
	kernel_cgroup_trees_close(&actors->trees);
	free(actors);
}

/* NULL: not known. Id 1 is the top of version 2, in which hosts with version 1 have everybody. */
static const struct known_cgroup *find_cgroup(const struct actors *actors, uint64_t id)
{
	const struct known_cgroup *cgroup = &actors->cgroups[id % KNOWN_COUNT];

	return id > 1 && cgroup->id == id ? cgroup : NULL;
}

static bool is_of_version_2(const char *group)
{
	return *group == '/';
}

/* Of version 1 a pidfd says none. Whoever is in a group keeps it from being removed meanwhile. */
static uint64_t ask_cgroup_id(struct actors *actors, const char *group)
{
	const struct cgroup_tree *tree;
	CLEANUP_CLOSE int fd = -1;
	struct cgroup_status status;
	const char *path;

	if (kernel_cgroup_find_tree(&actors->trees, group, &tree, &path) < 0)
		return 0;
	fd = kernel_cgroup_open(tree, path);
	return fd < 0 || kernel_cgroup_status(tree, fd, &status) < 0 ? 0 : status.id;
}

/* `id` is that of version 2. */
static void read_cgroup(struct actors *actors, struct known_cgroup *cgroup, int32_t pid, uint64_t id)
{
	cgroup->path = kernel_process_cgroup(pid);
	if (!cgroup->path)
		return;
	cgroup->container = kernel_cgroup_container(cgroup->path);
	if (!is_of_version_2(cgroup->path))
		cgroup->id = ask_cgroup_id(actors, cgroup->path);
	else if (strcmp(cgroup->path, "/") != 0)
		cgroup->id = id;
}

/* What is looked for later is an id of version 2. */
static void keep_cgroup(struct actors *actors, struct known_cgroup *cgroup)
{
	struct known_cgroup *place = &actors->cgroups[cgroup->id % KNOWN_COUNT];

	if (!cgroup->id || !is_of_version_2(cgroup->path))
		return;
	forget_cgroup(place);
	*place = *cgroup;
	*cgroup = (struct known_cgroup){ 0 };
}

/*
 * What /proc says of the pid is this process's where it still has the pid afterwards: a pid is given anew only once its
 * process was reaped, and the pidfd then says so. One that went over to another group meanwhile is in none that we know.
 */
static struct actor *read_actor(struct actors *actors, const struct mount_event *event)
{
	struct actor facts = { .pid = event->pid, .uid = -1 };
	CLEANUP(forget_cgroup) struct known_cgroup own = { 0 };
	const struct known_cgroup *cgroup;
	struct pidfd_info before, after;
	struct process_stat status;
	struct actor *actor;

	if (actors->nameless || event->pidfd < 0 || kernel_pidfd_info(event->pidfd, &before) < 0 ||
	    before.pid != event->pid || kernel_process_stat(event->pid, &status) < 0)
		return actor_new(&facts);
	cgroup = find_cgroup(actors, before.cgroup_id);
	if (!cgroup)
		read_cgroup(actors, &own, event->pid, before.cgroup_id);
	if (kernel_pidfd_info(event->pidfd, &after) < 0)
		return actor_new(&facts);
	if (after.cgroup_id != before.cgroup_id)
		forget_cgroup(&own);
	facts.attested = true;
	facts.start_time = status.start_time;
	facts.uid = before.uid;
	facts.comm = status.comm;
	if (!cgroup)
		cgroup = &own;
	facts.cgroup = cgroup->path;
	facts.cgroup_id = cgroup->id;
	facts.container = cgroup->container;
	actor = actor_new(&facts);
	keep_cgroup(actors, &own);
	return actor;
}

struct actor *actors_find(struct actors *actors, const struct mount_event *event, uint64_t batch)
{
	uint64_t inode = event->pidfd >= 0 ? kernel_pidfd_inode(event->pidfd) : 0;
	struct known_process *known = &actors->processes[inode % KNOWN_COUNT];

	if (event->pid <= 0)
		return NULL;
	if (inode && known->inode == inode && known->batch == batch)
		return actor_ref(known->actor);
	if (!inode)
		return read_actor(actors, event);
	actor_unref(known->actor);
	*known = (struct known_process){ .inode = inode, .batch = batch, .actor = read_actor(actors, event) };
	if (!known->actor)
		known->inode = 0;
	return actor_ref(known->actor);
}
