/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/step.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/path.h"
#include "broker/doing.h"
#include "broker/travel.h"
#include "kernel/at.h"
#include "kernel/mounts.h"
#include "kernel/probe.h"
#include "kernel/procfs.h"
#include "kernel/shares.h"
#include "kernel/unmount.h"

static struct mount_entry *find_which(const struct kernel_mount *which, const struct mount_table *table)
{
	return which->id && table->unique_ids ? kernel_table_find(table, which->id) :
						kernel_table_find_number(table, which->id32, which->dev);
}

/*
 * Whoever recorded the mount without a unique id gave its number, which may be another mount's by now: so this table is
 * never an old one.
 */
static int read_by_number(struct doing *doing)
{
	struct mount_table *table = &doing->batch->table;
	struct mount_entry *entry;
	int r;

	kernel_table_clear(table);
	doing->batch->others = false;
	r = kernel_table_read(table);
	if (r < 0)
		return r;
	entry = find_which(&doing->which, table);
	if (!entry)
		return -ENOENT;
	r = kernel_table_fill(table, entry);
	if (r < 0)
		return r;
	doing->which.id = table->unique_ids ? entry->id : 0;
	doing->mount = *entry;
	doing->mount.root = strdup(entry->root);
	doing->mount.target = strdup(entry->target);
	doing->mount.fstype = strdup(entry->fstype);
	return doing->mount.root && doing->mount.target && doing->mount.fstype ? 0 : -ENOMEM;
}

/* Facts about the mount, wherever it is now: 0, -ENOENT (it has gone), or -errno. */
static int read_mount(struct doing *doing)
{
	const struct mount_reference *mount = &doing->item->mount;
	struct mount_table one = { .unique_ids = true };
	struct mount_status status;
	int r;

	doing->which = (struct kernel_mount){ .id = mount->id, .id32 = mount->id32, .dev = mount->dev };
	if (!mount->id)
		return read_by_number(doing);
	r = kernel_statmount(mount->id, &status);
	if (r < 0)
		return r;
	doing->mount = (struct mount_entry){
		.id = mount->id, .parent = status.parent, .dev = status.dev, .peer_group = status.peer_group
	};
	return kernel_table_fill(&one, &doing->mount);
}

static int check_mount(struct doing *doing, int dirfd, const char *name)
{
	return kernel_check_mount(dirfd, name, &doing->which, &doing->ret->stranger);
}

static int check_place(struct doing *doing)
{
	return check_mount(doing, doing->parent, doing->name);
}

/* The directory that holds the mount point: beneath the root's, but of the root's own mount point the one above it. */
static int reach(struct doing *doing)
{
	bool is_root = doing_is_for_the_root(doing);
	const char *path = is_root ? doing->target : doing->item->path;
	CLEANUP_FREE char *directory = strdup(path);
	char *slash;

	if (!directory)
		return -ENOMEM;
	slash = strrchr(directory, '/');
	doing->name = path + (slash ? slash + 1 - directory : 0);
	*(slash ? slash : directory) = '\0';
	doing->parent = is_root ? kernel_open_root(*directory ? directory : "/") :
				  kernel_open_beneath(doing->root, directory, 0);
	return doing->parent < 0 ? doing->parent : check_place(doing);
}

/* What a failed walk or call means, now that the mount is known to be still there. */
static void conclude_failure(struct doing *doing, int r)
{
	doing->ret->error = -r;
	switch (-r) {
	case EBUSY:
		doing_conclude(doing, OUTCOME_BUSY, "%s", "");
		break;
	case E_LOOKED_AT:
		doing->ret->error = 0;
		doing_conclude(doing, OUTCOME_BUSY, "it is looked at all the time");
		break;
	case E_OTHER_MOUNT:
		doing->ret->error = 0;
		doing_conclude(doing, OUTCOME_MISMATCH, "%s",
			       doing->ret->stranger ? "another mount stands at the place" :
						      "the mount is no longer at the place");
		break;
	case ESTALE:
		doing->ret->error = 0;
		doing_conclude(doing, OUTCOME_MISMATCH, "it, or what it is mounted in, was moved or shared meanwhile");
		break;
	case ENOTUNIQ:
		doing->ret->error = 0;
		doing_conclude(doing, OUTCOME_MISMATCH, "something came below it meanwhile");
		break;
	case ELOOP:
	case ENOENT:
	case ENOTDIR:
	case EXDEV:
		doing_conclude(doing, OUTCOME_MISMATCH, "the way to the mount point is another now: %s", strerror(-r));
		break;
	case EINVAL:
		/*
		 * The name was the mount's root a moment ago, so either it is locked, or something took the place
		 * since. Where the walk did not get there, the kernel knows no such id, or no such path.
		 */
		if (doing->parent < 0)
			doing_conclude(doing, OUTCOME_FAILED, "%s", "");
		else if (check_place(doing) == 0)
			doing_conclude(doing, OUTCOME_LOCKED, "inherited from another user namespace");
		else
			doing_conclude(doing, OUTCOME_MISMATCH, "another mount came to stand at the place");
		break;
	default:
		doing_conclude(doing, OUTCOME_FAILED, "%s", "");
	}
}

static int unmount_exactly(struct doing *doing)
{
	struct kernel_exactly exactly = { .mount = doing->which,
					  .parent = doing->mount.parent,
					  .target = doing->mount.target,
					  .peer_group = &doing->peer_group };

	/* Noted before the comparison: whatever is stacked upon the mount after it is newer. */
	if (doing->which.id && step_batch_note_newest(doing->batch) == 0)
		exactly.newest = doing->batch->newest;
	return kernel_unmount_exactly(doing->parent, doing->name, &exactly, &doing->ret->stranger);
}

/*
 * By an fd of the mount, whose name may mean another one by the time of the call. What is mounted upon it or below it
 * from here on goes along, or instead: no call of the kernel's compares that.
 */
static int unmount_by_fd(struct doing *doing, int flags)
{
	CLEANUP_CLOSE int fd = kernel_open_mount_at(doing->parent, doing->name);
	int r = fd < 0 ? fd : check_mount(doing, fd, "");

	if (r == 0 && flags & MNT_DETACH)
		r = travel_check_tree(doing);
	return r < 0 ? r : kernel_unmount(fd, flags);
}

/* The fd, which makes sure whose filesystem is forced, keeps the mount busy: it is unmounted by a second call. */
static int force(struct doing *doing)
{
	int r = unmount_by_fd(doing, MNT_FORCE);

	return r == -EBUSY ? unmount_exactly(doing) : r;
}

/* Invariant 4. False: concluded. */
static bool may_be_forced(struct doing *doing)
{
	const char *step = step_name(doing->item->step), *fstype = doing->mount.fstype;
	CLEANUP(kernel_table_clear) struct mount_table table = { 0 };
	char why[120];
	int r;

	if (!kernel_fstype_has_force(fstype) || (doing->item->step == STEP_ABORT && strncmp(fstype, "fuse", 4) != 0)) {
		doing_conclude(doing, OUTCOME_REFUSED, "%s has no %s", fstype, step);
		return false;
	}
	r = kernel_table_read(&table);
	if (r < 0) {
		doing->ret->error = -r;
		doing_conclude(doing, OUTCOME_REFUSED, "the mount table cannot be read");
		return false;
	}
	if (shares_are_own(&table, doing->mount.dev, doing->action, &doing->ret->stranger, why, sizeof(why)))
		return true;
	doing_conclude(doing, OUTCOME_REFUSED, "%s: %s", step, why);
	return false;
}

/* fusectl names a connection by the superblock's device as the kernel packs it. */
static int abort_connection(uint64_t dev)
{
	CLEANUP_CLOSE int fd = -1;
	char path[PROCFS_NAME_SIZE];

	sysfs_name(path, sizeof(path), "fs/fuse/connections/%u/abort", major(dev) << 20 | minor(dev));
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return write(fd, "1", 1) == 1 ? 0 : -errno;
}

static int call(struct doing *doing)
{
	switch ((enum step)doing->item->step) {
	case STEP_UMOUNT:
		return unmount_exactly(doing);
	case STEP_ABORT:
		return abort_connection(doing->mount.dev);
	case STEP_FORCE:
		return force(doing);
	case STEP_DETACH:
		return unmount_by_fd(doing, MNT_DETACH);
	case STEP_COUNT:
		break;
	}
	return -EINVAL;
}

/* The mount table is asked, not the exit code: gone is gone, whoever did it. */
static void settle(struct doing *doing, int r)
{
	doing->ret->error = -r;
	if (kernel_mount_has_gone(&doing->which))
		doing_conclude(doing, OUTCOME_GONE, "%s", "");
	else if (r < 0)
		conclude_failure(doing, r);
	else if (doing->item->step == STEP_ABORT)
		doing_conclude(doing, OUTCOME_FAILED,
			       "the connection is aborted; the mount stays until it is unmounted");
	else
		doing_conclude(doing, OUTCOME_MISMATCH, "the call went through, and another mount went instead");
}

/* Invariant 1, and that the request speaks of the place where the mount really is. False: concluded. */
static bool is_where_it_was_said(struct doing *doing)
{
	const char *root = doing->batch->rules->path;

	if (!strcmp(doing->mount.target, doing->target) &&
	    (doing_is_for_the_root(doing) ? doing->batch->rules->reap_root : path_is_below(doing->target, root)))
		return true;
	doing_conclude(doing, OUTCOME_MISMATCH, "the mount now lies at %s", doing->mount.target);
	return false;
}

static bool is_allowed(struct doing *doing)
{
	if (doing->batch->observe || doing->batch->rules->mode == ROOT_MODE_OBSERVE)
		doing_conclude(doing, OUTCOME_REFUSED, "the root is only observed");
	else if (rules_protect(doing->batch->rules, doing->item->path))
		doing_conclude(doing, OUTCOME_REFUSED, "protected by the configuration");
	else
		return true;
	return false;
}

/* The root itself goes only where its filesystem says that nobody serves it; nobody else's word is taken. False: concluded. */
static bool may_lose_the_root(struct doing *doing)
{
	const struct kernel_probe probe = { .path = "", .carrier = doing->which };
	struct kernel_probe_result answer;

	if (!doing_is_for_the_root(doing))
		return true;
	if (kernel_probe_action(doing->batch->rules->path, &probe, &answer) == 0 && answer.state == KERNEL_PROBE_DEAD)
		return true;
	doing->ret->error = answer.error;
	doing_conclude(doing, OUTCOME_REFUSED, "the root's filesystem is not known to be dead");
	return false;
}

static int prepare(struct doing *doing)
{
	CLEANUP_FREE char *action = strndup(doing->item->path, doing->item->action_length);

	doing->target = path_join(doing->batch->rules->path, doing->item->path);
	doing->action = action ? path_join(doing->batch->rules->path, action) : NULL;
	if (!doing->target || !doing->action)
		return -ENOMEM;
	return step_batch_note_ids(doing->batch);
}

/* Whom else the step would hit: each step has its answer here, or does not compile. False: concluded. */
static bool harms_only_what_is_over(struct doing *doing)
{
	switch ((enum step)doing->item->step) {
	case STEP_UMOUNT:
	case STEP_DETACH:
		return travel_stays_inside(doing);
	case STEP_ABORT: /* unmounts nothing */
		return may_be_forced(doing);
	case STEP_FORCE:
		return may_be_forced(doing) && travel_stays_inside(doing);
	case STEP_COUNT:
		break;
	}
	doing_conclude(doing, OUTCOME_REFUSED, "%s", "no step");
	return false;
}

static int perform(struct doing *doing)
{
	int r = prepare(doing);

	if (r == 0)
		r = read_mount(doing);
	if (r < 0) {
		settle(doing, r);
		return 0;
	}
	if (!is_allowed(doing) || !is_where_it_was_said(doing))
		return 0;
	doing->root = kernel_open_root(doing->batch->rules->path);
	if (doing->root < 0) {
		settle(doing, doing->root);
		return doing->root;
	}
	r = reach(doing);
	if (r < 0) {
		settle(doing, r);
		return 0;
	}
	if (!may_lose_the_root(doing) || !harms_only_what_is_over(doing))
		return 0;
	if (doing_is_for_the_root(doing)) /* it would be busy with this */
		close(take_fd(&doing->root));
	settle(doing, call(doing));
	return 0;
}

int asroot_step(struct step_batch *batch, uint32_t index, struct step_result *ret)
{
	CLEANUP(doing_clear)
	struct doing doing = { .batch = batch, .item = &batch->items[index], .ret = ret, .root = -1, .parent = -1 };
	int64_t start = clock_now().mono;
	int r = perform(&doing);

	ret->duration = clock_now().mono - start;
	return r;
}
