/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "place.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/log.h"
#include "base/path.h"
#include "base/text.h"
#include "cli.h"
#include "kernel/mounts.h"
#include "kernel/table.h"
#include "kernel/unmount.h"
#include "place_claim.h"

enum step_kind { STEP_MADE_DIRECTORY, STEP_MADE_FILE, STEP_MOUNTED };

/* What came with an rbind, as it was seen there. By no fd, which would keep the mount that it lies in busy. */
struct place_copy {
	struct kernel_mount mount;
	uint64_t parent;
	char *target;
};

/* By its parent's fd and its name, for a path may lead elsewhere by the time that it is taken back. */
struct place_step {
	enum step_kind kind;
	int parent;
	char *name;
	struct kernel_mount mount; /* STEP_MOUNTED: what was */
	struct place_status made;  /* else: what was made; all 0: not known, and nobody's */
	bool tried;
	struct place_copy *copies; /* parents before their children */
	size_t copy_count, prefix; /* of a copy's target so much leads to our parent */
	struct place_step *next;
};

/* So often it is asked whether another still takes the same directory back, and after so long it is said. */
#define CLAIM_MS     10
#define CLAIM_SAY_MS 5000
/* So long for one that is removed whenever it is made. */
#define GONE_MAX_MS 10000

static int complain(const char *what, const char *path, int r)
{
	CLEANUP_FREE char *shown = MUST(text_escape(path));

	log_error("%s %s: %s", what, shown, strerror(-r));
	return r;
}

/* Takes `parent`. */
static void add_step(struct place *place, enum step_kind kind, int parent, const char *name)
{
	struct place_step *step = MUST(calloc(1, sizeof(*step)));

	*step = (struct place_step){ .kind = kind, .parent = parent, .name = MUST(strdup(name)), .next = place->steps };
	place->steps = step;
}

/* Where it has been taken away already, the directory below it is no mount of ours. */
static void note_mount(struct place_step *step)
{
	struct place_status status;

	if (kernel_status_at(step->parent, step->name, false, &status) == 0 && status.is_mount_root)
		step->mount = (struct kernel_mount){ status.mount_id, status.mount_id32, status.dev };
}

static uint64_t number_of(const struct kernel_mount *mount)
{
	return mount->id ? mount->id : mount->id32;
}

static bool lies_in_ours(const struct place_step *step, uint64_t parent)
{
	bool does = parent == number_of(&step->mount);

	for (size_t i = 0; i < step->copy_count && !does; i++)
		does = parent == number_of(&step->copies[i].mount);
	return does;
}

static void add_copy(struct place_step *step, const struct mount_table *table, const struct mount_entry *entry)
{
	const struct place_copy copy = {
		.mount = { table->unique_ids ? entry->id : 0, entry->id32, entry->dev },
		.parent = entry->parent,
		.target = MUST(strdup(entry->target)),
	};

	step->copies = MUST(reallocarray(step->copies, step->copy_count + 1, sizeof(copy)));
	step->copies[step->copy_count++] = copy;
}

/*
 * What came with an rbind cannot be listed while that stands nowhere (listmount: ENOENT), so it is right after; in either
 * of the kernel's lists what was copied first, which is the parent, is first.
 */
static void note_copies(struct place_step *step)
{
	CLEANUP(kernel_table_clear) struct mount_table table = { 0 };
	const struct mount_entry *top;
	size_t length = strlen(step->name), end;

	if (!number_of(&step->mount) || kernel_table_read_filled(&table) < 0)
		return;
	top = kernel_table_find(&table, number_of(&step->mount));
	end = top && top->target ? strlen(top->target) : 0;
	if (end <= length || strcmp(top->target + end - length, step->name) != 0)
		return;
	step->prefix = end - length;
	for (size_t i = 0; i < table.count; i++) {
		const struct mount_entry *entry = &table.entries[i];

		if (entry->target && path_is_at_or_below(entry->target, top->target) &&
		    lies_in_ours(step, entry->parent))
			add_copy(step, &table, entry);
	}
}

/* An fd of the directory that holds the last segment of the path, which is given in *ret_name. */
static int open_parent(int dirfd, const char *path, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	CLEANUP_FREE char *parent = MUST(strndup(path, slash ? (size_t)(slash - path) : 0));

	*ret_name = slash ? slash + 1 : path;
	return kernel_open_beneath(dirfd, parent, 0);
}

static int make_file(int parent, const char *name)
{
	CLEANUP_CLOSE int fd = openat(parent, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0644);

	return fd < 0 ? -errno : 0;
}

static int make_directory(int parent, const char *name)
{
	return mkdirat(parent, name, 0755) < 0 ? -errno : 0;
}

static int make_one(struct place *place, int dirfd, const char *path, bool file)
{
	const char *name;
	int parent = open_parent(dirfd, path, &name), r;

	if (parent < 0)
		return parent;
	r = file ? make_file(parent, name) : make_directory(parent, name);
	if (r == 0) {
		add_step(place, file ? STEP_MADE_FILE : STEP_MADE_DIRECTORY, parent, name);
		kernel_status_at(parent, name, false, &place->steps->made);
		return 0;
	}
	close(parent);
	return r == -EEXIST ? 0 : r;
}

/* The path with all that leads to it; the last is a file where that is wanted. */
static int make_path(struct place *place, int dirfd, const char *path, bool file)
{
	const char *cursor = path, *segment;
	size_t length;
	int r = 0;

	while (r == 0 && (segment = path_next_segment(&cursor, &length))) {
		const char *end = segment + length;
		CLEANUP_FREE char *so_far = MUST(strndup(path, (size_t)(end - path)));

		r = make_one(place, dirfd, so_far, file && !*end);
	}
	return r;
}

static bool is_same(const struct place_status *a, const struct place_status *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->birth == b->birth;
}

/* 0 with the directory; -EADDRINUSE: another has claimed it, which *ret is; -ENOENT: another has just removed it. */
static int take_directory(struct place *place, int top, const char *relative, struct place_status *ret)
{
	CLEANUP_CLOSE int directory = -1, mine = -1, again = -1;
	struct place_status now;
	int r = make_path(place, top, relative, false);

	if (r == 0)
		r = directory = kernel_open_beneath(top, relative, 0);
	if (r >= 0)
		r = kernel_status_at(directory, "", false, ret);
	if (r == 0)
		mine = place_claim(ret);
	if (mine == -EADDRINUSE)
		return mine;
	if (r == 0)
		r = again = kernel_open_beneath(top, relative, 0);
	if (r >= 0)
		r = kernel_status_at(again, "", false, &now);
	if (r < 0)
		return r;
	if (!is_same(ret, &now))
		return -ENOENT;
	place->directory = take_fd(&directory);
	/* Where no name can be had, as below a filter of system calls, nobody is waited for. */
	place->claim = take_fd(&mine);
	return 0;
}

/* Not for ever: but who has it may be waiting for a daemon that is paused, and the next one is not run beside it. */
static int wait_for_directory(struct place *place, int top, const char *path, const char *relative,
			      place_patience *goes_on, void *context)
{
	struct place_status status;
	bool said = false;
	int r = take_directory(place, top, relative, &status);

	for (int waited = 0, gone = 0; r == -EADDRINUSE || (r == -ENOENT && gone < GONE_MAX_MS); waited += CLAIM_MS) {
		bool left = !goes_on(context);

		if (r == -EADDRINUSE && !said && (left || waited >= CLAIM_SAY_MS)) {
			place_claim_say(path, &status);
			said = true;
		}
		if (left)
			return -ECANCELED;
		gone += r == -ENOENT ? CLAIM_MS : 0;
		poll(NULL, 0, CLAIM_MS);
		r = take_directory(place, top, relative, &status);
	}
	return r;
}

int place_open(struct place *place, const char *root, const char *path, place_patience *goes_on, void *context)
{
	const char *relative = path_relative(path, root);
	CLEANUP_CLOSE int top = kernel_open_root(root);
	int r;

	*place = PLACE_NONE;
	if (top < 0)
		return complain("the build root", root, top);
	if (!relative || !*relative)
		return complain("no action's directory is", path, -EINVAL);
	r = wait_for_directory(place, top, path, relative, goes_on, context);
	return r < 0 && r != -ECANCELED ? complain("the action's directory", path, r) : r;
}

static bool is_bind(const struct mountat_request *request)
{
	return strcmp(request->type, "bind") == 0 || strcmp(request->type, "rbind") == 0;
}

static bool binds_a_file(const struct mountat_request *request)
{
	struct stat status;

	return is_bind(request) && request->source && stat(request->source, &status) == 0 && !S_ISDIR(status.st_mode);
}

int place_mount(struct place *place, const char *target, const struct mountat_request *request)
{
	const char *name;
	char why[512];
	int r = path_is_plain_relative(target) ? make_path(place, place->directory, target, binds_a_file(request)) :
						 -EINVAL;
	int parent = r < 0 ? r : open_parent(place->directory, target, &name);

	if (parent < 0)
		return complain("the mount point", target, parent);
	r = kernel_mountat(parent, name, request, why, sizeof(why));
	if (r < 0) {
		CLEANUP_FREE char *shown = MUST(text_escape(target));

		log_error("%s on %s: %s", request->type, shown, why);
		close(parent);
		return r;
	}
	add_step(place, STEP_MOUNTED, parent, name);
	note_mount(place->steps);
	if (strcmp(request->type, "rbind") == 0)
		note_copies(place->steps);
	return 0;
}

/* ---- devices ---- */

const char *const place_devices[] = { "null", "zero", "full", "random", "urandom", "tty", NULL };

/* As Linux numbers them (admin-guide/devices.txt). */
static const struct {
	unsigned major, minor;
} device_numbers[] = { { 1, 3 }, { 1, 5 }, { 1, 7 }, { 1, 8 }, { 1, 9 }, { 5, 0 } };

static int open_devices(struct place *place)
{
	static const char *const options[] = { "nosuid", "noexec", "mode=755", "size=64k", NULL };
	const struct mountat_request tmpfs = { .type = "tmpfs", .source = "devices", .options = options };
	struct place_status status;
	CLEANUP_CLOSE int dev = -1;
	int r = kernel_status_at(place->directory, "dev", false, &status);

	if (r < 0 || !status.is_mount_root)
		r = place_mount(place, "dev", &tmpfs);
	if (r == 0)
		r = dev = kernel_open_beneath(place->directory, "dev", 0);
	if (r >= 0)
		r = kernel_status_at(dev, "", false, &status);
	/* Whoever took it away again has told that the action is over: no node is made in the directory below. */
	if (r == 0 && !status.is_mount_root)
		r = -ESTALE;
	return r < 0 ? complain("the devices on", "dev", r) : take_fd(&dev);
}

int place_device(struct place *place, const char *name)
{
	CLEANUP_CLOSE int dev = open_devices(place);
	size_t i = 0;

	while (place_devices[i] && strcmp(place_devices[i], name) != 0)
		i++;
	if (dev < 0 || !place_devices[i])
		return dev < 0 ? dev : -EINVAL;
	if (mknodat(dev, name, S_IFCHR | 0666, makedev(device_numbers[i].major, device_numbers[i].minor)) < 0)
		return complain("the device", name, -errno);
	/* Whatever the umask is. */
	return fchmodat(dev, name, 0666, 0) < 0 ? complain("the device", name, -errno) : 0;
}

/* ---- back ---- */

static void free_step(struct place_step *step)
{
	close(step->parent);
	free(step->name);
	for (size_t i = 0; i < step->copy_count; i++)
		free(step->copies[i].target);
	free(step->copies);
	free(step);
}

static bool stands(const struct place_step *step)
{
	struct place_status status;

	return kernel_status_at(step->parent, step->name, false, &status) == 0 && status.is_mount_root &&
	       kernel_place_is_on(&status, &step->mount);
}

/* The deepest first. What others have mounted there since is theirs, and keeps what it lies on busy. */
static void unmount_copies(const struct place_step *step)
{
	uint64_t newest = 0, stranger;

	if (kernel_newest_mount(&newest) < 0)
		newest = 0;
	for (size_t i = step->copy_count; i > 0; i--) {
		const struct place_copy *copy = &step->copies[i - 1];
		const struct kernel_exactly exactly = {
			.mount = copy->mount, .parent = copy->parent, .target = copy->target, .newest = newest
		};
		const char *name;
		CLEANUP_CLOSE int parent = open_parent(step->parent, copy->target + step->prefix, &name);

		if (parent >= 0)
			kernel_unmount_exactly(parent, name, &exactly, &stranger);
	}
}

/* True while it is there. Unmounted once: what is busy is the daemon's. */
static bool is_mounted(struct place_step *step)
{
	if (!step->tried && stands(step)) {
		unmount_copies(step);
		kernel_unmountat(step->parent, step->name, 0);
	}
	step->tried = true;
	return stands(step);
}

/* By now another may have the name. A file that has content is not the one that was made for a bind. */
static bool is_as_made(const struct place_step *step)
{
	struct place_status now;
	struct stat status;

	if (kernel_status_at(step->parent, step->name, false, &now) < 0 || !is_same(&now, &step->made))
		return false;
	return step->kind == STEP_MADE_DIRECTORY ||
	       (fstatat(step->parent, step->name, &status, AT_SYMLINK_NOFOLLOW) == 0 && status.st_size == 0);
}

/* Who runs there next has mounted something upon what was made. */
static bool is_covered(const struct place_step *step)
{
	struct place_status status;

	return kernel_status_at(step->parent, step->name, false, &status) == 0 && status.is_mount_root;
}

/* True where it is to be tried again, for something lies on it, or hides it, that is still mounted. */
static bool undo_one(struct place_step *step, bool *busy)
{
	int flags = step->kind == STEP_MADE_DIRECTORY ? AT_REMOVEDIR : 0;
	bool in_use = step->kind == STEP_MOUNTED ? is_mounted(step) : is_covered(step);

	*busy |= in_use;
	if (step->kind == STEP_MOUNTED || in_use)
		return in_use;
	return (!is_as_made(step) || unlinkat(step->parent, step->name, flags) < 0) && *busy;
}

bool place_undo(struct place *place)
{
	struct place_step **link = &place->steps;
	bool busy = false;

	/* The fd would keep a mount on the directory itself busy. */
	cleanup_close(&place->directory);
	place->directory = -1;
	while (*link) {
		struct place_step *step = *link;

		if (undo_one(step, &busy)) {
			link = &step->next;
			continue;
		}
		*link = step->next;
		free_step(step);
	}
	return busy;
}

void place_close(struct place *place)
{
	while (place->steps) {
		struct place_step *step = place->steps;

		place->steps = step->next;
		free_step(step);
	}
	cleanup_close(&place->directory);
	cleanup_close(&place->claim);
}
