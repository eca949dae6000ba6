/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/watcher.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/path.h"
#include "engine/broker_client.h"
#include "kernel/at.h"

#define WATCHES_MAX 4096		/* directories; beyond that the probes do alone */
#define RETRY	    (30 * NSEC_PER_SEC) /* after a watch could not be added */

enum watch_state {
	WATCH_ASKED,
	WATCH_ACTIVE,
	WATCH_FAILED,
};

struct watch {
	char *root_path;
	char *path; /* relative to the root */
	uint64_t carrier_id;
	enum watch_state state;
	int descriptor;
	int64_t retry; /* FAILED: mono */
	struct watch *next;
};

struct watcher {
	struct engine *engine;
	int fd;
	ev_io io;
	struct watch *watches;
	size_t count;
};

static void watch_free(struct watch *watch)
{
	free(watch->root_path);
	free(watch->path);
	free(watch);
}

static void drop(struct watcher *watcher, struct watch *watch)
{
	for (struct watch **at = &watcher->watches; *at; at = &(*at)->next)
		if (*at == watch) {
			*at = watch->next;
			watcher->count--;
			watch_free(watch);
			return;
		}
}

/* True where the action's directory is the entry `name` of the directory `parent`, both relative to the root. */
static bool is_entry(const struct action *action, const char *parent, const char *name)
{
	const char *below = *parent ? path_relative(action->path, parent) : action->path;

	return below && strcmp(below, name) == 0;
}

static void notice_entry(struct watcher *watcher, struct root *root, const char *parent, const char *name)
{
	for (struct action *action = root_first_action(root); action; action = root_next_action(action))
		if (is_entry(action, parent, name))
			engine_want_probe(watcher->engine, action);
}

/* The same directory may be watched through two carriers: inotify gives both one descriptor. */
static void notice(struct watcher *watcher, const struct inotify_event *event)
{
	struct watch *next;

	for (struct watch *watch = watcher->watches; watch; watch = next) {
		struct root *root = model_root_by_path(watcher->engine->model, watch->root_path);

		next = watch->next;
		if (watch->state != WATCH_ACTIVE || watch->descriptor != event->wd)
			continue;
		if (root && event->len == 0)
			engine_want_probes(watcher->engine, root);
		else if (root)
			notice_entry(watcher, root, watch->path, event->name);
		if (event->mask & (IN_IGNORED | IN_UNMOUNT | IN_DELETE_SELF | IN_MOVE_SELF))
			drop(watcher, watch);
	}
}

static void overflow(struct watcher *watcher)
{
	for (struct root *root = model_roots(watcher->engine->model); root; root = root->next)
		engine_want_probes(watcher->engine, root);
}

static void on_readable(struct ev_loop *loop, ev_io *io, int events)
{
	_Alignas(struct inotify_event) char buffer[16384];
	struct watcher *watcher = io->data;
	ssize_t length;

	(void)events;
	while ((length = read(watcher->fd, buffer, sizeof(buffer))) > 0)
		for (char *at = buffer; at < buffer + length;) {
			const struct inotify_event *event = (const struct inotify_event *)at;

			if (event->mask & IN_Q_OVERFLOW)
				overflow(watcher);
			else
				notice(watcher, event);
			at += sizeof(*event) + event->len;
		}
	if (length == 0 || (length < 0 && errno != EAGAIN && errno != EINTR)) {
		log_warning("inotify stopped working (%s): the probes go on alone",
			    length ? strerror(errno) : "end of file");
		ev_io_stop(loop, io);
	}
	engine_wake(watcher->engine);
}

struct watcher *watcher_new(struct engine *engine, int fd)
{
	struct watcher *watcher = calloc(1, sizeof(*watcher));

	if (!watcher) {
		close(fd);
		return NULL;
	}
	watcher->engine = engine;
	watcher->fd = fd;
	ev_io_init(&watcher->io, on_readable, fd, EV_READ);
	watcher->io.data = watcher;
	ev_io_start(engine->loop, &watcher->io);
	return watcher;
}

void watcher_free(struct watcher *watcher)
{
	if (!watcher)
		return;
	ev_io_stop(watcher->engine->loop, &watcher->io);
	while (watcher->watches)
		drop(watcher, watcher->watches);
	close(watcher->fd);
	free(watcher);
}

static struct watch *find(struct watcher *watcher, const char *root_path, const char *path, size_t length,
			  uint64_t carrier_id)
{
	for (struct watch *watch = watcher->watches; watch; watch = watch->next)
		if (watch->carrier_id == carrier_id && strcmp(watch->root_path, root_path) == 0 &&
		    strlen(watch->path) == length && memcmp(watch->path, path, length) == 0)
			return watch;
	return NULL;
}

struct watch_job {
	char *root_path;
	char *path;
	uint64_t carrier_id;
};

static void job_free(struct watch_job *job)
{
	if (!job)
		return;
	free(job->root_path);
	free(job->path);
	free(job);
}

static void on_answer(void *context, struct engine *engine, const struct message_result *result)
{
	struct watch_job *job = context;
	struct watcher *watcher = engine->watcher;
	struct watch *watch =
		watcher ? find(watcher, job->root_path, job->path, strlen(job->path), job->carrier_id) : NULL;
	int error = result->error ? result->error : result->count == 1 ? result->watches[0].error : EPROTO;

	if (watch && error == 0) {
		struct root *root = model_root_by_path(engine->model, job->root_path);

		watch->state = WATCH_ACTIVE;
		watch->descriptor = result->watches[0].descriptor;
		/* What went between the scan and the watch was not reported. */
		if (root)
			engine_want_probes(engine, root);
	} else if (watch) {
		watch->state = WATCH_FAILED;
		watch->retry = engine->now.mono + RETRY;
		log_debug("%s: no inotify watch on '%s': %s", job->root_path, job->path, strerror(error));
	}
	job_free(job);
	engine_wake(engine);
}

static int ask(struct watcher *watcher, struct root *root, struct watch *watch, const struct mount *carrier)
{
	struct message_request request = { .type = MESSAGE_WATCH, .root = (uint32_t)root->index, .count = 1 };
	struct watch_job *job = calloc(1, sizeof(*job));
	int r = -ENOMEM;

	request.watches = calloc(1, sizeof(*request.watches));
	if (job && request.watches) {
		*job = (struct watch_job){ strdup(watch->root_path), strdup(watch->path), watch->carrier_id };
		request.watches[0].path = strdup(watch->path);
		request.watches[0].carrier = broker_reference(carrier);
		request.ns = broker_namespace(carrier);
		if (job->root_path && job->path && request.watches[0].path)
			r = broker_request(watcher->engine->broker, &request, on_answer, job);
	}
	if (r < 0)
		job_free(job);
	message_request_clear(&request);
	return r;
}

static struct watch *add(struct watcher *watcher, const char *root_path, const char *path, size_t length,
			 uint64_t carrier_id)
{
	struct watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return NULL;
	watch->root_path = strdup(root_path);
	watch->path = strndup(path, length);
	if (!watch->root_path || !watch->path) {
		watch_free(watch);
		return NULL;
	}
	watch->carrier_id = carrier_id;
	watch->state = WATCH_FAILED;
	watch->next = watcher->watches;
	watcher->watches = watch;
	watcher->count++;
	return watch;
}

/*
 * Below a FUSE or network root a walk by name could act (see kernel/at.h), so only the root directory itself is watched
 * there.
 */
static bool may_walk(const struct mount *carrier, size_t parent_length)
{
	return parent_length == 0 || !kernel_fstype_has_force(carrier->facts.fstype);
}

static void want(struct watcher *watcher, struct root *root, const struct action *action)
{
	const struct mount *carrier = action->instance->carrier;
	const char *slash = strrchr(action->path, '/');
	size_t length = slash ? (size_t)(slash - action->path) : 0;
	struct watch *watch;

	if (!carrier || action->in_trash || !may_walk(carrier, length))
		return;
	watch = find(watcher, root->rules.path, action->path, length, carrier->facts.id);
	if (!watch && watcher->count < WATCHES_MAX)
		watch = add(watcher, root->rules.path, action->path, length, carrier->facts.id);
	if (!watch || watch->state != WATCH_FAILED || watcher->engine->now.mono < watch->retry)
		return;
	watch->state = WATCH_ASKED;
	if (ask(watcher, root, watch, carrier) < 0) {
		watch->state = WATCH_FAILED;
		watch->retry = watcher->engine->now.mono + RETRY;
	}
}

void watcher_turn(struct watcher *watcher)
{
	if (!watcher)
		return;
	for (const struct action *action = model_first_action(watcher->engine->model); action;
	     action = model_next_action(action))
		if (action->instance->visible && (action->mounts || action->registered))
			want(watcher, action->root, action);
}
