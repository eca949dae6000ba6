/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is too long for a datagram, for nobody knows how many mounts or namespaces there are: a stream of records in a
 * sealed memfd, whose bytes come with a result (messages.h). Each is written and read by itself, so that neither side
 * holds two forms of a whole table.
 *
 * Strings are of any length, as in the kernel: a bound of ours would let one mount in a deep place hide all others.
 * Those that were read point into the bytes, and are good for as long as these.
 */
#ifndef REAPERD_WIRE_RECORDS_H
#define REAPERD_WIRE_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/frame.h"

/*
 * Which mount namespace. All zero: the daemon's own. Whoever opens one by this looks afterwards whether it is that one,
 * for inodes and pids come again.
 */
struct namespace_reference {
	uint64_t inode; /* of /proc/PID/ns/mnt */
	uint64_t id;	/* the kernel's unique one (Linux 6.11); 0: not known */
	int32_t pid;	/* a process in it, in the broker's pid namespace: where to look first; 0: none is known */
};

static inline bool namespace_is_own(const struct namespace_reference *ns)
{
	return !ns->inode;
}

/* A mount namespace that is not the daemon's own; as many paths as it says follow it. */
struct message_namespace {
	struct namespace_reference reference;
	const char *comm;     /* of the process, "" where none is known */
	uint64_t owner;	      /* the inode of the user namespace that it belongs to; 0: not known */
	bool owned_by_others; /* not by ours: what it inherited is locked, and every unmount of that gives EINVAL */
	uint32_t mounts;      /* how many it has; 0: not known (Linux 6.12) */
	bool selected;	      /* by the configuration's `namespaces`: the others are refused */
	bool holds;	      /* a root, in whole or in part; only where that was asked */
	uint32_t path_count;
};

/* Where one of the configuration's roots stands in that namespace, which is elsewhere than in ours. */
struct message_path {
	uint32_t root; /* index */
	const char *path;
};

/* A mount as listmount(2) and statmount(2) tell of it. */
struct message_mount {
	uint64_t id, parent;
	uint32_t id32, parent32;
	uint64_t dev;		   /* makedev(): the superblock's */
	uint64_t peer_group;	   /* 0: not shared */
	uint64_t master;	   /* the peer group that it is a slave of; 0: none */
	const char *root;	   /* within the filesystem; a deleted one ends with "//deleted" */
	const char *target;	   /* from the root of its namespace */
	const char *fstype;	   /* with subtype: "fuse.bindfs" */
	const char *source;	   /* "" where there is none */
	const char *options;	   /* of the mount: "rw,nosuid" */
	const char *super_options; /* of the superblock */
};

/* Bytes in the making, owned. */
struct wire_records {
	uint8_t *bytes;
	size_t used, allocated;
};

/* 0, -EINVAL for a value that no record may have, or -ENOMEM; after a failure the records are as they were before. */
int records_add_namespace(struct wire_records *records, const struct message_namespace *ns);
int records_add_path(struct wire_records *records, const struct message_path *path);
int records_add_mount(struct wire_records *records, const struct message_mount *mount);
void records_clear(struct wire_records *records);

/* The next record: 1, 0 at the end of the bytes, or -EBADMSG: it is no such one, and nothing behind it can be read. */
int record_next_namespace(struct wire_reader *reader, struct message_namespace *ret);
int record_next_path(struct wire_reader *reader, struct message_path *ret);
int record_next_mount(struct wire_reader *reader, struct message_mount *ret);

#endif
