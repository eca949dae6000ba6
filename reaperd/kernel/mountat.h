/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * mountat: a new mount at a path beneath a directory fd, whatever becomes of the names on the way to that directory. By
 * the calls of Linux 5.2 and 5.12 (fsopen, fsconfig, fsmount, open_tree, mount_setattr, move_mount), so that nothing is
 * at the place before all of it is as it was asked for, and the kernel's own messages say what it did not like.
 *
 * May block on the filesystems that it touches.
 */
#ifndef REAPERD_KERNEL_MOUNTAT_H
#define REAPERD_KERNEL_MOUNTAT_H

#include <stddef.h>
#include <stdint.h>

/*
 * type: a filesystem ("proc", "tmpfs", "overlay"), or "bind", "rbind": a copy of what `source`, a path, leads to (the
 * latter with what is mounted below), which is private: what is mounted in the original later does not come, and what is
 * unmounted in the copy stays there.
 *
 * options: ro, rw, nosuid, suid, nodev, dev, noexec, exec, nodiratime, nosymfollow, noatime, relatime, strictatime are
 * the mount's own; all others go to the filesystem as they are, "key" or "key=value". Of a bind they must be the mount's.
 */
struct mountat_request {
	const char *type;
	const char *source;	    /* NULL: the type */
	const char *const *options; /* ends with NULL; may be NULL */
};

/* What can be known to be wrong without a call: 0, or -EINVAL with a sentence in `why`. */
int kernel_mountat_check(const struct mountat_request *request, char *why, size_t size);

/*
 * `target`, relative to dirfd, must be there; no symlink on the way is followed. 0, or -errno with a sentence in `why`.
 * -EINVAL: also an option that is none of the mount's own where only such may be; nothing is mounted where it fails.
 */
int kernel_mountat(int dirfd, const char *target, const struct mountat_request *request, char *why, size_t size);

/*
 * The same in two calls, for who has something to do when all that can be wrong with the request is known and nothing is
 * mounted yet: an fd of the mount, which stands nowhere and ends with the fd; and its place, as above.
 */
int kernel_mountat_make(const struct mountat_request *request, char *why, size_t size);
int kernel_mountat_attach(int made, int dirfd, const char *target, char *why, size_t size);

/*
 * An id that is greater than those of all mounts that were made by now, those that stand nowhere too, and less than that
 * of any later one; 0 where mounts have no unique ids.
 */
uint64_t kernel_mountat_newest(void);

/*
 * Takes back what was attached, wherever it stands by now, in use or not: by its fd, so no other goes in its place. Of
 * what stands below it only what came with it goes along: -EBUSY where anything is newer than `newest`, which was asked
 * for after it was made and before it was attached; where that is 0, if anything is there. 0, also where somebody else
 * took it away; or -errno.
 */
int kernel_mountat_detach(int made, uint64_t newest);

#endif
