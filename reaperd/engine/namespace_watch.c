/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/namespace_watch.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "base/cleanup.h"

struct namespace_watch {
	struct ev_loop *loop;
	enum events_kind kind;
	int fd;	   /* the group, or the open mountinfo */
	int epoll; /* of the mountinfo, which libev cannot wait for; -1: none */
	int pidfd; /* of the process that it was opened of; -1: none */
	ev_io changed, ended;
	struct told_list told;
	namespace_watch_function *on_change, *on_end;
	void *context;
};

static void on_changed(struct ev_loop *loop, ev_io *watcher, int events)
{
	struct namespace_watch *watch = watcher->data;

	(void)events;
	/* At once, for who did it may be gone in a moment. After that they gather until somebody takes them. */
	if (watch->kind == EVENTS_GROUP)
		told_read(&watch->told, watch->fd);
	ev_io_stop(loop, watcher);
	watch->on_change(watch->context);
}

static void on_ended(struct ev_loop *loop, ev_io *watcher, int events)
{
	struct namespace_watch *watch = watcher->data;

	(void)events;
	ev_io_stop(loop, watcher);
	watch->on_end(watch->context);
}

/* An edge stays in the inner epoll until it is fetched there; a level would be lost in the outer one. */
static int open_epoll(int mountinfo)
{
	struct epoll_event event = { .events = EPOLLPRI | EPOLLET };
	CLEANUP_CLOSE int epoll = epoll_create1(EPOLL_CLOEXEC);

	if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, mountinfo, &event) < 0)
		return -errno;
	return take_fd(&epoll);
}

static bool start(struct namespace_watch *watch)
{
	int waits = watch->fd;

	if (told_open(&watch->told) < 0)
		return false;
	if (watch->kind == EVENTS_MOUNTINFO)
		waits = watch->epoll = open_epoll(watch->fd);
	if (waits < 0)
		return false;
	ev_io_init(&watch->changed, on_changed, waits, EV_READ);
	ev_io_start(watch->loop, &watch->changed);
	if (watch->kind == EVENTS_MOUNTINFO && watch->pidfd >= 0) {
		ev_io_init(&watch->ended, on_ended, watch->pidfd, EV_READ);
		ev_io_start(watch->loop, &watch->ended);
	}
	return true;
}

struct namespace_watch *namespace_watch_new(struct ev_loop *loop, struct message_result *result,
					    namespace_watch_function *on_change, namespace_watch_function *on_end,
					    void *context)
{
	struct namespace_watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return NULL;
	*watch = (struct namespace_watch){
		.loop = loop,
		.kind = result->events[0].kind,
		.fd = take_fd(&result->fds[0]),
		.epoll = -1,
		.pidfd = result->fd_count > 1 ? take_fd(&result->fds[1]) : -1,
		.on_change = on_change,
		.on_end = on_end,
		.context = context,
	};
	watch->changed.data = watch->ended.data = watch;
	if (start(watch))
		return watch;
	namespace_watch_free(watch);
	return NULL;
}

void namespace_watch_free(struct namespace_watch *watch)
{
	if (!watch)
		return;
	ev_io_stop(watch->loop, &watch->changed);
	ev_io_stop(watch->loop, &watch->ended);
	told_close(&watch->told);
	cleanup_close(&watch->epoll);
	cleanup_close(&watch->fd);
	cleanup_close(&watch->pidfd);
	free(watch);
}

enum events_kind namespace_watch_kind(const struct namespace_watch *watch)
{
	return watch->kind;
}

struct told_list namespace_watch_take(struct namespace_watch *watch)
{
	struct epoll_event event;
	struct told_list taken;

	if (watch->kind == EVENTS_GROUP)
		told_read(&watch->told, watch->fd);
	else
		(void)epoll_wait(watch->epoll, &event, 1, 0);
	ev_io_start(watch->loop, &watch->changed);
	taken = watch->told;
	watch->told = (struct told_list){ .actors = taken.actors };
	taken.actors = NULL;
	return taken;
}
