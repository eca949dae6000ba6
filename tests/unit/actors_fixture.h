/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Processes that have mounted, as it were, and what is said of them. */
#ifndef TESTS_UNIT_ACTORS_FIXTURE_H
#define TESTS_UNIT_ACTORS_FIXTURE_H

#include <check.h>
#include <stdint.h>
#include <sys/types.h>

#include "../lib/cgroups.h"
#include "kernel/cgroup.h"
#include "kernel/process.h"
#include "source/actors.h"

#define NEED_CGROUP(group, version2, name)                                                                             \
	do {                                                                                                           \
		if (!cgroup_make(group, version2, name))                                                               \
			SKIP_TEST("no cgroup of version %d can be made here", version2 ? 2 : 1);                       \
	} while (0)

/* What happens once in the midst of a look (the linker's --wrap). */
extern void (*before_stat)(void), (*before_cgroup)(void);
int __real_kernel_process_stat(int32_t pid, struct process_stat *ret);

extern struct actors *actors;
extern uint64_t batch; /* of the events that were read together with the last one that was looked at */
extern pid_t child;

void setup(void);
void teardown(void);

/* Named so; does `work`, then stays until it is ended. */
pid_t start(const char *name, void (*work)(void));
void end(pid_t pid);

/* As for an event of this process that has just been read, and was not read together with others. The caller has the reference. */
struct actor *look(pid_t pid, int pidfd);
struct actor *look_now(pid_t pid);

/* NULL: not known. Takes the reference. */
void expect_cgroup(struct actor *actor, const struct cgroup *group);

/* All tests that `add_tests` adds; the exit status of the program, which calls cgroups_begin() and cgroups_end() around it. */
int actors_run(const char *name, void (*add_tests)(TCase *tests));

#endif
