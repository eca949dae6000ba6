/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The words that configuration, wire, ledger, policy and commands share, each with the one name under which users see
 * it. Values are stored in ledgers as names, never as numbers. x_name() never returns NULL; x_parse() gives 0 or
 * -EINVAL and leaves *ret untouched; x_names[] end with NULL (for text_nearest()).
 */
#ifndef REAPERD_BASE_WORDS_H
#define REAPERD_BASE_WORDS_H

#include <stdint.h>

/* A fact which says that an action, or one mount, is over. The order is that in which they are shown. */
enum evidence {
	EVIDENCE_ENDED,		 /* "ended" */
	EVIDENCE_MISSING,	 /* "missing" */
	EVIDENCE_REPLACED,	 /* "replaced" */
	EVIDENCE_MOVED,		 /* "moved": of one mount */
	EVIDENCE_SOURCE_DELETED, /* "source-deleted": of one mount */
	EVIDENCE_OWNER_EXITED,	 /* "owner-exited" */
	EVIDENCE_HOLLOW,	 /* "hollow" */
	EVIDENCE_DEAD,		 /* "dead" */
	EVIDENCE_STALE_COPY,	 /* "stale-copy": of one mount; never acts */
	EVIDENCE_EXPIRED,	 /* "expired" */
	EVIDENCE_HUNG,		 /* "hung": never acts */
	EVIDENCE_UNKNOWN,	 /* "unknown": never acts */
	EVIDENCE_COUNT,
};
#define EVIDENCE_BIT(e) (UINT32_C(1) << (e))
/* Questions that were not answered: they say nothing about the action's end, and never count as over. */
#define EVIDENCE_SAYS_NOTHING (EVIDENCE_BIT(EVIDENCE_HUNG) | EVIDENCE_BIT(EVIDENCE_UNKNOWN))
extern const char *const evidence_names[];
const char *evidence_name(enum evidence evidence);
int evidence_parse(const char *name, enum evidence *ret);

/*
 * One step of a ladder. PRIVATE is no step of a ladder: it is what the broker does to a parent before a step where
 * invariant 5 asks for it.
 */
enum step {
	STEP_UMOUNT, /* "umount" */
	STEP_ABORT,  /* "abort" */
	STEP_FORCE,  /* "force" */
	STEP_DETACH, /* "detach" */
	STEP_COUNT,
};
extern const char *const step_names[];
const char *step_name(enum step step);
int step_parse(const char *name, enum step *ret);

enum root_mode {
	ROOT_MODE_ENFORCE, /* "enforce" */
	ROOT_MODE_OBSERVE, /* "observe" */
};
extern const char *const root_mode_names[];
const char *root_mode_name(enum root_mode mode);
int root_mode_parse(const char *name, enum root_mode *ret);

enum source_kind {
	SOURCE_AUTO,	  /* "auto" */
	SOURCE_FANOTIFY,  /* "fanotify" */
	SOURCE_LISTMOUNT, /* "listmount" */
	SOURCE_MOUNTINFO, /* "mountinfo" */
};
extern const char *const source_names[];
const char *source_name(enum source_kind kind);
int source_parse(const char *name, enum source_kind *ret);

enum action_state {
	ACTION_ACTIVE,	/* "active" */
	ACTION_SUSPECT, /* "suspect" */
	ACTION_OVER,	/* "over": evidence, within grace */
	ACTION_REAPING, /* "reaping" */
	ACTION_CLEARED, /* "cleared": no mount is left; past */
	ACTION_STUCK,	/* "stuck" */
	ACTION_STATE_COUNT,
};
extern const char *const action_state_names[];
const char *action_state_name(enum action_state state);
int action_state_parse(const char *name, enum action_state *ret);

enum mount_state {
	MOUNT_ATTACHED, /* "attached" */
	MOUNT_STUCK,	/* "stuck" */
	MOUNT_DETACHED, /* "detached": by whom is in detached_by */
	MOUNT_REAPED,	/* "reaped": by us */
	MOUNT_STATE_COUNT,
};
extern const char *const mount_state_names[];
const char *mount_state_name(enum mount_state state);
int mount_state_parse(const char *name, enum mount_state *ret);

enum event_type {
	EVENT_ATTACH,	/* "attach" */
	EVENT_DETACH,	/* "detach" */
	EVENT_MOVE,	/* "move" */
	EVENT_REMOUNT,	/* "remount" */
	EVENT_FLASH,	/* "flash" */
	EVENT_BEGIN,	/* "begin" */
	EVENT_END,	/* "end" */
	EVENT_EVIDENCE, /* "evidence" */
	EVENT_ATTEMPT,	/* "attempt" */
	EVENT_REAPED,	/* "reaped" */
	EVENT_REFUSED,	/* "refused" */
	EVENT_STUCK,	/* "stuck" */
	EVENT_OVERFLOW, /* "overflow" */
	EVENT_RESCAN,	/* "rescan" */
	EVENT_START,	/* "start" */
	EVENT_STOP,	/* "stop" */
	EVENT_RELOAD,	/* "reload" */
	EVENT_PAUSE,	/* "pause" */
	EVENT_RESUME,	/* "resume" */
	EVENT_TYPE_COUNT,
};
extern const char *const event_type_names[];
const char *event_type_name(enum event_type type);
int event_type_parse(const char *name, enum event_type *ret);

/* What one step on one mount came to. */
enum outcome {
	OUTCOME_GONE,	  /* "gone": the mount is no longer there, whoever took it */
	OUTCOME_BUSY,	  /* "busy" */
	OUTCOME_MISMATCH, /* "mismatch": another mount stands at the place; untouched */
	OUTCOME_REFUSED,  /* "refused": an invariant forbids the step; detail says which and whom it would hit */
	OUTCOME_LOCKED,	  /* "locked": inherited from another user namespace; never retried */
	OUTCOME_HUNG,	  /* "hung": did not return within its deadline */
	OUTCOME_FAILED,	  /* "failed": errno says why */
	OUTCOME_SKIPPED,  /* "skipped": not tried, an earlier item of the batch made it pointless */
	OUTCOME_COUNT,
};
extern const char *const outcome_names[];
const char *outcome_name(enum outcome outcome);
int outcome_parse(const char *name, enum outcome *ret);

#endif
