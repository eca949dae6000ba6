/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libreaper: for runners of build actions. Mounts beneath a directory descriptor and unmounts exactly that again,
 * whatever a build does to the names meanwhile; and tells reaperd(8) which action it is for, and when that is over.
 * See libreaper(3).
 *
 * Every function that can fail returns a negative errno value, and a sentence for people in `why`, `why_size` bytes with
 * the NUL at the end; both may be NULL and 0. Outputs, of which each may be NULL, are not touched by a failure. Nothing is
 * printed, no process is ended or made, no signal is touched, no state is kept outside of what is handed out: all
 * functions may be called by several threads at once, but those of one lease by one at a time. What is interrupted by
 * a signal goes on. Every descriptor is close-on-exec.
 *
 * Functions that touch a filesystem wait for it, and a filesystem may hang: who cannot wait calls them in a child process
 * that it can kill, which may inherit the directory's descriptor. Those that ask the daemon wait 30 seconds at most.
 *
 * Paths and names are bytes that end with a NUL. They are never looked up through a symbolic link.
 */
#ifndef REAPER_H
#define REAPER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define REAPER_VERSION_MAJOR 0
#define REAPER_VERSION_MINOR 1

/* Where the daemon listens, if `socket` is NULL below. */
#define REAPER_SOCKET "/run/reaperd/io.reaperd"

/* Enough for most of what `why` has to say. */
#define REAPER_WHY_SIZE 512

/* ---- mounts ---- */

/*
 * Mounts at `target`, relative to the directory `dirfd` (O_PATH will do) and beneath it; it must be there; "" is the
 * directory itself. Nothing is there before all of it is as asked for.
 *
 * type: a filesystem ("proc", "tmpfs", "overlay"), or "bind" or "rbind": a private copy of what `source`, a path, leads
 * to (the latter with what is mounted below); that path alone may have symbolic links. source: NULL is the type.
 * options: NULL, or ends with NULL; ro, rw, nosuid, suid, nodev, dev, noexec, exec, nodiratime, nosymfollow, noatime,
 * relatime, strictatime are the mount's own, all others, "key" or "key=value", the filesystem's, which a bind has none of.
 *
 * 0, or: -ENOENT, -ENOTDIR; -ELOOP (a symbolic link); -EXDEV (not beneath); -EPERM; -EINVAL; and what the filesystem
 * says, in whose own words `why` then is. Needs Linux 5.12.
 */
int reaper_mountat(int dirfd, const char *target, const char *type, const char *source, const char *const *options,
		   char *why, size_t why_size);

/*
 * The id of the topmost mount that stands at `path` itself, beneath dirfd, which the kernel gives to no other mount
 * until it is started anew. 0, -EINVAL (nothing is mounted right there), -EOPNOTSUPP (before Linux 6.8), or as above.
 */
int reaper_mount_id(int dirfd, const char *path, uint64_t *ret_id, char *why, size_t why_size);

/* Detaches the mount with all that is mounted below it, though it is busy. Without it a busy mount is -EBUSY. */
#define REAPER_UMOUNT_LAZY 1u

/*
 * Unmounts the topmost mount at `path`, relative to dirfd: not empty, without ".", ".." and doubled slashes. Where `id`
 * is not 0, it must be that mount. The directory that holds it is reached by descriptor, and the mount there compared
 * immediately before the call; from Linux 6.8 on nothing that is moved or stacked there meanwhile goes in its place, but
 * what is mounted upon it in the last moment before a lazy call (then -ESTALE).
 *
 * 0, also where somebody else unmounted it at the same moment; -EBUSY; -ESTALE: another mount stands there than was
 * meant; -EINVAL: nothing is mounted right there, or the mount is locked, or wrong flags; -ENOENT, -ENOTDIR, -ELOOP, -EXDEV as above.
 *
 * Linux unmounts the same place in every peer and slave of the mount in which it lies, too. reaperd(8) and
 * `reaperctl umount` look at whom that hits; this does not: what is bound by reaper_mountat() has no peers.
 */
int reaper_unmountat(int dirfd, const char *path, unsigned flags, uint64_t id, char *why, size_t why_size);

/*
 * The same of the one mount strictly below the directory `below`, an absolute path, whose path ends in these whole
 * `segments`, "*" for any one ("f3fb7c74c3b342a0/root/proc"). In `segments`, and nowhere else here, \xNN is a byte and \\ a
 * backslash. Of mounts that are stacked at one path the topmost is meant.
 *
 * *ret_path, for free(3): which it was. -ENOENT: there is none. -ENOTUNIQ: there are several; `why` names some.
 * Otherwise as reaper_unmountat().
 */
int reaper_unmount_found(const char *below, const char *segments, unsigned flags, char **ret_path, char *why,
			 size_t why_size);

/* ---- actions ---- */

/*
 * All of them: -ENOENT or -ECONNREFUSED: no daemon answers there; -EACCES: not by this user; -EPERM: the daemon does not
 * allow it; -EBUSY: somebody else holds an action of that name, as `why` says; -ENOTDIR: it has no such root; -EINVAL: a name, pid or age that it cannot use; -EOWNERDEAD: it is no
 * time for that, as `why` says; -ETIME: it did not answer; -EPROTO: it answered something else; -ENOMEM.
 */

/* An action that is registered stays as it is, its owner too; one that is over is refused (-EOWNERDEAD). */
#define REAPER_BEGIN_JOIN 1u

/*
 * Registers the action `name` below the build root `root`, before anything is mounted for it. It is over when
 * reaper_end() says so; or when the process `pid` has gone, where that is not 0; or after max_age seconds, where that is not 0.
 * Begun again by the same user it is renewed; with a `pid`, only if no other owner of it lives (-EBUSY).
 * *ret_path, for free(3): where its directory is, or is to be made.
 */
int reaper_begin(const char *socket, const char *root, const char *name, unsigned flags, pid_t pid, unsigned max_age,
		 uint32_t *ret_generation, char **ret_path, char *why, size_t why_size);

/*
 * reaper_mountat(), for an action of which reaper_begin() gave the generation. It may have been over before the mount was
 * there; the daemon would then take that for the next one's. So it is asked afterwards, and the mount is unmounted again,
 * by descriptor, unless it says that the action goes on.
 *
 * 0; as reaper_mountat(); or as the functions here, -EOWNERDEAD above all: the action is over, and it is not mounted.
 * -EBUSY: the same, but somebody has mounted something below it, and it is mounted still.
 */
int reaper_mount_for(const char *socket, const char *root, const char *name, uint32_t generation, int dirfd,
		     const char *target, const char *type, const char *source, const char *const *options, char *why,
		     size_t why_size);

/*
 * Takes back one reaper_begin(), for who could not do what it was for, as where reaper_mount_for() failed. The
 * registration goes with the last that is taken back, where it has neither a mount nor a lease; an action that somebody
 * else has joined or begun, too, goes on. generation: as reaper_begin() gave it. 0: it is no longer registered; 1: it goes on;
 * -EINVAL: no generation; -ESRCH: no such action.
 */
int reaper_begin_undo(const char *socket, const char *root, const char *name, uint32_t generation, char *why,
		      size_t why_size);

/* Says that it is over; twice is fine. generation: as reaper_begin() gave it, or 0 for the newest. -ESRCH: no such action. */
int reaper_end(const char *socket, const char *root, const char *name, uint32_t generation, char *why, size_t why_size);

/*
 * A registration that lasts as long as a connection: it is over when this process closes it, exits or is killed; then
 * the daemon waits for the root's grace and takes away what is mounted.
 *
 * After fork() the child has the connection, too, and so keeps the lease until it calls reaper_lease_close(), executes
 * another program, or exits.
 */
struct reaper_lease;

int reaper_lease_open(const char *socket, const char *root, const char *name, unsigned max_age,
		      struct reaper_lease **ret, char *why, size_t why_size);

/* Ends it, with this process's copy of the connection, and frees it. NULL is fine. */
void reaper_lease_close(struct reaper_lease *lease);

uint32_t reaper_lease_generation(const struct reaper_lease *lease);
const char *reaper_lease_path(const struct reaper_lease *lease); /* as of reaper_begin(); the lease's own */

/*
 * To poll(2) for POLLIN, with a new one after each reaper_lease_renew(); -1 while the lease is not held. Nothing is to be read
 * from it: when there is something, the daemon has gone, or begins anew, and reaper_lease_renew() is to be called.
 */
int reaper_lease_fd(const struct reaper_lease *lease);

/*
 * Makes sure that the lease is held, and takes it anew where it is not. A daemon that begins anew waits for that as
 * long as the root's grace is. 0: held. 1: held, as another generation, for what was before was over; what it has
 * mounted goes. Otherwise not held, to be tried again soon (-EBUSY: somebody else has the name by now). timeout_ms: how long it may wait for an answer.
 */
int reaper_lease_renew(struct reaper_lease *lease, int timeout_ms, char *why, size_t why_size);

#ifdef __cplusplus
}
#endif

#endif
