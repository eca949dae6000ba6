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

/*
 * The broker's calls, each with a window before it: since the mount was compared, or since it was marked. And whom an
 * unmount reaches is judged by what is read one after the other.
 */
enum window {
	WINDOW_MARK,   /* MNT_EXPIRE for the first time */
	WINDOW_MARKED, /* MNT_EXPIRE again, which unmounts */
	WINDOW_LAZY,
	WINDOW_OTHER, /* plain, force */
	WINDOW_READ,  /* of one mount's path, before the next one's; swapped: the names were others just then */
	WINDOW_COUNT
};

/* The host's shared tree, bound by the runner: where in the action. */
enum bound { NOT_BOUND, BOUND, BOUND_DEEP };

struct slot {
	_Atomic uint32_t life;
	_Atomic uint32_t bound;
	_Atomic bool armed;		 /* is to be meddled with */
	_Atomic bool renamed;		 /* and its action's own directory, too */
	_Atomic bool swapping, stacking; /* somebody is at it right now */
	_Atomic int32_t stacks_left, moves_left;
	_Atomic uint64_t swaps, stacks; /* swaps: odd while the names are others */
	/*
	 * From its last look at the tree below until a lazy call has been made, which takes whatever is there, no shared
	 * tree comes into the action: that would cost the host its mounts, and the kernel has no call that looks and
	 * acts. How many such calls there are.
	 */
	_Atomic int32_t lazy;
	_Atomic bool binding;
	_Atomic bool reading; /* who swaps names waits a moment until this one has read */
};

struct windows {
	struct slot slots[SLOTS];
	/* While somebody speaks to the daemon of an action by its name, the root is where that is. */
	_Atomic bool calm;		    /* the root stays where it is */
	_Atomic bool talking, root_is_away; /* or is about to be, or was a moment ago */
	_Atomic bool root_is_swapped;
	_Atomic uint64_t root_swaps;
	_Atomic uint64_t binds, moves; /* of the host's tree, into an action and out of it */
	_Atomic uint32_t held;	       /* slot + 1: a call waits there, for a moment, for something to happen */
	_Atomic uint64_t calls[WINDOW_COUNT], swapped[WINDOW_COUNT], stacked[WINDOW_COUNT];
};

#define WINDOWS_VARIABLE "REAPERD_TEST_WINDOWS"

#endif
