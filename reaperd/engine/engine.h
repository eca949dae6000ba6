/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * reaperd-engine: one libev loop without privilege. This header is what the engine's parts (tracking, probes, reaping,
 * registration, control methods) share; each part has a header of its own for what it offers. Nothing here, and nothing
 * called from a callback, may block on a filesystem: no stat, no open, no umount below a build root. What needs that is
 * asked of the broker.
 *
 * A callback changes the model and says engine_wake(); one prepare watcher then scans, plans, acts and commits, once
 * for each turn of the loop. All pointers are the engine's; mounts and actions are named by id and name over turns,
 * never kept.
 */
#ifndef REAPERD_ENGINE_ENGINE_H
#define REAPERD_ENGINE_ENGINE_H

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
struct tracker;
struct prober;
struct watcher;
struct reaper;
struct registry;

struct engine {
	struct ev_loop *loop;
	struct now now; /* of this turn */
	struct now started;

	struct config *config;
	uint32_t serial; /* of the configuration */
	uint32_t flags;	 /* CONFIGURATION_* */
	enum source_kind source_wanted;
	char state_dir[PATH_MAX];

	struct model *model;
	struct store *store;
	struct source source;
	char source_note[256]; /* why not a better source; "" */
	uint64_t mnt_namespace;
	char boot_id[37];

	struct broker *broker;
	struct control *control; /* NULL until the broker passed the socket */
	struct journal *journal;
	struct metrics *metrics;
	struct tracker *tracker;
	struct prober *prober;
	struct watcher *watcher;
	struct reaper *reaper;
	struct registry *registry;

	struct policy_facts facts;
	int64_t paused_until_real; /* ns since 1970; 0: until resume */

	uint64_t events, lost, rescans; /* since the start */
	uint64_t wakeups;		/* turns of the loop */
	uint64_t probes;		/* batches of questions to the broker */
	int64_t lag;			/* ns, from the last wake-up to the model that it led to */

	bool ready;    /* the first scan is done */
	bool stopping; /* MESSAGE_STOP came: nothing new is begun */
	int exit_status;

	ev_prepare prepare;
	ev_timer watchdog;
	ev_timer turn_timer; /* brings a turn about at a time */
	int64_t turn_at;     /* mono: a part of the turn asked for it; each says so again in each turn */
	int64_t plan_at;     /* mono: the last plan asked for the next one */
	bool plan_wanted;
};

/* Runs an engine on the broker's socket until it ends: the exit status. */
int engine_run(int broker_fd);

/*
 * engine_run() in pieces, for simulations: they turn engine->loop themselves, under a clock and with a source of their
 * own.
 */
struct engine *engine_new(int broker_fd); /* takes the fd; NULL when out of memory */
void engine_free(struct engine *engine);

/* The model changed, or evidence did: plan again at the end of this turn. */
void engine_wake(struct engine *engine);

/*
 * A turn at CLOCK_MONOTONIC `mono_ns` at the latest. Forgotten after the next turn: whoever needs it says it in each
 * turn.
 */
void engine_wake_at(struct engine *engine, int64_t mono_ns);

/* A plan at that time at the latest. Kept until the next plan. */
void engine_plan_at(struct engine *engine, int64_t mono_ns);

/* --- journal (journal.c) --- */

struct journal_event {
	enum event_type type;
	const struct mount *mount; /* each NULL where it does not apply; root, action and target follow from it */
	const struct action *action;
	const struct root *root;
	int32_t pid;
	const char *comm;
	const char *detail; /* JSON object as text */
};
/* Writes to the ledger, counts, and tells the followers. */
void engine_journal(struct engine *engine, const struct journal_event *event);

/*
 * The same where what it is about is no longer in the model: the caller fills in what it knows. Time and seq are set
 * here.
 */
void engine_journal_row(struct engine *engine, struct store_event *row);

/* Followers: called for each event as it is journalled, until removed. */
typedef void engine_event_function(void *context, const struct store_event *event);
struct engine_follower;
struct engine_follower *engine_follow(struct engine *engine, engine_event_function *function,
				      void *context); /* NULL: no memory */
void engine_unfollow(struct engine *engine, struct engine_follower *follower);

/* --- what control methods ask for --- */

/* root NULL: everything. seconds 0: until resume. */
void engine_pause(struct engine *engine, struct root *root, double seconds);
void engine_resume(struct engine *engine, struct root *root);

/*
 * Registers an action. pid 0: none; max_age 0: none; lease: the caller says engine_lease_ended() later. 0 with
 * *ret_generation, -EINVAL (a name that no layout of the root can give, or that has a slash), -ENOENT (the root does
 * not stand there), -ESRCH (no such process), -ENOMEM.
 */
int engine_begin(struct engine *engine, struct root *root, const char *name, int32_t pid, int64_t max_age, bool lease,
		 int64_t uid, uint32_t *ret_generation);
/* Of this generation, 0: the newest. 0 (also when it had ended already), or -ENOENT. */
int engine_end(struct engine *engine, struct root *root, const char *name, uint32_t generation,
	       uint32_t *ret_generation);
void engine_lease_ended(struct engine *engine, const char *root_path, const char *name, uint32_t generation);

/*
 * Reaps now, without grace: the actions are marked, the next plan acts. `active`: also actions without evidence.
 * Returns 0, or -EPERM (active, and not asked for). What will be done is in policy_order() with the marks set; dry runs
 * use engine_reap_preview().
 */
int engine_reap(struct engine *engine, struct action *action, bool active);
/* The items that reaping these actions now would try; nothing is changed. The caller clears *ret. */
int engine_reap_preview(struct engine *engine, struct action *const *actions, size_t count, bool active,
			struct reap_list *ret);

/* Who holds a mount: `function` is called once, with count -1 where it could not be told. */
typedef void engine_holders_function(void *context, const struct holder_result *holders, int count);
void engine_holders(struct engine *engine, const struct mount *mount, engine_holders_function *function, void *context);

void engine_reload(struct engine *engine);

/* The broker's children, as of its last answer. */
void engine_broker_state(const struct engine *engine, uint32_t *ret_in_flight, uint32_t *ret_hung);

#endif
