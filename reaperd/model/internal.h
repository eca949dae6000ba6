/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the model's own files share, and nobody else may include. Every public struct mount, action and root_instance is
 * the first member of a node that holds the model's book-keeping.
 *
 * An apply goes: take the facts, remove what is gone, link the tree, place (which root instance, which action), settle
 * actions that moved as a whole, review evidence, find out what the roots' paths show. Only mounts that changed, and
 * what hangs below them, are touched.
 */
#ifndef REAPERD_MODEL_INTERNAL_H
#define REAPERD_MODEL_INTERNAL_H

#include "model/layout.h"
#include "model/model.h"

#define container_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

/*
 * Chained hash tables with links inside the entries: 16 bytes for each entry and table, where uthash takes 56, and a
 * mount is in three. Several entries may share a hash; the caller compares keys.
 */
struct table_link {
	struct table_link *next;
	uint64_t hash;
};
struct table {
	struct table_link **slots;
	size_t size; /* a power of two */
	size_t count;
};
int table_init(struct table *table); /* 0 or -ENOMEM */
void table_free(struct table *table);
void table_insert(struct table *table, struct table_link *link, uint64_t hash);
void table_remove(struct table *table, struct table_link *link);
struct table_link *table_find(const struct table *table, uint64_t hash);
struct table_link *table_find_next(const struct table_link *link);
uint64_t hash_number(uint64_t number);
uint64_t hash_bytes(uint64_t seed, const char *bytes, size_t length);
/* The same piece by piece, before the last mixing, which hash_number() does. */
uint64_t hash_begin(uint64_t seed);
uint64_t hash_more(uint64_t hash, const char *bytes, size_t length);

/* Strings that many mounts share, counted. NULL when out of memory. */
char *strings_intern(struct table *strings, const char *text);
void strings_release(struct table *strings, char *text);

struct mount_node {
	struct mount mount; /* facts: the target is owned, the other strings are interned */
	struct table_link by_id;
	struct table_link by_id32;
	struct table_link by_place; /* parent and target; orphans have none */
	struct mount_node *sibling_before;
	struct mount_node *action_before;
	struct mount_node *root_next; /* mounts below roots; once gone: the graveyard */
	struct mount_node *root_before;
	struct mount_node *pending_next;
	uint32_t seen;	   /* serial of the last apply that read it */
	uint32_t moved;	   /* serial of the last apply that changed its target */
	uint32_t climbed;  /* see tree_cut_cycles() */
	uint32_t position; /* in the last complete scan without unique ids, from 1; 0: unknown */
	bool in_table : 1;
	bool in_roots : 1;
	bool pending : 1;  /* in the list */
	bool unplaced : 1; /* its instance and action are to be found again */
	bool relinked : 1; /* so are those of its children */
	bool deferred : 1; /* its place names another action than the one it has: see place_settle() */
	bool covers : 1;   /* stands on its action's directory */
};

struct action_node {
	struct action action;
	struct table_link by_name; /* root and name */
	struct action_node *before;
	struct action_node *grave_next;
	size_t covers;	  /* mounts that stand on its directory */
	uint32_t settled; /* serial of the apply that decided whether it was renamed */
};

struct root_place {
	char *root, *path;
	struct root_place *next;
};

struct namespace_node {
	struct mount_namespace ns;
	struct mount_node *orphans; /* mounts whose parent is not in the table, by sibling */
	struct root_place *places;  /* of roots that stand elsewhere in there */
	struct namespace_node *grave_next;
};

/* How an instance stands in a namespace. */
struct root_view {
	struct mount_namespace *ns;
	struct mount *carrier;
	bool visible;
	bool stale; /* see model/stale.c */
	struct root_view *next;
};

struct instance_node {
	struct root_instance instance;
	struct root_view *views; /* of the namespaces in which it has, or had, a carrier */
	size_t mounts;		 /* that are below it */
	struct instance_node *grave_next;
};

struct model {
	struct table ids;
	struct table id32s;
	struct table places;
	struct table actions;
	struct table strings;
	struct namespace_node own;
	struct mount_node *root_mounts;
	struct mount_node *pending;
	struct root *roots;
	struct mount_node *dead_mounts;
	struct action_node *dead_actions;
	struct instance_node *dead_instances;
	struct namespace_node *dead_namespaces;
	struct root *dead_roots;
	uint32_t serial;
	uint64_t last_synthetic;
	struct now now;	       /* of the apply */
	bool applying;	       /* outside an apply there is no time, so no evidence begins */
	bool look_for_parents; /* a mount is new, so an orphan may find its parent */
	bool place_all;
	int error; /* the first of this apply */
	model_generation_function *generation;
	void *generation_context;
};

static inline struct mount_node *mount_node(const struct mount *mount)
{
	return container_of(mount, struct mount_node, mount);
}

static inline struct action_node *action_node(const struct action *action)
{
	return container_of(action, struct action_node, action);
}

static inline struct namespace_node *namespace_node(const struct mount_namespace *ns)
{
	return container_of(ns, struct namespace_node, ns);
}

static inline struct instance_node *instance_node(const struct root_instance *instance)
{
	return container_of(instance, struct instance_node, instance);
}

/*
 * What each file offers the others, from below: a file uses those that stand before it here. What is gone goes into a
 * graveyard, for its memory is read until the next apply.
 */

/* ---- root_places.c ---- */

void places_clear(struct namespace_node *node);

/* ---- namespaces.c ---- */

void namespaces_bury(struct namespace_node *node);
void namespaces_kill(struct model *model, struct mount_namespace *ns); /* one without mounts; never our own */

/* ---- tree.c: who is mounted on whom ---- */

/* What stands there; NULL: nothing. */
struct mount_node *tree_find(const struct model *model, const struct mount_node *parent, const char *target);
void tree_link(struct model *model, struct mount_node *node, struct mount_node *parent);
void tree_unlink(struct model *model, struct mount_node *node);
void tree_cut_cycles(struct model *model, struct mount_node *node);

/* ---- mounts.c ---- */

struct mount_node *mounts_find(const struct model *model, uint64_t id);
/* Takes the strings; an orphan at first. */
struct mount_node *mounts_new(struct model *model, struct mount_namespace *ns, struct mount_facts *facts,
			      struct now now);
/* 1: changed, 0, -ENOMEM. */
int mounts_take_text(struct model *model, char **own, const char *text);
void mounts_set_instance(struct model *model, struct mount_node *node, struct root_instance *instance);
void mounts_set_action(struct model *model, struct mount_node *node, struct action *action);
void mounts_update_cover(struct mount_node *node);
void mounts_remove(struct model *model, struct mount_node *node);
void mounts_free(struct model *model, struct mount_node *node);
/* The function may remove the node that it got. */
typedef void mounts_function(struct model *model, struct mount_node *node, void *context);
void mounts_each(struct model *model, mounts_function *function, void *context);

/* ---- roots.c ---- */

/* The root that the target is strictly below. */
struct root *roots_above(const struct model *model, const struct mount_namespace *ns, const char *target);
/* Found or made; NULL when out of memory. */
struct root_instance *roots_instance(struct root *root, uint64_t dev, const char *fs_path);
void roots_kill_instance(struct model *model, struct root_instance *instance);
/* That it lies on this mount, where its namespace knows of none. 0 or -ENOMEM. */
int roots_see(struct root_instance *instance, struct mount *carrier);
/* Of those whose directory was renamed with the mount that carries it. */
void roots_follow_carrier(struct model *model, const struct mount_node *node);
void roots_refresh(struct model *model);
void roots_forget_namespace(struct model *model, const struct mount_namespace *ns);
void roots_free_instance(struct instance_node *node);

/* ---- actions.c ---- */

struct spot { /* what layout_place() says, with the path that it said it of */
	enum place place;
	const char *path; /* not terminated: path_length */
	size_t path_length;
	const char *name;
	size_t name_length;
};
struct spot spot_of(const struct root *root, const char *relative);
bool action_is_at(const struct action *action, const struct root_instance *instance, const struct spot *spot);
/* The root's layout (still) names its path, or it lies in the trash. */
bool action_is_named(const struct action *action);
/* The newest generation. */
struct action *action_find(struct model *model, struct root_instance *instance, const struct spot *spot);
struct action *action_obtain(struct model *model, struct root_instance *instance, const struct spot *spot,
			     struct now now);
struct action *action_add(struct model *model, struct root_instance *instance, const struct spot *spot,
			  uint32_t generation);
bool action_rename(struct model *model, struct action *action, const struct spot *spot); /* false: out of memory */
void action_unlink(struct model *model, struct action *action);
void action_free(struct action_node *node);

/* ---- place.c ---- */

void place_later(struct model *model, struct mount_node *node); /* adds it to the pending ones */
void place_pending(struct model *model);
void place_all(struct model *model);

/* ---- stale.c ---- */

void stale_review(struct model *model);

/* ---- identity.c, model.c: for apply.c ---- */

int identity_resolve(struct model *model, struct scan *scan); /* gives ids to a scan without: 0 or -ENOMEM */
void model_bury(struct model *model);			      /* frees what died before this apply */

#endif
