/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What has become of an action's directory. A probe must not act: on a FUSE or network filesystem no name is looked up
 * where the server could be asked, for an answer that differs from the cached one makes the kernel detach every mount
 * below that name. It may hang with the filesystem: only a child with a deadline calls it.
 */
#ifndef REAPERD_KERNEL_PROBE_H
#define REAPERD_KERNEL_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/at.h"

#define KERNEL_HANDLE_MAX 128

struct kernel_identity {
	uint64_t dev, ino;
	int64_t birth; /* ns; 0: the filesystem has none */
	int32_t handle_type;
	uint32_t handle_length; /* 0: the filesystem has none */
	uint8_t handle[KERNEL_HANDLE_MAX];
};

struct kernel_probe_mount {
	const char *path; /* relative to the action's directory: "" is the directory itself */
	struct kernel_mount mount;
};

struct kernel_probe {
	const char *path; /* of the action's directory, relative to the root; "": whether the root itself answers */
	struct kernel_mount carrier; /* the mount that the root directory lay on when the action was recorded */
	bool known;
	struct kernel_identity identity; /* where known */
	bool want_hollow;
	const struct kernel_probe_mount *mounts; /* at most 64 */
	size_t mount_count;
};

enum kernel_probe_state {
	KERNEL_PROBE_PRESENT,
	KERNEL_PROBE_MISSING,
	/*
	 * another directory; `reachable` says which mounts can still be reached through it, on a remote filesystem of
	 * none
	 */
	KERNEL_PROBE_REPLACED,
	KERNEL_PROBE_DEAD,    /* ENOTCONN; on a network filesystem ESTALE and EHOSTDOWN too */
	KERNEL_PROBE_COVERED, /* the root, or the action's parent, is not on the recorded mount: says nothing */
	KERNEL_PROBE_UNKNOWN, /* error says why */
	/*
	 * the directory lives, and its name no longer leads to it; what stands there now is not said. Known by its
	 * handle; on a local filesystem by a mount in it that is still there
	 */
	KERNEL_PROBE_ELSEWHERE,
};

struct kernel_probe_result {
	enum kernel_probe_state state;
	int error; /* errno, 0: none */
	bool identity_known;
	struct kernel_identity identity; /* of what stands there now */
	bool local;
	bool hollow; /* nothing but the path to the mounts; only where asked, on local filesystems */
	/*
	 * contents were seen in it: more than directories and empty files, which may be mount points in the making
	 */
	bool full;
	uint64_t reachable; /* bit n: mounts[n] */
};

/* 0, or -errno of opening the root directory `root` (absolute); then *ret says UNKNOWN. */
int kernel_probe_action(const char *root, const struct kernel_probe *probe, struct kernel_probe_result *ret);

#endif
