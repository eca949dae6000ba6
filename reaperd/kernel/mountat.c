/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernel/mountat.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kernel/at.h"
#include "kernel/mounts.h"
#include "kernel/table.h"
#include "kernel/unmount.h"

#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000
#endif

/* ---- options ---- */

static const struct {
	const char *word;
	uint64_t clear, set;
} attributes[] = {
	{ "ro", 0, MOUNT_ATTR_RDONLY },
	{ "rw", MOUNT_ATTR_RDONLY, 0 },
	{ "nosuid", 0, MOUNT_ATTR_NOSUID },
	{ "suid", MOUNT_ATTR_NOSUID, 0 },
	{ "nodev", 0, MOUNT_ATTR_NODEV },
	{ "dev", MOUNT_ATTR_NODEV, 0 },
	{ "noexec", 0, MOUNT_ATTR_NOEXEC },
	{ "exec", MOUNT_ATTR_NOEXEC, 0 },
	{ "nodiratime", 0, MOUNT_ATTR_NODIRATIME },
	{ "nosymfollow", 0, MOUNT_ATTR_NOSYMFOLLOW },
	/* The kinds of access times are one field, of which relatime is 0. */
	{ "relatime", MOUNT_ATTR__ATIME, MOUNT_ATTR_RELATIME },
	{ "noatime", MOUNT_ATTR__ATIME, MOUNT_ATTR_NOATIME },
	{ "strictatime", MOUNT_ATTR__ATIME, MOUNT_ATTR_STRICTATIME },
};

/* As mount_setattr(2) takes them. The later of two that contradict each other counts. */
struct changes {
	uint64_t clear, set;
};

static bool take_attribute(const char *option, struct changes *changes)
{
	for (size_t i = 0; i < ARRAY_SIZE(attributes); i++) {
		if (strcmp(option, attributes[i].word) != 0)
			continue;
		changes->set = (changes->set & ~attributes[i].clear) | attributes[i].set;
		changes->clear = (changes->clear & ~attributes[i].set) | attributes[i].clear;
		return true;
	}
	return false;
}

/* ---- a new filesystem ---- */

/* What the kernel has to say, a line a read: "e overlay: No changes allowed"; the last one tells most. */
static void take_messages(int context, char *why, size_t size)
{
	char message[512];
	ssize_t length;

	while ((length = read(context, message, sizeof(message) - 1)) > 0) {
		message[length] = '\0';
		message[strcspn(message, "\n")] = '\0';
		if (length > 2 && message[1] == ' ' && strchr("ew", message[0]))
			snprintf(why, size, "%s", message + 2);
	}
}

static int complain(int context, const char *what, const char *about, char *why, size_t size)
{
	int error = errno;

	snprintf(why, size, "%s%s%s: %s", what, *about ? " " : "", about, strerror(error));
	if (context >= 0)
		take_messages(context, why, size);
	return -error;
}

static int set_option(int context, const char *option, char *why, size_t size)
{
	CLEANUP_FREE char *key = strdup(option);
	char *value = key ? strchr(key, '=') : NULL;
	int r;

	if (!key)
		return -ENOMEM;
	if (value)
		*value++ = '\0';
	r = fsconfig(context, value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, key, value, 0);
	return r < 0 ? complain(context, "option", option, why, size) : 0;
}

static int configure(int context, const struct mountat_request *request, struct changes *changes, char *why,
		     size_t size)
{
	const char *source = request->source ? request->source : request->type;
	int r = 0;

	if (fsconfig(context, FSCONFIG_SET_STRING, "source", source, 0) < 0)
		return complain(context, "source", source, why, size);
	for (const char *const *option = request->options; option && *option && r == 0; option++)
		if (!take_attribute(*option, changes))
			r = set_option(context, *option, why, size);
	return r;
}

static int make_filesystem(const struct mountat_request *request, char *why, size_t size)
{
	CLEANUP_CLOSE int context = fsopen(request->type, FSOPEN_CLOEXEC);
	struct changes changes = { 0 };
	int r, fd;

	if (context < 0)
		return complain(-1, "filesystem", request->type, why, size);
	r = configure(context, request, &changes, why, size);
	if (r < 0)
		return r;
	if (fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return complain(context, "filesystem", request->type, why, size);
	fd = fsmount(context, FSMOUNT_CLOEXEC, (unsigned)changes.set);
	return fd < 0 ? complain(context, "filesystem", request->type, why, size) : fd;
}

/* ---- a copy ---- */

static int read_attributes(const struct mountat_request *request, struct changes *changes, char *why, size_t size)
{
	for (const char *const *option = request->options; option && *option; option++) {
		if (take_attribute(*option, changes))
			continue;
		snprintf(why, size, "option %s: a bind has the mount's own options only", *option);
		return -EINVAL;
	}
	return 0;
}

static int make_copy(const struct mountat_request *request, bool recursive, char *why, size_t size)
{
	const unsigned depth = recursive ? AT_RECURSIVE : 0;
	CLEANUP_CLOSE int fd = -1;
	struct changes changes = { 0 };
	struct mount_attr attr;
	int r = read_attributes(request, &changes, why, size);

	if (r < 0)
		return r;
	fd = open_tree(AT_FDCWD, request->source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | depth);
	if (fd < 0)
		return complain(-1, "bind of", request->source, why, size);
	attr = (struct mount_attr){ .attr_set = changes.set, .attr_clr = changes.clear, .propagation = MS_PRIVATE };
	if (mount_setattr(fd, "", AT_EMPTY_PATH | depth, &attr, sizeof(attr)) < 0)
		return complain(-1, "options of the bind of", request->source, why, size);
	return take_fd(&fd);
}

static bool is_bind(const struct mountat_request *request)
{
	return strcmp(request->type, "bind") == 0 || strcmp(request->type, "rbind") == 0;
}

int kernel_mountat_check(const struct mountat_request *request, char *why, size_t size)
{
	struct changes changes = { 0 };

	if (!is_bind(request))
		return 0;
	if (request->source)
		return read_attributes(request, &changes, why, size);
	snprintf(why, size, "a %s needs a source", request->type);
	return -EINVAL;
}

static int make(const struct mountat_request *request, char *why, size_t size)
{
	int r = kernel_mountat_check(request, why, size);

	if (r < 0)
		return r;
	return is_bind(request) ? make_copy(request, strcmp(request->type, "rbind") == 0, why, size) :
				  make_filesystem(request, why, size);
}

int kernel_mountat_make(const struct mountat_request *request, char *why, size_t size)
{
	snprintf(why, size, "%s", strerror(ENOMEM));
	return make(request, why, size);
}

/* ---- the place ---- */

/* A directory, or for the bind of a file a file. */
static int open_target(int dirfd, const char *target, char *why, size_t size)
{
	int fd = kernel_open_place_beneath(dirfd, target);

	if (fd >= 0)
		return fd;
	errno = -fd;
	return complain(-1, "the mount point", target, why, size);
}

static int attach(int made, int place, const char *target, char *why, size_t size)
{
	if (move_mount(made, "", place, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return complain(-1, "to be mounted on", target, why, size);
	return 0;
}

int kernel_mountat_attach(int made, int dirfd, const char *target, char *why, size_t size)
{
	CLEANUP_CLOSE int place = open_target(dirfd, target, why, size);

	return place < 0 ? place : attach(made, place, target, why, size);
}

/* As many as matter: one is enough. -ENOENT: it has gone. */
static int count_below(const struct place_status *mount)
{
	CLEANUP(kernel_table_clear) struct mount_table table = { 0 };
	const struct mount_entry *entry;
	int r = kernel_table_read(&table);

	entry = r == 0 ? kernel_table_find_number(&table, mount->mount_id32, mount->dev) : NULL;
	if (!entry)
		return r < 0 ? r : -ENOENT;
	for (size_t i = 0; i < table.count && r == 0; i++)
		r = table.entries[i].parent == entry->id;
	return r;
}

/* Ids are given in order; those of a tree that stands nowhere are in no list, so the newest that is shown says nothing. */
uint64_t kernel_mountat_newest(void)
{
	CLEANUP_CLOSE int fd = open_tree(AT_FDCWD, "/", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	struct place_status status;

	return fd >= 0 && kernel_status_at(fd, "", false, &status) == 0 ? status.mount_id : 0;
}

int kernel_mountat_detach(int made, uint64_t newest)
{
	struct place_status mount;
	uint64_t newer;
	int r = kernel_status_at(made, "", false, &mount);

	if (r < 0)
		return r;
	r = newest ? (int)kernel_listmount(mount.mount_id, newest, &newer, 1) : count_below(&mount);
	if (r == 0)
		r = kernel_unmount(made, MNT_DETACH);
	else if (r > 0)
		r = -EBUSY;
	if (r < 0 && kernel_mount_has_gone(&(struct kernel_mount){ mount.mount_id, mount.mount_id32, mount.dev }))
		return 0;
	return r;
}

int kernel_mountat(int dirfd, const char *target, const struct mountat_request *request, char *why, size_t size)
{
	CLEANUP_CLOSE int place = open_target(dirfd, target, why, size), made = -1;

	if (place < 0)
		return place;
	made = kernel_mountat_make(request, why, size);
	return made < 0 ? made : attach(made, place, target, why, size);
}
