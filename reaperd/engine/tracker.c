/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/tracker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "engine/journal.h"
#include "engine/metrics.h"

#define REST_FACTOR	   6 /* a read that took t is followed by a rest of 6 t */
#define REST_MIN	   (5 * NSEC_PER_MSEC)
#define REST_REAPING	   (20 * NSEC_PER_MSEC) /* our own batch changes the table all the time */
#define REST_AFTER_FAILURE NSEC_PER_SEC
#define AT_ONCE		   64 /* reads without a rest between them */

struct tracker {
	struct engine *engine;
	tracker_changes_function *on_changes;
	ev_io io;
	bool complete_wanted; /* not what changed alone */
	bool has_read;	      /* once at least: the model is the table, not the ledger's memory of it */
	int64_t woken;	      /* mono; 0: not */
	int64_t not_before;   /* mono */
	int64_t owed;	      /* mono: when it has rested for all that it read */
	int64_t read_at;      /* mono: before the last read of the table, which a refresh is not */
	int64_t looked_at;    /* mono: before the last read or refresh */
};

static void on_wake(struct ev_loop *loop, ev_io *watcher, int events)
{
	struct tracker *tracker = watcher->data;

	(void)events;
	/*
	 * Not drained here: until the read, further changes need not wake us, and draining first and reading then is
	 * what makes sure that a change after the read wakes us again.
	 */
	ev_io_stop(loop, watcher);
	if (tracker->woken == 0)
		tracker->woken = clock_now().mono;
	engine_want_read(tracker->engine);
}

struct tracker *tracker_new(struct engine *engine, struct source_inputs *inputs, tracker_changes_function *on_changes,
			    char *why, size_t size)
{
	struct tracker *tracker = calloc(1, sizeof(*tracker));
	int r;

	if (!tracker) {
		snprintf(why, size, "out of memory");
		return NULL;
	}
	r = source_open(engine->source_wanted, inputs, &engine->source, why, size);
	if (r < 0) {
		if (!*why)
			snprintf(why, size, "%s", strerror(-r));
		free(tracker);
		return NULL;
	}
	snprintf(engine->source_note, sizeof(engine->source_note), "%s", why);
	tracker->engine = engine;
	tracker->on_changes = on_changes;
	engine->read_wanted = tracker->complete_wanted = true;
	ev_io_init(&tracker->io, on_wake, engine->source.fd, EV_READ);
	tracker->io.data = tracker;
	return tracker;
}

void tracker_free(struct tracker *tracker)
{
	if (!tracker)
		return;
	ev_io_stop(tracker->engine->loop, &tracker->io);
	source_close(&tracker->engine->source);
	free(tracker);
}

bool tracker_has_read(const struct tracker *tracker)
{
	return tracker->has_read;
}

bool tracker_has_read_since(const struct tracker *tracker, int64_t mono)
{
	return tracker->has_read && tracker->read_at > mono;
}

bool tracker_has_looked_since(const struct tracker *tracker, int64_t mono)
{
	return tracker->has_read && tracker->looked_at > mono;
}

bool tracker_is_busy(const struct tracker *tracker)
{
	return tracker->engine->read_wanted || tracker->engine->refresh_wanted || tracker->complete_wanted;
}

/* *ret_looked: whether all known mounts below roots were looked at. */
static int read_source(struct tracker *tracker, struct scan *scan, bool *ret_looked)
{
	struct engine *engine = tracker->engine;
	const struct source_ops *ops = engine->source.ops;
	bool complete = tracker->complete_wanted;
	int r;

	*ret_looked = true;
	if (!engine->read_wanted && !complete)
		return ops->refresh(&engine->source, engine->model, scan);
	/* Before the read: what changes after this wakes us again. */
	ops->drain(&engine->source);
	ev_io_start(engine->loop, &tracker->io);
	if (complete && engine->ready)
		engine->rescans++;
	r = ops->read(&engine->source, engine->model, complete, scan);
	if (r < 0 || scan->complete || !ops->told)
		return r;
	*ret_looked = engine->refresh_wanted;
	return *ret_looked ? ops->refresh(&engine->source, engine->model, scan) : 0;
}

/* The table has been read as a whole instead. */
static void events_were_lost(struct engine *engine)
{
	log_warning("the kernel could not keep all mount events: what came and went meanwhile is not known");
	engine->lost++;
	engine->rescans++;
	journal_write(engine, &(struct journal_event){ .type = EVENT_OVERFLOW });
}

static void read_failed(struct tracker *tracker, int error)
{
	struct engine *engine = tracker->engine;

	log_warning("reading the mount table by %s failed: %s; reading all of it again in a second",
		    source_name(engine->source.ops->kind), strerror(-error));
	engine->lost++;
	tracker->complete_wanted = true;
	journal_write(engine, &(struct journal_event){ .type = EVENT_RESCAN });
	tracker->not_before = clock_now().mono + REST_AFTER_FAILURE;
	engine_wake_at(engine, tracker->not_before);
}

/* Reads of the whole table, which costs its length, are apart in proportion where one may follow the other. */
static int64_t rest_after(const struct engine *engine, int64_t took, bool whole)
{
	int64_t least = engine->batches_in_flight ? REST_REAPING : engine->source.ops->rest;

	if (least == 0)
		least = REST_MIN;
	if (!whole)
		return least;
	return took * REST_FACTOR > least ? took * REST_FACTOR : least;
}

/*
 * Where each change is told, who made it has gone a moment later: the first of many are read at once, one by one, and
 * rests are saved up for that. In the long run there is one after each read all the same.
 */
static int64_t not_before(struct tracker *tracker, int64_t end, int64_t rest)
{
	if (!tracker->engine->source.ops->rest || tracker->engine->batches_in_flight)
		return end + rest;
	tracker->owed = (tracker->owed > end ? tracker->owed : end) + rest;
	return tracker->owed - AT_ONCE * tracker->engine->source.ops->rest;
}

static void finish(struct tracker *tracker, int64_t begun, bool whole, bool looked)
{
	struct engine *engine = tracker->engine;
	int64_t end = clock_now().mono;

	tracker->not_before = not_before(tracker, end, rest_after(engine, end - begun, whole));
	if (engine->read_wanted || tracker->complete_wanted)
		tracker->read_at = begun;
	if (looked) {
		tracker->looked_at = begun;
		engine->refresh_wanted = false;
	}
	engine->read_wanted = tracker->complete_wanted = false;
	if (engine->refresh_wanted)
		engine_wake_at(engine, tracker->not_before);
	tracker->has_read = true;
	if (tracker->woken) {
		engine->lag = end - tracker->woken;
		metrics_event_latency(engine->metrics, engine->lag);
		tracker->woken = 0;
	}
	engine_wake(engine);
}

void tracker_turn(struct tracker *tracker)
{
	struct engine *engine = tracker->engine;
	struct changes changes = { 0 };
	struct scan scan = { 0 };
	bool whole, looked;
	int r;

	if (!tracker_is_busy(tracker))
		return;
	if (engine->now.mono < tracker->not_before) {
		engine_wake_at(engine, tracker->not_before);
		return;
	}
	r = read_source(tracker, &scan, &looked);
	if (r == 0)
		r = model_apply(engine->model, &scan, engine->now, &changes);
	if (scan.overflowed)
		events_were_lost(engine);
	tracker->on_changes(engine, &changes, &scan);
	/* Who is told of changes reads all of it at the start, and then only where not all could be told. */
	whole = !engine->source.ops->told || scan.overflowed;
	scan_clear(&scan);
	changes_clear(&changes);
	if (r < 0)
		read_failed(tracker, r);
	else
		finish(tracker, engine->now.mono, whole, looked);
}
