/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/pause.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/text.h"
#include "engine/journal.h"

/*
 * "paused" for everything, "paused:<root>" for one; the value is the time until which, 0 for no end. NULL: no memory;
 * caller frees.
 */
static char *key_of(const struct root *root)
{
	CLEANUP_FREE char *shown = root ? text_escape(root->rules.path) : NULL;
	char *key;

	if (root && !shown)
		return NULL;
	if (asprintf(&key, root ? "paused:%s" : "paused%s", root ? shown : "") < 0)
		return NULL;
	return key;
}

static void keep(struct engine *engine, const struct root *root, const char *value)
{
	CLEANUP_FREE char *key = key_of(root);

	if (!key || store_set(engine->store, key, value) < 0)
		log_warning("the pause could not be kept in the ledger: a restart will not know of it");
}

static void keep_one(struct engine *engine, const struct root *root, bool paused, int64_t until)
{
	char value[32];

	snprintf(value, sizeof(value), "%" PRId64, until);
	keep(engine, root, paused ? value : NULL);
}

static void set(struct engine *engine, struct root *root, bool paused, int64_t until)
{
	if (root) {
		root->paused = paused;
		root->paused_until = until;
	} else {
		engine->facts.paused = paused;
		engine->paused_until_real = until;
	}
	engine_wake(engine);
}

static void restore_one(struct engine *engine, struct root *root)
{
	CLEANUP_FREE char *key = key_of(root);
	CLEANUP_FREE char *value = key ? store_get(engine->store, key) : NULL;

	if (!value)
		return;
	set(engine, root, true, strtoll(value, NULL, 10));
	log_notice("reaping is paused%s%s, since before this start: reaperctl resume ends that", root ? " below " : "",
		   root ? root->rules.path : "");
}

void pause_restore(struct engine *engine)
{
	engine->pauses_unread = !store_is_open(engine->store);
	restore_one(engine, NULL);
	for (struct root *root = model_roots(engine->model); root; root = root->next)
		restore_one(engine, root);
}

/*
 * The ledger was begun anew, or did not take for a while what was said: a pause that it does not have would not last.
 * And what was said before a start that could not read it is not to be overwritten, but heeded from now on.
 */
static void keep_all(struct engine *engine)
{
	engine->pauses_lost = false;
	if (engine->pauses_unread)
		pause_restore(engine);
	keep_one(engine, NULL, engine->facts.paused, engine->paused_until_real);
	for (struct root *root = model_roots(engine->model); root; root = root->next)
		keep_one(engine, root, root->paused, root->paused_until);
}

void pause_begin(struct engine *engine, struct root *root, double seconds)
{
	int64_t until = 0;
	char detail[64];

	engine->now = clock_now();
	if (seconds > 0)
		until = engine->now.real + (int64_t)(seconds * (double)NSEC_PER_SEC);
	set(engine, root, true, until);
	keep_one(engine, root, true, until);
	snprintf(detail, sizeof(detail), "{\"seconds\":%.3f}", seconds);
	journal_write(engine, &(struct journal_event){
				      .type = EVENT_PAUSE, .root = root, .detail = seconds > 0 ? detail : NULL });
}

static void lift(struct engine *engine, struct root *root)
{
	set(engine, root, false, 0);
	keep_one(engine, root, false, 0);
	journal_write(engine, &(struct journal_event){ .type = EVENT_RESUME, .root = root });
}

void pause_end(struct engine *engine, struct root *root)
{
	engine->now = clock_now();
	/* Everything means everything: what was paused alone goes on, too. */
	for (struct root *one = root ? NULL : model_roots(engine->model); one; one = one->next)
		if (one->paused)
			lift(engine, one);
	lift(engine, root);
}

/*
 * Real time, for the pause was promised in it over restarts; looked at each minute at the least, should the clock jump.
 */
static void look(struct engine *engine, struct root *root, bool paused, int64_t until)
{
	int64_t left = until - engine->now.real;

	if (!paused || until == 0)
		return;
	/* What was paused alone stays paused when the pause of everything runs out: nobody said that it should go on. */
	if (left <= 0)
		lift(engine, root);
	else
		engine_wake_at(engine, engine->now.mono + (left < 60 * NSEC_PER_SEC ? left : 60 * NSEC_PER_SEC));
}

void pause_turn(struct engine *engine)
{
	if (engine->pauses_lost)
		keep_all(engine);
	look(engine, NULL, engine->facts.paused, engine->paused_until_real);
	for (struct root *root = model_roots(engine->model); root; root = root->next)
		look(engine, root, root->paused, root->paused_until);
}
