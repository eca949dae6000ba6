/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is known of an action or a mount, in sentences for people. Each function appends to an array of strings. */
#ifndef REAPERD_ENGINE_EXPLAIN_TEXT_H
#define REAPERD_ENGINE_EXPLAIN_TEXT_H

#include <jansson.h>

#include "engine/state.h"

/* Bytes in `format`'s arguments must be escaped; see text_escape(). */
void explain_say(json_t *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What it is, who owns it, which evidence holds and since when, what comes next and why not yet. */
void explain_say_action(json_t *text, const struct engine *engine, const struct action *action,
			const struct decision *decision);

/*
 * What sets this mount apart from its action: its own evidence, what holds it up, steps tried. Nothing where nothing
 * does.
 */
void explain_say_mount(json_t *text, const struct engine *engine, const struct mount *mount,
		       const struct decision *decision, const struct mount *in_the_way);

void explain_say_unowned(json_t *text, const struct engine *engine, const struct mount *mount);
void explain_say_past(json_t *text, const struct store_action_row *row);

/* count -1: it could not be told. */
void explain_say_holders(json_t *text, const char *target, const struct holder_result *holders, int count);

#endif
