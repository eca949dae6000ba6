/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/clock.h"
#include "hostile.h"
#include "kernel/at.h"

/* Longer than a step may take: who is killed in the midst of one says no more that it is over. */
#define LAZY_AT_MOST (10 * NSEC_PER_SEC)

bool target_open(int dirfd, const char *path, struct target *ret)
{
	ret->fd = open_beneath(dirfd, path);
	snprintf(ret->path, sizeof(ret->path), "/proc/self/fd/%d", ret->fd);
	return ret->fd >= 0;
}

void target_clear(struct target *target)
{
	if (target->fd >= 0)
		close(target->fd);
	target->fd = -1;
}

const char *bound_path(enum bound bound)
{
	return bound == BOUND_DEEP ? "root/dev/x/dev" : "root/dev";
}

static uint64_t id_at(int dirfd, const char *path)
{
	struct place_status status;
	int r = kernel_status_at(dirfd, path, false, &status);

	must(r == 0 && status.is_mount_root, path);
	return status.mount_id;
}

unsigned bind_into_action(const struct place *place, int action, enum bound bound, bool slave, uint64_t ids[3])
{
	struct target target;
	char host[32];

	must(target_open(action, bound_path(bound), &target), bound_path(bound));
	snprintf(host, sizeof(host), "/proc/self/fd/%d", place->host);
	must(mount(host, target.path, NULL, MS_BIND | MS_REC, NULL) == 0, "host");
	target_clear(&target);
	must(target_open(action, bound_path(bound), &target), bound_path(bound));
	if (slave)
		must(mount(NULL, target.path, NULL, MS_SLAVE | MS_REC, NULL) == 0, "slave");
	ids[0] = id_at(action, bound_path(bound));
	ids[1] = id_at(target.fd, "pts");
	ids[2] = id_at(target.fd, "shm");
	target_clear(&target);
	return 3;
}

/*
 * With what is mounted in it. Nothing is mounted upon it afterwards: that would cover the host's own, too, and stay
 * there, for what covers a shared mount keeps us from making it private.
 */
void bind_host(const struct place *place, struct slot *slot, const struct target *target)
{
	char host[32];

	snprintf(host, sizeof(host), "/proc/self/fd/%d", place->host);
	slot->binding = true;
	if (!slot->lazy) {
		slot->stacks_left = 0;
		if (mount(host, target->path, NULL, MS_BIND | MS_REC, NULL) == 0)
			place->windows->binds++;
	}
	slot->binding = false;
}

/* Back it must come, but not below what is just being detached, and not before its place has its name. */
static void come_back(const struct place *place, struct slot *slot, int action, const struct target *away)
{
	int64_t start = clock_now().mono, waited = 0;
	bool back = false;

	while (!back && waited < 2 * LAZY_AT_MOST) {
		struct target home;

		waited = clock_now().mono - start;
		slot->binding = true;
		if ((!slot->lazy || waited > LAZY_AT_MOST) && target_open(action, bound_path(slot->bound), &home)) {
			back = mount(away->path, home.path, NULL, MS_MOVE, NULL) == 0;
			target_clear(&home);
		}
		slot->binding = false;
		sched_yield();
	}
	place->windows->moves += back;
}

void move_bound(const struct place *place, struct slot *slot, unsigned number, int action)
{
	struct target bound, away, there;
	char name[16];

	snprintf(name, sizeof(name), "away/%u", number);
	if (!target_open(action, bound_path(slot->bound), &bound))
		return;
	if (target_open(place->base, name, &away) && mount(bound.path, away.path, NULL, MS_MOVE, NULL) == 0) {
		must(target_open(place->base, name, &there), name); /* anew: on the mount this time */
		come_back(place, slot, action, &there);
		target_clear(&there);
	}
	target_clear(&away);
	target_clear(&bound);
}
