/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "source/told.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "kernel/mount_events.h"
#include "source/actors.h"

/* In one go, so that a storm without an end is read in pieces: the rest wakes us again. */
#define READ_MAX ((size_t)16384)
/* Each event may take an fd until its process has been looked at. */
#define FDS_WANTED ((rlim_t)65536)
#define FDS_SPARED 16

static void told_clear(struct told *told)
{
	actor_unref(told->attached_by);
	actor_unref(told->detached_by);
}

void told_forget(struct told_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		told_clear(&list->items[i]);
	list->count = 0;
	list->overflowed = false;
}

static struct told *add_told(struct told_list *list)
{
	size_t wanted = list->allocated ? 2 * list->allocated : 64;
	struct told *grown;

	if (list->count == list->allocated) {
		grown = reallocarray(list->items, wanted, sizeof(*grown));
		if (!grown)
			return NULL;
		list->items = grown;
		list->allocated = wanted;
	}
	return &list->items[list->count++];
}

static void take_event(struct told_list *list, const struct mount_event *event)
{
	struct told *told = event->id ? add_told(list) : NULL;
	struct actor *actor;

	if (!told) {
		list->overflowed = true;
		return;
	}
	actor = actors_find(list->actors, event, list->batch);
	*told = (struct told){
		.id = event->id,
		.order = list->count,
		.attached = event->attached,
		.detached = event->detached,
		.attached_by = event->detached ? NULL : actor_ref(actor),
		.detached_by = event->attached ? NULL : actor_ref(actor),
	};
	actor_unref(actor);
}

/* How many events may be read at once: as many as there are free fds. st_size is how many we have, Linux 6.2. */
static size_t events_at_once(void)
{
	struct rlimit limit;
	struct stat fds;
	uint64_t used;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || stat("/proc/self/fd", &fds) < 0)
		return 2;
	used = (uint64_t)fds.st_size + FDS_SPARED;
	if (limit.rlim_cur < used + 2)
		return 2;
	return limit.rlim_cur - used < MOUNT_EVENTS_READ_MAX ? limit.rlim_cur - used : MOUNT_EVENTS_READ_MAX;
}

bool told_read(struct told_list *list, int group)
{
	const size_t at_once = events_at_once(), before = list->count;
	struct mount_event events[MOUNT_EVENTS_READ_MAX];
	ssize_t count;

	do {
		list->batch++;
		count = kernel_mount_events_read(group, events, at_once);
		if (count < 0)
			list->overflowed = true;
		for (ssize_t i = 0; i < count; i++)
			take_event(list, &events[i]);
		kernel_mount_events_close(events, count > 0 ? (size_t)count : 0);
	} while (count > 0 && list->count < before + READ_MAX);
	return list->count > before || list->overflowed;
}

static int compare_told(const void *a, const void *b)
{
	const struct told *x = a, *y = b;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static void take_later(struct told *told, struct told *later)
{
	told->attached |= later->attached;
	told->detached |= later->detached;
	if (later->attached_by) {
		actor_unref(told->attached_by);
		told->attached_by = take_ptr(later->attached_by);
	}
	if (later->detached_by) {
		actor_unref(told->detached_by);
		told->detached_by = take_ptr(later->detached_by);
	}
}

void told_gather(struct told_list *list)
{
	size_t count = 0;

	if (list->count == 0) /* qsort() takes no null pointer, not even then */
		return;
	qsort(list->items, list->count, sizeof(*list->items), compare_told);
	for (size_t i = 0; i < list->count; i++) {
		if (count > 0 && list->items[count - 1].id == list->items[i].id)
			take_later(&list->items[count - 1], &list->items[i]);
		else
			list->items[count++] = list->items[i];
	}
	list->count = count;
}

static int compare_facts(const void *a, const void *b)
{
	const struct mount_facts *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

int told_complete(const struct told_list *list, const struct model *model, struct scan *scan,
		  told_gone_function *is_gone)
{
	int r = 0;

	for (size_t i = 0; i < list->count && r == 0; i++) {
		const struct told *told = &list->items[i];
		const struct mount_facts key = { .id = told->id };
		struct mount_facts *found = NULL;

		if (scan->count > 0)
			found = bsearch(&key, scan->mounts, scan->count, sizeof(key), compare_facts);
		if (found && told->attached)
			found->attached_by = actor_ref(told->attached_by);
		else if (!found && model_mount_const(model, told->id))
			r = scan_add_gone(scan, told->id, told->detached_by);
		else if (!found && told->attached && is_gone(told->id))
			r = scan_add_flash(scan, told->id, told->attached_by, told->detached_by);
	}
	return r;
}

static void raise_fd_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max < FDS_WANTED ? limit.rlim_max : FDS_WANTED;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int told_open(struct told_list *list)
{
	*list = (struct told_list){ .actors = actors_new() };
	raise_fd_limit();
	return list->actors ? 0 : -ENOMEM;
}

void told_close(struct told_list *list)
{
	told_forget(list);
	free(list->items);
	actors_free(list->actors);
	*list = (struct told_list){ 0 };
}
