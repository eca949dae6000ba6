/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who else uses a superblock. `abort` and `force` hit every mount of it, in every namespace, even when they fail; so
 * they are only for a superblock whose every mount belongs to the action. Where not every namespace can be looked at,
 * the answer is no.
 */
#ifndef REAPERD_KERNEL_SHARES_H
#define REAPERD_KERNEL_SHARES_H

#include "kernel/table.h"

/*
 * Whether all mounts of `dev` lie at or below the directory `action` (absolute), in our table, in those of all
 * processes, and in namespaces without any: true, or false with a sentence in `why` and in *ret_stranger the mount of our own table that does not (0:
 * none).
 */
bool shares_are_own(const struct mount_table *table, uint64_t dev, const char *action, uint64_t *ret_stranger,
		    char *why, size_t size);

#endif
