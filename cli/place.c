/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/log.h"
#include "base/path.h"
#include "base/text.h"
#include "cli.h"
#include "kernel/at.h"

enum step_kind { STEP_MADE_DIRECTORY, STEP_MADE_FILE, STEP_MOUNTED };

/* By its parent's fd and its name, for a path may lead elsewhere by the time that it is taken back. */
struct place_step {
	enum step_kind kind;
	int parent;
	char *name;
	struct kernel_mount mount; /* STEP_MOUNTED: what was */
	struct place_status made;  /* else: what was made; all 0: not known, and nobody's */
	bool tried;
	struct place_step *next;
};

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

int place_open(struct place *place, const char *root, const char *path)
{
	const char *relative = path_relative(path, root);
	CLEANUP_CLOSE int top = kernel_open_root(root);
	int r;

	*place = (struct place){ .directory = -1 };
	if (top < 0)
		return complain("the build root", root, top);
	if (!relative || !*relative)
		return complain("no action's directory is", path, -EINVAL);
	r = make_path(place, top, relative, false);
	if (r == 0)
		r = place->directory = kernel_open_beneath(top, relative, 0);
	return r < 0 ? complain("the action's directory", path, r) : 0;
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
	free(step);
}

static bool stands(const struct place_step *step)
{
	struct place_status status;

	return kernel_status_at(step->parent, step->name, false, &status) == 0 && status.is_mount_root &&
	       kernel_place_is_on(&status, &step->mount);
}

/* True while it is there. Unmounted once: what is busy is the daemon's. */
static bool is_mounted(struct place_step *step)
{
	if (!step->tried && stands(step))
		kernel_unmountat(step->parent, step->name, 0);
	step->tried = true;
	return stands(step);
}

/* By now another may have the name. A file that has content is not the one that was made for a bind. */
static bool is_as_made(const struct place_step *step)
{
	struct place_status now;
	struct stat status;

	if (kernel_status_at(step->parent, step->name, false, &now) < 0 || now.dev != step->made.dev ||
	    now.ino != step->made.ino || now.birth != step->made.birth)
		return false;
	return step->kind == STEP_MADE_DIRECTORY ||
	       (fstatat(step->parent, step->name, &status, AT_SYMLINK_NOFOLLOW) == 0 && status.st_size == 0);
}

/*
 * True where it is to be tried again, for something of ours lies on it, or hides it, that is still mounted.
 */
static bool undo_one(struct place_step *step, bool busy)
{
	int flags = step->kind == STEP_MADE_DIRECTORY ? AT_REMOVEDIR : 0;

	if (step->kind == STEP_MOUNTED)
		return is_mounted(step);
	return (!is_as_made(step) || unlinkat(step->parent, step->name, flags) < 0) && busy;
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

		if (undo_one(step, busy)) {
			busy |= step->kind == STEP_MOUNTED;
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
}
