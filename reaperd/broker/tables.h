/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is too long for a result: mount namespaces and mounts, as records (wire/records.h) in a sealed memfd. Both ask
 * procfs, nsfs and the mount table alone; `namespaces` may name a file anywhere, and hang: for children with a deadline.
 */
#ifndef REAPERD_BROKER_TABLES_H
#define REAPERD_BROKER_TABLES_H

#include "broker/holding.h"
#include "broker/selection.h"
#include "config/config.h"
#include "wire/messages.h"

/* All mount namespaces but ours: 0 with the memfd, or -errno. `holding` may be empty: then nothing is said of that. */
int asroot_list_namespaces(const struct config *config, struct selection *selection, const struct holding *holding,
			   struct namespaces_result *ret, int *ret_fd);

/*
 * The mounts of the namespace that this process is in, or of these ids alone: 0 with the descriptors of a result, or
 * -errno. Mounts that go meanwhile are absent, as are those that no path leads to, which mountinfo does not show either.
 */
int asroot_read_table(const uint64_t *ids, uint32_t id_count, struct table_result *ret, int fds[static RESULT_FDS_MAX],
		      uint32_t *ret_fd_count);

#endif
