/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The real engine with a clock, a mount table and a broker that do exactly as the test says: one build root, ROOT, and
 * time that passes only in pass(). The broker answers questions at once, unless it is told to hold them, and keeps the
 * steps until the test answers them.
 */
#ifndef TESTS_UNIT_ENGINE_FIXTURE_H
#define TESTS_UNIT_ENGINE_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/engine.h"

#define ROOT "/b"

extern struct engine *engine;
extern struct now now;

/* Lines for the root, taken by engine_begin_world(); "" */
extern const char *engine_root_lines;

/* `daemon`: lines for [daemon]. With ledger: in a directory of the test's own. */
void engine_begin_world(const char *daemon, bool with_ledger);
void engine_end_world(void);
/* As after a kill: what is under way is answered by nobody. */
void engine_restart(void);
/* The same in two, for what happens between. */
void engine_stop(void);
void engine_start(void);

/* As on SIGHUP, with other lines for the root and none for the daemon. */
void engine_reconfigure(const char *lines);

/* One turn, and in it what the broker answers. */
void turn(void);
/* A turn in each tenth of that time. */
void pass(double seconds);

struct root *the_root(void);
struct action *action(const char *name); /* the newest; NULL */
uint32_t begin(const char *name, int64_t max_age, bool lease);
void end(const char *name);

/* Mounts have no unique ids; to be set before engine_begin_world(). */
extern bool engine_numbers;
/* The source tells of each change, and the loop gathers for so long, ns; likewise. */
extern int64_t engine_gathers;
extern int64_t engine_read_takes; /* ns, each read of the table */
extern size_t tables_read;	  /* since the start */

/* Below ROOT, as "a/proc". */
uint64_t attach(const char *below);
uint64_t attach_on(uint64_t parent, const char *below);
uint64_t attach_by(struct actor *by, const char *below); /* takes the reference */
void detach(uint64_t id);
void move(uint64_t id, const char *below);
/* From now on the table cannot be read, or can again. */
void fail_table(bool fails);

/* An action's directory, as it is there from now on. Where nothing was said it is missing. */
struct directory {
	const char *name;
	enum probe_state state;
	uint64_t ino; /* 0: not told */
	bool full, hollow;
	bool remote;  /* on a network filesystem or a FUSE */
	bool reached; /* where it is another than the action's, all mounts are reached through it */
};
void set_directory(const struct directory *directory);

/* Questions that come from now on wait; with false they are answered, as of now. */
void hold_questions(bool hold);

/* Steps. */
extern size_t steps_asked;    /* since the start */
extern size_t steps_intended; /* those whose intent was in the ledger when they were asked for */
size_t steps_waiting(void);
/* All that wait; what is gone leaves the table. */
void answer_steps(enum outcome outcome);

/* Another program holds the ledger, so that nothing can be written; or not even read, while no engine has it open. */
void ledger_lock(bool lock);
void ledger_lock_out(void);

/*
 * What the test answers itself: true where `result` is filled in, with its fds. Asked first, for every request that does
 * not wait.
 */
extern bool (*engine_answer)(const struct message_request *request, struct message_result *result);
extern int engine_ignores;	/* requests of this type are not answered at all; -1: there is none */
extern uint64_t step_namespace; /* of the last step that was asked for: its inode; 0: our own */

/* One value from the ledger as others read it, "" for NULL, "none" for no row; valid until the next call. */
const char *ledger_value(const char *sql);

#endif
