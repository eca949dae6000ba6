/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The configured roots as they stand in the filesystem, asked in children with a deadline. */
#ifndef REAPERD_BROKER_ROOTS_H
#define REAPERD_BROKER_ROOTS_H

#include "base/batch.h"
#include "config/config.h"

/*
 * Follows symbolic links in the roots' paths, so that each path is as the mount table shows it; says so in the log. One
 * that does not exist yet, or does not answer, stays as it is. 0; -ENOMEM; or -EINVAL with a line in *ret_errors: not a
 * directory, or after all "/" or inside another.
 */
int roots_resolve(struct config *config, struct batch_pool *pool, char **ret_errors);

#endif
