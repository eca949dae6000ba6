/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the operator wants of one build root: plain data, made by config/, read by model/ (layout, match, trash),
 * policy/ (the rest) and broker/ (path, step-timeout, protect). Whoever holds a struct root_rules owns its strings;
 * rules_free() releases one made on the heap.
 */
#ifndef REAPERD_BASE_RULES_H
#define REAPERD_BASE_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/words.h"

struct ladder {
	uint8_t count;
	uint8_t steps[STEP_COUNT]; /* enum step */
};

struct ladder_for_type {
	char *type; /* "fuse" covers "fuse.*"; "nfs" covers "nfs4" */
	struct ladder ladder;
};

struct string_list {
	char **items; /* each owned; NULL-terminated, so items may be used as a vector; NULL where count is 0 */
	size_t count;
};

/* Where the root stands in the mount namespaces that a selector (base/selector.h) names. */
struct root_path {
	char *selector;
	char *path; /* absolute, normalized, bytes */
};

enum owner_rule {
	OWNER_RULE_NONE,
	OWNER_RULE_PIDFILE, /* owner_argument is a path */
	OWNER_RULE_CGROUP,  /* of who mounted */
	OWNER_RULE_UNIT,    /* owner_argument is systemd's name of it */
};

struct root_rules {
	char *path; /* absolute, normalized, bytes */
	/*
	 * in other namespaces than our own: the first that selects it; where none does, `path` as well
	 */
	struct root_path *paths;
	size_t path_count;
	char *layout;
	struct string_list match;
	struct string_list trash;
	enum root_mode mode;
	uint32_t reap_when; /* EVIDENCE_BIT()s */
	int64_t grace;	    /* ns, all durations here */
	int64_t grace_hollow;
	int64_t max_age; /* 0: off */
	enum owner_rule owner;
	char *owner_argument;
	struct ladder ladder;
	struct ladder_for_type *ladders;
	size_t ladder_count;
	int64_t step_timeout;
	int64_t probe_interval;
	struct string_list protect;
	bool reap_root;
	bool prune;
	struct string_list register_users; /* names and @groups */
};

/* Fills in the defaults for a root at `path` (copied): 0 or -ENOMEM. */
int rules_init(struct root_rules *rules, const char *path);

/* Deep copy into the uninitialized *ret: 0 or -ENOMEM. */
int rules_copy(const struct root_rules *rules, struct root_rules *ret);

/* Releases what `rules` holds, not `rules` itself. */
void rules_clear(struct root_rules *rules);

/* Copies both: 0 or -ENOMEM. */
int rules_add_path(struct root_rules *rules, const char *selector, const char *path);

/* The ladder for a filesystem type such as "fuse.bindfs": the longest matching ladder.TYPE, else the root's own. */
const struct ladder *rules_ladder(const struct root_rules *rules, const char *fstype);

/*
 * True where a `protect` pattern meets the path (relative to the root) or a directory above it: what is mounted below
 * something protected is protected, too. Also where memory is out: in doubt nothing is touched.
 */
bool rules_protect(const struct root_rules *rules, const char *path);

/* True where an fnmatch pattern of the list (FNM_PERIOD, no FNM_PATHNAME) meets `text`. */
bool string_list_matches(const struct string_list *list, const char *text);
int string_list_add(struct string_list *list, const char *item); /* copies; 0 or -ENOMEM */
void string_list_clear(struct string_list *list);
int string_list_copy(const struct string_list *list, struct string_list *ret);

/* Splits at white space; items with spaces are written with \x20. 0, -ENOMEM, or -EINVAL for a broken escape. */
int string_list_split(const char *text, struct string_list *ret);

#endif
