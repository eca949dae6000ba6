/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/owner_watch.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/process.h"

struct owner_watch {
	struct owner_watches *watches;
	char *root_path;
	char *name; /* of the action; NULL: every action of the root */
	uint32_t generation;
	int pidfd;
	ev_io io;
	struct owner_watch *next;
};

static void watch_free(struct owner_watch *watch)
{
	ev_io_stop(watch->watches->engine->loop, &watch->io);
	close(watch->pidfd);
	free(watch->root_path);
	free(watch->name);
	free(watch);
}

static void drop(struct owner_watch *watch)
{
	for (struct owner_watch **at = &watch->watches->newest; *at; at = &(*at)->next)
		if (*at == watch) {
			*at = watch->next;
			break;
		}
	watch_free(watch);
}

void owner_watches_clear(struct owner_watches *watches)
{
	while (watches->newest)
		drop(watches->newest);
}

static void on_readable(struct ev_loop *loop, ev_io *io, int events)
{
	struct owner_watch *watch = io->data;
	struct owner_watches *watches = watch->watches;

	(void)loop;
	(void)events;
	watches->on_exit(watches, watch->root_path, watch->name, watch->generation);
	drop(watch);
}

/* The pidfd, or -errno. */
static int hold_process(int32_t pid, uint64_t start_time)
{
	int pidfd = kernel_pidfd_open(pid);

	/*
	 * Asked after the pidfd was opened, the start time is that of the process which the pidfd holds, or the process
	 * has gone.
	 */
	if (pidfd >= 0 && start_time && kernel_process_start_time(pid) != start_time) {
		close(pidfd);
		return -ESRCH;
	}
	return pidfd;
}

int owner_watch_add(struct owner_watches *watches, const char *root_path, const char *name, uint32_t generation,
		    int32_t pid, uint64_t start_time)
{
	struct owner_watch *watch = calloc(1, sizeof(*watch));
	int pidfd;

	if (!watch)
		return -ENOMEM;
	pidfd = hold_process(pid, start_time);
	if (pidfd < 0) {
		free(watch);
		return pidfd;
	}
	*watch = (struct owner_watch){ .watches = watches,
				       .root_path = strdup(root_path),
				       .name = name ? strdup(name) : NULL,
				       .generation = generation,
				       .pidfd = pidfd };
	ev_io_init(&watch->io, on_readable, pidfd, EV_READ);
	watch->io.data = watch;
	if (!watch->root_path || (name && !watch->name)) {
		watch_free(watch);
		return -ENOMEM;
	}
	ev_io_start(watches->engine->loop, &watch->io);
	watch->next = watches->newest;
	watches->newest = watch;
	return 0;
}

static bool is_of(const struct owner_watch *watch, const char *root_path, const struct owner *owner)
{
	return watch->name && owner->begun_name && owner->begun_generation == watch->generation &&
	       strcmp(owner->begun_name, watch->name) == 0 && strcmp(watch->root_path, root_path) == 0;
}

void owner_watch_drop(struct owner_watches *watches, const char *root_path, const struct owner *owner,
		      const struct owner_watch *keep)
{
	struct owner_watch *next;

	for (struct owner_watch *watch = watches->newest; watch; watch = next) {
		next = watch->next;
		if (watch != keep && is_of(watch, root_path, owner))
			drop(watch);
	}
}

bool owner_watch_lives(const struct owner_watches *watches, const char *root_path, const struct owner *owner)
{
	for (const struct owner_watch *watch = watches->newest; watch; watch = watch->next) {
		struct pollfd polled = { .fd = watch->pidfd, .events = POLLIN };

		if (is_of(watch, root_path, owner) && poll(&polled, 1, 0) > 0)
			return false;
	}
	return true;
}

bool owner_watch_is_there(int32_t pid)
{
	int pidfd = hold_process(pid, 0);

	if (pidfd >= 0)
		close(pidfd);
	return pidfd != -ESRCH;
}
