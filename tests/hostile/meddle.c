/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hostile.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define READ_IN (20 * NSEC_PER_MSEC) /* at most */

/* The one in whose window a call waits, else any. */
static unsigned pick_slot(struct windows *windows, uint64_t *random)
{
	uint32_t held = windows->held;

	return held ? held - 1 : random_below(random, SLOTS);
}

static bool exchange(int dirfd, const char *one, const char *other)
{
	return renameat2(dirfd, one, dirfd, other, RENAME_EXCHANGE) == 0;
}

/* Whoever reads a path just now is to read this one. */
static void wait_for_reader(struct slot *slot)
{
	int64_t end = clock_now().mono + READ_IN;

	while (slot->reading && clock_now().mono < end)
		sched_yield();
}

/* There and back, so that whoever disarms the slot finds all as it was. */
static void swap_pair(const struct place *place, struct slot *slot, const char *one, const char *other)
{
	if (!exchange(place->build, one, other))
		return;
	slot->swaps++;
	wait_for_reader(slot);
	exchange(place->build, one, other);
	slot->swaps++;
}

/*
 * What is mounted at root/dev/x/dev is at root/dev for a moment, a path that is above the other one: each by itself
 * looks as if the mount were where it is not.
 */
static void fold(const struct place *place, struct slot *slot, const char *action)
{
	char root[48], inner[48], beside[48];

	snprintf(root, sizeof(root), "%s/root", action);
	snprintf(inner, sizeof(inner), "%s/root/dev/x", action);
	snprintf(beside, sizeof(beside), "%s/beside", action);
	if (renameat2(place->build, inner, place->build, beside, RENAME_NOREPLACE) < 0)
		return;
	swap_pair(place, slot, root, beside);
	must(renameat2(place->build, beside, place->build, inner, RENAME_NOREPLACE) == 0, beside);
}

static void swap_something(const struct place *place, struct slot *slot, unsigned number, uint64_t *random)
{
	char name[32], one[48], other[48];

	life_name(number, slot->life, name, sizeof(name));
	/* Who reads the paths of what was bound into the action is to read those that make the most of a difference. */
	if (slot->bound == BOUND_DEEP && random_below(random, 2) == 0) {
		fold(place, slot, name);
		return;
	}
	if (slot->renamed && (slot->reading || random_below(random, 8) == 0)) { /* the action's own directory */
		snprintf(one, sizeof(one), "%s", name);
		snprintf(other, sizeof(other), "a%u", number);
	} else if (random_below(random, 4) == 0) { /* two mount points; in our own namespace that fails */
		snprintf(one, sizeof(one), "%s/root/proc", name);
		snprintf(other, sizeof(other), "%s/%s", name, random_below(random, 2) ? "root/sys" : "s5/proc");
	} else {
		snprintf(one, sizeof(one), "%s/root", name);
		snprintf(other, sizeof(other), "%s/s%u", name, random_below(random, ALIASES));
	}
	swap_pair(place, slot, one, other);
}

/* Another directory is the root for a moment, with actions of its own. */
static void swap_root(const struct place *place, uint64_t *random)
{
	struct windows *windows = place->windows;

	windows->root_is_away = true;
	if (!windows->talking && !windows->calm) {
		exchange(place->base, "build", "twin");
		windows->root_is_swapped = true;
		nanosleep(&(struct timespec){ .tv_nsec = random_below(random, 2000000) }, NULL);
		windows->root_is_swapped = false;
		exchange(place->base, "build", "twin");
		windows->root_swaps++;
	}
	windows->root_is_away = false;
}

static bool is_anyone_armed(struct windows *windows)
{
	for (unsigned i = 0; i < SLOTS; i++)
		if (windows->slots[i].armed)
			return true;
	return false;
}

void swap_names(const struct place *place)
{
	uint64_t random = place->seed + 1;

	/* Where the mounts are not seen, a mount point is renamed as any other directory. */
	if (place->seed % 2)
		must(unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0, "unshare");
	for (;;) {
		unsigned number = pick_slot(place->windows, &random);
		struct slot *slot = &place->windows->slots[number];

		slot->swapping = true;
		if (slot->armed)
			for (unsigned i = random_below(&random, 16); i > 0 && slot->armed; i--)
				swap_something(place, slot, number, &random);
		slot->swapping = false;
		if (place->swaps_root && random_below(&random, 128) == 0)
			swap_root(place, &random);
		if (is_anyone_armed(place->windows))
			sched_yield();
		else
			nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
}

static void mount_on(const struct target *target, const char *source, const char *type, unsigned long flags)
{
	mount(source, target->path, type, flags, NULL);
}

/* One that was made beside it, and is then moved over it. */
static void move_over(int action, const struct target *target)
{
	struct target spare;

	if (target_open(action, "spare", &spare))
		mount_on(&spare, "moved", "tmpfs", 0);
	target_clear(&spare);
	/* Anew: on the mount this time. */
	if (target_open(action, "spare", &spare))
		mount_on(target, spare.path, NULL, MS_MOVE);
	target_clear(&spare);
}

static void stack_one(const struct place *place, struct slot *slot, int action, uint64_t *random)
{
	/* The last one is not for what is folded: it would lie upon the way back. */
	static const char *const places[] = { "root/proc", "root/proc", "root/proc/x", "spare", "root" };
	struct target target;

	if (!target_open(action, places[random_below(random, slot->bound == BOUND_DEEP ? 4 : 5)], &target))
		return;
	switch (random_below(random, 7)) {
	case 0:
	case 1:
		mount_on(&target, "stacked", "tmpfs", 0);
		break;
	case 2:
		bind_host(place, slot, &target);
		break;
	case 3:
		mount_on(&target, NULL, NULL, MS_SHARED);
		break;
	case 4:
		mount_on(&target, NULL, NULL, MS_SLAVE);
		break;
	case 5:
		move_over(action, &target);
		break;
	case 6:
		mount_on(&target, "/", NULL, MS_BIND);
		break;
	}
	target_clear(&target);
}

static void stack_in_slot(const struct place *place, unsigned number, uint64_t *random)
{
	struct slot *slot = &place->windows->slots[number];
	bool moves = slot->moves_left > 0 && random_below(random, 2);
	char name[32];
	int action;

	slot->stacking = true;
	if (slot->armed && (moves || slot->stacks_left > 0)) {
		action = open_beneath(place->build, life_name(number, slot->life, name, sizeof(name)));
		(*(moves ? &slot->moves_left : &slot->stacks_left))--;
		slot->stacks++;
		if (action >= 0 && moves)
			move_bound(place, slot, number, action);
		else if (action >= 0)
			stack_one(place, slot, action, random);
		if (action >= 0)
			close(action);
		slot->stacks++;
	}
	slot->stacking = false;
}

void stack_mounts(const struct place *place)
{
	uint64_t random = place->seed + 2;

	for (;;) {
		unsigned number = pick_slot(place->windows, &random);

		stack_in_slot(place, number, &random);
		/* As often as a call waits, and now and then besides. */
		for (unsigned i = random_below(&random, 64); i > 0 && !place->windows->held; i--)
			nanosleep(&(struct timespec){ .tv_nsec = 100000 }, NULL);
	}
}
