/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Operands that name an action: read, and put into a call or a filter. Messages are printed here.
 */
#ifndef REAPERD_CLI_OPERAND_H
#define REAPERD_CLI_OPERAND_H

#include "cli.h"
#include "reference.h"

static inline void cleanup_reference(struct action_reference *reference)
{
	action_reference_clear(reference);
}
#define CLEANUP_REFERENCE CLEANUP(cleanup_reference)

/* CLI_DONE or CLI_USAGE; `text` NULL leaves *ret as it is. */
int operand_action(const struct cli *cli, const char *text, struct action_reference *ret);

/* Sets parameters[key] in the daemon's form unless the name is NULL. */
void parameter_action(json_t *parameters, const char *key, const struct action_reference *reference);

#endif
