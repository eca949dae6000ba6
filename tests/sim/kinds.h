/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What can happen in the simulation. Each must happen over the seeds of `make check`. */
#ifndef TESTS_SIM_KINDS_H
#define TESTS_SIM_KINDS_H

#define KINDS(X)                                                                                                       \
	X(BEGIN, "an action begins")                                                                                   \
	X(MOUNT, "a mount is attached")                                                                                \
	X(STACK, "a mount is stacked upon another")                                                                    \
	X(END_CLEAN, "an action ends and unmounts all")                                                                \
	X(VANISH, "an action's directory vanishes")                                                                    \
	X(REPLACE, "an action's directory is replaced")                                                                \
	X(TRASH, "an action's directory is moved to the trash")                                                        \
	X(PUBLISH, "an action's directory is renamed")                                                                 \
	X(EMPTY, "an action's directory is emptied")                                                                   \
	X(CLEAN_UP, "a past directory is removed")                                                                     \
	X(UNOWNED, "somebody mounts what is no action's")                                                              \
	X(OTHER_HAND, "somebody else unmounts a leftover")                                                             \
	X(REGISTER, "a runner registers an action")                                                                    \
	X(REGISTER_PID, "a runner registers an action for a process")                                                  \
	X(REGISTER_LEASE, "a runner holds a lease")                                                                    \
	X(REGISTER_AGE, "a runner registers an action for a time")                                                     \
	X(PASSED_ON, "a registration is found to be of the next directory")                                            \
	X(END_WORD, "a runner ends an action")                                                                         \
	X(END_PID, "the process of an action exits")                                                                   \
	X(END_LEASE, "a lease ends")                                                                                   \
	X(END_AGE, "a registration is too old")                                                                        \
	X(REAP, "an operator asks to reap")                                                                            \
	X(REAP_ACTIVE, "an operator asks to reap what is active")                                                      \
	X(REAP_REFUSED, "an operator is told that it is active")                                                       \
	X(PAUSE, "reaping is paused")                                                                                  \
	X(RESUME, "reaping is resumed")                                                                                \
	X(PAUSE_ENDS, "a pause runs out")                                                                              \
	X(STORAGE_FAILS, "a root answers EIO")                                                                         \
	X(STORAGE_HANGS, "a root hangs")                                                                               \
	X(STORAGE_DIES, "a root is dead")                                                                              \
	X(COVER, "a root is covered")                                                                                  \
	X(UNCOVER, "a root is uncovered")                                                                              \
	X(SERVER_COMES, "a server mounts over a root")                                                                 \
	X(SERVER_DIES, "a root's server dies")                                                                         \
	X(SERVER_HANGS, "a root's server hangs")                                                                       \
	X(SERVER_ANSWERS, "a root's server answers again")                                                             \
	X(SUCCESSOR, "a server mounts over a dead one")                                                                \
	X(SERVER_GOES, "a root's server is unmounted by hand")                                                         \
	X(ROOT_REAPED, "a dead root is taken with what is below it")                                                   \
	X(ROOT_COVERED, "a dead root is covered when its step comes")                                                  \
	X(OUT_OF_REACH, "a step is below a dead root")                                                                 \
	X(OTHER_SLAVE, "a namespace begins that receives mounts")                                                      \
	X(OTHER_PRIVATE, "a namespace begins with copies of its own")                                                  \
	X(OTHER_ENDS, "a namespace ends")                                                                              \
	X(MOUNT_THERE, "a mount is attached in another namespace alone")                                               \
	X(TAKEN_THERE, "a step takes a mount in another namespace")                                                    \
	X(ASKED_TOO_LATE, "a request is for a namespace that has ended")                                               \
	X(NOT_SELECTED, "a request is for a namespace that is no longer selected")                                     \
	X(WALL_CLOCK_BACK, "the clock on the wall is set back")                                                        \
	X(WALL_CLOCK_AHEAD, "the clock on the wall is set ahead")                                                      \
	X(LONG_TIME, "a long time passes")                                                                             \
	X(TIME_STANDS, "the clocks stand still")                                                                       \
	X(READ_FAILS, "a read of the table fails")                                                                     \
	X(READ_EARLY, "a read does not show the newest mount yet")                                                     \
	X(RELOAD, "the configuration changes")                                                                         \
	X(ROOT_REMOVED, "a root is no longer configured")                                                              \
	X(ROOT_ADDED, "a root is configured again")                                                                    \
	X(STALE_REQUEST, "a request has an old serial number")                                                         \
	X(CRASH, "the engine dies")                                                                                    \
	X(BROKER_DIES, "the broker dies")                                                                              \
	X(STOP, "both are stopped")                                                                                    \
	X(DONE_UNHEARD, "a step is taken when the engine has died")                                                    \
	X(DISK_FULL, "the ledger's disk is full")                                                                      \
	X(DISK_FAILS, "the ledger's disk fails")                                                                       \
	X(DISK_LOCKED, "the ledger is locked by another process")                                                      \
	X(DISK_CORRUPT, "the ledger is corrupt")                                                                       \
	X(DISK_BACK, "the ledger can be written again")                                                                \
	X(OUTCOME_GONE, "a step takes a mount")                                                                        \
	X(OUTCOME_TREE, "a step takes a tree")                                                                         \
	X(OUTCOME_VANISHED, "a mount vanishes before its step")                                                        \
	X(OUTCOME_BUSY, "a step finds a mount busy")                                                                   \
	X(OUTCOME_MOVED, "a step finds another path")                                                                  \
	X(OUTCOME_MISMATCH, "a step finds another mount")                                                              \
	X(OUTCOME_REFUSED, "a step is refused")                                                                        \
	X(OUTCOME_LOCKED, "a step finds a mount locked")                                                               \
	X(OUTCOME_HUNG, "a step hangs")                                                                                \
	X(OUTCOME_FAILED, "a step fails")                                                                              \
	X(OUTCOME_LIE, "a step says that it took what is still there")                                                 \
	X(INTENT_IN_FILE, "an intent is found in the ledger")                                                          \
	X(INTENT_IN_MEMORY, "an intent is found in memory")                                                            \
	X(RECONCILED, "intents of an earlier start are reconciled")

#define KIND(name, text) KIND_##name,
enum kind { KINDS(KIND) KIND_COUNT };
#undef KIND

extern const char *const kind_names[KIND_COUNT];
extern unsigned long kind_counts[KIND_COUNT];

#endif
