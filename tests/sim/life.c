/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The engine's starts and ends, and its turns. */
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "engine/engine.h"
#include "engine/journal.h"
#include "world.h"

static struct journal_follower *follower;

static void on_event(void *context, const struct store_event *event)
{
	(void)context;
	judge_event((int)event->type, event->mount_id);
}

void world_engine_begin(const char *state_dir)
{
	world.stopping = world.stopped = false;
	world.starts++;
	world.engine = engine_new(world_broker_begin());
	if (!world.engine)
		abort();
	follower = journal_follow(world.engine, on_event, NULL);
	world_broker_configure(state_dir);
	/* So far that it has opened the ledger. */
	world_poll();
}

void world_engine_end(void)
{
	journal_unfollow(world.engine, follower);
	engine_free(world.engine);
	world.engine = NULL;
}

void world_poll(void)
{
	ev_run(world.engine->loop, EVRUN_NOWAIT);
	world.polls++;
}

void world_turn(bool may_delay)
{
	world.pauses_unread = world.pauses_unread && !ledger_is_whole();
	if (world.table_changed && world.engine->source.fd > 0) {
		world.table_changed = false;
		eventfd_write(world.engine->source.fd, 1);
	}
	/* Without waiting: time is ours. Twice, for a callback's wish is granted in the turn after. */
	world_poll();
	world_pass(1000);
	world_broker_turn(may_delay);
	world_pass(1000);
	world_poll();
	world_broker_take();
}

static void crash(void)
{
	world_note(KIND_CRASH, 0);
	world_engine_end();
	world_broker_end();
}

static void broker_dies(void)
{
	world_note(KIND_BROKER_DIES, 0);
	world_broker_end();
	for (int i = 0; i < 3 && world.engine->exit_status == 0; i++)
		world_poll();
	if (world.engine->exit_status != 1)
		world_violated("the broker died, and the engine did not end");
	world_engine_end();
}

/* What is in flight is waited for, nothing new is begun, and then it ends. */
static void stop(void)
{
	world_note(KIND_STOP, 0);
	world.time_stands = false;
	world_broker_stop();
	/* In the turn in which it hears of it, it may still ask. */
	world_poll();
	world_broker_take();
	world.stopping = true;
	for (int i = 0; i < 20 && !world.stopped; i++) {
		world_turn(true);
		world_pass(500 * NSEC_PER_MSEC);
	}
	if (!world.stopped)
		world_violated("the engine was told to end 10 s ago");
	world_engine_end();
	world_broker_end();
}

/* Of a registration nothing is left where nothing ties it to a directory: see registry_review(). */
static bool is_forgotten(const struct world_dir *dir, bool told)
{
	bool known = told && !world_is_covered_by_own(dir);

	for (size_t i = 0; i < WORLD_MOUNTS && !known; i++)
		known = world.mounts[i].id && world.mounts[i].dir == dir->serial && !world.no_ids &&
			world.mounts[i].id <= world.last_shown;
	return !known;
}

/*
 * The name was registered for the next directory, and counts for the former one's mounts: those cannot be found by the next
 * engine where there are neither unique ids nor a word of the directory's, see cannot_be_found().
 */
static void doubt_former(const struct world_dir *next)
{
	for (size_t i = 0; i < WORLD_DIRS && world.no_ids && world.by_handle; i++) {
		struct world_dir *dir = &world.dirs[i];

		dir->doubt |= dir->serial && dir->replaced && dir->root == next->root &&
			      strcmp(dir->last_path, next->begun_name) == 0;
	}
}

/* The next engine knows what the ledger knows. */
static void forget(bool whole)
{
	for (uint64_t id = 1; id <= world.last_id; id++)
		world.past[id].forgotten = true;
	for (size_t i = 0; i < WORLD_DIRS; i++) {
		struct world_dir *dir = &world.dirs[i];
		bool told;

		if (!dir->serial)
			continue;
		/* An answer may have been lost with the engine; a lease goes with the connection. */
		told = dir->told;
		dir->told = dir->told_full = false;
		if (!whole)
			world_doubt(dir);
		if (dir->registered)
			doubt_former(dir);
		dir->maybe |= dir->taken || (dir->registered && is_forgotten(dir, told));
		dir->taken = false;
		if (dir->lease) {
			world_kill(dir);
			dir->spoken_for = false;
		}
		dir->lease = false;
		/* Without unique ids, what had ended before it was known which directory it was may be another's by now. */
		if (world.no_ids && !dir->live && !told)
			dir->doubt = true;
		/* What was mounted before the word, and is read by this start alone, may be the next one's. */
		dir->doubt |= dir->unread_word && !dir->live;
		/* Its mounts in another namespace are found anew, and only by the directory to be its own. */
		if (!dir->live && *dir->path && (dir->hollow || !told || world.no_ids || world_is_covered_by_own(dir)))
			world_other_doubt(dir, true);
	}
	world.brake_level = 0;
}

static void forget_pauses(void)
{
	for (uint32_t root = 0; root < WORLD_ROOTS; root++)
		world.roots[root].paused = false;
	world.all.paused = false;
}

void world_engine_restart(void)
{
	static void (*const ways[])(void) = { crash, broker_dies, stop };
	bool whole = ledger_is_whole();

	world.reconcile = ledger_last_attempt();
	ways[world_random(3)]();
	world.observe_all = world_chance(10);
	if (!world.calm && world_chance(10))
		world_disk_changes();
	world_engine_begin(ledger_dir);
	forget(whole && ledger_was_read());
	if (!whole)
		forget_pauses();
	/* What it could not read it heeds from when it can. */
	world.pauses_unread = whole && !ledger_was_read();
}
