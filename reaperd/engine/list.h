/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Answers that are lists: with `more` in pieces as the client takes them, otherwise in one, where that is short enough.
 * A list is made over many turns of the loop, so what makes it must not keep pointers into the model.
 */
#ifndef REAPERD_ENGINE_LIST_H
#define REAPERD_ENGINE_LIST_H

#include "engine/control.h"

#define LIST_PIECE 100	/* rows in one answer */
#define LIST_WHOLE 4096 /* rows in an answer that is not in pieces */

/* Appends up to LIST_PIECE rows to `rows`: 1 where there may be more, 0 at the end, -errno. */
typedef int list_fill(void *context, json_t *rows);
typedef void list_release(void *context);

/* Answers with {key: [rows]}; `context` is released when the call has ended, in whatever way. */
void list_answer(struct control_call *call, const char *key, list_fill *fill, list_release *release, void *context);

#endif
