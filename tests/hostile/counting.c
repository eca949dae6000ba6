/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The broker, linked so that each comparison of a mount and each call that unmounts passes here: what the hostile
 * builder did in between is counted, and every other call waits a moment for it to do something. Nothing else differs
 * from the real one, which has none of this.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "broker/broker.h"
#include "broker/travel.h"
#include "kernel/at.h"
#include "windows.h"

#define HELD_FOR (500 * NSEC_PER_MSEC)

int __real_kernel_status_at(int dirfd, const char *name, bool sync, struct place_status *ret);
int __wrap_kernel_status_at(int dirfd, const char *name, bool sync, struct place_status *ret);
int __real_kernel_unmount(int fd, int flags);
int __wrap_kernel_unmount(int fd, int flags);
int __real_travel_check_tree(struct doing *doing);
int __wrap_travel_check_tree(struct doing *doing);
int __real_kernel_unmountat(int dirfd, const char *name, int flags);
int __wrap_kernel_unmountat(int dirfd, const char *name, int flags);

static struct windows *windows;

/* The last comparison, of this child. */
static struct {
	struct slot *slot;
	uint64_t swaps, stacks;
	bool marked;
} last;

static void note(struct slot *slot, bool marked)
{
	last.slot = slot;
	last.marked = marked;
	if (slot) {
		last.swaps = slot->swaps;
		last.stacks = slot->stacks;
	}
}

static struct slot *find_slot(int dirfd)
{
	struct stat st;

	if (!windows || fstat(dirfd, &st) < 0 || st.st_dev != windows->dev)
		return NULL;
	for (unsigned i = 0; i < SLOTS; i++)
		if (windows->slots[i].parent == st.st_ino)
			return &windows->slots[i];
	return NULL;
}

int __wrap_kernel_status_at(int dirfd, const char *name, bool sync, struct place_status *ret)
{
	struct slot *slot = *name ? find_slot(dirfd) : last.slot;
	int r = __real_kernel_status_at(dirfd, name, sync, ret);

	note(slot, false);
	return r;
}

/* Counted behind each exchange: of two, the second lay between them. */
static bool was_swapped(void)
{
	return last.slot->swaps - last.swaps >= 2;
}

/* Counted before and behind each. */
static bool was_stacked(void)
{
	return last.slot->stacks - last.stacks >= 2 + last.stacks % 2;
}

static bool was_meddled_with(bool wants_stack)
{
	return was_stacked() || (was_swapped() && !(wants_stack && last.slot->stacks_left > 0));
}

/* Swaps are many, so that every other call which waits does so for a mount. */
static void wait_for_something(bool wants_stack)
{
	int64_t end = clock_now().mono + HELD_FOR;

	windows->held = (uint32_t)(last.slot - windows->slots) + 1;
	while (last.slot->armed && !was_meddled_with(wants_stack) && clock_now().mono < end)
		sched_yield();
	windows->held = 0;
}

static enum window window_before(int flags)
{
	if (flags & MNT_EXPIRE)
		return last.marked ? WINDOW_MARKED : WINDOW_MARK;
	return flags & MNT_DETACH ? WINDOW_LAZY : WINDOW_OTHER;
}

static void count_window(enum window window)
{
	uint64_t call;

	if (!last.slot)
		return;
	call = windows->calls[window]++;
	if (call % 2)
		wait_for_something(call % 4 == 3);
	windows->swapped[window] += was_swapped();
	windows->stacked[window] += was_stacked();
}

int __wrap_kernel_unmountat(int dirfd, const char *name, int flags)
{
	int r;

	count_window(window_before(flags));
	r = __real_kernel_unmountat(dirfd, name, flags);
	note(last.slot, flags & MNT_EXPIRE);
	return r;
}

int __wrap_travel_check_tree(struct doing *doing)
{
	int r;

	if (!windows)
		return __real_travel_check_tree(doing);
	windows->lazy = true;
	for (int64_t end = clock_now().mono + HELD_FOR; windows->binding && clock_now().mono < end;)
		sched_yield();
	r = __real_travel_check_tree(doing);
	if (r < 0)
		windows->lazy = false;
	return r;
}

int __wrap_kernel_unmount(int fd, int flags)
{
	int r;

	count_window(window_before(flags));
	r = __real_kernel_unmount(fd, flags);
	note(last.slot, false);
	if (windows)
		windows->lazy = false;
	return r;
}

int main(int argc, char **argv)
{
	const char *path = getenv(WINDOWS_VARIABLE);
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;

	if (fd >= 0)
		windows = mmap(NULL, sizeof(*windows), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (!windows || windows == MAP_FAILED)
		return 125;
	close(fd);
	return broker_main(argc, argv);
}
