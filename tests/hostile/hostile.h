/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The hostile builder's parts: hostile.c runs its actions and sees that what is over goes, names.c has their names and
 * mounts, host.c what of the host comes into them, process.c owners, meddle.c the processes that change all that while
 * the daemon works.
 *
 * It runs in a mount namespace of its own, below one directory. It never unmounts, and never removes or mounts by a path
 * that it swaps: places are reached by fds and without symlinks, and removed one by one by the names that it gave them.
 */
#ifndef TESTS_HOSTILE_HOSTILE_H
#define TESTS_HOSTILE_HOSTILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "windows.h"

/* What an action's directory is swapped with: s0 ... s5 beside "root". */
#define ALIASES 6

struct place {
	int base;  /* fd of the directory that all of this is below */
	int build; /* fd of the build root */
	int host;  /* fd of the shared directory that stands for the host's /dev, from before anything covered it */
	struct windows *windows;
	uint64_t dev; /* the filesystem's that all of this is on */
	uint64_t seed;
	bool swaps_root;
	char root[256]; /* the build root's path */
};

/* Says it, and what went wrong, and ends with exit status 1. */
void must(bool done, const char *what);

/* ---- names.c ---- */

/* A number below `bound`. */
uint32_t random_below(uint64_t *state, uint32_t bound);

/* An action's name, in `buffer`: some come again, some do not. */
const char *life_name(unsigned slot, uint32_t life, char *buffer, size_t size);

/* An O_PATH fd beneath dirfd, without a symlink; -1. */
int open_beneath(int dirfd, const char *path);

void make_directory(int dirfd, const char *path);
uint64_t make_mount(int dirfd, const char *path, const char *type); /* its unique id */

bool is_mounted(uint64_t id);
bool is_anything_below(const char *root, const char *name);

/* All that is in an action's directory, and what it is swapped with; false where something is still mounted there. */
void make_names(const struct place *place, unsigned slot, int action);
bool remove_names(const struct place *place, unsigned slot, const char *action_name);

/* ---- host.c ---- */

/* For mount(2), everything by fd: a path would lead to whatever stands there at that moment. */
struct target {
	char path[32]; /* of the fd */
	int fd;
};

bool target_open(int dirfd, const char *path, struct target *ret);
void target_clear(struct target *target);

/* Binds the host's shared tree into an action, as `bound` says, all of it or slaves of it: ids of its mounts. */
unsigned bind_into_action(const struct place *place, int action, enum bound bound, bool slave, uint64_t ids[3]);

/* Where that is, from the action's directory. */
const char *bound_path(enum bound bound);

/* The same upon what is about to be unmounted, or in it. */
void bind_host(const struct place *place, struct slot *slot, const struct target *target);

/* What was bound into the action leaves the root, and comes back. */
void move_bound(const struct place *place, struct slot *slot, unsigned number, int action);

/* ---- process.c ---- */

/*
 * One that waits for its end, with that pid (0: any), and with that directory (-1: ours) for its working directory. -1
 * with errno: EEXIST where the pid is taken.
 */
pid_t start_process(pid_t wanted, int directory);
void end_process(pid_t *pid); /* 0 afterwards */

/* ---- meddle.c; never return ---- */

_Noreturn void swap_names(const struct place *place);
_Noreturn void stack_mounts(const struct place *place);

#endif
