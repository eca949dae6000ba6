/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Mount namespaces other than our own: which there are, which of them hold a root, and the tables of those that the
 * configuration selects, each kept in the model as our own is. Everything is asked of the broker, for the engine may not
 * look into another namespace.
 *
 * No event tells of a birth: the list is asked for again and again. One that holds no root yet is looked at again
 * later, ever more rarely, for runtimes mount after they made it. Nothing here keeps a dead one alive: a mark does not,
 * and an open mountinfo is closed when the process that showed it ends.
 */
#ifndef REAPERD_ENGINE_NAMESPACES_H
#define REAPERD_ENGINE_NAMESPACES_H

#include <jansson.h>

#include "engine/state.h"

/* What came, went or moved in a namespace: as tracker_changes_function. */
typedef void namespaces_changes_function(struct engine *engine, const struct changes *changes, const struct scan *scan);

struct namespaces *namespaces_new(struct engine *engine, namespaces_changes_function *on_changes); /* NULL: no memory */
void namespaces_free(struct namespaces *namespaces);

/* Asks and applies what it is time for: part of each turn, after our own table was read. */
void namespaces_turn(struct namespaces *namespaces);

/* The configuration may select others now. */
void namespaces_configure(struct namespaces *namespaces);

/* True while something is to be known that is not known yet: for --once. */
bool namespaces_are_busy(const struct namespaces *namespaces);

/* The table of this namespace, or of every one, is to be read. Never our own. */
void namespaces_want(struct namespaces *namespaces, const struct mount_namespace *ns);
void namespaces_want_all(struct namespaces *namespaces);
/* True while it is wanted and not here yet. */
bool namespaces_is_wanted(const struct namespaces *namespaces, const struct mount_namespace *ns);

/* True where the table of the namespace (NULL: of all, but our own) was read after `mono`. */
bool namespaces_have_read_since(const struct namespaces *namespaces, const struct mount_namespace *ns, int64_t mono);

/* The same of the namespace that the mount is in, our own or another: what was mounted, or renamed, before is known. */
bool table_was_read_since(const struct engine *engine, const struct mount *mount, int64_t mono);
bool table_was_looked_at_since(const struct engine *engine, const struct mount *mount, int64_t mono);

/* [{"inode","pid","comm","mounts","source"}] of those that are watched; caller owns. NULL when out of memory. */
json_t *namespaces_json(const struct namespaces *namespaces);
/* How many hold a root and are not watched, as far as they could be seen. */
size_t namespaces_unwatched(const struct namespaces *namespaces);

#endif
