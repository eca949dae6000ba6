/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The directories that the daemon keeps things in, and its control socket: made by the broker, used by the engine.
 * Failures are logged.
 */
#ifndef REAPERD_BROKER_PLACES_H
#define REAPERD_BROKER_PLACES_H

#include <stdbool.h>
#include <sys/types.h>

/* Who the engine is to be. */
struct engine_user {
	bool change; /* false: as we are */
	char *name;
	uid_t uid;
	gid_t gid;
};

/*
 * Of the configuration's `user`; where it does not exist, or we are not root, nobody is changed to, and a warning says
 * so. 0 or -ENOMEM.
 */
int engine_user_find(const char *name, struct engine_user *ret);
void engine_user_clear(struct engine_user *user);

/*
 * Makes the directory, and those above it, where it is missing. It becomes the engine's own if it was made here, is
 * empty, or holds a ledger; a directory with anything else in it is nobody's to take. 0 or -errno.
 */
int asroot_make_directory(const char *path, mode_t mode, const struct engine_user *user);

/*
 * Keeps the directory for as long as *ret_fd is open in any process; -EBUSY where another daemon has it, which would
 * write the same ledger and unmount the same mounts. One in which no file can be made is nobody's: 0 and -1.
 */
int asroot_keep_directory(const char *path, int *ret_fd);

/*
 * A listening socket at DIRECTORY/io.reaperd, 0660, of the group reaperd where there is one. What a dead daemon left
 * there is replaced; -EADDRINUSE where one answers.
 */
int asroot_listen(const char *directory, const struct engine_user *user, char **ret_path, int *ret_fd);

/*
 * The same at `path`, 0666, for a container's users have other numbers and groups than ours: who may do what there is
 * asked for each call. Its directory is made (0755) where it is missing; one that others can write is refused. "": 0
 * and -1.
 */
int asroot_listen_for_runners(const char *path, char **ret_path, int *ret_fd);

#endif
