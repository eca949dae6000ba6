/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * For tests of the sources: each feeds a model of its own; they are compared with each other and with a fresh look at
 * everything.
 */
#ifndef TESTS_UNIT_SOURCE_FIXTURE_H
#define TESTS_UNIT_SOURCE_FIXTURE_H

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#include "../lib/scratch.h"
#include "../lib/skip.h"
#include "base/cleanup.h"
#include "kernel/mount_events.h"
#include "kernel/mounts.h"
#include "source/fanotify.h"
#include "source/source.h"
#include "source/statmount.h"

struct side {
	struct source source;
	struct model *model;
};

static const enum source_kind kinds[] = { SOURCE_MOUNTINFO, SOURCE_LISTMOUNT, SOURCE_FANOTIFY };
static struct side sides[ARRAY_SIZE(kinds)], *const listmount = &sides[1], *const fanotify = &sides[2];
static size_t side_count = ARRAY_SIZE(kinds); /* of those that this kernel has */

#define NEED_LISTMOUNT()                                                                                               \
	do {                                                                                                           \
		if (side_count == 1)                                                                                   \
			SKIP_TEST("this kernel has no listmount (Linux 6.8)");                                         \
	} while (0)

#define NEED_FANOTIFY()                                                                                                \
	do {                                                                                                           \
		if (side_count < 3)                                                                                    \
			SKIP_TEST("this kernel has no mount events (Linux 6.15)");                                     \
	} while (0)

/* Brings the side's model up to date and says how many mounts the source read. */
static inline size_t update(struct side *side, bool complete)
{
	struct changes changes = { 0 };
	struct scan scan = { 0 };
	char why[256] = "";
	size_t count;

	ck_assert_int_ge(side->source.ops->drain(&side->source), 0);
	ck_assert_int_eq(side->source.ops->read(&side->source, side->model, complete, &scan), 0);
	count = scan.count;
	ck_assert_int_eq(model_apply(side->model, &scan, clock_now(), &changes), 0);
	changes_clear(&changes);
	scan_clear(&scan);
	ck_assert_msg(model_verify(side->model, why, sizeof(why)) == 0, "%s", why);
	return count;
}

static inline void refresh(struct side *side)
{
	struct changes changes = { 0 };
	struct scan scan = { 0 };

	ck_assert_int_eq(side->source.ops->refresh(&side->source, side->model, &scan), 0);
	ck_assert_int_eq(model_apply(side->model, &scan, clock_now(), &changes), 0);
	changes_clear(&changes);
	scan_clear(&scan);
}

/* A group that watches our namespace, as the broker makes it; -1 before Linux 6.15. */
static inline int open_events(unsigned *ret_lack)
{
	CLEANUP_CLOSE int ns = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	int group = kernel_mount_events_open(ret_lack);

	ck_assert_int_ge(ns, 0);
	if (group < 0)
		return -1;
	ck_assert_int_eq(kernel_mount_events_watch(group, ns), 0);
	return group;
}

static inline void open_side(struct side *side, enum source_kind kind)
{
	struct root_rules rules;
	const struct root_rules *list[] = { &rules };
	struct source_inputs inputs = { .events = -1 };
	char why[256];
	int r;

	if (kind == SOURCE_FANOTIFY)
		inputs.events = open_events(&inputs.events_lack);
	r = source_open(kind, &inputs, &side->source, why, sizeof(why));
	ck_assert_int_eq(inputs.events, -1);
	ck_assert_msg(r == 0, "%s: %s", source_name(kind), why);
	side->model = model_new();
	ck_assert_ptr_nonnull(side->model);
	ck_assert_int_eq(rules_init(&rules, scratch_file("build")), 0);
	ck_assert_int_eq(model_set_roots(side->model, list, 1), 0);
	rules_clear(&rules);
	update(side, true);
}

static inline void begin(void)
{
	scratch_enter();
	/* For the other sources look at all mounts each time. */
	fanotify_compare_after = 0;
	ck_assert_int_eq(mkdir(scratch_file("build"), 0755), 0);
	ck_assert_int_eq(mkdir(scratch_file("out"), 0755), 0);
	for (size_t i = 0; i < side_count; i++)
		open_side(&sides[i], kinds[i]);
}

static inline void end(void)
{
	for (size_t i = 0; i < side_count; i++) {
		source_close(&sides[i].source);
		model_free(sides[i].model);
	}
}

struct wanted {
	uint32_t id32;
	struct mount *found;
};

static inline int is_wanted(void *context, struct mount *mount)
{
	struct wanted *wanted = context;

	if (mount->facts.id32 != wanted->id32)
		return 0;
	wanted->found = mount;
	return 1;
}

static inline struct mount *find_id32(struct model *model, uint32_t id32)
{
	struct wanted wanted = { .id32 = id32 };

	model_each_mount(model, is_wanted, &wanted);
	return wanted.found;
}

static inline void compare_facts_but_propagation(const struct mount_facts *a, const struct mount_facts *b)
{
	ck_assert_str_eq(a->target, b->target);
	ck_assert_str_eq(a->root, b->root);
	ck_assert_int_eq(a->root_deleted, b->root_deleted);
	ck_assert_uint_eq(a->dev, b->dev);
	ck_assert_uint_eq(a->parent32, b->parent32);
	ck_assert_str_eq(a->fstype, b->fstype);
	ck_assert_str_eq(a->source, b->source);
	ck_assert_str_eq(a->options, b->options);
	ck_assert_str_eq(a->super_options, b->super_options);
}

static inline void compare_facts(const struct mount_facts *a, const struct mount_facts *b)
{
	compare_facts_but_propagation(a, b);
	ck_assert_uint_eq(a->peer_group, b->peer_group);
	ck_assert_uint_eq(a->master, b->master);
}

static inline int compare_mount(void *context, struct mount *a)
{
	struct mount *b = find_id32(context, a->facts.id32);

	ck_assert_msg(b != NULL, "only one source has %s", a->facts.target);
	compare_facts(&a->facts, &b->facts);
	ck_assert_int_eq(a->parent != NULL, b->parent != NULL);
	if (a->parent)
		ck_assert_uint_eq(a->parent->facts.id32, b->parent->facts.id32);
	ck_assert_int_eq(a->instance != NULL, b->instance != NULL);
	ck_assert_int_eq(a->action != NULL, b->action != NULL);
	/* A moved mount stays with its action where it has a unique id; without one it is another mount. */
	if (a->action && !((a->evidence | b->evidence) & EVIDENCE_BIT(EVIDENCE_MOVED)))
		ck_assert_str_eq(a->action->path, b->action->path);
	return 0;
}

typedef void compare_function(const struct mount_facts *a, const struct mount_facts *b);

static inline void compare_with_fresh_by(struct side *side, compare_function *compare)
{
	struct scan scan = { 0 };

	ck_assert_int_eq(side->source.ops->read(&side->source, side->model, true, &scan), 0);
	ck_assert_uint_eq(scan.count, model_mount_count(side->model));
	for (size_t i = 0; i < scan.count; i++) {
		struct mount *mount = find_id32(side->model, scan.mounts[i].id32);

		ck_assert_msg(mount != NULL, "the model lacks %s", scan.mounts[i].target);
		compare(&mount->facts, &scan.mounts[i]);
	}
	scan_clear(&scan);
}

static inline void compare_with_fresh(struct side *side)
{
	compare_with_fresh_by(side, compare_facts);
}

static inline void compare_all(void)
{
	for (size_t i = 1; i < side_count; i++) {
		ck_assert_uint_eq(model_mount_count(sides[0].model), model_mount_count(sides[i].model));
		model_each_mount(sides[0].model, compare_mount, sides[i].model);
	}
	for (size_t i = 0; i < side_count; i++)
		compare_with_fresh(&sides[i]);
}

static inline void update_all(void)
{
	for (size_t i = 0; i < side_count; i++)
		update(&sides[i], false);
}

static inline struct mount *at(struct side *side, const char *path)
{
	struct mount *mount = model_mount_for_path(side->model, path);

	ck_assert_ptr_nonnull(mount);
	return mount;
}

static inline bool is_readable(int fd, int timeout_ms)
{
	struct pollfd poller = { .fd = fd, .events = POLLIN };

	return poll(&poller, 1, timeout_ms) == 1;
}

/* What main() does around the tests: whether there can be any. */
static inline bool source_fixture_begin(void)
{
	struct mount_status status;
	unsigned lack;
	int group = kernel_mount_events_open(&lack);

	if (kernel_statmount(1, &status) == -ENOSYS)
		side_count = 1;
	else if (group < 0)
		side_count = 2;
	cleanup_close(&group);
	return scratch_begin();
}

#endif
