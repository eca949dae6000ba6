/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The options of a mount, as they are typed: separated by commas, one within written \x2c. */
#ifndef REAPERD_CLI_MOUNT_OPTIONS_H
#define REAPERD_CLI_MOUNT_OPTIONS_H

#include "cli.h"

/* Adds the options in `text`, which may be NULL, as bytes; a broken escape is said. CLI_DONE or CLI_USAGE. */
int mount_options_read(const struct cli *cli, const char *text, struct string_list *ret);

/* As kernel/mountat.h takes them. The caller frees the list alone; what is in it stays with `options`. */
const char **mount_options_list(const struct string_list *options);

#endif
