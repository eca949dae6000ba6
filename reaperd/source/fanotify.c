/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Woken by each change, and told which mount it was and who did it. What an event says is a reason to ask for the mount
 * that it names, never a fact about it: the answer is as it is now, whatever happened since, and a later change wakes
 * us again. So the order of events does not matter, and whoever reads them late is not wrong.
 *
 * Beside the events mountinfo is watched, for a remount sends none.
 */
#include "source/fanotify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/cleanup.h"
#include "kernel/mount_events.h"
#include "kernel/mounts.h"
#include "kernel/process.h"
#include "source/mountinfo.h"
#include "source/source.h"
#include "source/statmount.h"
#include "source/told.h"
#include "source/wake.h"

#define COMPARE_AFTER (30 * NSEC_PER_SEC)

int64_t fanotify_compare_after = COMPARE_AFTER;

struct fanotify {
	int epoll;
	int group;
	struct libmnt_monitor *monitor;
	struct statmount_reading reading;
	struct told_list told;
	bool remounted;	  /* perhaps: mountinfo changed, and no event came */
	int64_t compared; /* mono: before all mounts were compared with the model */
};

static int fanotify_drain(struct source *source)
{
	struct fanotify *fanotify = source->state;
	bool told = told_read(&fanotify->told, fanotify->group);
	int changed = wake_drain(fanotify->monitor);

	/* mountinfo tells a moment before the event comes. */
	if (changed > 0 && !told && !told_read(&fanotify->told, fanotify->group))
		fanotify->remounted = true;
	return changed < 0 ? changed : told || changed;
}

/* ---- what became of it ---- */

/* A known mount that may have changed though no event named it. That it went, an event of its own says. */
static int read_again(struct statmount_reading *reading, const struct mount *mount)
{
	int r = statmount_read_again(reading, mount);

	return r < 0 ? r : 0;
}

/* What moved has taken along, with other paths. */
static int read_below(struct statmount_reading *reading, const struct mount *top)
{
	const struct mount *mount = top;

	for (;;) {
		int r;

		if (mount->children) {
			mount = mount->children;
		} else {
			while (mount != top && !mount->sibling)
				mount = mount->parent;
			if (mount == top)
				return 0;
			mount = mount->sibling;
		}
		r = read_again(reading, mount);
		if (r < 0)
			return r;
	}
}

/* What is put below another one, or pulled out from below it, changes the other one's parent. */
static int read_neighbours(struct statmount_reading *reading, const struct mount *known,
			   const struct mount_facts *facts)
{
	const struct mount *above = model_mount_at(reading->model, facts->parent, facts->target);
	int r = 0;

	if (above && above->facts.id != facts->id)
		r = read_again(reading, above);
	if (r == 0 && known &&
	    (known->facts.parent != facts->parent || strcmp(known->facts.target, facts->target) != 0))
		r = read_below(reading, known);
	return r;
}

static int read_present(struct statmount_reading *reading, const struct told *told, const struct mount *known,
			size_t at)
{
	struct mount_facts *facts, copy;

	/* As it was known. */
	if (at == reading->scan->count)
		return 0;
	facts = &reading->scan->mounts[at];
	if (told->attached)
		facts->attached_by = actor_ref(told->attached_by);
	copy = *facts; /* the scan may grow */
	return read_neighbours(reading, known, &copy);
}

static bool is_gone(uint64_t id)
{
	struct mount_status status;

	return kernel_statmount(id, &status) == -ENOENT;
}

static int read_absent(struct statmount_reading *reading, const struct told *told, const struct mount *known)
{
	int r = 0;

	if (known) {
		for (const struct mount *child = known->children; child && r == 0; child = child->sibling)
			r = read_again(reading, child);
		return r < 0 ? r : scan_add_gone(reading->scan, told->id, told->detached_by);
	}
	/* One that is there, and out of reach, is no business of ours. */
	if (!told->attached || !is_gone(told->id))
		return 0;
	return scan_add_flash(reading->scan, told->id, told->attached_by, told->detached_by);
}

static int read_told(struct statmount_reading *reading, const struct told *told)
{
	const struct mount *known = model_mount_const(reading->model, told->id);
	bool news = told->attached_by && known && !known->facts.attached_by;
	size_t at = reading->scan->count;
	int r = known && !news ? statmount_read_again(reading, known) :
				 statmount_read(reading, told->id, known ? &known->facts : NULL, true);

	if (r < 0)
		return r;
	return r == STATMOUNT_ABSENT ? read_absent(reading, told, known) : read_present(reading, told, known, at);
}

static int read_changes(struct fanotify *fanotify)
{
	struct statmount_reading *reading = &fanotify->reading;
	int r = 0;

	for (size_t i = 0; i < fanotify->told.count && r >= 0; i++)
		r = read_told(reading, &fanotify->told.items[i]);
	return r < 0 || !fanotify->remounted ? r : statmount_read_below_roots(reading);
}

static int read_all(struct fanotify *fanotify)
{
	struct statmount_reading *reading = &fanotify->reading;
	int r = statmount_read_all(reading);

	return r < 0 ? r : told_complete(&fanotify->told, reading->model, reading->scan, is_gone);
}

static bool comparison_is_due(struct fanotify *fanotify)
{
	int64_t now = clock_now().mono;

	if (now - fanotify->compared < fanotify_compare_after)
		return false;
	fanotify->compared = now;
	return true;
}

static int fanotify_read(struct source *source, const struct model *model, bool complete, struct scan *ret)
{
	struct fanotify *fanotify = source->state;
	int r;

	statmount_begin(&fanotify->reading, model, ret);
	ret->overflowed = fanotify->told.overflowed;
	told_gather(&fanotify->told);
	if (complete || fanotify->told.overflowed) {
		fanotify->compared = clock_now().mono;
		r = read_all(fanotify);
	} else {
		r = read_changes(fanotify);
		if (r >= 0 && comparison_is_due(fanotify))
			r = statmount_read_changes(&fanotify->reading);
	}
	statmount_end(&fanotify->reading);
	told_forget(&fanotify->told);
	fanotify->remounted = false;
	return r < 0 ? r : 0;
}

static int fanotify_refresh(struct source *source, const struct model *model, struct scan *ret)
{
	struct fanotify *fanotify = source->state;
	int r;

	statmount_begin(&fanotify->reading, model, ret);
	r = comparison_is_due(fanotify) ? statmount_read_changes(&fanotify->reading) :
					  statmount_read_below_roots(&fanotify->reading);
	statmount_end(&fanotify->reading);
	return r;
}

/* ---- open and close ---- */

static void fanotify_close(struct source *source)
{
	struct fanotify *fanotify = source->state;

	told_close(&fanotify->told);
	mnt_unref_monitor(fanotify->monitor);
	cleanup_close(&fanotify->epoll);
	cleanup_close(&fanotify->group);
	statmount_close(&fanotify->reading);
	free(fanotify);
}

static int watch(struct fanotify *fanotify)
{
	struct epoll_event event = { .events = EPOLLIN };
	int monitor, r;

	fanotify->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (fanotify->epoll < 0)
		return -errno;
	r = wake_open(&fanotify->monitor, &monitor);
	if (r < 0)
		return r;
	if (epoll_ctl(fanotify->epoll, EPOLL_CTL_ADD, fanotify->group, &event) < 0 ||
	    epoll_ctl(fanotify->epoll, EPOLL_CTL_ADD, monitor, &event) < 0)
		return -errno;
	return 0;
}

static int set_up(struct fanotify *fanotify)
{
	int r = statmount_open(&fanotify->reading);

	if (r < 0)
		return r;
	r = told_open(&fanotify->told);
	return r < 0 ? r : watch(fanotify);
}

static void say_why_not(int error, char *why, size_t size)
{
	if (error == 0)
		snprintf(why, size, "fanotify: mount events come from the daemon's broker alone");
	else if (error == EINVAL || error == ENOSYS)
		snprintf(why, size, "fanotify: this kernel has no mount events (Linux 6.15 has)");
	else
		snprintf(why, size, "fanotify: no mount events: %s", strerror(error));
}

static int fanotify_open(struct source *source, struct source_inputs *inputs, char *why, size_t size)
{
	struct fanotify *fanotify;
	int r;

	if (!inputs || inputs->events < 0) {
		say_why_not(inputs ? inputs->events_error : 0, why, size);
		return -EOPNOTSUPP;
	}
	r = statmount_try("fanotify", why, size);
	if (r < 0)
		return r;
	fanotify = calloc(1, sizeof(*fanotify));
	if (!fanotify)
		return -ENOMEM;
	source->state = fanotify;
	fanotify->epoll = -1;
	fanotify->group = take_fd(&inputs->events);
	r = set_up(fanotify);
	if (r < 0) {
		snprintf(why, size, "fanotify: cannot be watched: %s", strerror(-r));
		fanotify_close(source);
		return r;
	}
	source->fd = fanotify->epoll;
	if (inputs->events_lack & MOUNT_EVENTS_NAMELESS)
		snprintf(why, size, "fanotify: in a user namespace the kernel does not say who mounts");
	else if (!kernel_proc_is_ours())
		snprintf(why, size, "fanotify: /proc is of another pid namespace, so nobody is attested");
	return 0;
}

const struct source_ops source_fanotify_ops = {
	.kind = SOURCE_FANOTIFY,
	.unique_ids = true,
	.told = true,
	.rest = NSEC_PER_MSEC,
	.open = fanotify_open,
	.close = fanotify_close,
	.drain = fanotify_drain,
	.read = fanotify_read,
	.refresh = fanotify_refresh,
};
