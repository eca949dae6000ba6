/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/group_watch.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "kernel/cgroup_tree.h"
#include "kernel/procfs.h"

#define POLL (2 * NSEC_PER_SEC) /* where there is no inotify watch to be had, or no descriptor */

struct group_watch {
	struct group_watches *watches;
	char *group;
	uint64_t id;
	const char *name; /* the last segment; points into `group` */
	enum group_life life;
	bool removed;  /* for ever */
	bool stale;    /* something was told of it */
	bool untold;   /* nothing will be */
	bool failed;   /* it could not be asked this time */
	int events;    /* the descriptor of its cgroup.events; -1: none */
	int directory; /* that of the directory which it is in; -1: none */
	int64_t asked;
	unsigned used;
	struct group_watch *next;
};

struct group_watches {
	struct engine *engine;
	struct cgroup_trees trees;
	struct group_watch *newest;
	void *by_identity, *by_events, *by_directory; /* of <search.h> */
	int inotify;
	ev_io io;
	bool told; /* of any */
	unsigned use;
};

/* ---- by what they are found ---- */

typedef int compare_function(const void *a, const void *b);

static int compare_identity(const void *a, const void *b)
{
	const struct group_watch *x = a, *y = b;

	return x->id != y->id ? (x->id < y->id ? -1 : 1) : strcmp(x->group, y->group);
}

static int compare_events(const void *a, const void *b)
{
	const struct group_watch *x = a, *y = b;

	return (x->events > y->events) - (x->events < y->events);
}

static int compare_directory(const void *a, const void *b)
{
	const struct group_watch *x = a, *y = b;

	return x->directory != y->directory ? (x->directory < y->directory ? -1 : 1) : strcmp(x->name, y->name);
}

static struct group_watch *find(void *const *root, const struct group_watch *key, compare_function *compare)
{
	struct group_watch *const *found = tfind(key, root, compare);

	return found ? *found : NULL;
}

/* False where memory is out, or another one is found by the same. */
static bool insert(void **root, struct group_watch *watch, compare_function *compare)
{
	struct group_watch *const *found = tsearch(watch, root, compare);

	return found && *found == watch;
}

/* ---- asking ---- */

static void ignore_events(struct group_watch *watch)
{
	struct group_watches *watches = watch->watches;

	if (watch->events >= 0) {
		tdelete(watch, &watches->by_events, compare_events);
		inotify_rm_watch(watches->inotify, watch->events);
	}
	/* The directory's is for all that are in it, and goes with it. */
	if (watch->directory >= 0 && find(&watches->by_directory, watch, compare_directory) == watch)
		tdelete(watch, &watches->by_directory, compare_directory);
	watch->events = watch->directory = -1;
}

static enum group_life gone(struct group_watch *watch)
{
	watch->removed = true;
	ignore_events(watch);
	return GROUP_OVER;
}

static enum group_life ask(struct group_watch *watch)
{
	const struct cgroup_tree *tree;
	CLEANUP_CLOSE int fd = -1;
	struct cgroup_status status;
	const char *path;
	int r;

	if (watch->removed)
		return GROUP_OVER;
	if (!watch->id || kernel_cgroup_find_tree(&watch->watches->trees, watch->group, &tree, &path) < 0)
		return GROUP_UNKNOWN;
	fd = kernel_cgroup_open(tree, path);
	r = fd < 0 ? fd : kernel_cgroup_status(tree, fd, &status);
	watch->failed = r < 0 && r != -ENOENT && r != -EXDEV;
	if (r < 0 && r != -ENOENT)
		return GROUP_UNKNOWN;
	/* A 32-bit kernel shows the lower half alone. */
	if (r == -ENOENT || (uint32_t)status.id != (uint32_t)watch->id)
		return gone(watch);
	return status.populated ? GROUP_LIVES : GROUP_OVER;
}

enum group_life group_watch_ask(struct group_watch *watch)
{
	watch->asked = clock_now().mono;
	watch->stale = false;
	watch->life = ask(watch);
	return watch->life;
}

enum group_life group_watch_life(const struct group_watch *watch)
{
	return watch->life;
}

bool group_watch_is_removed(const struct group_watch *watch)
{
	return watch->removed;
}

int64_t group_watch_asked(const struct group_watch *watch)
{
	return watch->asked;
}

/* ---- being told ---- */

static void tell(struct group_watch *watch)
{
	watch->stale = true;
	watch->watches->told = true;
}

/* All that are in the directory; of -1: all. */
static void tell_all(struct group_watches *watches, int directory)
{
	for (struct group_watch *watch = watches->newest; watch; watch = watch->next)
		if (directory < 0 || watch->directory == directory)
			tell(watch);
}

static void take_event(struct group_watches *watches, const struct inotify_event *event)
{
	const struct group_watch key = { .events = event->wd, .directory = event->wd, .name = event->name };
	struct group_watch *of_events = find(&watches->by_events, &key, compare_events);
	struct group_watch *of_directory =
		event->len > 0 ? find(&watches->by_directory, &key, compare_directory) : NULL;

	if (event->mask & IN_Q_OVERFLOW)
		tell_all(watches, -1);
	else if (event->len == 0 && !of_events)
		tell_all(watches, event->wd);
	if (of_events)
		tell(of_events);
	if (of_directory)
		tell(of_directory);
}

static void on_readable(struct ev_loop *loop, ev_io *io, int events)
{
	_Alignas(struct inotify_event) char buffer[16384];
	struct group_watches *watches = io->data;
	ssize_t length;

	(void)loop;
	(void)events;
	while ((length = read(watches->inotify, buffer, sizeof(buffer))) > 0)
		for (char *at = buffer; at < buffer + length;) {
			const struct inotify_event *event = (const struct inotify_event *)at;

			take_event(watches, event);
			at += sizeof(*event) + event->len;
		}
}

static int add_inotify(struct group_watches *watches, int fd, const char *name, uint32_t mask)
{
	char path[PROCFS_NAME_SIZE];

	return inotify_add_watch(watches->inotify, procfs_name(path, sizeof(path), "self/fd/%d%s", fd, name), mask);
}

/* The group that this one stands in. */
static int open_directory(const struct cgroup_tree *tree, const char *path, const char *name)
{
	CLEANUP_FREE char *directory = strndup(path, name - path > 1 ? (size_t)(name - path) - 1 : 1);

	return directory ? kernel_cgroup_open(tree, directory) : -ENOMEM;
}

/*
 * Both, for neither is enough: of a group that is left and removed at once its own file tells nothing, and of one that
 * stays it alone tells. False where not all will be told.
 */
static bool listen_to(struct group_watch *watch)
{
	struct group_watches *watches = watch->watches;
	const struct cgroup_tree *tree;
	CLEANUP_CLOSE int group = -1;
	CLEANUP_CLOSE int directory = -1;
	struct group_watch *former;
	const char *path;

	if (watches->inotify < 0 || kernel_cgroup_find_tree(&watches->trees, watch->group, &tree, &path) < 0)
		return false;
	group = kernel_cgroup_open(tree, path);
	directory = open_directory(tree, path, watch->name);
	if (group < 0 || directory < 0)
		return false;
	watch->directory = add_inotify(watches, directory, "", IN_DELETE | IN_ONLYDIR);
	if (watch->directory < 0)
		return false;
	/* The group that was at this path before is no more, of which it has yet to be told. */
	former = find(&watches->by_directory, watch, compare_directory);
	if (former)
		group_watch_ask(former);
	if (!insert(&watches->by_directory, watch, compare_directory))
		return false;
	if (!tree->version2)
		return true;
	watch->events = add_inotify(watches, group, "/cgroup.events", IN_MODIFY);
	return watch->events >= 0 && insert(&watches->by_events, watch, compare_events);
}

bool group_watches_turn(struct group_watches *watches)
{
	const int64_t now = watches->engine->now.mono;
	bool changed = false, told = watches->told;

	watches->told = false;
	for (struct group_watch *watch = watches->newest; watch; watch = watch->next) {
		const enum group_life life = watch->life;
		bool polled = (watch->untold || watch->failed) && watch->id && !watch->removed;

		if ((told && watch->stale) || (polled && now - watch->asked >= POLL))
			changed |= group_watch_ask(watch) != life;
		if (polled)
			engine_wake_at(watches->engine, watch->asked + POLL);
	}
	return changed;
}

/* ---- coming and going ---- */

static void watch_free(struct group_watch *watch)
{
	ignore_events(watch);
	tdelete(watch, &watch->watches->by_identity, compare_identity);
	free(watch->group);
	free(watch);
}

static struct group_watch *add(struct group_watches *watches, const char *group, uint64_t id)
{
	struct group_watch *watch = calloc(1, sizeof(*watch));
	const char *slash;

	if (!watch)
		return NULL;
	*watch = (struct group_watch){
		.watches = watches, .group = strdup(group), .id = id, .events = -1, .directory = -1
	};
	if (!watch->group || !insert(&watches->by_identity, watch, compare_identity)) {
		free(watch->group);
		free(watch);
		return NULL;
	}
	slash = strrchr(watch->group, '/');
	watch->name = slash ? slash + 1 : watch->group;
	watch->next = watches->newest;
	watches->newest = watch;
	/* Asked after that, whatever comes later is told. */
	watch->untold = !listen_to(watch);
	group_watch_ask(watch);
	return watch;
}

void group_watch_keep(struct group_watch *watch)
{
	watch->used = watch->watches->use;
}

struct group_watch *group_watch_get(struct group_watches *watches, const char *group, uint64_t id)
{
	const struct group_watch key = { .group = (char *)group, .id = id };
	struct group_watch *watch = find(&watches->by_identity, &key, compare_identity);

	if (!watch)
		watch = add(watches, group, id);
	if (watch)
		group_watch_keep(watch);
	return watch;
}

void group_watches_begin_use(struct group_watches *watches)
{
	watches->use++;
}

void group_watches_end_use(struct group_watches *watches)
{
	for (struct group_watch **at = &watches->newest; *at;) {
		struct group_watch *watch = *at;

		if (watch->used == watches->use) {
			at = &watch->next;
			continue;
		}
		*at = watch->next;
		watch_free(watch);
	}
}

struct group_watches *group_watches_new(struct engine *engine)
{
	struct group_watches *watches = calloc(1, sizeof(*watches));

	if (!watches)
		return NULL;
	watches->engine = engine;
	watches->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (watches->inotify < 0) {
		log_warning("inotify is not to be had (%s): control groups are asked for every two seconds",
			    strerror(errno));
		return watches;
	}
	ev_io_init(&watches->io, on_readable, watches->inotify, EV_READ);
	watches->io.data = watches;
	ev_io_start(engine->loop, &watches->io);
	return watches;
}

void group_watches_free(struct group_watches *watches)
{
	if (!watches)
		return;
	group_watches_begin_use(watches);
	group_watches_end_use(watches);
	if (watches->inotify >= 0) {
		ev_io_stop(watches->engine->loop, &watches->io);
		close(watches->inotify);
	}
	kernel_cgroup_trees_close(&watches->trees);
	free(watches);
}
