/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a source read: plain facts about mounts, without history. A source fills a struct scan, model_apply() takes the
 * facts out of it, scan_clear() releases the rest. Paths are bytes, unescaped.
 */
#ifndef REAPERD_MODEL_FACTS_H
#define REAPERD_MODEL_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/actor.h"

struct mount_facts {
	/*
	 * the kernel's unique id; 0 where the source has none: the model then gives one of its own
	 * (mount_id_is_synthetic())
	 */
	uint64_t id;
	uint64_t parent; /* likewise; the parent's unique id */
	uint32_t id32;	 /* the id that mountinfo shows, reused by the kernel at once */
	uint32_t parent32;
	uint64_t dev;		   /* makedev(): the superblock's device */
	char *root;		   /* path within the filesystem, "//deleted" removed; all strings owned */
	bool root_deleted;	   /* it had "//deleted" at its end */
	char *target;		   /* the mount point, as seen from the root of the source's process */
	char *fstype;		   /* with subtype: "fuse.bindfs" */
	char *source;		   /* "" where there is none */
	char *options;		   /* of the mount: "rw,nosuid" */
	char *super_options;	   /* of the superblock */
	uint64_t peer_group;	   /* 0: not shared */
	uint64_t master;	   /* the peer group that it is a slave of; 0: none */
	struct actor *attached_by; /* a reference; NULL: not known */
};

/* A mount that the table no longer has. */
struct gone_mount {
	uint64_t id;
	struct actor *by; /* a reference; NULL: not known */
};

/* A mount that was gone before anything of it could be read. */
struct flash {
	uint64_t id;
	struct actor *attached_by, *detached_by; /* references; NULL: not known */
};

struct mount_namespace;

struct scan {
	struct mount_namespace *ns; /* whose table it is, one of the model's; NULL: our own */
	bool complete;		    /* `mounts` is the whole table: what is not in it is gone */
	bool unique_ids;	    /* ids are the kernel's unique ones */
	struct mount_facts
		*mounts; /* new mounts, and known ones that were read again (the model finds out what changed) */
	size_t count;
	size_t allocated;
	struct gone_mount *gone; /* of a complete scan: only who did it, where that is known */
	size_t gone_count;
	size_t gone_allocated;
	struct flash *flashes;
	size_t flash_count;
	size_t flash_allocated;
	bool overflowed; /* the kernel could not keep all of its events: what was lost is not known */
};

/* A new zeroed element at the end, or NULL when out of memory. */
struct mount_facts *scan_add(struct scan *scan);
/* 0 or -ENOMEM. Each takes a reference of its own to the actors. */
int scan_add_gone(struct scan *scan, uint64_t id, struct actor *by);
int scan_add_flash(struct scan *scan, uint64_t id, struct actor *attached_by, struct actor *detached_by);
void scan_clear(struct scan *scan);
void mount_facts_clear(struct mount_facts *facts);

/*
 * Synthetic ids are the model's own: unique for its lifetime, below 2^62, never mistaken for the kernel's (2^61 is
 * set).
 */
#define MOUNT_ID_SYNTHETIC (UINT64_C(1) << 61)
static inline bool mount_id_is_synthetic(uint64_t id)
{
	return id & MOUNT_ID_SYNTHETIC;
}

#endif
