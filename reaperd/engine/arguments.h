/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What control methods have in common: parameters as bytes, roots, times and references to actions. A function that
 * returns less than 0 has answered the call with the error that fits, and the method returns.
 */
#ifndef REAPERD_ENGINE_ARGUMENTS_H
#define REAPERD_ENGINE_ARGUMENTS_H

#include "engine/control.h"
#include "engine/state.h"

/* The bytes of a string parameter (\xNN and \\ read back), the caller's; NULL where it is absent. */
int argument_bytes(struct control_call *call, const json_t *parameters, const char *key, char **ret);

bool argument_flag(const json_t *parameters, const char *key);

/* The configured root that the parameter "root" names; NULL where it is absent. */
int argument_root(struct engine *engine, struct control_call *call, const json_t *parameters, struct root **ret);

/* ns since 1970; 0 where it is absent. */
int argument_time(struct engine *engine, struct control_call *call, const json_t *parameters, const char *key,
		  int64_t *ret);

/* The same for the end of a span: times are shown in milliseconds, so all of the one that is named belongs to it. */
int argument_time_end(struct engine *engine, struct control_call *call, const json_t *parameters, const char *key,
		      int64_t *ret);

/* An action that was meant: of now or of the past. */
struct reference {
	char *root; /* path */
	char *name;
	uint32_t generation; /* 0: any */
};
void reference_clear(struct reference *reference);

/*
 * What `text`, NAME or NAME@GENERATION as a person typed it, means: below `root`, or below the one root that has it
 * where that is NULL. A name may have an @ itself, so the whole is tried as a name first. What lives goes before what
 * is past.
 */
int argument_action(struct engine *engine, struct control_call *call, const char *text, const struct root *root,
		    struct reference *ret);

/* The living actions that it names, newest first: at most `size`; how many there are. */
size_t reference_actions(struct engine *engine, const struct reference *reference, struct action **ret, size_t size);

#endif
