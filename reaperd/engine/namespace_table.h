/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of another mount namespace as the broker hands it over, and what it says of our roots. */
#ifndef REAPERD_ENGINE_NAMESPACE_TABLE_H
#define REAPERD_ENGINE_NAMESPACE_TABLE_H

#include "model/model.h"
#include "wire/messages.h"

/* A complete scan without a namespace. `fd` stays the caller's. 0, or -errno: -EBADMSG for what cannot be understood. */
int namespace_table_read(const struct table_result *result, int fd, struct scan *ret);

/*
 * True where a root's directory, the very one that our own namespace shows, can be reached in there by some path: it
 * lies on one of the mounts, or one of them lies in it.
 */
bool namespace_table_holds(const struct scan *scan, struct model *model);

/* True where something is mounted at, or below, the path. */
bool namespace_table_has_below(const struct scan *scan, const char *path);

#endif
