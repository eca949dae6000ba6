/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What `umount` does, but for what was typed: finds the one mount below the build roots that is meant, makes sure that
 * nothing outside of them goes with it, and takes it away. It may hang with the filesystems that it touches: a child
 * with a deadline does it. Messages are printed here.
 */
#ifndef REAPERD_CLI_UNMOUNTING_H
#define REAPERD_CLI_UNMOUNTING_H

#include "base/segments.h"
#include "cli.h"
#include "config/config.h"
#include "kernel/at.h"

struct unmounting {
	const struct config *config;	 /* its roots are where it may be */
	const char *under;		 /* at or below one of them, or NULL */
	const struct segments *segments; /* the end of its path */
	const char *typed;		 /* the same, for messages */
	bool lazy, force;
};

struct unmounted {
	enum cli_status status;
	bool busy;		   /* somebody holds it */
	struct kernel_mount mount; /* what was found; it has a number, or nothing was */
	char root[4096];	   /* its build root */
	char target[4096];
};

void unmounting_do(const struct unmounting *unmounting, struct unmounted *ret);

#endif
