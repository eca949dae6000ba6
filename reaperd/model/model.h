/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The model: the mount table of a namespace as a tree, the build roots found in it, their actions, and which mount
 * belongs to which action. It does no I/O, reads no clock and decides nothing: sources hand facts in, the engine hands
 * evidence in, the policy reads.
 *
 * The model owns every struct that it shows; pointers stay good until the change that removes them has been
 * handled: mounts that went and actions that were forgotten live until the next model_apply().
 */
#ifndef REAPERD_MODEL_MODEL_H
#define REAPERD_MODEL_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/rules.h"
#include "base/words.h"
#include "model/facts.h"

struct model;

/* A fact that holds since a time. */
struct evidence_state {
	struct now since;   /* first seen, in an unbroken row */
	struct now checked; /* last confirmed */
};

/*
 * Which directory it is. Inode numbers come again at once, so a file handle and the birth time are compared too where
 * the filesystem has them (name_to_handle_at(2), statx(2) STX_BTIME).
 */
struct dir_identity {
	bool known;
	uint64_t dev;
	uint64_t ino;
	int64_t birth; /* ns since 1970; 0: unknown */
	int32_t handle_type;
	uint32_t handle_length; /* 0: none */
	uint8_t handle[128];
};

/*
 * A mount namespace whose table is known: our own, which is always there and the first, and others that are watched. A
 * mount belongs to one for as long as it lives; a root's directory, with its actions, may stand in several.
 */
struct mount_namespace {
	uint64_t inode; /* of nsfs; 0: our own. Given again once the namespace has gone */
	uint64_t id;	/* unique for as long as the system runs, Linux 6.11; 0: unknown */
	size_t mounts;	/* in its table */
	bool own;
	bool ended;  /* there is none such any more: what was mounted in it went with it */
	bool left;   /* it is not looked at any more: what is mounted in it is there as before */
	int32_t pid; /* a process in it, 0: none is known; the engine's book-keeping, as the following */
	int64_t row; /* the ledger's */
	struct mount_namespace *next;
};

enum root_health {
	ROOT_HEALTH_OK,	     /* "ok" */
	ROOT_HEALTH_ABSENT,  /* "absent": no such directory yet */
	ROOT_HEALTH_COVERED, /* "covered": another mount lies over the instance that has actions */
	ROOT_HEALTH_DEAD,    /* "dead": answers ENOTCONN */
	ROOT_HEALTH_HUNG,    /* "hung": a probe did not return */
	ROOT_HEALTH_UNKNOWN, /* "unknown": not probed yet, or another error */
	ROOT_HEALTH_COUNT
};
const char *root_health_name(enum root_health health);

/* One configured build root. */
struct root {
	size_t index; /* in the configuration */
	struct root_rules rules;
	enum root_health health;
	/* The mount at the root's path, in our own namespace, that answered as dead when the root itself was asked; 0: none. */
	uint64_t dead_mount;
	struct evidence_state dead; /* meaningful with that */
	bool paused;
	int64_t paused_until; /* real ns; 0: until somebody resumes */
	int64_t row;	      /* the ledger's */
	/* The rest is the model's. */
	struct root_instance *instances;
	struct root *next;
};

/* One directory that stands, or stood, at a root's path: (superblock device, path within the filesystem). */
struct root_instance {
	struct root *root;
	uint64_t dev;
	char *fs_path;
	/*
	 * The mount that the directory lies on, in our own namespace where it stands in that, else in another; NULL once
	 * there is none.
	 */
	struct mount *carrier;
	bool visible;		/* a walk to the root's path ends in it, in the carrier's namespace */
	struct action *actions; /* by ->next */
	struct root_instance *next;
};

enum owner_kind {
	OWNER_INFERRED,	  /* from the path alone */
	OWNER_REGISTERED, /* a runner told us */
	OWNER_ATTESTED,	  /* the kernel's event named it */
};
const char *owner_kind_name(enum owner_kind kind);

struct owner {
	enum owner_kind kind;
	int32_t pid;	     /* 0: none */
	uint64_t start_time; /* clock ticks since boot, field 22 of /proc/PID/stat; 0: unknown */
	char *comm;	     /* each NULL where not known; owned */
	int64_t uid;	     /* -1: unknown */
	char *cgroup;
	uint64_t cgroup_id; /* given once in a boot; 0: not known */
	char *container;
	struct now begun; /* when it was registered last, as far as this start of ours knows; mono 0: not */
	char *begun_name; /* of the action when it was registered, and its generation: it may have been renamed since */
	uint32_t begun_generation;
	bool restored;	 /* from the ledger: said to an earlier start, and not since */
	bool unplaced;	 /* of the directory that stood there when it was said, which has not been asked about since */
	bool lease;	 /* held by an open connection */
	int64_t max_age; /* of the registration, ns; 0: none */
	/* How often it was registered or joined, less what was taken back; UINT32_MAX: no longer known. */
	uint32_t uses;
};

struct action {
	struct root *root;
	struct root_instance *instance;
	char *name; /* the segment that {action} names; for what was only ever seen below a trash pattern, the path */
	char *path; /* relative to the root: its directory */
	uint32_t generation;	 /* from 1 */
	enum action_state state; /* changed by policy_set_state() alone */
	struct dir_identity identity;
	struct now identity_checked; /* when a probe last found this identity at the path; mono 0: never */
	bool in_trash;		     /* lies below a trash pattern */
	bool registered;	     /* begun by a runner and not ended */
	bool seen_full;		     /* its directory was seen with something besides the path to its mounts */
	bool covered_by_own;	     /* one of its own mounts stands on the action's directory itself */
	bool told;		     /* the log has said that it would be reaped */
	bool reap_now;		     /* an operator asked: no grace, and evidence acts though reap-when leaves it out */
	bool probe_wanted;	     /* the prober's book-keeping, kept here so that it goes with the action */
	bool probe_soon;
	bool probing;
	bool owner_unasked; /* likewise: who mounted below it is not who it was, and has yet to be looked at */
	struct now probed;  /* the last answer of any kind; mono 0: none */
	struct owner owner;
	uint32_t evidence; /* EVIDENCE_BIT()s that hold now; of mounts: see mount->evidence */
	struct evidence_state evidence_state[EVIDENCE_COUNT];
	struct now first_seen;
	struct now ended;     /* when it became cleared, or its runner ended it; real 0: not */
	struct mount *mounts; /* attached ones, by ->action_next */
	size_t mount_count;
	int64_t row;	     /* the ledger's; 0: not written yet */
	bool dirty;	     /* to be written */
	struct action *next; /* of the instance */
};

struct mount {
	struct mount_facts facts;
	struct mount_namespace *ns;
	struct mount *parent;	/* NULL for the namespace's root */
	struct mount *children; /* by ->sibling, newest first */
	struct mount *sibling;
	struct root_instance *instance; /* the build root that it is below; NULL: below none */
	struct action *action;		/* NULL: below no root, or unowned */
	struct mount *action_next;
	enum mount_state state;
	uint32_t evidence; /* MOVED, SOURCE_DELETED, STALE_COPY */
	struct evidence_state moved, source_deleted;
	struct now first_seen;
	struct now gone;	   /* real 0: attached */
	struct actor *detached_by; /* a reference; NULL: not known */
	struct now joined;	   /* when it came to its action: attached, or moved there */
	bool confirmed;		   /* a probe that was sent after it joined found its action's directory at the path */
	bool restored;		   /* known from the ledger, with its action; first_seen of an earlier start */
	/* Its action was renamed for what another namespace shows, or it left for a place that cannot be told: to be read again. */
	bool astray;
	/* The reaper's book-keeping, kept here so that it goes with the mount. */
	uint8_t next_step;	   /* index into its ladder */
	uint32_t attempts;	   /* steps tried */
	uint32_t rounds;	   /* whole ladders without success */
	int64_t retry_mono;	   /* not before */
	enum outcome last_outcome; /* meaningful where attempts > 0 */
	bool in_flight;		   /* the broker has it */
	uint32_t told_evidence;	   /* what of its own evidence is in the journal */
	bool asked;		   /* we asked for its removal: when it goes, it is reaped */
	int64_t row;
	bool dirty;	      /* to be written */
	bool state_dirty;     /* what became of it, and none of its facts */
	bool saved_protected; /* what its row says */
};

/* What model_apply() found. */
struct change {
	enum event_type type; /* ATTACH, DETACH, MOVE, REMOUNT */
	struct mount *mount;
	char *old_target;	   /* MOVE; owned by the change list */
	struct action *old_action; /* MOVE */
};

struct changes {
	struct change *items;
	size_t count;
	size_t allocated;
};
void changes_clear(struct changes *changes);

struct model *model_new(void); /* NULL when out of memory */
void model_free(struct model *model);

/*
 * Takes `rules` as the roots, in this order: a root with a path that is known already keeps its actions and gets the
 * new rules, one that is no longer named is forgotten with its actions (their mounts stay in the table). Copies. 0 or
 * -ENOMEM.
 */
int model_set_roots(struct model *model, const struct root_rules *const *rules, size_t count);
struct root *model_roots(struct model *model); /* by ->next, in the order of the configuration */
size_t model_root_count(const struct model *model);
struct root *model_root_at(struct model *model, size_t index);
struct root *model_root_by_path(struct model *model, const char *path);

/*
 * Actions one after the other, NULL at the end: those of a root, in all its instances, or all that there are. Who
 * forgets one asks for the next before.
 */
struct action *root_first_action(const struct root *root);
struct action *root_next_action(const struct action *action);
struct action *model_first_action(const struct model *model);
struct action *model_next_action(const struct action *action);

/*
 * Brings the model to the state that the scan found and says what changed; takes the strings out of `scan`. Mounts
 * below roots are given to the actions that the layouts name, actions are made as needed (with `generation` asked for
 * the last number in use). A mount that moved keeps its identity. 0 or -ENOMEM; after -ENOMEM the caller asks for a
 * complete scan.
 */
int model_apply(struct model *model, struct scan *scan, struct now now, struct changes *ret_changes);

/* Asked for the last generation in use of a name below a root; 0: none. May be NULL. */
typedef uint32_t model_generation_function(void *context, const struct root *root, const char *name);
void model_on_generation(struct model *model, model_generation_function *function, void *context);

/* The next generation of `action`'s name: it takes the given mounts over. NULL when out of memory. */
struct action *model_next_generation(struct model *model, struct action *action, struct mount **mounts, size_t count,
				     struct now now);

/* To another action of the same directory's name. */
void model_give_mounts(struct model *model, struct action *action, struct mount **mounts, size_t count, struct now now);

/*
 * An action that a runner announced before it has any mount. Its instance is the visible one of the root; -ENOENT
 * where there is none.
 */
int model_announce(struct model *model, struct root *root, const char *name, struct now now, struct action **ret);

/*
 * The directory of an action of this name: the layout with {action} replaced; only where the layout has no "*". NULL
 * otherwise. Caller frees.
 */
char *model_action_path(const struct root *root, const char *name);

/* Forgets an action without mounts; it lives until the next model_apply(). */
void model_forget_action(struct model *model, struct action *action);

/*
 * For the start: what the ledger knew of this boot. The action's and mount's fields are filled in by the caller before
 * model_apply() is called for the first time; the mount is attached to the action. NULL when out of memory.
 */
struct action *model_restore_action(struct model *model, struct root *root, uint64_t instance_dev,
				    const char *instance_fs_path, const char *name, const char *path,
				    uint32_t generation);
/* Takes the strings of `facts`. */
struct mount *model_restore_mount(struct model *model, struct mount_facts *facts, struct action *action);

struct mount_namespace *model_namespaces(struct model *model); /* by ->next, our own first */
/* One more to be watched, without mounts; the same again where it is known. NULL when out of memory. */
struct mount_namespace *model_add_namespace(struct model *model, uint64_t inode, uint64_t id);
/*
 * The root stands at `path` in there, and not at its own one; NULL: at its own. For mounts that are known this counts
 * from the next model_apply() on. 0 or -ENOMEM.
 */
int model_place_root(struct model *model, struct mount_namespace *ns, const struct root *root, const char *path);
/* Where the root stands in there; good until it is placed anew. */
const char *root_path_in(const struct root *root, const struct mount_namespace *ns);
/*
 * It is no longer watched, or has gone: what was mounted there has gone with it, and is told as in model_apply(). It
 * lives until the next model_apply(). 0 or -ENOMEM.
 */
int model_drop_namespace(struct model *model, struct mount_namespace *ns, struct now now, struct changes *ret_changes);

struct mount *model_mount(struct model *model, uint64_t id);
const struct mount *model_mount_const(const struct model *model, uint64_t id);
size_t model_mount_count(const struct model *model); /* in our own namespace */
/* What stands on the mount point `target` of the mount `parent`; NULL: nothing, or no such parent. */
const struct mount *model_mount_at(const struct model *model, uint64_t parent, const char *target);

/* Every mount of every namespace; stop by returning non-zero, which is returned. The callback changes nothing. */
typedef int model_mount_function(void *context, struct mount *mount);
int model_each_mount(struct model *model, model_mount_function *function, void *context);
/* Only those below (or recorded as an action's of) a root. */
int model_each_root_mount(struct model *model, model_mount_function *function, void *context);

/* Actions of a root by name, newest generation first: fills at most `size`, returns how many there are. */
size_t model_find_actions(struct model *model, const struct root *root, const char *name, struct action **ret,
			  size_t size);

/* The next mount of the tree below `top`, depth first and without recursion; `at` is top for the first. NULL at its end. */
struct mount *mount_next_below(const struct mount *top, struct mount *at);

/* Where the mount's target lies below its root: points into facts.target; NULL where it is below none. */
const char *mount_root_relative(const struct mount *mount);

/* True where one of the root's protect patterns meets the mount's path below the root, or a directory above it. */
bool mount_is_protected(const struct mount *mount);

/* True where a walk by path to the mount's target ends on this mount: nothing covers it. */
bool model_mount_is_reachable(const struct model *model, const struct mount *mount);

/* The mount on which a walk to the absolute `path` ends, in our own namespace; NULL for an empty table. */
struct mount *model_mount_for_path(const struct model *model, const char *path);
struct mount *model_mount_in(const struct model *model, const struct mount_namespace *ns, const char *path);

/* Counts memory and state; for tests and status. */
struct model_counts {
	size_t mounts;	    /* in our own namespace's table */
	size_t root_mounts; /* below roots, in all namespaces */
	size_t unowned;	    /* below roots, no action */
	size_t actions[ACTION_STATE_COUNT];
};
void model_count(struct model *model, const struct root *root_or_null, struct model_counts *ret);

/* Checks the model's own invariants (tree, lists, counts): 0, or -EUCLEAN with a sentence in `why`. For tests. */
int model_verify(const struct model *model, char *why, size_t size);

#endif
