/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernel/namespaces.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kernel/process.h"
#include "kernel/procfs.h"

/* Debian 12's headers have none of these. */
#ifndef NS_GET_MNTNS_ID
#define NS_GET_MNTNS_ID _IOR(NSIO, 0x5, uint64_t)
#endif
#ifndef NS_MNT_GET_NEXT
struct mnt_ns_info {
	uint32_t size;
	uint32_t nr_mounts;
	uint64_t mnt_ns_id;
};
#define NS_MNT_GET_INFO _IOR(NSIO, 10, struct mnt_ns_info)
#define NS_MNT_GET_NEXT _IOR(NSIO, 11, struct mnt_ns_info)
#define NS_MNT_GET_PREV _IOR(NSIO, 12, struct mnt_ns_info)
#endif

/* The inode of the pid namespace that the kernel makes first, fixed by its ABI: only there are all processes seen. */
#define INITIAL_PID_NAMESPACE 0xEFFFFFFCu

bool kernel_namespace_is(const struct kernel_namespace *a, const struct kernel_namespace *b)
{
	return a->inode == b->inode && (!a->id || !b->id || a->id == b->id);
}

int kernel_namespace_identify(int fd, struct kernel_namespace *ret)
{
	struct statfs fs;
	struct stat st;

	/* No other filesystem is asked what NS_GET_NSTYPE means there. */
	if (fstatfs(fd, &fs) < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (fs.f_type != NSFS_MAGIC || ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNS)
		return -EINVAL;
	*ret = (struct kernel_namespace){ .inode = st.st_ino };
	if (ioctl(fd, NS_GET_MNTNS_ID, &ret->id) < 0)
		ret->id = 0;
	return 0;
}

static int open_proc(const char *whose)
{
	char name[PROCFS_NAME_SIZE];
	int fd = open(procfs_name(name, sizeof(name), "%s/ns/mnt", whose), O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int kernel_namespace_open_own(void)
{
	return open_proc("self");
}

int kernel_namespace_open_process(int32_t pid)
{
	char whose[16];

	snprintf(whose, sizeof(whose), "%d", pid);
	return pid > 0 ? open_proc(whose) : -ESRCH;
}

int kernel_namespace_open_path(const char *path)
{
	/* Looked at before it is opened: to open a device or a pipe acts on it. */
	CLEANUP_CLOSE int place = open(path, O_PATH | O_CLOEXEC), fd = -1;
	char name[PROCFS_NAME_SIZE];
	struct kernel_namespace ns;
	struct statfs fs;
	int r;

	if (place < 0 || fstatfs(place, &fs) < 0)
		return -errno;
	if (fs.f_type != NSFS_MAGIC)
		return -EINVAL;
	fd = open(procfs_name(name, sizeof(name), "self/fd/%d", place), O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = kernel_namespace_identify(fd, &ns);
	return r < 0 ? r : take_fd(&fd);
}

/* fd where it is the wanted one; else it is closed. */
static int keep_wanted(int fd, const struct kernel_namespace *wanted)
{
	struct kernel_namespace ns;

	if (fd < 0)
		return fd;
	if (kernel_namespace_identify(fd, &ns) == 0 && kernel_namespace_is(&ns, wanted))
		return fd;
	close(fd);
	return -ESRCH;
}

/* From `from`, which is closed, one further: an fd, or -errno: -ENOENT at the end. */
static int walk_on(int from, unsigned long way, struct mnt_ns_info *ret)
{
	int fd, error;

	*ret = (struct mnt_ns_info){ .size = sizeof(*ret) };
	fd = ioctl(from, way, ret);
	error = errno;
	close(from);
	return fd < 0 ? -error : fd;
}

/*
 * Calls `visit` with each namespace but ours, until it returns other than 0: that, 0 at the end, or -errno of the walk:
 * -ENOTTY, -EPERM.
 */
typedef int visit_function(int fd, const struct mnt_ns_info *info, void *context);

static int walk_one_way(unsigned long way, visit_function *visit, void *context)
{
	struct mnt_ns_info info;
	int fd = kernel_namespace_open_own();
	int r = 0;

	while (r == 0 && fd >= 0) {
		fd = walk_on(fd, way, &info);
		if (fd >= 0)
			r = visit(fd, &info, context);
	}
	if (fd >= 0)
		close(fd);
	return r || fd == -ENOENT ? r : fd;
}

static int walk(visit_function *visit, void *context)
{
	int r = walk_one_way(NS_MNT_GET_NEXT, visit, context);

	return r ? r : walk_one_way(NS_MNT_GET_PREV, visit, context);
}

/* Names below it are of this process alone: when it has ended they lead nowhere, whoever has its pid. */
static int open_process(int32_t pid)
{
	char name[PROCFS_NAME_SIZE];
	int fd = pid > 0 ? open(procfs_name(name, sizeof(name), "%d", pid), O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;

	return fd < 0 ? -ENOENT : fd;
}

static bool has_comm(int process, const char *comm)
{
	CLEANUP_CLOSE int fd = openat(process, "comm", O_RDONLY | O_CLOEXEC);
	size_t expected = strlen(comm);
	char text[64];
	ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof(text));

	return length == (ssize_t)expected + 1 && !memcmp(text, comm, expected);
}

int kernel_namespace_of_command(int32_t pid, const char *comm, struct kernel_namespace *ret)
{
	CLEANUP_CLOSE int process = open_process(pid), fd = -1;

	if (process < 0 || !has_comm(process, comm))
		return -ENOENT;
	fd = openat(process, "ns/mnt", O_RDONLY | O_CLOEXEC);
	return fd < 0 || kernel_namespace_identify(fd, ret) < 0 ? -ENOENT : 0;
}

/* A pidfd of the process, if it is in that namespace; else -ESRCH. */
static int hold_if_in(const struct kernel_namespace *ns, int32_t pid)
{
	CLEANUP_CLOSE int process = open_process(pid), fd = -1, pidfd = -1;
	struct kernel_namespace of;

	if (process < 0)
		return -ESRCH;
	pidfd = kernel_pidfd_open(pid);
	/* Asked after the pidfd was opened: while this process answers, no other one has its pid. */
	fd = openat(process, "ns/mnt", O_RDONLY | O_CLOEXEC);
	if (pidfd < 0 || fd < 0 || kernel_namespace_identify(fd, &of) < 0 || !kernel_namespace_is(&of, ns))
		return -ESRCH;
	return take_fd(&pidfd);
}

struct search {
	const struct kernel_namespace *wanted;
	int fd;
};

static int visit_for_search(int fd, const struct mnt_ns_info *info, void *context)
{
	struct search *search = context;

	if (search->wanted->id && search->wanted->id != info->mnt_ns_id)
		return 0;
	search->fd = keep_wanted(fcntl(fd, F_DUPFD_CLOEXEC, 0), search->wanted);
	return search->fd >= 0 ? 1 : 0;
}

/* The next process that /proc lists; 0 at the end. *ret_inode is that of its mount namespace, or 0 for *ret_error. */
static int32_t next_process(DIR *proc, uint64_t *ret_inode, int *ret_error)
{
	struct dirent *entry;

	while ((entry = readdir(proc))) {
		long pid = strtol(entry->d_name, NULL, 10);
		char name[64];
		struct stat st;

		if (pid <= 0)
			continue;
		snprintf(name, sizeof(name), "%ld/ns/mnt", pid);
		*ret_error = fstatat(dirfd(proc), name, &st, 0) < 0 ? errno : 0;
		*ret_inode = *ret_error ? 0 : st.st_ino;
		return (int32_t)pid;
	}
	return 0;
}

static DIR *open_processes(void)
{
	char name[PROCFS_NAME_SIZE];

	return opendir(procfs_name(name, sizeof(name), "."));
}

static int open_by_processes(const struct kernel_namespace *wanted)
{
	CLEANUP_CLOSEDIR DIR *proc = open_processes();
	uint64_t inode;
	int32_t pid;
	int error;

	while (proc && (pid = next_process(proc, &inode, &error))) {
		int fd = inode == wanted->inode ? keep_wanted(kernel_namespace_open_process(pid), wanted) : -1;

		if (fd >= 0)
			return fd;
	}
	return -ESRCH;
}

int kernel_namespace_hold_process(const struct kernel_namespace *ns, int32_t pid, int32_t *ret_pid)
{
	int pidfd = hold_if_in(ns, pid), error;
	CLEANUP_CLOSEDIR DIR *proc = pidfd < 0 ? open_processes() : NULL;
	uint64_t inode;

	while (proc && pidfd < 0 && (pid = next_process(proc, &inode, &error)))
		if (inode == ns->inode)
			pidfd = hold_if_in(ns, pid);
	*ret_pid = pidfd < 0 ? 0 : pid;
	return pidfd;
}

int kernel_namespace_open(const struct kernel_namespace *wanted, int32_t pid)
{
	struct search search = { .wanted = wanted, .fd = -1 };
	int fd = keep_wanted(kernel_namespace_open_process(pid), wanted);

	if (fd < 0)
		fd = keep_wanted(kernel_namespace_open_own(), wanted);
	if (fd >= 0)
		return fd;
	if (walk(visit_for_search, &search) >= 0)
		return search.fd >= 0 ? search.fd : -ESRCH;
	return open_by_processes(wanted);
}

uint64_t kernel_user_namespace(void)
{
	char name[PROCFS_NAME_SIZE];
	struct stat st;

	return stat(procfs_name(name, sizeof(name), "self/ns/user"), &st) < 0 ? 0 : st.st_ino;
}

int kernel_namespace_enter(int fd)
{
	int r = procfs_bring();

	if (r < 0)
		return r;
	return setns(fd, CLONE_NEWNS) < 0 ? -errno : procfs_settle();
}

/* ---- all of them ---- */

struct list {
	struct kernel_namespaces *namespaces;
	size_t allocated;
};

static uint64_t owner_of(int fd)
{
	CLEANUP_CLOSE int owner = ioctl(fd, NS_GET_USERNS);
	struct stat st;

	return owner < 0 || fstat(owner, &st) < 0 ? 0 : st.st_ino;
}

static int add(struct list *list, int fd, const struct kernel_namespace *ns, uint32_t mounts)
{
	struct kernel_namespaces *all = list->namespaces;

	if (all->count == list->allocated) {
		size_t more = list->allocated ? 2 * list->allocated : 64;
		struct kernel_namespace_entry *entries = reallocarray(all->entries, more, sizeof(*entries));

		if (!entries)
			return -ENOMEM;
		all->entries = entries;
		list->allocated = more;
	}
	all->entries[all->count++] =
		(struct kernel_namespace_entry){ .ns = *ns, .mounts = mounts, .owner = owner_of(fd) };
	return 0;
}

static int visit_for_list(int fd, const struct mnt_ns_info *info, void *context)
{
	struct kernel_namespace ns = { .id = info->mnt_ns_id };
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	ns.inode = st.st_ino;
	return add(context, fd, &ns, info->nr_mounts);
}

static int add_own(struct list *list)
{
	CLEANUP_CLOSE int fd = kernel_namespace_open_own();
	struct mnt_ns_info info = { .size = sizeof(info) };
	struct kernel_namespace ns;
	int r = fd < 0 ? fd : kernel_namespace_identify(fd, &ns);

	if (r < 0)
		return r;
	return add(list, fd, &ns, ioctl(fd, NS_MNT_GET_INFO, &info) < 0 ? 0 : info.nr_mounts);
}

static int compare_inodes(const void *a, const void *b)
{
	const struct kernel_namespace_entry *x = a, *y = b;

	return (x->ns.inode > y->ns.inode) - (x->ns.inode < y->ns.inode);
}

struct kernel_namespace_entry *kernel_namespaces_find(const struct kernel_namespaces *namespaces, uint64_t inode)
{
	const struct kernel_namespace_entry wanted = { .ns = { .inode = inode } };

	if (!namespaces->count)
		return NULL;
	return bsearch(&wanted, namespaces->entries, namespaces->count, sizeof(wanted), compare_inodes);
}

static void sort(struct kernel_namespaces *namespaces)
{
	qsort(namespaces->entries, namespaces->count, sizeof(*namespaces->entries), compare_inodes);
}

/* One that the walk did not see. A process that ended meanwhile has none. */
static int add_of_process(struct list *list, int32_t pid)
{
	CLEANUP_CLOSE int fd = kernel_namespace_open_process(pid);
	struct kernel_namespace ns = { 0 };
	int r;

	if (fd < 0 || kernel_namespace_identify(fd, &ns) < 0 || kernel_namespaces_find(list->namespaces, ns.inode))
		return 0;
	r = add(list, fd, &ns, 0);
	sort(list->namespaces);
	return r;
}

static int add_of_processes(struct list *list, bool *ret_hidden)
{
	CLEANUP_CLOSEDIR DIR *proc = open_processes();
	uint64_t inode;
	int32_t pid;
	int error;

	if (!proc)
		return -errno;
	*ret_hidden = false;
	while ((pid = next_process(proc, &inode, &error))) {
		struct kernel_namespace_entry *entry = kernel_namespaces_find(list->namespaces, inode);
		int r = inode && !entry ? add_of_process(list, pid) : 0;

		if (r < 0)
			return r;
		*ret_hidden |= error == EACCES || error == EPERM;
		entry = kernel_namespaces_find(list->namespaces, inode);
		if (entry && (!entry->pid || pid < entry->pid))
			entry->pid = pid;
	}
	return 0;
}

static bool in_initial_pid_namespace(void)
{
	char name[PROCFS_NAME_SIZE];
	struct stat st;

	return stat(procfs_name(name, sizeof(name), "self/ns/pid"), &st) == 0 && st.st_ino == INITIAL_PID_NAMESPACE;
}

int kernel_namespaces_read(struct kernel_namespaces *ret, bool processes)
{
	struct list list = { .namespaces = ret };
	int r, walked = 0;
	bool hidden = false;

	*ret = (struct kernel_namespaces){ 0 };
	r = add_own(&list);
	if (r == 0)
		walked = walk(visit_for_list, &list);
	if (walked == -ENOMEM)
		r = walked;
	sort(ret);
	if (r == 0 && (processes || walked))
		r = add_of_processes(&list, &hidden);
	if (r < 0) {
		kernel_namespaces_clear(ret);
		return r;
	}
	ret->lacking = !walked ? 0 : hidden || !in_initial_pid_namespace() ? EPERM : -walked;
	return 0;
}

void kernel_namespaces_clear(struct kernel_namespaces *namespaces)
{
	free(namespaces->entries);
	*namespaces = (struct kernel_namespaces){ 0 };
}
