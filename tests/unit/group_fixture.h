/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The engine of engine_fixture.h with control groups that are as the test says, in place of kernel/cgroup_tree.c.
 * Nothing is told of them, so they are asked for every two seconds, and where it matters.
 */
#ifndef TESTS_UNIT_GROUP_FIXTURE_H
#define TESTS_UNIT_GROUP_FIXTURE_H

#include "engine_fixture.h"
#include "model/actor.h"

/* Lines for the root, below which there are the directories "a" to "d". */
void groups_begin(const char *lines);

/* The group at the path, made where there is none: its number. */
uint64_t populate(const char *path);
void leave(const char *path);
void remove_group(const char *path);

extern const char *groups_view; /* what kernel_cgroup_tree_view() says; NULL: nothing */
extern int groups_fail;		/* why no unit can be looked for: -errno */

/* Who was in that group, a process that has ended by now: the group alone says anything. */
struct actor *by(int32_t pid, const char *path);
struct actor *by_a_pid(int32_t pid); /* of whom nothing else is known */

bool is_over(const char *name); /* by its owner */
void nothing_happens(void);	/* No step is asked for in a whole minute. */

#endif
