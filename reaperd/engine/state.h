/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the engine's parts (tracking, probes, reaping, registration, control methods) share: its state, and what they
 * wish of its next turn. A part says here what it needs (the table read, an action probed, a plan) and does not know
 * who does it. So those who act on each other need not know each other; engine.h, on top, knows them all.
 *
 * Nothing here, and nothing called from a callback, may block on a filesystem: no stat, no open, no umount below a
 * build root. What needs that is asked of the broker. All pointers are the engine's; mounts and actions are named by
 * id and name over turns, never kept.
 */
#ifndef REAPERD_ENGINE_STATE_H
#define REAPERD_ENGINE_STATE_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "config/config.h"
#include "model/model.h"
#include "policy/policy.h"
#include "source/source.h"
#include "store/store.h"
#include "wire/messages.h"

struct broker;
struct control;
struct journal;
struct metrics;
struct namespaces;
struct tracker;
struct prober;
struct watcher;
struct reaper;
struct registry;

struct engine {
	struct ev_loop *loop;
	struct now now; /* of this turn */
	struct now started;
	int64_t daemon_began; /* real: the broker, which may have had other engines before */

	struct config *config;
	uint32_t serial; /* of the configuration */
	uint32_t flags;	 /* CONFIGURATION_* */
	enum source_kind source_wanted;
	char state_dir[PATH_MAX];

	struct model *model;
	struct store *store;
	struct source source;
	char source_note[256]; /* why not a better source; "" */
	uint32_t deaths;       /* of engines before this one, since the broker started */
	char died[64];	       /* how the last of them did */
	uint64_t mnt_namespace;
	char boot_id[37];

	struct broker *broker;
	struct control *control; /* NULL until the broker passed the socket */
	struct control *runners; /* the runners' socket; NULL: there is none */
	struct journal *journal;
	struct metrics *metrics;
	struct tracker *tracker;
	struct namespaces *namespaces;
	struct prober *prober;
	struct watcher *watcher;
	struct reaper *reaper;
	struct registry *registry;

	struct policy_facts facts;
	int64_t paused_until_real; /* ns since 1970; 0: until resume */
	bool pauses_lost;	   /* the ledger may not have them: to be kept once more */
	bool pauses_unread;	   /* the ledger may have some that it could not tell at the start */

	uint64_t events, lost, rescans; /* since the start */
	uint64_t wakeups;		/* turns of the loop */
	uint64_t probes;		/* batches of questions to the broker */
	uint64_t reaped;		/* mounts that we asked for, and that are gone */
	size_t batches_in_flight;	/* of steps, that the broker has */
	int64_t lag;			/* ns, from the last wake-up to the model that it led to */

	bool ready;    /* the first scan is done */
	bool stopping; /* MESSAGE_STOP came: nothing new is begun */
	int exit_status;

	ev_prepare prepare;
	ev_timer watchdog;
	ev_timer turn_timer; /* brings a turn about at a time */

	/* What is wished, and taken back by whoever does it; which actions are to be probed is said in them. */
	bool turn_wanted; /* at once */
	int64_t turn_at;  /* mono: a part of the turn asked for it; each says so again in each turn */
	int64_t plan_at;  /* mono: the last plan asked for the next one */
	bool plan_wanted;
	bool read_wanted;	       /* of the mount table */
	bool refresh_wanted;	       /* of the known mounts below roots */
	bool refresh_of_others_wanted; /* the same in other namespaces */
	bool reconcile_others_wanted;  /* what an earlier start had begun there: something was learnt of them */
};

/* The model changed, or evidence did: plan again at the end of this turn, or of one that follows at once. */
void engine_wake(struct engine *engine);

/*
 * A turn at CLOCK_MONOTONIC `mono_ns` at the latest. Forgotten after the next turn: whoever needs it says it in each
 * turn.
 */
void engine_wake_at(struct engine *engine, int64_t mono_ns);

/* A plan at that time at the latest. Kept until the next plan. */
void engine_plan_at(struct engine *engine, int64_t mono_ns);

/* When the next turn comes if nothing happens: mono; 0: at once, INT64_MAX: never. */
int64_t engine_next_turn(const struct engine *engine);

/* The table has to be read (a batch ended, evidence is to be confirmed) at the next turn. */
void engine_want_read(struct engine *engine);

/* The known mounts below roots have to be read again. */
void engine_want_refresh(struct engine *engine);

/* This action at the next turn. Safe for any action: what cannot be probed is left out. */
void engine_want_probe(struct engine *engine, struct action *action);
void engine_want_probes(struct engine *engine, struct root *root); /* of all its actions */

/*
 * A mount came to it or went. At the next turn where its directory is not known yet, or anything speaks against it; else
 * not once for each change, however many there are.
 */
void engine_want_probe_soon(struct engine *engine, struct action *action);

/*
 * False for what is not probed: it has no directory of its own (trash) or none that can be named, no mount and no
 * owner, or no filesystem to ask.
 */
bool action_can_be_probed(const struct action *action);

#endif
