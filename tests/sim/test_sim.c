/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The real engine in a made-up world, thousands of steps from one seed, invariants looked at after each. Without
 * arguments a fixed set of seeds; with them: test_sim SEED [STEPS], verbose, to replay one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "engine/engine.h"
#include "engine/registry.h"
#include "world.h"

static const char configuration[] = "[root " WORLD_ROOT "]\nladder.fuse = umount force detach\n";

static struct engine *begin(const char *state_dir)
{
	struct engine *engine = engine_new(world_broker_begin());

	if (!engine)
		abort();
	world_broker_configure(state_dir, configuration);
	return engine;
}

static void turn(struct engine *engine, bool may_delay)
{
	if (world.table_changed && engine->source.fd > 0) {
		world.table_changed = false;
		eventfd_write(engine->source.fd, 1);
	}
	/* Without waiting: time is ours. Twice, for a callback's wish is granted in the turn after. */
	ev_run(engine->loop, EVRUN_NOWAIT);
	world_broker_turn(may_delay);
	ev_run(engine->loop, EVRUN_NOWAIT);
}

/* begin and end by the runner's word. */
static void say_something(struct engine *engine)
{
	struct root *root = engine->ready ? model_root_by_path(engine->model, WORLD_ROOT) : NULL;
	struct world_dir *dir = &world.dirs[world_random(WORLD_DIRS)];
	uint32_t generation;

	if (!root || !dir->serial || !dir->live || !*dir->path || world.cover)
		return;
	if (!dir->registered && world_chance(50)) {
		if (registry_begin(engine, root, dir->path, 0, 0, false, 0, &generation) == 0)
			dir->registered = true;
		return;
	}
	if (registry_end(engine, root, dir->path, 0, &generation) == 0) {
		world_kill(dir);
		dir->at_once = true;
	}
}

static struct engine *restart(struct engine *engine, const char *state_dir)
{
	engine_free(engine);
	world_broker_end();
	/* An answer may have been lost with the engine. */
	for (size_t i = 0; i < WORLD_DIRS; i++)
		world.dirs[i].told = world.dirs[i].told_full = false;
	return begin(state_dir);
}

static void check_model(struct engine *engine)
{
	char why[256];

	if (model_verify(engine->model, why, sizeof(why)) < 0)
		world_violated("the model contradicts itself: %s", why);
}

static void describe_leftovers(struct engine *engine)
{
	for (size_t i = 0; i < WORLD_MOUNTS; i++) {
		const struct world_mount *mount = &world.mounts[i];
		const struct world_dir *dir = mount->id ? world_dir(mount->dir) : NULL;
		const struct mount *known = mount->id ? model_mount(engine->model, mount->id) : NULL;
		const struct action *action = known ? known->action : NULL;
		char target[256];

		if (!dir || dir->live)
			continue;
		world_mount_target(mount, target, sizeof(target));
		printf("  left over: mount %llu at %s, directory %u at '%s', action %s@%u %s, evidence %x, its own %x, rounds %u, %s%s\n",
		       (unsigned long long)mount->id, target, dir->serial, dir->path, action ? action->name : "-",
		       action ? action->generation : 0, action ? action_state_name(action->state) : "-",
		       action ? action->evidence : 0, known ? known->evidence : 0, known ? known->rounds : 0,
		       known && known->in_flight ? "in flight " : "", action && action->registered ? "registered" : "");
	}
}

/* Nothing goes wrong any more: what is over goes, what lives stays, and the model is the table. */
static void settle(struct engine *engine)
{
	size_t mounts = 0;

	if (world.cover)
		world_detach(world_mount(world.cover));
	world.cover = 0;
	world.storage_fails = world.storage_hangs = false;
	world.fail_reads = 0;
	/* What lives is used. */
	for (size_t i = 0; i < WORLD_DIRS; i++)
		if (world.dirs[i].serial && world.dirs[i].live && *world.dirs[i].path)
			world_walk_to(world.dirs[i].path);
	for (int i = 0; i < 4000 && (world_leftovers() > 0 || i < 50); i++) {
		turn(engine, false);
		world_pass(500 * NSEC_PER_MSEC);
	}
	for (int i = 0; i < 50; i++) {
		turn(engine, false);
		world_pass(500 * NSEC_PER_MSEC);
	}
	if (world_leftovers() > 0) {
		describe_leftovers(engine);
		world_violated("%zu leftovers are left half an hour after the last trouble", world_leftovers());
	}
	for (size_t i = 0; i < WORLD_MOUNTS; i++) {
		if (!world.mounts[i].id)
			continue;
		mounts++;
		if (!model_mount(engine->model, world.mounts[i].id))
			world_violated("mount %llu is not in the model", (unsigned long long)world.mounts[i].id);
	}
	if (mounts != model_mount_count(engine->model))
		world_violated("the table has %zu mounts, the model %zu", mounts, model_mount_count(engine->model));
}

static bool run(uint64_t seed, unsigned steps)
{
	char state_dir[] = "/tmp/reaperd-sim-XXXXXX", command[64];
	struct engine *engine;

	if (!mkdtemp(state_dir))
		abort();
	world_begin(seed);
	/* Every eighth world has no ledger that can be written. */
	engine = begin(seed % 8 == 7 ? "/proc/no-such-directory" : state_dir);
	for (unsigned step = 0; step < steps && !*world.violation; step++) {
		world_happen();
		if (world_chance(5))
			say_something(engine);
		if (seed % 8 != 7 && world_chance(1))
			engine = restart(engine, state_dir);
		for (uint32_t turns = world_random(4); turns > 0; turns--) {
			turn(engine, true);
			world_pass((int64_t)world_random(1500) * NSEC_PER_MSEC);
		}
		if (engine->ready)
			check_model(engine);
	}
	if (!*world.violation)
		settle(engine);
	printf("seed %llu: %u things happened, %llu steps asked, %llu mounts reaped: %s\n", (unsigned long long)seed,
	       steps, (unsigned long long)world.steps, (unsigned long long)world.reaped,
	       *world.violation ? world.violation : "kept");
	engine_free(engine);
	world_broker_end();
	if (getenv("SIM_KEEP"))
		printf("the ledger is in %s\n", state_dir);
	snprintf(command, sizeof(command), getenv("SIM_KEEP") ? "true" : "rm -rf %s", state_dir);
	return system(command) == 0 && !*world.violation && world.reaped > 0;
}

int main(int argc, char **argv)
{
	int passed = 0, failed = 0;

	log_open("sim", argc > 1 ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 1)
		return run(strtoull(argv[1], NULL, 10), argc > 2 ? (unsigned)atoi(argv[2]) : 2000) ? 0 : 1;
	for (uint64_t seed = 1; seed <= 24; seed++)
		*(run(seed, 1500) ? &passed : &failed) += 1;
	printf("%d passed, %d failed\n", passed, failed);
	return failed ? 1 : 0;
}
