/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A mount table as the kernel keeps it, small and naive, for tests of the model: mounts by age, the lowest free small
 * id for each new one. Every change is followed by feed(), which lets the model read the table and verify itself.
 */
#ifndef TESTS_UNIT_MODEL_FIXTURE_H
#define TESTS_UNIT_MODEL_FIXTURE_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rules.h"
#include "model/model.h"

#define ROOT	 "/worker/build"
#define FAKE_MAX 512

struct fake_mount {
	uint64_t id, parent, dev, master;
	uint32_t id32;
	char root[128], target[512], fstype[32], options[32];
	bool deleted;
};

struct fake {
	struct model *model;
	struct now now;
	struct changes changes;
	bool unique_ids;
	struct mount_namespace *ns; /* NULL: the model's own */
	uint32_t first_id32;	    /* small ids are unique over all namespaces */
	struct fake_mount mounts[FAKE_MAX];
	size_t count;
	uint64_t next_id;
};

static inline struct fake_mount *fake_by_id(struct fake *fake, uint64_t id)
{
	for (size_t i = 0; i < fake->count; i++) {
		if (fake->mounts[i].id == id)
			return &fake->mounts[i];
	}
	return NULL;
}

static inline bool fake_is_at_or_below(const char *path, const char *dir)
{
	size_t length = strcmp(dir, "/") ? strlen(dir) : 0;

	return strncmp(path, dir, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

/* The naive walk: from a mount to the child that comes first on the way, until there is none. */
static inline struct fake_mount *fake_walk(struct fake *fake, const char *path)
{
	struct fake_mount *at = fake->count ? &fake->mounts[0] : NULL;

	for (;;) {
		struct fake_mount *next = NULL;

		for (size_t i = 1; i < fake->count; i++) {
			struct fake_mount *child = &fake->mounts[i];

			if (child->parent != at->id || !fake_is_at_or_below(path, child->target))
				continue;
			if (!next || strlen(child->target) < strlen(next->target))
				next = child;
		}
		if (!next)
			return at;
		at = next;
	}
}

static inline uint32_t fake_free_id32(const struct fake *fake)
{
	for (uint32_t id32 = fake->first_id32;; id32++) {
		bool used = false;

		for (size_t i = 0; i < fake->count; i++)
			used |= fake->mounts[i].id32 == id32;
		if (!used)
			return id32;
	}
}

static inline uint64_t fake_mount_from(struct fake *fake, const char *target, const char *fstype, uint64_t dev,
				       const char *root)
{
	struct fake_mount *parent = fake_walk(fake, target), *mount = &fake->mounts[fake->count];

	ck_assert_uint_lt(fake->count, FAKE_MAX);
	memset(mount, 0, sizeof(*mount));
	mount->id = ++fake->next_id;
	mount->parent = parent ? parent->id : mount->id;
	mount->id32 = fake_free_id32(fake);
	mount->dev = dev;
	snprintf(mount->root, sizeof(mount->root), "%s", root);
	snprintf(mount->target, sizeof(mount->target), "%s", target);
	snprintf(mount->fstype, sizeof(mount->fstype), "%s", fstype);
	snprintf(mount->options, sizeof(mount->options), "rw");
	fake->count++;
	return mount->id;
}

static inline uint64_t fake_mount(struct fake *fake, const char *target, const char *fstype, uint64_t dev)
{
	return fake_mount_from(fake, target, fstype, dev, "/");
}

/* Lazily: with everything below. */
static inline void fake_umount(struct fake *fake, uint64_t id)
{
	struct fake_mount *mount;

	for (size_t i = 0; i < fake->count;) {
		if (fake->mounts[i].parent == id && fake->mounts[i].id != id) {
			fake_umount(fake, fake->mounts[i].id);
			i = 0;
		} else {
			i++;
		}
	}
	mount = fake_by_id(fake, id);
	memmove(mount, mount + 1, (size_t)(&fake->mounts[fake->count] - (mount + 1)) * sizeof(*mount));
	fake->count--;
}

/* rename(2) of a directory: what is mounted below it goes with it. */
static inline void fake_rename(struct fake *fake, const char *from, const char *to)
{
	for (size_t i = 0; i < fake->count; i++) {
		struct fake_mount *mount = &fake->mounts[i];
		char target[sizeof(mount->target)] = { 0 };

		if (!fake_is_at_or_below(mount->target, from))
			continue;
		ck_assert_int_lt(snprintf(target, sizeof(target), "%s%s", to, mount->target + strlen(from)),
				 (int)sizeof(target));
		memcpy(mount->target, target, sizeof(target));
	}
}

static inline void fake_fill(const struct fake *fake, const struct fake_mount *mount, struct scan *scan)
{
	struct mount_facts *facts = scan_add(scan);
	const struct fake_mount *parent = fake_by_id((struct fake *)fake, mount->parent);

	facts->id = fake->unique_ids ? mount->id : 0;
	facts->parent = fake->unique_ids ? mount->parent : 0;
	facts->id32 = mount->id32;
	facts->parent32 = parent ? parent->id32 : 0;
	facts->dev = mount->dev;
	facts->master = mount->master;
	facts->root = strdup(mount->root);
	facts->root_deleted = mount->deleted;
	facts->target = strdup(mount->target);
	facts->fstype = strdup(mount->fstype);
	facts->source = strdup(mount->fstype);
	facts->options = strdup(mount->options);
	facts->super_options = strdup("rw");
}

static inline void fake_read(const struct fake *fake, struct scan *scan)
{
	scan->ns = fake->ns;
	scan->complete = true;
	scan->unique_ids = fake->unique_ids;
	for (size_t i = 0; i < fake->count; i++)
		fake_fill(fake, &fake->mounts[i], scan);
}

static inline void verify(struct fake *fake)
{
	char why[256] = "";

	ck_assert_msg(model_verify(fake->model, why, sizeof(why)) == 0, "%s", why);
}

static inline void feed_scan(struct fake *fake, struct scan *scan)
{
	fake->now.mono += NSEC_PER_SEC;
	fake->now.real += NSEC_PER_SEC;
	changes_clear(&fake->changes);
	ck_assert_int_eq(model_apply(fake->model, scan, fake->now, &fake->changes), 0);
	scan_clear(scan);
	verify(fake);
}

static inline void feed(struct fake *fake)
{
	struct scan scan = { 0 };

	fake_read(fake, &scan);
	feed_scan(fake, &scan);
}

static inline size_t changes_of(const struct fake *fake, enum event_type type)
{
	size_t count = 0;

	for (size_t i = 0; i < fake->changes.count; i++)
		count += fake->changes.items[i].type == type;
	return count;
}

static inline void set_layout(struct fake *fake, const char *layout)
{
	struct root_rules rules;
	const struct root_rules *list[] = { &rules };

	ck_assert_int_eq(rules_init(&rules, ROOT), 0);
	free(rules.layout);
	rules.layout = strdup(layout);
	ck_assert_int_eq(model_set_roots(fake->model, list, 1), 0);
	rules_clear(&rules);
	verify(fake);
}

/* "/" on device 1, the root's filesystem on device 2. */
static inline struct fake *fake_new(void)
{
	struct fake *fake = calloc(1, sizeof(*fake));

	fake->model = model_new();
	fake->unique_ids = true;
	fake->next_id = 100;
	fake->first_id32 = 20;
	fake->now = (struct now){ .mono = 1000 * NSEC_PER_SEC, .real = 5000 * NSEC_PER_SEC };
	set_layout(fake, "{action}");
	fake_mount(fake, "/", "ext4", 1);
	fake_mount(fake, ROOT, "fuse.bb", 2);
	return fake;
}

/* Another namespace that the same model is told of; to be freed by fake_drop(), before the first one. */
static inline struct fake *fake_add(const struct fake *first, uint64_t inode)
{
	struct fake *fake = calloc(1, sizeof(*fake));

	fake->model = first->model;
	fake->unique_ids = first->unique_ids;
	fake->ns = model_add_namespace(fake->model, inode, inode);
	fake->now = first->now;
	fake->next_id = inode * 100000;
	fake->first_id32 = (uint32_t)(inode * FAKE_MAX);
	fake_mount(fake, "/", "overlay", 100 + inode);
	return fake;
}

static inline void fake_drop(struct fake *fake)
{
	changes_clear(&fake->changes);
	ck_assert_int_eq(model_drop_namespace(fake->model, fake->ns, fake->now, &fake->changes), 0);
	verify(fake);
	changes_clear(&fake->changes);
	free(fake);
}

static inline void fake_free(struct fake *fake)
{
	changes_clear(&fake->changes);
	model_free(fake->model);
	free(fake);
}

static inline struct root *fake_root(struct fake *fake)
{
	return model_root_at(fake->model, 0);
}

/* The instance of the root that its path shows; NULL: none. */
static inline struct root_instance *visible(struct fake *fake)
{
	struct root_instance *instance = fake_root(fake)->instances;

	while (instance && !instance->visible)
		instance = instance->next;
	return instance;
}

static inline struct mount *known(struct fake *fake, uint64_t id)
{
	struct mount *mount = model_mount(fake->model, id);

	ck_assert_msg(mount != NULL, "mount %llu is not known", (unsigned long long)id);
	return mount;
}

/* The newest of the name; NULL: none. */
static inline struct action *action_named(struct fake *fake, const char *name)
{
	struct action *action;

	return model_find_actions(fake->model, fake_root(fake), name, &action, 1) ? action : NULL;
}

static inline bool has_evidence(const struct mount *mount, enum evidence evidence)
{
	return mount->evidence & EVIDENCE_BIT(evidence);
}

#endif
