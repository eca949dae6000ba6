/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "source/actors.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "kernel/cgroup.h"
#include "kernel/process.h"

#define KNOWN_COUNT 64
/* A process may take another command or group meanwhile: then what is said of it was so a moment ago. */
#define KNOWN_FOR NSEC_PER_SEC

struct known_process {
	uint64_t inode; /* of its pidfd; 0: none */
	int64_t read;	/* mono */
	struct actor *actor;
};

struct known_cgroup {
	uint64_t id; /* never given again while the system runs */
	char *path, *container;
};

struct actors {
	struct known_process processes[KNOWN_COUNT];
	struct known_cgroup cgroups[KNOWN_COUNT];
};

struct actors *actors_new(void)
{
	return calloc(1, sizeof(struct actors));
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
	free(actors);
}

static void read_cgroup(struct known_cgroup *cgroup, int32_t pid)
{
	cgroup->path = kernel_process_cgroup(pid);
	cgroup->container = cgroup->path ? kernel_cgroup_container(cgroup->path) : NULL;
}

/* Id 1 is the top of version 2, where hosts with version 1 have everybody. `own` is for what is not kept. */
static struct known_cgroup *find_cgroup(struct actors *actors, uint64_t id, int32_t pid, struct known_cgroup *own)
{
	struct known_cgroup *cgroup = id > 1 ? &actors->cgroups[id % KNOWN_COUNT] : own;

	if (cgroup->id == id && cgroup->path)
		return cgroup;
	forget_cgroup(cgroup);
	read_cgroup(cgroup, pid);
	cgroup->id = id;
	return cgroup;
}

/*
 * What /proc says of the pid is this process's where it still has the pid afterwards: a pid is given anew only once its
 * process was reaped, and the pidfd then says so.
 */
static struct actor *read_actor(struct actors *actors, const struct mount_event *event)
{
	struct actor facts = { .pid = event->pid, .uid = -1 };
	struct known_cgroup own = { 0 }, *cgroup = &own;
	struct pidfd_info before, after;
	char comm[PROCESS_COMM_SIZE];
	struct actor *actor;

	if (event->pidfd >= 0 && kernel_pidfd_info(event->pidfd, &before) == 0 && before.pid == event->pid &&
	    kernel_process_stat(event->pid, comm, &facts.start_time) == 0) {
		cgroup = find_cgroup(actors, before.cgroup_id, event->pid, &own);
		facts.attested = kernel_pidfd_info(event->pidfd, &after) == 0;
		/* It went over to another group meanwhile: which path was read nobody knows. */
		if (!facts.attested || after.cgroup_id != before.cgroup_id)
			forget_cgroup(cgroup);
	}
	if (facts.attested) {
		facts.uid = before.uid;
		facts.comm = comm;
		facts.cgroup = cgroup->path;
		facts.cgroup_id = before.cgroup_id > 1 ? before.cgroup_id : 0;
		facts.container = cgroup->container;
	} else
		facts.start_time = 0;
	actor = actor_new(&facts);
	forget_cgroup(&own);
	return actor;
}

struct actor *actors_find(struct actors *actors, const struct mount_event *event, int64_t mono)
{
	uint64_t inode = event->pidfd >= 0 ? kernel_pidfd_inode(event->pidfd) : 0;
	struct known_process *known = &actors->processes[inode % KNOWN_COUNT];

	if (event->pid <= 0)
		return NULL;
	if (inode && known->inode == inode && mono - known->read < KNOWN_FOR)
		return actor_ref(known->actor);
	if (!inode)
		return read_actor(actors, event);
	actor_unref(known->actor);
	*known = (struct known_process){ .inode = inode, .read = mono, .actor = read_actor(actors, event) };
	if (!known->actor)
		known->inode = 0;
	return actor_ref(known->actor);
}
