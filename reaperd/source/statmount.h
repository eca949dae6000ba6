/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Mounts of our namespace read one by one, by listmount(2) and statmount(2), into a scan: what the sources that have
 * unique ids share. Where statmount lacks a string (the source, subtype and superblock options came with Linux 6.11 and
 * 6.13), mountinfo is read beside it. Decides nothing, waits for nothing.
 */
#ifndef REAPERD_SOURCE_STATMOUNT_H
#define REAPERD_SOURCE_STATMOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/model.h"

/*
 * Which strings of statmount(2) are believed to be there: ~0 but in tests, which take some away as an older kernel
 * does.
 */
extern uint64_t statmount_believed_fields;

/* Owned by a source for as long as it is open; model and scan are those of the read that is under way. */
struct statmount_reading {
	struct statmount_buffer {
		void *bytes; /* for statmount's strings */
		size_t size;
	} buffer;
	const struct model *model;
	struct scan *scan;
	struct scan mountinfo; /* by id32, where statmount's strings do not suffice; empty until then */
};

/* 0, or -EOPNOTSUPP with a sentence that begins with the source's name: the calls are not there, or refused. */
int statmount_try(const char *name, char *why, size_t size);

int statmount_open(struct statmount_reading *reading); /* 0 or -ENOMEM */
void statmount_close(struct statmount_reading *reading);

/* Around each read. The scan is made an incomplete one with unique ids. */
void statmount_begin(struct statmount_reading *reading, const struct model *model, struct scan *scan);
void statmount_end(struct statmount_reading *reading);

/* Not an error: the mount is not there (any more), or no path leads to it. */
#define STATMOUNT_ABSENT 1

/*
 * Adds the mount to the scan where it is not as `known` (NULL: nothing is known) has it, or `anyway`. 0,
 * STATMOUNT_ABSENT or -errno.
 */
int statmount_read(struct statmount_reading *reading, uint64_t id, const struct mount_facts *known, bool anyway);

/*
 * The same for a mount of the model. It is added though it is as it was, where that has to be confirmed: something speaks
 * against it, or its place is in doubt.
 */
int statmount_read_again(struct statmount_reading *reading, const struct mount *mount);

/* The same, but one that lies below no root and is in its place is passed over. */
int statmount_read_known(struct statmount_reading *reading, const struct mount *mount);

/* Each 0 or -errno; after a failure nothing in the scan may be believed. */
int statmount_read_all(struct statmount_reading *reading);	   /* the scan is complete */
int statmount_read_changes(struct statmount_reading *reading);	   /* all that is not as the model has it */
int statmount_read_below_roots(struct statmount_reading *reading); /* the same, of the known mounts below roots alone */

#endif
