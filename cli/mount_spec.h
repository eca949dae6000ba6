/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A mount as it is typed in one word, TYPE:SOURCE:TARGET[:OPTIONS]; a colon within is written \x3a. */
#ifndef REAPERD_CLI_MOUNT_SPEC_H
#define REAPERD_CLI_MOUNT_SPEC_H

#include "cli.h"
#include "kernel/mountat.h"

/* Bytes. All is the struct's; the request's strings, which are these, too. */
struct mount_spec {
	char *type, *source, *target;
	struct string_list options;
	const char **list;
	struct mountat_request request;
};

/*
 * All that can be wrong without a kernel's saying so is found out here, and said. CLI_DONE or CLI_USAGE; to be cleared
 * either way.
 */
int mount_spec_read(const struct cli *cli, const char *text, struct mount_spec *ret);
void mount_spec_clear(struct mount_spec *spec);

#endif
