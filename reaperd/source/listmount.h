/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The mounts of our namespace by listmount(2) and statmount(2): what is new, what went, what is not as the model has
 * it. Where statmount lacks a string (the source, subtype and superblock options came with Linux 6.11 and 6.13),
 * mountinfo is read beside it.
 */
#ifndef REAPERD_SOURCE_LISTMOUNT_H
#define REAPERD_SOURCE_LISTMOUNT_H

#include "kernel/mounts.h"
#include "model/facts.h"

/*
 * Which strings of statmount(2) are believed to be there: ~0 but in tests, which take some away as an older kernel
 * does.
 */
extern uint64_t listmount_believed_fields;

/* Copies the strings: 0 or -ENOMEM. */
int listmount_facts(const struct mount_status *status, struct mount_facts *ret);

#endif
