/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unmounting.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include "base/log.h"
#include "base/path.h"
#include "base/text.h"
#include "kernel/depth.h"
#include "kernel/mounts.h"
#include "kernel/others.h"
#include "kernel/receivers.h"
#include "kernel/shares.h"
#include "kernel/unmount.h"
#include "model/layout.h"

struct job {
	const struct unmounting *wanted;
	struct unmounted *ret;
	uint64_t newest; /* whatever is mounted after the table was read has a greater id; 0: there are no ids */
	struct mount_table table;
	struct mount_entry **found; /* in the table */
	size_t count;
	struct mount_entry *mount; /* the one */
	const struct root_rules *rules;
	int root;	  /* an fd of the build root */
	int parent;	  /* an fd of the directory that holds the mount point */
	const char *name; /* of the mount point in it */
	uint64_t *ids;	  /* of what is below it */
};

static void job_clear(struct job *job)
{
	kernel_table_clear(&job->table);
	free(job->found);
	free(job->ids);
	cleanup_close(&job->parent);
	cleanup_close(&job->root);
}

/* It is still mounted. */
static int say(struct job *job, const char *what)
{
	CLEANUP_FREE char *shown = MUST(text_escape(job->ret->target));

	log_error("%s: %s", shown, what);
	return CLI_UNSURE;
}

static int say_about(struct job *job, const char *before, const char *path, const char *after)
{
	CLEANUP_FREE char *shown = MUST(text_escape(path)), *all = must_format("%s%s%s", before, shown, after);

	return say(job, all);
}

static int say_error(struct job *job, const char *what, int r)
{
	CLEANUP_FREE char *all = must_format("%s: %s", what, strerror(-r));

	return say(job, all);
}

/* Whom the unmount reaches was judged of what is no more. */
static int say_moved(struct job *job)
{
	return say(job, "it, what is below it, or what it is mounted in was moved, renamed or shared meanwhile");
}

/* ---- the search ---- */

static const struct root_rules *root_of(const struct config *config, const char *path)
{
	for (size_t i = 0; i < config->root_count; i++)
		if (path_is_below(path, config->roots[i].path))
			return &config->roots[i];
	return NULL;
}

static bool is_wanted(const struct job *job, const struct mount_entry *entry)
{
	return entry->target && segments_end(job->wanted->segments, entry->target) &&
	       (!job->wanted->under || path_is_at_or_below(entry->target, job->wanted->under));
}

static int read_table(struct job *job)
{
	int r;

	/* Before the table: what is stacked upon a mount in it later is newer. */
	if (kernel_newest_mount(&job->newest) < 0)
		job->newest = 0;
	r = kernel_table_read_filled(&job->table);
	if (r == -ENOMEM)
		must(NULL);
	if (r < 0)
		log_error("the mount table cannot be read: %s", strerror(-r));
	return r;
}

static void search(struct job *job)
{
	job->found = MUST(calloc(job->table.count + 1, sizeof(struct mount_entry *)));
	for (size_t i = 0; i < job->table.count; i++) {
		struct mount_entry *entry = &job->table.entries[i];

		if (is_wanted(job, entry) && root_of(job->wanted->config, entry->target))
			job->found[job->count++] = entry;
	}
}

static void list_one(const struct mount_entry *entry)
{
	CLEANUP_FREE char *target = MUST(text_escape(entry->target)), *type = MUST(text_escape(entry->fstype));

	log_error("  %s (%s, mnt:%llu)", target, type, (unsigned long long)entry->id);
}

static int say_none(const struct job *job)
{
	bool first = true;

	log_error("no mount below a build root ends in %s", job->wanted->typed);
	for (size_t i = 0; i < job->table.count; i++) {
		const struct mount_entry *entry = &job->table.entries[i];

		if (!is_wanted(job, entry))
			continue;
		if (first)
			log_error("outside of them, and so none of its business:");
		first = false;
		list_one(entry);
	}
	return CLI_NO_MATCH;
}

static int say_several(const struct job *job)
{
	log_error("several mounts end in %s; more of the path says which is meant:", job->wanted->typed);
	for (size_t i = 0; i < job->count; i++)
		list_one(job->found[i]);
	return CLI_USAGE;
}

/* Of those that are stacked at one path only the topmost can be reached, so that one is meant. */
static int find(struct job *job)
{
	search(job);
	for (size_t i = 1; i < job->count; i++)
		if (strcmp(job->found[i]->target, job->found[0]->target))
			return say_several(job);
	if (!job->count)
		return say_none(job);
	job->rules = root_of(job->wanted->config, job->found[0]->target);
	snprintf(job->ret->root, sizeof(job->ret->root), "%s", job->rules->path);
	snprintf(job->ret->target, sizeof(job->ret->target), "%s", job->found[0]->target);
	return CLI_DONE;
}

/* ---- the way there ---- */

static struct kernel_mount identity(const struct job *job, const struct mount_entry *entry)
{
	return (struct kernel_mount){ job->table.unique_ids ? entry->id : 0, entry->id32, entry->dev };
}

static int choose(struct job *job)
{
	uint64_t stranger;
	int r = 0;

	for (size_t i = 0; i < job->count && !job->mount; i++) {
		struct kernel_mount mount = identity(job, job->found[i]);

		r = kernel_check_mount(job->parent, job->name, &mount, &stranger);
		if (r < 0 && r != -E_OTHER_MOUNT)
			return say_error(job, "it cannot be looked at", r);
		if (r == 0)
			job->mount = job->found[i];
	}
	if (!job->mount)
		return say(job, "it is covered by another mount, or has moved meanwhile");
	job->ret->mount = identity(job, job->mount);
	return CLI_DONE;
}

static int reach(struct job *job)
{
	const char *relative = path_relative(job->ret->target, job->rules->path), *slash = strrchr(relative, '/');
	CLEANUP_FREE char *directory = MUST(strndup(relative, slash ? (size_t)(slash - relative) : 0));

	job->root = kernel_open_root(job->rules->path);
	if (job->root < 0)
		return say_error(job, "its build root cannot be opened", job->root);
	job->name = slash ? slash + 1 : relative;
	job->parent = kernel_open_beneath(job->root, directory, 0);
	if (job->parent < 0)
		return say_error(job, "there is no way to it but by a symlink, or none", job->parent);
	return choose(job);
}

/* ---- whom else it would hit ---- */

/* The directory of the action to which it belongs; without one, of itself alone. */
static char *action_of(const struct job *job, const char *target)
{
	const char *relative = path_relative(target, job->rules->path), *name;
	size_t name_length, length = strlen(relative);

	if (layout_place(job->rules, relative, &name, &name_length, &length) == PLACE_UNOWNED)
		length = strlen(relative);
	return MUST(strndup(target, (size_t)(relative - target) + length));
}

static bool is_in_tree(const struct job *job, const struct mount_entry *entry)
{
	for (size_t depth = 0; entry && depth <= job->table.count; depth++) {
		const struct mount_entry *parent = kernel_table_find(&job->table, entry->parent);

		if (entry == job->mount)
			return true;
		if (parent == entry)
			return false;
		entry = parent;
	}
	return false;
}

static int judge(struct job *job, struct mount_entry *entry)
{
	CLEANUP_FREE char *action = action_of(job, job->ret->target);
	struct receivers_question question = {
		.table = &job->table, .mount = entry, .rules = job->rules, .action = action
	};
	const struct depth_place place = {
		.root = job->root,
		.root_path = job->rules->path,
		.parent = job->parent,
		.name = job->name,
	};
	const struct mount_entry *stranger;
	enum receivers receivers;
	int r;

	if (rules_protect(job->rules, path_relative(entry->target, job->rules->path)))
		return say_about(job, "the configuration protects ", entry->target, "");
	r = kernel_depth_find(&job->table, &place, entry, entry == job->mount, &question.has_depth, &question.depth);
	if (r == 0)
		r = receivers_judge(&question, &receivers, &stranger);
	if (r == -ESTALE)
		return say_moved(job);
	if (r < 0 && r != -ENOENT)
		return say_error(job, "whom the unmount would reach cannot be told", r);
	if (r == 0 && receivers != RECEIVERS_NONE)
		return stranger ? say_about(job, "by propagation the unmount would take ", stranger->target,
					    ", too: it is refused, as long as the mount that holds it is not private") :
				  say(job, "its parent mount is out of sight, and so is whom the unmount would reach");
	return CLI_DONE;
}

static bool goes(const struct job *job, const struct mount_entry *entry)
{
	return entry == job->mount ||
	       (job->wanted->lazy && !entry->ns_inode && entry->target && is_in_tree(job, entry));
}

/* Whom it would reach is a matter of all namespaces. */
static bool travels(const struct job *job)
{
	bool does = job->wanted->force;

	for (size_t i = 0; i < job->table.count && !does; i++) {
		const struct mount_entry *entry = &job->table.entries[i];
		const struct mount_entry *parent = kernel_table_find(&job->table, entry->parent);

		does = parent && parent->peer_group && goes(job, entry);
	}
	return does;
}

static int judge_all(struct job *job)
{
	const uint64_t id = job->mount->id;
	int status = CLI_DONE;

	if (travels(job) && kernel_table_add_others(&job->table) < 0)
		must(NULL);
	/* Its entries are elsewhere now. */
	kernel_table_sort(&job->table);
	job->mount = kernel_table_find(&job->table, id);
	for (size_t i = 0; i < job->table.count && !status; i++)
		if (goes(job, &job->table.entries[i]))
			status = judge(job, &job->table.entries[i]);
	return status;
}

/* A forced unmount ends the filesystem for all who have it, wherever that is: in doubt it is refused. */
static int judge_force(struct job *job)
{
	uint64_t stranger;
	char why[160];

	if (!kernel_fstype_has_force(job->mount->fstype))
		return say_about(job, "", job->mount->fstype, " has no forced unmount");
	if (shares_are_own(&job->table, job->mount->dev, job->ret->target, &stranger, why, sizeof(why)))
		return CLI_DONE;
	return say_about(job, "a forced unmount would not end it for this mount alone: ", why, "");
}

/* ---- the call ---- */

static int unmount_exactly(struct job *job)
{
	const struct mount_entry *parent = kernel_table_find(&job->table, job->mount->parent);
	const uint64_t peer_group = parent ? parent->peer_group : 0;
	const struct kernel_exactly exactly = { .mount = job->ret->mount,
						.parent = job->mount->parent,
						.target = job->mount->target,
						.peer_group = &peer_group,
						.newest = job->newest };
	uint64_t stranger;

	return kernel_unmount_exactly(job->parent, job->name, &exactly, &stranger);
}

/*
 * It and what is below it are as they were judged: 0, -ENOTUNIQ where something came below it, -ESTALE or -errno. Without
 * unique ids nobody can tell.
 */
static int check_tree(const struct job *job)
{
	uint64_t ids[512], after = 0;
	ssize_t count = 1;
	int r;

	if (!job->ret->mount.id)
		return 0;
	r = kernel_check_as_judged(&job->table, job->mount);
	while (r == 0 && count > 0) {
		count = kernel_listmount(job->ret->mount.id, after, ids, ARRAY_SIZE(ids));
		for (ssize_t i = 0; i < count && r == 0; i++) {
			const struct mount_entry *entry = kernel_table_find(&job->table, ids[i]);

			r = entry && is_in_tree(job, entry) ? kernel_check_as_judged(&job->table, entry) : -ENOTUNIQ;
			after = ids[i];
		}
	}
	return r < 0 ? r : (int)count;
}

static int by_fd(struct job *job, int flags)
{
	CLEANUP_CLOSE int fd = kernel_open_mount_at(job->parent, job->name);
	uint64_t stranger;
	int r = fd < 0 ? fd : kernel_check_mount(fd, "", &job->ret->mount, &stranger);

	if (r == 0 && flags & MNT_DETACH)
		r = check_tree(job);
	return r < 0 ? r : kernel_unmount(fd, flags);
}

static int call(struct job *job)
{
	int r = job->wanted->force ? by_fd(job, MNT_FORCE) : -EBUSY;

	/* The fd keeps what it forces busy. */
	if (r == -EBUSY)
		r = job->wanted->lazy ? by_fd(job, MNT_DETACH) : unmount_exactly(job);
	return r;
}

/* The mount table is asked, not the call. */
static int conclude(struct job *job, int r)
{
	if (kernel_mount_has_gone(&job->ret->mount))
		return CLI_DONE;
	switch (-r) {
	case 0:
	case E_OTHER_MOUNT:
		return say(job, "another mount came to stand there meanwhile");
	case EBUSY:
		job->ret->busy = true;
		return say(job, "it is busy");
	case E_LOOKED_AT:
		return say(job, "it is looked at all the time");
	case ENOTUNIQ:
		return say(job, "something came below it meanwhile");
	case ESTALE:
		return say_moved(job);
	case EINVAL:
		return say(job, "it is locked: inherited from another user namespace");
	default:
		return say_error(job, "it is not unmounted", r);
	}
}

void unmounting_do(const struct unmounting *unmounting, struct unmounted *ret)
{
	CLEANUP(job_clear) struct job job = { .wanted = unmounting, .ret = ret, .root = -1, .parent = -1 };

	ret->status = read_table(&job) < 0 ? CLI_UNSURE : find(&job);
	if (!ret->status)
		ret->status = reach(&job);
	if (!ret->status)
		ret->status = judge_all(&job);
	if (!ret->status && unmounting->force)
		ret->status = judge_force(&job);
	if (!ret->status)
		ret->status = conclude(&job, call(&job));
}
