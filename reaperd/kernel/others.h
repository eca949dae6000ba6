/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The mounts of all other mount namespaces beside those of ours, for who must know whom an unmount would reach. Peer
 * groups, and mount ids of both kinds, are the same everywhere, so that they go into one table.
 */
#ifndef REAPERD_KERNEL_OTHERS_H
#define REAPERD_KERNEL_OTHERS_H

#include "kernel/table.h"

/*
 * Adds them, with ns_inode set: by the namespaces' ids (Linux 6.11), else by the mountinfo of a process in each, which
 * shows what lies below that one's root. What cannot be read or seen is left out. 0 or -ENOMEM; the entries that there
 * were are elsewhere in memory then.
 */
int kernel_table_add_others(struct mount_table *table);

#endif
