/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The broker, linked so that each comparison of a mount, each call that unmounts and each reading of a path by which is
 * judged whom an unmount reaches passes here: what the hostile builder did in between is counted, and every other one
 * waits a moment for it to do something. Nothing else differs from the real one, which has none of this.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/clock.h"
#include "broker/broker.h"
#include "broker/step.h"
#include "broker/travel.h"
#include "kernel/at.h"
#include "windows.h"

#define HELD_FOR    (250 * NSEC_PER_MSEC)
#define READING_FOR (20 * NSEC_PER_MSEC)

int __real_asroot_step(struct step_batch *batch, uint32_t index, struct step_result *ret);
int __wrap_asroot_step(struct step_batch *batch, uint32_t index, struct step_result *ret);
bool __real_travel_stays_inside(struct doing *doing);
bool __wrap_travel_stays_inside(struct doing *doing);
int __real_kernel_table_fill(const struct mount_table *table, struct mount_entry *entry);
int __wrap_kernel_table_fill(const struct mount_table *table, struct mount_entry *entry);
int __real_kernel_status_at(int dirfd, const char *name, bool sync, struct place_status *ret);
int __wrap_kernel_status_at(int dirfd, const char *name, bool sync, struct place_status *ret);
int __real_kernel_unmount(int fd, int flags);
int __wrap_kernel_unmount(int fd, int flags);
int __real_travel_check_tree(struct doing *doing);
int __wrap_travel_check_tree(struct doing *doing);
int __real_kernel_unmountat(int dirfd, const char *name, int flags);
int __wrap_kernel_unmountat(int dirfd, const char *name, int flags);

static struct windows *windows;

/* What this child is at, and the last comparison. */
static struct {
	struct slot *slot;
	uint64_t swaps, stacks;
	bool marked, judging;
	unsigned reads; /* of paths, in this judgement */
} last;

static void note(bool marked)
{
	last.marked = marked;
	if (last.slot) {
		last.swaps = last.slot->swaps;
		last.stacks = last.slot->stacks;
	}
}

/* By the action's name, or the one that it has for moments; what lies where the swaps do not reach is not counted. */
static struct slot *find_slot(const char *path)
{
	const char *rest;

	if (!windows || (*path != 'd' && *path != 'a') || path[1] < '0' || path[1] >= '0' + SLOTS ||
	    (path[2] != '/' && path[2] != '-'))
		return NULL;
	rest = strchr(path, '/');
	return rest && !strncmp(rest, "/root/", strlen("/root/")) ? &windows->slots[path[1] - '0'] : NULL;
}

int __wrap_asroot_step(struct step_batch *batch, uint32_t index, struct step_result *ret)
{
	int r;

	last.slot = find_slot(batch->items[index].path);
	note(false);
	r = __real_asroot_step(batch, index, ret);
	last.slot = NULL;
	return r;
}

int __wrap_kernel_status_at(int dirfd, const char *name, bool sync, struct place_status *ret)
{
	int r = __real_kernel_status_at(dirfd, name, sync, ret);

	note(false);
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

static bool is_away(const struct slot *slot)
{
	return slot->swaps % 2 || windows->root_is_swapped;
}

/* Until the names are as wanted, and stay so for the moment. */
static void wait_for_names(bool away)
{
	int64_t end = clock_now().mono + READING_FOR;

	windows->held = (uint32_t)(last.slot - windows->slots) + 1;
	last.slot->reading = away;
	while (last.slot->armed && is_away(last.slot) != away && clock_now().mono < end)
		sched_yield();
	windows->held = 0;
}

/* The first two, of the parent and of the mount itself: one of them while the names are others, or none. */
int __wrap_kernel_table_fill(const struct mount_table *table, struct mount_entry *entry)
{
	uint64_t read;
	int r;

	if (!last.judging || !last.slot || entry->target || last.reads == 2)
		return __real_kernel_table_fill(table, entry);
	read = windows->calls[WINDOW_READ]++;
	wait_for_names(read % 4 == 0);
	windows->swapped[WINDOW_READ] += is_away(last.slot);
	r = __real_kernel_table_fill(table, entry);
	last.slot->reading = false;
	last.reads++;
	return r;
}

bool __wrap_travel_stays_inside(struct doing *doing)
{
	bool stays;

	last.reads = 0;
	last.judging = true;
	stays = __real_travel_stays_inside(doing);
	last.judging = false;
	return stays;
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
	note(flags & MNT_EXPIRE);
	return r;
}

int __wrap_travel_check_tree(struct doing *doing)
{
	struct slot *slot = last.slot;
	int r;

	if (!slot)
		return __real_travel_check_tree(doing);
	slot->lazy++;
	for (int64_t end = clock_now().mono + HELD_FOR; slot->binding && clock_now().mono < end;)
		sched_yield();
	/* As if it had come already. */
	r = slot->binding ? -ENOTUNIQ : __real_travel_check_tree(doing);
	if (r < 0)
		slot->lazy--;
	return r;
}

/* A lazy one comes right after that check. */
int __wrap_kernel_unmount(int fd, int flags)
{
	struct slot *slot = last.slot;
	int r;

	count_window(window_before(flags));
	r = __real_kernel_unmount(fd, flags);
	note(false);
	if (slot && flags & MNT_DETACH)
		slot->lazy--;
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
