/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The latest mounts that we detached lazily. They are in no table any more, so nothing but this says that the engine may
 * ask who holds them. It knows no process and no path.
 */
#ifndef REAPERD_BROKER_DETACHED_H
#define REAPERD_BROKER_DETACHED_H

#include <stddef.h>
#include <stdint.h>

#include "wire/messages.h"

#define DETACHED_MAX	  1024
#define DETACHED_TREE_MAX 256 /* of one that has more mounts below it, the oldest */

struct detached_mount {
	uint64_t id, dev;
};

/* Zeroed: none. */
struct detached {
	struct detached_mount mounts[DETACHED_MAX];
	size_t next;
};

/* What a step will take, before it does: the mount, with what is mounted below it. */
struct detached_tree {
	struct detached_mount *mounts; /* owned */
	size_t count;
};

/*
 * Nothing of a step that is no detach, of a mount that does not lie below the directory `root` in our own namespace now
 * (then it says nothing later that it is gone), or has no unique id; nor where memory is out.
 */
struct detached_tree detached_tree_read(const char *root, const struct namespace_reference *ns,
					const struct step_item *step);
void detached_tree_clear(struct detached_tree *tree);

void detached_add(struct detached *detached, const struct detached_tree *tree);
const struct detached_mount *detached_find(const struct detached *detached, uint64_t id); /* or NULL */

#endif
