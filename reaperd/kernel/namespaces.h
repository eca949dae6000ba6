/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Mount namespaces: which there are, which one an fd is of, how to get at one, and how to enter it. An fd of a namespace
 * keeps it alive, so each is closed at once. It never touches a filesystem but procfs and nsfs.
 *
 * A namespace is known by the inode of /proc/PID/ns/mnt, which comes again soon after it has gone, and from Linux 6.11 on
 * (NS_GET_MNTNS_ID, f608cabaeda4) by an id that does not. A process in it is only where to look first, for pids come
 * again, too, and many namespaces have none: they are kept by an open fd, by a mount of nsfs, or by a thread.
 */
#ifndef REAPERD_KERNEL_NAMESPACES_H
#define REAPERD_KERNEL_NAMESPACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kernel_namespace {
	uint64_t inode;
	uint64_t id; /* unique; 0: not known */
};

/* The same one, as far as both are known. */
bool kernel_namespace_is(const struct kernel_namespace *a, const struct kernel_namespace *b);

/* What an fd stands for: 0, or -EINVAL: no mount namespace. */
int kernel_namespace_identify(int fd, struct kernel_namespace *ret);

/* A close-on-exec fd of the namespace of this process, or of another: -ENOENT, -ESRCH (it ended), -EACCES. */
int kernel_namespace_open_own(void);
int kernel_namespace_open_process(int32_t pid);

/*
 * The namespace of a process, if that is its command's name: 0, or -ENOENT: it is not, or there is no such process. Both
 * are the same process's, whoever has its pid next.
 */
int kernel_namespace_of_command(int32_t pid, const char *comm, struct kernel_namespace *ret);

/*
 * A process in that namespace, `pid` if it is one (0: none is known): a pidfd of it, with its pid in *ret_pid, or
 * -ESRCH.
 */
int kernel_namespace_hold_process(const struct kernel_namespace *ns, int32_t pid, int32_t *ret_pid);

/* What stands at a path, if it is a mount namespace: -EINVAL where it is not. May hang with the path's filesystem. */
int kernel_namespace_open_path(const char *path);

/*
 * Exactly this one: by the process `pid` (0: none is known), else by walking the kernel's list (Linux 6.12), else by the
 * processes. -ESRCH: there is none such any more, or it is not to be found from here.
 */
int kernel_namespace_open(const struct kernel_namespace *wanted, int32_t pid);

uint64_t kernel_user_namespace(void); /* the inode of ours; 0 on failure */

/*
 * This process leaves its mount namespace for this one, whose root directory becomes its own. /proc and /sys are by
 * kernel/procfs.h from then on. Needs SYS_ADMIN and SYS_CHROOT, and SYS_ADMIN over the namespace. Only once in a
 * process, and with one thread. 0 or -errno.
 */
int kernel_namespace_enter(int fd);

struct kernel_namespace_entry {
	struct kernel_namespace ns;
	uint32_t mounts; /* 0: not known */
	uint64_t owner;	 /* the inode of the user namespace that it belongs to; 0: not known, or it is above ours */
	int32_t pid;	 /* the lowest of the processes in it; 0: none is seen, or was looked for */
};

struct kernel_namespaces {
	struct kernel_namespace_entry *entries; /* by inode; ours is one */
	size_t count;
	/*
	 * 0: there are no others. ENOTTY: before Linux 6.12 only those with processes are seen; EPERM: nor are all
	 * processes, or we are not in the first pid namespace.
	 */
	int lacking;
};

/*
 * All mount namespaces: by NS_MNT_GET_NEXT and _PREV from ours on (Linux 6.12, a1d220d9dafa; 2 us each; ids are not in
 * the order of birth, so both ways), and those of all processes. Where the list is whole, processes are looked at only
 * if `processes` are wanted. 0 or -errno; the caller clears it.
 */
int kernel_namespaces_read(struct kernel_namespaces *ret, bool processes);
struct kernel_namespace_entry *kernel_namespaces_find(const struct kernel_namespaces *namespaces, uint64_t inode);
void kernel_namespaces_clear(struct kernel_namespaces *namespaces);

#endif
