/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the hostile builder and the counting broker share: a file that both map. The builder counts what it does to each
 * of its actions, the broker how much of that fell between a comparison and the call after it.
 */
#ifndef TESTS_HOSTILE_WINDOWS_H
#define TESTS_HOSTILE_WINDOWS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define SLOTS 8 /* actions at a time */

/* The broker's calls, each with a window before it: since the mount was compared, or since it was marked. */
enum window {
	WINDOW_MARK,   /* MNT_EXPIRE for the first time */
	WINDOW_MARKED, /* MNT_EXPIRE again, which unmounts */
	WINDOW_LAZY,
	WINDOW_OTHER, /* plain, force */
	WINDOW_COUNT
};

struct slot {
	_Atomic uint64_t parent; /* inode of the directory that holds the mount point, on `dev`; 0: none */
	_Atomic uint32_t life;
	_Atomic bool armed;		 /* is to be meddled with */
	_Atomic bool renamed;		 /* and its action's own directory, too */
	_Atomic bool swapping, stacking; /* somebody is at it right now */
	_Atomic int32_t stacks_left;
	_Atomic uint64_t swaps, stacks;
};

struct windows {
	_Atomic uint64_t dev;
	struct slot slots[SLOTS];
	/*
	 * From its last look at the tree below until a lazy call has been made, which takes whatever is there, no shared
	 * tree is bound: that would cost the host its mounts, and the kernel has no call that looks and acts.
	 */
	_Atomic bool lazy, binding;
	/* While somebody speaks to the daemon of an action by its name, the root is where that is. */
	_Atomic bool talking, root_is_away;
	_Atomic uint64_t root_swaps;
	_Atomic uint32_t held; /* slot + 1: a call waits there, for a moment, for something to happen */
	_Atomic uint64_t calls[WINDOW_COUNT], swapped[WINDOW_COUNT], stacked[WINDOW_COUNT];
};

#define WINDOWS_VARIABLE "REAPERD_TEST_WINDOWS"

#endif
