/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What runners and operators say to the engine. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "engine/pause.h"
#include "engine/reap_now.h"
#include "engine/registry.h"
#include "world.h"

/* What is said of a root that the next configuration, which the engine has not read yet, leaves out, is soon forgotten. */
static struct root *root_of(uint32_t root)
{
	if (!world.config.rules[root].configured)
		return NULL;
	return model_root_by_path(world.engine->model, world.roots[root].path);
}

struct search {
	const struct world_mount *mount;
	char target[256];
	struct mount *found;
};

static int compare(void *context, struct mount *mount)
{
	struct search *search = context;

	if (mount->ns->own == (search->mount->ns == 0) && mount->facts.id32 == search->mount->id32 &&
	    strcmp(mount->facts.target, search->target) == 0 &&
	    (world.no_ids ? search->mount->ns || search->mount->id <= world.last_shown :
			    mount->facts.id == search->mount->id))
		search->found = mount;
	return 0;
}

struct mount *world_known_as(const struct world_mount *mount)
{
	struct search search = { .mount = mount };

	world_mount_target(mount, search.target, sizeof(search.target));
	if (world.engine->ready)
		model_each_mount(world.engine->model, compare, &search);
	return search.found;
}

/* Where the engine sees the directory's mounts by now; NULL where it has not read that far. */
static struct action *action_of(const struct world_dir *dir)
{
	for (size_t i = 0; i < WORLD_MOUNTS; i++) {
		const struct world_mount *mount = &world.mounts[i];
		const struct mount *known = mount->id && mount->dir == dir->serial ? world_known_as(mount) : NULL;

		if (known && known->action && strcmp(known->action->path, dir->path) == 0)
			return known->action;
	}
	return NULL;
}

bool world_is_seen(const struct world_dir *dir)
{
	return action_of(dir);
}

static struct world_dir *any_dir_that_can_be_named(bool live)
{
	struct world_dir *dir = world_any_dir(live);

	return dir && root_of(dir->root) && world_is_reached(dir) ? dir : NULL;
}

/*
 * Where the engine has not yet heard that the name's former directory has gone, it is that one's action which is
 * registered, until the next answer about it: see world_has_answered().
 */
static bool is_taken_for_another(const struct world_dir *dir, uint32_t generation)
{
	struct action *found[16];
	size_t count = model_find_actions(world.engine->model, root_of(dir->root), dir->path, found, 16);

	for (size_t i = 0; i < count && i < 16; i++)
		if (found[i]->generation == generation && found[i]->identity.known &&
		    found[i]->identity.birth != dir->serial)
			return true;
	return false;
}

/*
 * A registration is of the directory that stands at the root as far as the engine has read the table. Where that has
 * been uncovered meanwhile, it stays with the one that lay over it: to take it along could end what another began.
 */
static bool is_begun_in_another_root(const struct world_dir *dir, uint32_t generation)
{
	struct action *found[16];
	size_t count = model_find_actions(world.engine->model, root_of(dir->root), dir->path, found, 16);

	for (size_t i = 0; i < count && i < 16; i++)
		if (found[i]->generation == generation)
			return !found[i]->instance->carrier ||
			       (!world.no_ids && found[i]->instance->carrier->facts.id != dir->carrier);
	return false;
}

static void note_begun(struct world_dir *dir, uint32_t generation)
{
	dir->registered = dir->spoken_for = true;
	dir->taken = is_taken_for_another(dir, generation);
	dir->maybe |= is_begun_in_another_root(dir, generation);
	dir->begun_generation = generation;
	dir->begun_start = world.starts;
	dir->begun_polls = world.polls;
	snprintf(dir->begun_name, sizeof(dir->begun_name), "%s", dir->path);
}

static void register_for(struct world_dir *dir)
{
	uint32_t generation, how = world_random(4);
	int64_t max_age = how == 3 ? (int64_t)(5 + world_random(60)) * NSEC_PER_SEC : 0;
	int32_t pid;

	if (dir->registered)
		return;
	pid = how == 1 ? world_process_begin() : 0;
	if (registry_begin(
		    world.engine, root_of(dir->root), dir->path,
		    &(struct claim){
			    .pid = pid, .max_age = max_age, .lease = how == 2, .generation = CLAIM_GENERATION_UNSAID },
		    &generation) < 0)
		return;
	note_begun(dir, generation);
	dir->pid = pid;
	dir->lease = how == 2;
	dir->expires = max_age ? world.now.mono + max_age : 0;
	world_note(how == 2 ? KIND_REGISTER_LEASE :
		   pid	    ? KIND_REGISTER_PID :
		   max_age  ? KIND_REGISTER_AGE :
			      KIND_REGISTER,
		   dir->serial);
}

static void runner_registers(void)
{
	struct world_dir *dir = any_dir_that_can_be_named(true);

	if (dir)
		register_for(dir);
}

void world_runner_registers(struct world_dir *dir)
{
	if (world.engine->ready && root_of(dir->root) && world_is_reached(dir))
		register_for(dir);
}

static struct world_dir *any_dir_spoken_for(bool by_owner)
{
	for (int tries = 0; tries < 200; tries++) {
		struct world_dir *dir = &world.dirs[world_random(WORLD_DIRS)];

		if (dir->serial && dir->spoken_for && root_of(dir->root) && (!by_owner || dir->pid || dir->lease))
			return dir;
	}
	return NULL;
}

/* The registration ends, and with it what goes by it; what became of the directory meanwhile may be another thing. */
static void end_registration(struct world_dir *dir, enum kind kind, bool at_once)
{
	world_note(kind, dir->serial);
	world_other_doubt(dir, false);
	dir->unread_word = world.now.mono;
	dir->spoken_for = dir->lease = dir->lost = false;
	dir->pid = 0;
	dir->expires = 0;
	if (at_once)
		dir->at_once = true;
	/*
	 * What the engine has not read yet to have moved away from that name is over anyway, and goes by the same word,
	 * and so does the one for which this was taken.
	 */
	for (size_t i = 0; at_once && i < WORLD_DIRS; i++)
		if (world.dirs[i].serial && !world.dirs[i].live && world.dirs[i].root == dir->root &&
		    (strcmp(world.dirs[i].former_path, dir->begun_name) == 0 ||
		     (dir->taken && strcmp(world.dirs[i].last_path, dir->begun_name) == 0)))
			world.dirs[i].at_once = true;
	world_kill(dir);
}

static bool has_unread_mounts(const struct world_dir *dir)
{
	bool has = false;

	for (size_t i = 0; i < WORLD_MOUNTS && !has; i++)
		has = world.mounts[i].id && world.mounts[i].dir == dir->serial && !world_known_as(&world.mounts[i]);
	return has;
}

/*
 * Of one that nobody registered, what is read after its end counts as the next one's, for it may be. It stays, and the
 * others where it covers them.
 */
static void doubt_unread_mounts(const struct world_dir *dir)
{
	for (size_t i = 0; has_unread_mounts(dir) && i < WORLD_MOUNTS; i++)
		if (world.mounts[i].id && world.mounts[i].dir == dir->serial)
			world.mounts[i].doubt = true;
}

/* One that registered says which generation it means; one that did not has mounts that are seen below that name. */
static void runner_ends(void)
{
	struct world_dir *dir = world_chance(60) ? any_dir_spoken_for(false) : any_dir_that_can_be_named(true);
	uint32_t generation;

	if (!dir || (!dir->spoken_for && (dir->registered || !action_of(dir))))
		return;
	if (!dir->spoken_for)
		doubt_unread_mounts(dir);
	if (registry_end(world.engine, root_of(dir->root), dir->spoken_for ? dir->begun_name : dir->path,
			 dir->spoken_for ? dir->begun_generation : 0, &generation) == 0)
		end_registration(dir, KIND_END_WORD, true);
}

static void owner_goes(void)
{
	struct world_dir *dir = any_dir_spoken_for(true);

	if (!dir)
		return;
	if (dir->pid)
		world_process_end(dir->pid);
	else
		registry_lease_ended(world.engine, world.roots[dir->root].path, dir->begun_name, dir->begun_generation);
	end_registration(dir, dir->pid ? KIND_END_PID : KIND_END_LEASE, false);
}

/* What is over, or with --active what lives, is asked to be reaped now. */
static void operator_reaps(void)
{
	bool active = world_chance(20);
	struct world_dir *dir = any_dir_that_can_be_named(active || world_chance(30));
	struct action *action = dir ? action_of(dir) : NULL;
	int r;

	if (!action)
		return;
	r = reap_now(world.engine, action, active);
	if (r == -EPERM) {
		world_note(KIND_REAP_REFUSED, dir->serial);
		return;
	}
	if (r < 0)
		return;
	/* A suspect may live: then nothing comes of it, but once it dies it has no grace. */
	dir->at_once = true;
	if (active) {
		world_other_doubt(dir, false);
		world_kill(dir);
	}
	world_note(active ? KIND_REAP_ACTIVE : KIND_REAP, dir->serial);
}

static void operator_pauses(void)
{
	bool everything = world_chance(40);
	uint32_t index = world_random(WORLD_ROOTS);
	struct world_root *one = everything ? &world.all : &world.roots[index];
	uint32_t seconds = world_chance(50) ? 1 + world_random(90) : 0;

	if (!everything && !root_of(index))
		return;
	/* What was asked for before is not meant. */
	world_broker_take();
	pause_begin(world.engine, everything ? NULL : root_of(index), seconds);
	one->paused = true;
	one->paused_until = seconds ? world.now.real + (int64_t)seconds * NSEC_PER_SEC : INT64_MAX;
	world_note(KIND_PAUSE, seconds);
}

static void operator_resumes(void)
{
	bool everything = world_chance(70);
	uint32_t index = world_random(WORLD_ROOTS);

	if (!everything && !root_of(index))
		return;
	pause_end(world.engine, everything ? NULL : root_of(index));
	for (uint32_t root = 0; root < WORLD_ROOTS; root++)
		if (everything || root == index)
			world.roots[root].paused = false;
	if (everything)
		world.all.paused = false;
	world_note(KIND_RESUME, everything);
}

void world_people_happen(void)
{
	static void (*const things[])(void) = {
		runner_registers, runner_registers, runner_registers, runner_ends,	runner_ends,	  owner_goes,
		owner_goes,	  operator_reaps,   operator_pauses,  operator_resumes, operator_resumes,
	};

	if (world.engine->ready)
		things[world_random(sizeof(things) / sizeof(things[0]))]();
}
