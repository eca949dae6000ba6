/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How people name actions: NAME, or NAME@GENERATION where what follows the last @ is a number from 1 on. A name that
 * itself ends so is written with its generation, or with \x40 for the @; one that begins with "mnt:", as mounts do, with
 * its generation, or with \x3a for the colon.
 */
#ifndef REAPERD_CLI_REFERENCE_H
#define REAPERD_CLI_REFERENCE_H

#include <stdbool.h>
#include <stdint.h>

struct action_reference {
	char *name;	     /* bytes */
	uint32_t generation; /* 0: any */
};

/* 0, -ENOMEM, or -EINVAL: empty, or a broken escape. */
int action_reference_parse(const char *text, struct action_reference *ret);
void action_reference_clear(struct action_reference *reference);

/* True where the name alone, as it is shown, would be read as something else. */
bool action_name_misleads(const char *name);

/* What the daemon, and people, read back as the same action. `generation` 0: none is named. The caller frees it. */
char *action_reference_text(const char *name, uint32_t generation);

/* "mnt:ID": 0 or -EINVAL. */
int mount_reference_parse(const char *text, uint64_t *ret_id);

#endif
