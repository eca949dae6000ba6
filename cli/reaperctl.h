/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The program: finds the command and runs it. */
#ifndef REAPERD_CLI_REAPERCTL_H
#define REAPERD_CLI_REAPERCTL_H

#include "cli.h"

extern const struct command *const reaperctl_commands[]; /* ended by NULL */

/* Gives an enum cli_status. */
int reaperctl_run(int argc, char **argv);

#endif
