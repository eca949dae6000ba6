/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the files that deal with other mount namespaces share, and nobody else includes: from below, what is known of one
 * (here), the list of all (namespace_list.h), the table of each (namespace_read.h), and the turn (namespaces.h).
 */
#ifndef REAPERD_ENGINE_OTHER_NAMESPACE_H
#define REAPERD_ENGINE_OTHER_NAMESPACE_H

#include "engine/namespace_watch.h"
#include "engine/namespaces.h"

#define LOOK_FIRST NSEC_PER_SEC		/* one that holds nothing yet: after that, and ever more rarely */
#define LOOK_MOST  (600 * NSEC_PER_SEC) /* at most */

/* Where one of the configuration's roots stands in there, elsewhere than in ours. */
struct other_place {
	uint32_t root;
	char *path;
	struct other_place *next;
};

/* A namespace that is there. */
struct other_namespace {
	struct namespaces *namespaces;
	struct namespace_reference reference;
	char *comm; /* of the process that the reference names; "" */
	bool selected;
	bool listed; /* by the last list */
	bool gone;
	bool holds;		    /* a root of ours, by the last list that was asked for it */
	struct mount_namespace *ns; /* in the model; NULL: not watched */
	struct namespace_watch *watch;
	bool watch_asked;
	enum events_kind watch_kind; /* to be asked for */
	int64_t watch_at;	     /* mono: not before */
	bool wanted;		     /* its table */
	bool asked;
	int64_t asked_at;  /* mono */
	int64_t read_at;   /* mono: before the table that the model has was read; 0: none */
	int64_t table_at;  /* mono: not before */
	int64_t look_rest; /* while it is not watched */
	bool looked;	   /* into its table, once at least */
	struct other_place *places;
	struct told_list told; /* before the table was asked for */
	struct scan *answer;   /* NULL: none */
	struct other_namespace *next;
};

struct namespaces {
	struct engine *engine;
	namespaces_changes_function *on_changes;
	struct other_namespace *others;
	bool list_asked;
	bool listed;   /* once at least, or in vain */
	bool complete; /* once at least: which there are is known */
	bool warned;
	bool holding_asked; /* by the list that was asked for last */
	bool holding_known; /* once at least */
	int64_t list_at;    /* mono */
	int64_t holding_at; /* mono: not before */
	size_t in_flight;
	uint32_t lacking; /* errno: why the list may not be whole */
};

struct other_namespace *other_add(struct namespaces *namespaces, const struct namespace_reference *reference);
void other_free(struct other_namespace *other); /* that is in no list any more */
struct other_namespace *other_find(struct namespaces *namespaces, uint64_t inode, uint64_t id);

/* Its table is to be read. */
void other_want(struct other_namespace *other);

void other_forget_answer(struct other_namespace *other);
void other_forget_places(struct other_namespace *other);
/* NULL: at its own. */
const char *other_place(const struct other_namespace *other, const struct root *root);

#endif
