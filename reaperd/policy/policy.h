/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Decisions: from the model and its evidence to what should be done, each with its reason. Pure: no file, no clock, no
 * SQL. The same function serves the daemon, `reaperctl audit` and (later) `replay`.
 *
 * Rules that hold here: nothing is reaped on hung or unknown; evidence must have held for the whole grace and have been
 * confirmed after its end; a mount is never reaped while anything live, unowned or protected is mounted below it.
 */
#ifndef REAPERD_POLICY_POLICY_H
#define REAPERD_POLICY_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "model/model.h"

enum verdict {
	VERDICT_KEEP,	 /* no evidence */
	VERDICT_SUSPECT, /* evidence, none that acts here */
	VERDICT_WAIT,	 /* within grace, or before the next try: until `due` */
	VERDICT_RECHECK, /* grace is over: ask the filesystem once more before acting */
	VERDICT_REAP,
	VERDICT_COUNT,
};
const char *verdict_name(enum verdict verdict);

/* Why a REAP is not carried out, or a mount left out of one. */
enum hold {
	HOLD_NONE,
	HOLD_OBSERVE, /* mode = observe */
	HOLD_PAUSED,
	HOLD_BRAKE,	  /* max-reaps-per-minute */
	HOLD_PROTECTED,	  /* a protect pattern */
	HOLD_UNOWNED,	  /* no layout names an action there */
	HOLD_LIVE_CHILD,  /* something that is not over is mounted below it */
	HOLD_COVERED,	  /* another mount lies over it: out of reach of every path */
	HOLD_LOCKED,	  /* inherited from another user namespace */
	HOLD_BACKOFF,	  /* tried without success; again at `due` */
	HOLD_IN_FLIGHT,	  /* the broker has it */
	HOLD_UNCONFIRMED, /* attached after the evidence: its directory's identity is not confirmed yet */
	HOLD_DEAD_ROOT,	  /* out of reach below a dead root, which is unmounted with all that is below it */
	HOLD_DEAD,	  /* of a suspect that somebody asked for: out of reach, for nobody serves its filesystem */
	HOLD_STALE_COPY,  /* likewise: a copy of a worker's filesystem that is no longer in use, perhaps */
	HOLD_COUNT,
};
const char *hold_name(enum hold hold);

struct decision {
	struct action *action;
	struct mount *mount; /* NULL: about the whole action; else about this mount alone (moved, source-deleted) */
	enum verdict verdict;
	enum hold hold; /* with VERDICT_REAP: why it is not carried out; HOLD_NONE: carry it out */
	/* the strongest acting evidence, or of SUSPECT the first there is; meaningless for KEEP */
	enum evidence because;
	int64_t due; /* WAIT: CLOCK_MONOTONIC ns */
};

struct plan {
	struct decision *items;
	size_t count;
	size_t allocated;
	int64_t next; /* when to plan again though nothing changed: INT64_MAX for never */
};
void plan_clear(struct plan *plan);

struct policy_facts {
	bool paused;	     /* everything */
	bool observe;	     /* everything: --observe */
	int64_t brake_until; /* no reap before this; 0: no brake */
};

/*
 * One decision for each action that has mounts or is registered, and one for each mount with evidence of its own. 0
 * or -ENOMEM.
 */
int policy_plan(struct model *model, const struct policy_facts *facts, struct now now, struct plan *ret);

/* The decision for one action or one mount of it alone (explain). */
struct decision policy_decide_action(const struct action *action, const struct policy_facts *facts, struct now now);
struct decision policy_decide_mount(const struct mount *mount, const struct policy_facts *facts, struct now now);

/* True where this evidence alone would have the action reaped by now. */
bool policy_is_over_by(const struct action *action, enum evidence evidence, struct now now);

/* Which evidence acts for this action: its bits that reap-when includes, and a registration's own max-age. */
uint32_t policy_acting(const struct action *action);

/* True where the action, or one of its mounts, has evidence that says anything: more than that nobody answered. */
bool policy_has_evidence(const struct action *action);

/* Since when somebody's word says that the action is over: its runner's, its owner's exit, its age. INT64_MAX: none. */
int64_t policy_said_over(const struct action *action);

/*
 * True for evidence that a filesystem, or the mount table, is asked for again and again; the rest was said once, and
 * stays said.
 */
bool policy_is_asked_of_the_filesystem(enum evidence evidence);

/*
 * Whether the mount that stands at the root's path in our own namespace, whose server is dead, is to be unmounted with all
 * that is below it (reap-root = yes): only where all of that is over. A mount that carries more than the root is left.
 */
struct root_decision {
	enum verdict verdict;  /* KEEP: there is no dead one */
	enum hold hold;	       /* with VERDICT_REAP: why it is not carried out */
	struct mount *mount;   /* the dead one */
	struct mount *because; /* what is below it and holds it up, or NULL */
	int64_t due;	       /* WAIT, or BACKOFF: CLOCK_MONOTONIC ns */
};
struct root_decision policy_decide_root(struct model *model, const struct root *root, const struct policy_facts *facts,
					struct now now);

/* True where reap-root = yes, and the action's directory lies on the root's own mount, which has answered as dead. */
bool policy_lies_below_dead_root(const struct action *action);

/* True where no path leads to the mount, for its root is such a one: only with that can it go. */
bool policy_goes_with_dead_root(const struct mount *mount);

struct reap_item {
	struct mount *mount;
	enum step step;
	enum evidence evidence; /* that its action, or it, is over by */
	enum hold hold;		/* not HOLD_NONE: left out, and why */
	struct mount *because;	/* the mount that holds it up: a live child, a cover; or NULL */
};

struct reap_list {
	struct reap_item *items;
	size_t count;
	size_t allocated;
};
void reap_list_clear(struct reap_list *list);

/*
 * The mounts that the REAP decisions of a plan name, those that are held up too, in the order in which they must go:
 * overmounts before what they cover, children before parents, each with the step that its ladder has reached; where
 * every ladder of a tree is `detach` alone, only the topmost mount. 0 or -ENOMEM.
 */
int policy_order(struct model *model, const struct plan *plan, struct now now, struct reap_list *ret);

/* The state that the action's evidence, decision and mounts amount to. */
enum action_state policy_state(const struct action *action, const struct decision *decision);

/*
 * Allowed changes of state are a table; others are a bug of ours and are refused (-EINVAL). The one place that changes
 * ->state.
 */
int policy_set_state(struct action *action, enum action_state state);

/* When a mount that survived its ladder `rounds` times is tried again: 1 s doubled each time, at most 5 min. ns */
int64_t policy_backoff(uint32_t rounds);

/* No step can be tried on the mount now: stuck, until it is tried again. Returns true where it was not before. */
bool policy_give_up(struct mount *mount, struct now now);

/*
 * What a step's outcome means for the mount: advances next_step, rounds, retry_mono, state. Returns true where the
 * mount is now stuck.
 */
bool policy_take_outcome(struct mount *mount, enum step step, enum outcome outcome, struct now now);

/* For a mount that is not over after all: the ladder begins anew, and it is not stuck. */
void policy_forget_attempts(struct mount *mount);

/*
 * An action all of whose mounts moved away, or lost their sources, is over as a whole: raises its mounts' own evidence
 * to the action, or takes it back. Returns the EVIDENCE_BIT()s that changed. Call it before policy_plan().
 */
uint32_t policy_hoist(struct action *action, struct now now);

/* Evidence comes and goes through these two, which return true where something changed. */
bool policy_evidence_set(struct action *action, enum evidence evidence, struct now now);
bool policy_evidence_clear(struct action *action, enum evidence evidence);

#endif
