/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is wrong with the arguments, said to the user in the command's name. Each gives CLI_USAGE. */
#ifndef REAPERD_CLI_USAGE_H
#define REAPERD_CLI_USAGE_H

#include "cli.h"

int usage_error(const struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
int usage_escape(const struct cli *cli, const char *text); /* a broken escape in it */

/* Of a list that ends with NULL: "did you mean X?" where something is near, else all of them. */
int usage_unknown(const struct cli *cli, const char *what, const char *word, const char *const *words);

#endif
