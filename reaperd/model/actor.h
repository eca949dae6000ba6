/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who mounted or unmounted something: a process, as it was when the kernel's event of it was read. One for all that it
 * did meanwhile, counted, and never changed. NULL stands for nobody that is known.
 */
#ifndef REAPERD_MODEL_ACTOR_H
#define REAPERD_MODEL_ACTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct actor {
	unsigned references;
	int32_t pid;
	/*
	 * The rest is certainly that process's, and no later one's of the same pid. Where that cannot be said nothing
	 * but the pid is known.
	 */
	bool attested;
	uint64_t start_time; /* clock ticks since boot, field 22 of /proc/PID/stat; 0: unknown */
	int64_t uid;	     /* -1: unknown */
	char *comm;	     /* owned, as the following; each NULL where not known */
	char *cgroup;	     /* "/a/b" of cgroup v2, "memory:/a/b" where only version 1 tells */
	uint64_t cgroup_id;  /* its number, given once in a boot, as the path is not; 0: not known, or it is the top */
	char *container;
};

/* With one reference; copies the strings, each of which may be NULL. NULL when out of memory. */
struct actor *actor_new(const struct actor *from);
struct actor *actor_ref(struct actor *actor); /* returns it; takes NULL */
void actor_unref(struct actor *actor);	      /* takes NULL */

#endif
