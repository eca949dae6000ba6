/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A world for the engine to live in: two build roots with directories and mounts, clocks, processes, a mount table to
 * read, a broker to ask and a disk for the ledger, all made up, all from one seed. The world knows what is really alive,
 * and counts every step of the engine's that an invariant forbids.
 *
 * It takes the place of base/clock_now.c, kernel/process.c and the sources by defining their functions (the linker
 * takes the test's), of the disk by a VFS of SQLite's, and of the broker by speaking the wire.
 */
#ifndef TESTS_SIM_WORLD_H
#define TESTS_SIM_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "kinds.h"

struct engine;
struct mount;

enum disk_fault { DISK_FINE, DISK_FULL, DISK_FAILS, DISK_LOCKED, DISK_CORRUPT };

#define WORLD_ROOTS	   2
#define WORLD_DIRS	   256
#define WORLD_MOUNTS	   1024
#define WORLD_MOUNTS_EVER  32768
#define WORLD_GRACE_HOLLOW (20 * NSEC_PER_SEC)

/* How one root is configured. */
struct world_rules {
	bool configured, observe, protect, detach_alone, narrow; /* narrow: reap-when leaves most out */
	bool reap_root;
	int64_t grace;
};

struct world_config {
	uint32_t serial;
	uint32_t most_reaps; /* a minute; 0: no brake */
	bool others;	     /* other namespaces are watched */
	bool reversed;	     /* the order of the roots, and so their indexes */
	struct world_rules rules[WORLD_ROOTS];
};

struct world_root {
	const char *path;
	uint64_t cover; /* the tmpfs over the root; 0: none */
	bool fails;	/* every question is answered with EIO */
	bool hangs, dead;
	bool paused;
	int64_t paused_until; /* real; INT64_MAX: until somebody resumes */
};

struct world_dir {
	uint32_t serial; /* identity */
	uint32_t root;
	uint64_t carrier; /* the mount that it lies on: the roots', or a server's */
	char path[64];	  /* relative to the root; "" once it was removed behind the kernel's back */
	char last_path[64];
	char former_path[64]; /* that it was renamed from last */
	bool live;
	bool doubt;	    /* what was said of it was forgotten with the ledger or its root: either way is right */
	int64_t dead_since; /* mono */
	bool at_once;	    /* died by a word that needs no grace */
	bool maybe;	    /* what it was registered with may have been forgotten */
	bool taken;	    /* it was registered when the engine knew another at its name, and has not asked since */
	bool lost;	    /* lives no more, but because its server is dead: goes with the root, or stays */
	bool hollow;
	bool replaced;	/* by another at its path, where it was not renamed since */
	bool told;	/* the engine was told which directory it is */
	bool told_full; /* the engine was told that something is in it */
	bool registered;
	int64_t unread_word; /* mono: its registration ended then, and the table was not read since; 0: it was */
	bool spoken_for;     /* the registration of its name goes on, whatever became of the directory */
	char begun_name[64];
	uint32_t begun_generation;
	uint32_t begun_start; /* of the engine's */
	uint64_t begun_polls;
	bool lease;
	int32_t pid;
	int64_t expires; /* mono; 0: not */
};

struct world_mount {
	uint64_t id, parent; /* id 0: the slot is free */
	uint32_t ns;	     /* 0: our own */
	uint64_t copy_of;    /* the mount in our own; 0: of none */
	uint32_t id32;	     /* the lowest that was free in the namespace */
	uint64_t dev;
	uint32_t dir;	/* serial; 0: none */
	uint64_t polls; /* of the engine's, when it was attached */
	char below[64]; /* path below its directory, or, without one, below "/" */
	char fstype[16];
	bool busy, locked;
	bool serves; /* a build root, which is `root` */
	bool dead, hangs;
	uint32_t root;
	int64_t died; /* mono */
	bool told;    /* it was there when the engine was told that its directory is */
	bool doubt;   /* in which directory it is, nobody could find out: either way is right */
};

/* What became of each mount that ever was, by id. */
struct world_past {
	uint64_t parent;
	bool asked;	 /* a step was asked for */
	bool asked_tree; /* and for all that is mounted below */
	bool taken;	 /* a step of ours took it */
	bool told;	 /* the journal said that it went */
	bool elsewhere;	 /* in another namespace */
	bool forgotten;	 /* the engine ended, or its root was removed, before it could say so */
};

/* What the world has beside our own mount namespace, at times. */
struct world_other {
	uint64_t inode; /* 0: there is none */
	uint64_t root_mount;
	bool receives;	      /* what comes and goes in our own */
	bool told_unselected; /* the engine, since the last change of that */
	uint32_t count;	      /* that ever were */
};

struct world {
	uint64_t seed, random, trace;
	struct now now;
	struct engine *engine;
	struct world_config config;
	struct world_root roots[WORLD_ROOTS];
	struct world_root all; /* its pause alone */
	struct world_dir dirs[WORLD_DIRS];
	struct world_mount mounts[WORLD_MOUNTS];
	struct world_past past[WORLD_MOUNTS_EVER];
	uint64_t last_id;
	uint64_t last_shown; /* of the mounts that a read has shown */
	uint32_t last_serial;
	uint64_t root_mount; /* what carries the roots */
	/*
	 * directories are asked for by handle, as on FUSE: of another one at the path that says nothing
	 */
	bool by_handle;
	bool no_ids;	  /* mounts have no unique ids */
	bool incremental; /* the source says what changed, not the whole */
	bool has_others;  /* in place of servers */
	struct world_other other;
	uint32_t asked_in; /* the namespace of the request that is being looked at */
	bool reap_root;	   /* in the plain configuration */
	bool observe_all;  /* --observe */
	bool calm;	   /* nothing goes wrong any more */
	bool stopping;	   /* the engine was told to end */
	bool stopped;	   /* and has said so */
	bool time_stands;  /* the clocks do not move */
	enum disk_fault disk;
	bool disk_had_trouble; /* the ledger may lack what happened */
	bool pauses_unread;    /* the engine could not read at its start what is paused, and has not yet */
	int64_t reconcile;     /* attempts up to this one are of an earlier start */
	int fail_reads;	       /* so many reads of the table fail */
	uint32_t unseen;       /* so many of the newest mounts the next read does not show yet */
	bool table_changed;    /* the source's fd is to wake */
	uint32_t starts;       /* of the engine */
	uint64_t polls;	       /* so often the engine could notice what had happened */
	double brake_level;    /* mounts asked for, less what the minutes allow */
	int64_t brake_time;
	uint64_t steps, reaped; /* asked of the broker; mounts that those took away */
	uint64_t told_reaped;	/* by the journal */
	char violation[512];	/* the first; "" */
};
extern struct world world;

/* A fresh world with only the roots' filesystem. */
void world_begin(uint64_t seed);
uint32_t world_random(uint32_t below);
bool world_chance(uint32_t percent);
void world_pass(int64_t ns);
void world_violated(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* What happens is counted by kind, and goes into the trace, which is the same for the same seed. */
void world_note(enum kind kind, uint64_t detail);
void world_say(const char *format, ...) __attribute__((format(printf, 1, 2))); /* where SIM_VERBOSE is set */
void world_trace(const void *bytes, size_t length);

struct world_dir *world_dir(uint32_t serial);
struct world_dir *world_dir_at(uint64_t carrier, uint32_t root, const char *path);
struct world_dir *world_any_dir(bool live); /* one that has a path; NULL */
struct world_mount *world_mount(uint64_t id);
void world_mount_target(const struct world_mount *mount, char *ret, size_t size); /* absolute */
struct world_mount *world_attach(uint64_t parent, uint32_t dir, const char *below, const char *fstype);
void world_detach(struct world_mount *mount); /* with all below it */
struct world_dir *world_make_dir(uint32_t root, const char *path);
bool world_is_spoken_for(uint32_t root, const char *name);
void world_kill(struct world_dir *dir);
void world_doubt(struct world_dir *dir);
bool world_is_covered_by_own(const struct world_dir *dir);
struct world_mount *world_any_mount_of(const struct world_dir *dir);
bool world_is_leftover(const struct world_mount *mount); /* of a dead directory: should go by now or soon */
size_t world_leftovers(void);
bool world_is_protected(const struct world_dir *dir, const struct world_rules *rules);

/* --- happen.c, people.c, trouble.c: one thing happens --- */

void world_farm_happens(void);
void world_people_happen(void);
void world_runner_registers(struct world_dir *dir); /* this one, if that can be said now */
void world_trouble_happens(void);
void world_disk_changes(void);
void world_trouble_ends(void);
bool world_is_seen(const struct world_dir *dir);	       /* the engine knows a mount of its */
struct mount *world_known_as(const struct world_mount *mount); /* by the engine; NULL */
/* A walk to a place: see happen.c. */
void world_walk_to(uint32_t root, const char *path);

/* --- server.c: the servers that mount themselves over the roots --- */

struct world_mount *world_server_of(uint32_t root); /* the topmost; NULL */
uint64_t world_standing(uint32_t root);		    /* the mount on which a walk to the root's path ends */
bool world_is_open(uint32_t root);		    /* directories can be made and mounted on there */
bool world_is_reached(const struct world_dir *dir);
bool world_is_out_of_reach(const struct world_dir *dir); /* its server is dead */
void world_server_changes(void);
bool world_server_is_asked_for(uint32_t *ret_root); /* by a step that is under way */
void world_server_has_gone(const struct world_mount *server);
void world_servers_end(void); /* as far as nobody would do that for us */

/* --- other.c: another mount namespace --- */

void world_other_changes(void);
void world_other_is_uncovered(void);
void world_other_mounts(const struct world_dir *dir); /* there alone */
/* Of what the engine has not read there, or of all: which generation's it is found to be is not known. */
void world_other_doubt(const struct world_dir *dir, bool also_known);
void world_other_doubt_words(void); /* the same of all that ended by a word, and is no longer watched */
void world_other_receives(const struct world_mount *mount);
void world_other_loses(uint64_t id);
uint64_t world_standing_in(uint32_t ns, uint32_t root);
uint64_t world_carrier_in(uint32_t ns, uint32_t root); /* the same as the mount of our own that it is a copy of */
struct message_result;
struct namespace_reference;
bool world_other_is(const struct namespace_reference *reference); /* there, now */
void world_other_list(bool selected, struct message_result *ret);
void world_other_table(struct message_result *ret);

/* --- process.c --- */

int32_t world_process_begin(void); /* the pid; 0: there are enough */
void world_process_end(int32_t pid);
void world_process_end_all(void);

/* --- broker.c: the broker's side of the wire --- */

int world_broker_begin(void); /* the fd for the engine */
void world_broker_configure(const char *state_dir);
void world_broker_stop(void);		     /* tells the engine to end */
void world_broker_take(void);		     /* what the engine has sent is received */
void world_broker_turn(bool may_delay);	     /* takes requests, answers what is due */
struct world_mount *world_broker_step(void); /* of a step that is under way; NULL */
void world_broker_end(void);		     /* what is under way may still be done, and is not answered */

/* --- config.c --- */

void world_config_any(void); /* another configuration, with the next serial */
void world_config_plain(void);
int world_config_index(const struct world_config *config, uint32_t root); /* -1: not configured */
int world_config_root(const struct world_config *config, uint32_t index); /* -1: no such root */
const char *world_config_text(void);

/* --- life.c: the engine's starts and ends --- */

void world_engine_begin(const char *state_dir);
void world_engine_end(void);
void world_engine_restart(void); /* in one of several ways */
void world_turn(bool may_delay);
void world_poll(void); /* one turn of the engine's loop, which does not wait */

/* --- judge.c: whether a step may be asked for, and taken --- */

struct message_request;
struct step_item;
struct mount_reference;
struct world_mount *world_referred(const struct mount_reference *reference);
bool world_is_asked_for(const struct world_mount *mount, uint32_t root, const struct step_item *item);
bool world_looks_like_its_former(const struct world_mount *mount);
void judge_request(const struct message_request *request, const struct world_config *config);
void judge_refused(const struct message_request *request);
void judge_step(const struct world_mount *mount, const struct step_item *item, const struct world_rules *rules);
void judge_root_step(const struct world_mount *mount, const struct step_item *item, const struct world_rules *rules);
void judge_event(int type, uint64_t mount_id);

/* --- probe.c --- */

struct probe_item;
struct probe_result;
void world_probe(const struct probe_item *item, uint32_t root, struct probe_result *ret);
/* The answer is sent; `polls`: when the question came. */
void world_has_answered(const struct probe_item *item, uint32_t root, const struct probe_result *result,
			uint64_t polls);

/* --- ledger.c: the disk, and what is on it --- */

void ledger_disk_begin(void);		     /* once, before the first engine */
void ledger_disk_set(enum disk_fault fault); /* CORRUPT: once */
bool ledger_is_whole(void);		     /* it has all that the engine knows */
bool ledger_was_read(void);		     /* at the start, just now */
/* A step on the mount at the target was asked for: the intent must be in the file, or in memory while that fails. */
void ledger_must_intend(const char *target, const char *step);
int64_t ledger_last_attempt(void);
void ledger_must_be_reconciled(void);
void ledger_must_tell(void); /* at the end: it agrees with the world */
extern char ledger_dir[];

/* --- settle.c --- */

void world_must_be_consistent(void);
void world_settle(void);

#endif
