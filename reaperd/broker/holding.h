/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which other mount namespaces hold a build root: a mount of the filesystem in which the root's directory lies, from
 * where it, or a part of it, is reached. By the mount tables alone: no path is walked, so nothing hangs.
 */
#ifndef REAPERD_BROKER_HOLDING_H
#define REAPERD_BROKER_HOLDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"

/* The inodes of those namespaces. Begins as zeroes. */
struct holding {
	uint64_t *inodes; /* ascending */
	size_t count;
};
void holding_clear(struct holding *holding);

/* 0 or -errno. Costs a look at each mount of the machine: not with each list. */
int holding_read(const struct config *config, struct holding *ret);
bool holding_has(const struct holding *holding, uint64_t inode);

#endif
