/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What tests set of the source that is told of each change by the kernel; its operations are in source/source.h.
 */
#ifndef REAPERD_SOURCE_FANOTIFY_H
#define REAPERD_SOURCE_FANOTIFY_H

#include <stdint.h>

/*
 * Nothing tells of a rename, nor of a change of propagation. Mounts below roots are read again by each refresh; all
 * others are compared, at the next read or refresh, once this many ns have passed since they were last.
 */
extern int64_t fanotify_compare_after;

#endif
