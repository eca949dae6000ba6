/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/places.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/path.h"

#define SOCKET_NAME  "io.reaperd"
#define SOCKET_GROUP "reaperd"
#define LEDGER_NAME  "ledger.db"
#define LOCK_NAME    "lock"
#define BACKLOG	     64

int engine_user_find(const char *name, struct engine_user *ret)
{
	const struct passwd *entry;

	*ret = (struct engine_user){ .uid = geteuid(), .gid = getegid() };
	if (!name || !*name || geteuid() != 0)
		return 0;
	entry = getpwnam(name);
	if (!entry) {
		log_warning("there is no user %s: the engine keeps our uid, without any capability", name);
		return 0;
	}
	*ret = (struct engine_user){ .change = true, .name = strdup(name), .uid = entry->pw_uid, .gid = entry->pw_gid };
	return ret->name ? 0 : -ENOMEM;
}

void engine_user_clear(struct engine_user *user)
{
	free(user->name);
	user->name = NULL;
}

/* Whether a directory may be given to the engine: nothing in it, or a ledger. */
static bool is_ours(int fd)
{
	CLEANUP_CLOSEDIR DIR *dir = NULL;
	bool empty = true;
	struct dirent *entry;
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (copy < 0)
		return false;
	dir = fdopendir(copy);
	if (!dir) {
		close(copy);
		return false;
	}
	while ((entry = readdir(dir))) {
		if (!strcmp(entry->d_name, LEDGER_NAME))
			return true;
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
		    strcmp(entry->d_name, LOCK_NAME) != 0)
			empty = false;
	}
	return empty;
}

static int make_missing(const char *path, mode_t mode, bool *ret_made)
{
	char above[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int r;

	*ret_made = false;
	if (mkdir(path, mode) == 0) {
		*ret_made = true;
		return 0;
	}
	if (errno == EEXIST)
		return 0;
	if (errno != ENOENT || !slash || slash == path || strlen(path) >= sizeof(above))
		return -errno;
	snprintf(above, sizeof(above), "%.*s", (int)(slash - path), path);
	r = make_missing(above, 0755, ret_made);
	if (r < 0)
		return r;
	*ret_made = mkdir(path, mode) == 0;
	return *ret_made || errno == EEXIST ? 0 : -errno;
}

int asroot_make_directory(const char *path, mode_t mode, const struct engine_user *user)
{
	CLEANUP_CLOSE int fd = -1;
	struct stat st;
	bool made;
	int r = make_missing(path, mode, &made);

	if (r == 0 && (fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		r = -errno;
	if (r == 0 && fstat(fd, &st) < 0)
		r = -errno;
	if (r == 0 && made && fchmod(fd, mode) < 0)
		r = -errno;
	if (r == 0 && user->change && st.st_uid != user->uid) {
		if (!made && !is_ours(fd))
			log_warning("%s belongs to another user and holds other files: it is used as it is", path);
		else if (fchown(fd, user->uid, user->gid) < 0)
			r = -errno;
	}
	if (r < 0)
		log_error("directory %s cannot be made or used: %s", path, strerror(-r));
	return r;
}

/* Whether somebody answers there; a socket that refuses is what a dead daemon left. */
static int clear_place(const struct sockaddr_un *address)
{
	CLEANUP_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 || errno == EAGAIN)
		return -EADDRINUSE;
	if (errno == ENOENT)
		return 0;
	if (errno != ECONNREFUSED)
		return -errno;
	/* So does whatever is no socket at all, and that is somebody's. */
	if (lstat(address->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -ENOTSOCK;
	log_notice("replacing the socket that a dead daemon left at %s", address->sun_path);
	return unlink(address->sun_path) < 0 && errno != ENOENT ? -errno : 0;
}

/*
 * The engine of a daemon that was killed answers still until it has noticed: whoever starts us anew at once must not
 * fail for that.
 */
static int wait_for_place(const struct sockaddr_un *address)
{
	const struct timespec pause = { .tv_nsec = 50 * NSEC_PER_MSEC };
	int r = clear_place(address);

	for (int tries = 0; r == -EADDRINUSE && tries < 60; tries++) {
		nanosleep(&pause, NULL);
		r = clear_place(address);
	}
	return r;
}

int asroot_keep_directory(const char *path, int *ret_fd)
{
	const struct timespec pause = { .tv_nsec = 50 * NSEC_PER_MSEC };
	CLEANUP_CLOSE int directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	CLEANUP_CLOSE int fd = -1;

	*ret_fd = -1;
	/*
	 * A file that nobody else may open, not the directory, which many may: whoever can open it can lock it, and keep
	 * us from starting. It is never removed, or two daemons could each hold one.
	 */
	if (directory >= 0)
		fd = openat(directory, LOCK_NAME, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (fd < 0)
		return 0;
	/* One that ends lets go of its socket first. */
	for (int tries = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; tries++) {
		if (errno != EWOULDBLOCK)
			return 0;
		if (tries == 20) {
			log_error("another reaperd is running: it keeps its ledger in %s", path);
			return -EBUSY;
		}
		nanosleep(&pause, NULL);
	}
	*ret_fd = take_fd(&fd);
	return 0;
}

/* `group`: who else may connect; (gid_t)-1: as the mode says. */
static int bind_there(int fd, const struct sockaddr_un *address, mode_t mask, gid_t group)
{
	mode_t before = umask(mask);
	int r = bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ? -errno : 0;

	umask(before);
	if (r < 0)
		return r;
	/* The name was made by us a moment ago, in a directory that only root and the engine can write. */
	if (group != (gid_t)-1 && lchown(address->sun_path, (uid_t)-1, group) < 0)
		log_warning("%s cannot be given to a group: %s", address->sun_path, strerror(errno));
	return listen(fd, BACKLOG) < 0 ? -errno : 0;
}

/* `setting`: what a person changes to have it elsewhere. */
static int listen_at(const char *path, mode_t mask, gid_t group, const char *setting, int *ret_fd)
{
	CLEANUP_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int r;

	if (fd < 0)
		return -errno;
	if (strlen(path) >= sizeof(address.sun_path)) {
		log_error("%s is too long for a socket's name (%zu bytes at most): choose a shorter %s", path,
			  sizeof(address.sun_path) - 1, setting);
		return -ENAMETOOLONG;
	}
	memcpy(address.sun_path, path, strlen(path) + 1);
	r = wait_for_place(&address);
	if (r == 0)
		r = bind_there(fd, &address, mask, group);
	if (r == -EADDRINUSE)
		log_error("another reaperd is running: it answers at %s", path);
	else if (r == -ENOTSOCK)
		log_error("%s is no socket, and is left alone: move it away, or choose another %s", path, setting);
	else if (r < 0)
		log_error("the socket %s cannot be made: %s", path, strerror(-r));
	if (r == 0)
		*ret_fd = take_fd(&fd);
	return r;
}

int asroot_listen(const char *directory, const struct engine_user *user, char **ret_path, int *ret_fd)
{
	CLEANUP_FREE char *path = path_join(directory, SOCKET_NAME);
	const struct group *group = getgrnam(SOCKET_GROUP);
	int r;

	if (!path)
		return -ENOMEM;
	r = listen_at(path, 0117,
		      geteuid() != 0 ? (gid_t)-1 :
		      group	     ? group->gr_gid :
				       user->gid,
		      "--runtime-dir", ret_fd);
	if (r == 0)
		*ret_path = take_ptr(path);
	return r;
}

/* Whoever can write there could take the socket away, and answer in its place. */
static int check_directory(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	return (st.st_uid == 0 || st.st_uid == geteuid()) && !(st.st_mode & (S_IWGRP | S_IWOTH)) ? 0 : -EPERM;
}

int asroot_listen_for_runners(const char *path, char **ret_path, int *ret_fd)
{
	const char *slash = strrchr(path, '/');
	CLEANUP_FREE char *copy = strdup(path), *directory = NULL;
	bool made;
	int r;

	*ret_fd = -1;
	if (!slash)
		return 0;
	directory = strndup(path, slash == path ? 1 : (size_t)(slash - path));
	if (!copy || !directory)
		return -ENOMEM;
	r = make_missing(directory, 0755, &made);
	if (r == 0)
		r = check_directory(directory);
	if (r == -EPERM)
		log_error(
			"runner-socket: %s belongs to others, or others can write there: choose a directory of root's",
			directory);
	else if (r < 0)
		log_error("runner-socket: directory %s cannot be made or used: %s", directory, strerror(-r));
	if (r == 0)
		r = listen_at(path, 0111, (gid_t)-1, "runner-socket", ret_fd);
	if (r == 0)
		*ret_path = take_ptr(copy);
	return r;
}
