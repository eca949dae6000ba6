/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/engine.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "engine/broker_client.h"
#include "engine/configure.h"
#include "engine/control.h"
#include "engine/journal.h"
#include "engine/ledger.h"
#include "engine/metrics.h"
#include "engine/namespaces.h"
#include "engine/notify.h"
#include "engine/once.h"
#include "engine/pause.h"
#include "engine/prober.h"
#include "engine/reaper.h"
#include "engine/registry.h"
#include "engine/tracker.h"
#include "engine/watcher.h"

static char *join_selectors(const struct engine *engine)
{
	const struct string_list *list = &engine->config->namespaces;
	char *text = NULL;

	for (size_t i = 0; i < list->count; i++) {
		CLEANUP_FREE char *before = text;

		if (asprintf(&text, "%s%s%s", before ? before : "", before ? " " : "", list->items[i]) < 0)
			return NULL;
	}
	return text;
}

static void become_ready(struct engine *engine)
{
	CLEANUP_FREE char *selectors = NULL;
	struct model_counts counts;

	if (engine->ready || !tracker_has_read(engine->tracker))
		return;
	engine->ready = true;
	ledger_reconcile(engine);
	ledger_save_protection(engine);
	registry_restore(engine->registry);
	model_count(engine->model, NULL, &counts);
	selectors = join_selectors(engine);
	journal_write(engine, &(struct journal_event){ .type = EVENT_START });
	log_notice("ready: source %s%s%s%s, namespaces %s, %zu roots, %zu mounts below them of %zu, mode %s",
		   source_name(engine->source.ops->kind), *engine->source_note ? " (" : "", engine->source_note,
		   *engine->source_note ? ")" : "", selectors ? selectors : "", engine->config->root_count,
		   counts.root_mounts, counts.mounts,
		   engine->facts.observe ? "observe" :
		   engine->facts.paused	 ? "paused" :
					   "enforce");
	if (!engine->source.ops->unique_ids)
		log_notice("mounts are known by number and place, for want of unique ids: at each start evidence "
			   "begins afresh and an attested owner is an inferred one; on FUSE and network filesystems "
			   "a replaced directory is not evidence");
	if (!model_mount_for_path(engine->model, "/"))
		log_warning("no mount stands at /, as in a chroot whose directory is none: what is mounted here cannot "
			    "be told, and nothing is reaped");
	broker_say(engine->broker, MESSAGE_READY);
	notify_ready(engine);
}

static void stop_if_done(struct engine *engine)
{
	if (!engine->stopping || engine->batches_in_flight > 0)
		return;
	journal_write(engine, &(struct journal_event){ .type = EVENT_STOP });
	store_commit(engine->store);
	ev_break(engine->loop, EVBREAK_ALL);
}

static void take_turn(struct engine *engine)
{
	engine->turn_at = INT64_MAX;
	tracker_turn(engine->tracker);
	/* What was read is for the others, whose turn it is now; only what they wish of each other takes another one. */
	engine->turn_wanted = false;
	become_ready(engine);
	if (engine->ready) {
		namespaces_turn(engine->namespaces);
		pause_turn(engine);
		registry_turn(engine->registry);
		prober_turn(engine->prober);
		watcher_turn(engine->watcher);
		if (engine->plan_wanted || engine->now.mono >= engine->plan_at) {
			engine->plan_wanted = false;
			engine->plan_at = INT64_MAX;
			reaper_turn(engine->reaper);
		}
		once_turn(engine);
	}
	stop_if_done(engine);
	ledger_commit(engine);
}

static void arm_timer(struct engine *engine)
{
	int64_t at = engine_next_turn(engine);
	int64_t wait = at - clock_now().mono;

	ev_timer_stop(engine->loop, &engine->turn_timer);
	if (at == INT64_MAX)
		return;
	ev_now_update(engine->loop);
	/* libev may fire a little early by its own clock: a millisecond later is never too early by ours. */
	ev_timer_set(&engine->turn_timer, wait > 0 ? (double)wait / 1e9 + 0.001 : 0., 0.);
	ev_timer_start(engine->loop, &engine->turn_timer);
}

/* Runs before the loop waits: all callbacks of this turn are done, what they asked for is done once. */
static void on_prepare(struct ev_loop *loop, ev_prepare *watcher, int events)
{
	struct engine *engine = watcher->data;

	(void)loop;
	(void)events;
	engine->wakeups++;
	engine->now = clock_now();
	if (engine->tracker)
		take_turn(engine);
	arm_timer(engine);
}

/* Nothing to do but to wake: the turn follows. */
static void on_timer(struct ev_loop *loop, ev_timer *watcher, int events)
{
	(void)loop;
	(void)watcher;
	(void)events;
}

struct engine *engine_new(int broker_fd)
{
	struct engine *engine = calloc(1, sizeof(*engine));

	if (!engine)
		return NULL;
	engine->loop = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV);
	engine->now = engine->started = clock_now();
	engine->daemon_began = engine->started.real; /* until the broker says */
	engine->turn_at = engine->plan_at = INT64_MAX;
	engine->journal = calloc(1, sizeof(*engine->journal));
	if (!engine->loop || !engine->journal)
		return NULL;
	engine->broker = broker_new(engine, broker_fd, configure_take);
	ev_prepare_init(&engine->prepare, on_prepare);
	engine->prepare.data = engine;
	ev_prepare_start(engine->loop, &engine->prepare);
	ev_timer_init(&engine->turn_timer, on_timer, 0., 0.);
	return engine->broker ? engine : NULL;
}

void engine_free(struct engine *engine)
{
	broker_cancel(engine->broker);
	control_free(engine->control);
	control_free(engine->runners);
	watcher_free(engine->watcher);
	registry_free(engine->registry);
	reaper_free(engine->reaper);
	prober_free(engine->prober);
	namespaces_free(engine->namespaces);
	tracker_free(engine->tracker);
	store_close(engine->store);
	metrics_free(engine->metrics);
	model_free(engine->model);
	broker_free(engine->broker);
	config_free(engine->config);
	notify_free(engine);
	free(engine->journal);
	ev_timer_stop(engine->loop, &engine->turn_timer);
	ev_prepare_stop(engine->loop, &engine->prepare);
	ev_loop_destroy(engine->loop);
	free(engine);
}

int engine_run(int broker_fd)
{
	struct engine *engine = engine_new(broker_fd);
	int status;

	if (!engine) {
		log_error("out of memory at the start");
		return 1;
	}
	/* A terminal's interrupt reaches the whole group: the broker is the one who says when to stop. */
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	ev_run(engine->loop, 0);
	status = engine->exit_status;
	engine_free(engine);
	return status;
}
