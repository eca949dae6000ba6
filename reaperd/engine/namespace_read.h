/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of one other namespace: watched, asked for, and brought into the model. */
#ifndef REAPERD_ENGINE_NAMESPACE_READ_H
#define REAPERD_ENGINE_NAMESPACE_READ_H

#include "engine/other_namespace.h"

/* Asks for what tells of changes in it. */
void namespace_read_watch(struct other_namespace *other);

/* Asks for its table. What was told until then belongs to the answer. */
void namespace_read_ask(struct other_namespace *other);

/*
 * Takes the answer: one that is not in the model yet comes into it where it is selected and has to do with a root, and
 * is to be read once more when it is watched.
 */
void namespace_read_take(struct other_namespace *other);

/* Out of the model, with all that is mounted in it. */
void namespace_read_leave(struct other_namespace *other);

#endif
