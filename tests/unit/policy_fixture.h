/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A model with the root /b on a filesystem of its own kind, and a clock that the test sets. */
#ifndef TESTS_POLICY_FIXTURE_H
#define TESTS_POLICY_FIXTURE_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "model/model.h"
#include "policy/policy.h"

/* For what is asserted a million times: ck_assert() tells the test's parent each time, also where all is well. */
#define must(expression)                                                                                               \
	do {                                                                                                           \
		if (!(expression))                                                                                     \
			ck_abort_msg("%s", #expression);                                                               \
	} while (0)

#define GRACE	     (5 * NSEC_PER_SEC)
#define GRACE_HOLLOW (60 * NSEC_PER_SEC)

static struct model *model;
static struct policy_facts facts;
static uint64_t last_id;

static inline struct now at(int64_t seconds)
{
	return (struct now){ .mono = (1000 + seconds) * NSEC_PER_SEC, .real = (1000000 + seconds) * NSEC_PER_SEC };
}

static inline struct root_rules rules_for(const char *path)
{
	struct root_rules rules;

	ck_assert_int_eq(rules_init(&rules, path), 0);
	return rules;
}

static inline void set_rules(struct root_rules *rules)
{
	const struct root_rules *const all[] = { rules };

	ck_assert_int_eq(model_set_roots(model, all, 1), 0);
}

/* One mount more in the table, on the given parent. */
static inline struct mount *attach_type(uint64_t parent, const char *target, const char *fstype, struct now now)
{
	struct scan scan = { .unique_ids = true };
	struct mount_facts *one = scan_add(&scan);
	struct changes changes = { 0 };

	ck_assert_ptr_nonnull(one);
	last_id++;
	*one = (struct mount_facts){
		.id = last_id,
		.parent = parent,
		.id32 = (uint32_t)last_id,
		.parent32 = (uint32_t)parent,
		.dev = 100 + last_id,
		.root = strdup("/"),
		.target = strdup(target),
		.fstype = strdup(fstype),
		.source = strdup("none"),
		.options = strdup("rw"),
		.super_options = strdup("rw"),
	};
	ck_assert_int_eq(model_apply(model, &scan, now, &changes), 0);
	changes_clear(&changes);
	scan_clear(&scan);
	return model_mount(model, last_id);
}

static inline struct mount *attach(const char *target)
{
	return attach_type(1, target, "tmpfs", at(0));
}

static inline void setup(void)
{
	struct root_rules rules = rules_for("/b");

	model = model_new();
	facts = (struct policy_facts){ 0 };
	last_id = 0;
	set_rules(&rules);
	rules_clear(&rules);
	attach_type(0, "/", "ext4", at(0));
}

static inline void teardown(void)
{
	model_free(model);
}

#endif
