/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A world for the engine to live in: a build root with directories and mounts, a clock, a mount table to read and a
 * broker to ask, all made up, all from one seed. The world knows what is really alive, and counts every step of the
 * engine's that an invariant forbids.
 *
 * It takes the place of base/clock_now.c and of the sources by defining their functions (the linker takes the test's),
 * and of the broker by speaking the wire.
 */
#ifndef TESTS_SIM_WORLD_H
#define TESTS_SIM_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "wire/messages.h"

#define WORLD_ROOT  "/b"
#define WORLD_GRACE (5 * NSEC_PER_SEC)

struct world_dir {
	uint32_t serial; /* identity */
	char path[96];	 /* relative to the root; "" once it was removed behind the kernel's back */
	char last_path[96];
	bool live;
	int64_t dead_since; /* mono */
	bool at_once;	    /* died by a word that needs no grace */
	bool hollow;
	bool told;	/* the engine was told which directory it is */
	bool told_full; /* the engine was told that something is in it */
	bool registered;
};

struct world_mount {
	uint64_t id, parent; /* id 0: the slot is free */
	uint32_t dir;	     /* serial; 0: none */
	char below[96];	     /* path below its directory, or, without one, below "/" */
	char fstype[16];
	bool busy, hangs, read_only;
};

#define WORLD_DIRS   256
#define WORLD_MOUNTS 1024

struct world {
	uint64_t random;
	struct now now;
	struct world_dir dirs[WORLD_DIRS];
	struct world_mount mounts[WORLD_MOUNTS];
	uint64_t last_id;
	uint32_t last_serial;
	uint64_t root_mount; /* what carries the root */
	uint64_t cover;	     /* the tmpfs over the root; 0: none */
	/*
	 * directories are asked for by handle, as on FUSE: of another one at the path that says nothing
	 */
	bool by_handle;
	bool storage_fails; /* every question is answered with EIO */
	bool storage_hangs;
	int fail_reads;		/* so many reads of the table fail */
	bool table_changed;	/* the source's fd is to wake */
	uint64_t steps, reaped; /* asked of the broker; that took a mount away */
	char violation[512];	/* the first; "" */
};
extern struct world world;

/* A fresh world with only the root's filesystem. */
void world_begin(uint64_t seed);
uint32_t world_random(uint32_t below);
bool world_chance(uint32_t percent);
void world_pass(int64_t ns);
void world_violated(const char *format, ...) __attribute__((format(printf, 1, 2)));

struct world_dir *world_dir(uint32_t serial);
struct world_dir *world_dir_at(const char *path);
struct world_mount *world_mount(uint64_t id);
void world_mount_target(const struct world_mount *mount, char *ret, size_t size); /* absolute */
struct world_mount *world_attach(uint64_t parent, uint32_t dir, const char *below, const char *fstype);
void world_detach(struct world_mount *mount); /* with all below it */
struct world_dir *world_make_dir(const char *path);
void world_kill(struct world_dir *dir);
struct world_mount *world_any_mount_of(const struct world_dir *dir);
size_t world_leftovers(void); /* mounts of dead directories */

/* A walk to a place: see happen.c. */
void world_walk_to(const char *path);

/* One thing happens that a farm does: an action begins, mounts, ends, dies, is moved … */
void world_happen(void);

/* The broker's side of the wire. */
int world_broker_begin(void); /* the fd for the engine */
void world_broker_configure(const char *state_dir, const char *text);
void world_broker_turn(bool may_delay); /* takes requests, answers what is due */
void world_broker_end(void);

#endif
