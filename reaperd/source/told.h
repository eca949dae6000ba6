/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the kernel's events have told and nobody has looked into yet: which mounts came, went or moved in a namespace,
 * and who did it, for that is looked up at once. An event is a reason to ask for the mount that it names, never a fact
 * about it.
 */
#ifndef REAPERD_SOURCE_TOLD_H
#define REAPERD_SOURCE_TOLD_H

#include "model/model.h"

struct actors;

/* An event that was read; after told_gather() all of one mount. */
struct told {
	uint64_t id;
	size_t order; /* in which they were read */
	bool attached, detached;
	struct actor *attached_by, *detached_by; /* references; who moves it has done neither */
};

struct told_list {
	struct told *items;
	size_t count, allocated;
	bool overflowed; /* what was told is not all */
	struct actors *actors;
	uint64_t batch; /* of events read at once */
};

/* Raises our limit of fds as far as it may: each event takes one while it is read. 0 or -ENOMEM. */
int told_open(struct told_list *list);
void told_close(struct told_list *list);

/* Adds the events that wait in the group, up to a bound. True where there were any, or some were lost. */
bool told_read(struct told_list *list, int group);

/* One item for each mount, by id. */
void told_gather(struct told_list *list);

void told_forget(struct told_list *list);

/* Whether there is no such mount at all; one that is there and has no path did not flash by. */
typedef bool told_gone_function(uint64_t id);

/*
 * Adds to a complete scan, which is by id, what the gathered events say beside it: who attached, who detached, and what
 * came and went in between. 0 or -ENOMEM.
 */
int told_complete(const struct told_list *list, const struct model *model, struct scan *scan,
		  told_gone_function *is_gone);

#endif
