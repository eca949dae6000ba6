/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who keeps a mount busy, or its filesystem: processes by their directories, descriptors and mappings, other namespaces
 * by their copies, loop devices by their files, overlays by their layers. A snapshot of /proc, which may block with a filesystem that hangs: only a child with a
 * deadline asks.
 */
#ifndef REAPERD_KERNEL_HOLDERS_H
#define REAPERD_KERNEL_HOLDERS_H

#include <stdint.h>
#include <sys/types.h>

#include "kernel/at.h"

enum kernel_holder_kind {
	KERNEL_HOLDER_CWD,
	KERNEL_HOLDER_ROOT,
	KERNEL_HOLDER_EXE,
	KERNEL_HOLDER_FD,
	KERNEL_HOLDER_MMAP,
	KERNEL_HOLDER_NAMESPACE, /* another mount namespace has the same directory mounted; pid is one process in it */
	KERNEL_HOLDER_LOOP,	 /* a loop device's file lies on it; pid 0, number is the device's */
	KERNEL_HOLDER_LAYER, /* an overlay has a layer in it, which keeps its filesystem; pid 0, number is in mountinfo */
};
extern const char *const kernel_holder_names[];

struct kernel_holder {
	pid_t pid;
	char comm[17];
	enum kernel_holder_kind how;
	uint32_t number; /* of a descriptor, a loop device, an overlay */
};

/*
 * At most `size`, each process once for each kind: how many, or -errno (-ENOENT: there is no such mount; -EXDEV: it does
 * not lie below the directory `below`).
 */
ssize_t kernel_find_holders(const struct kernel_mount *mount, const char *below, struct kernel_holder *ret,
			    size_t size);

/*
 * Of a mount that was detached lazily, and is in no table and at no path any more: those of these that are processes,
 * but for other namespaces. `dev`: its superblock's, without which mappings are not found. Needs unique ids (Linux 6.8).
 */
ssize_t kernel_find_holders_detached(uint64_t id, uint64_t dev, struct kernel_holder *ret, size_t size);

#endif
