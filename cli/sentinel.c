/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sentinel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "cli.h"
#include "kernel/at.h"

const char sentinel_mark[] = "made by reaperctl hook, which removes it while leftovers are in the way\n";

#define MARK_LENGTH (sizeof(sentinel_mark) - 1)

/* The directory that holds it, as an O_PATH fd, and the name in there; or -errno. */
static int open_parent(const char *path, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	CLEANUP_FREE char *directory = MUST(strndup(path, slash == path ? 1 : (size_t)(slash - path)));

	*ret_name = slash + 1;
	return **ret_name ? kernel_open_root(directory) : -EISDIR;
}

/* 1 with its identity where it is ours, 0 where nothing is there, -EEXIST: somebody's; -errno. */
static int look(int directory, const char *name, struct stat *ret)
{
	/* A fifo or a device does not keep us. */
	CLEANUP_CLOSE int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	char content[MARK_LENGTH + 1];

	if (fd < 0)
		return errno == ENOENT ? 0 : errno == ELOOP || errno == ENXIO || errno == EACCES ? -EEXIST : -errno;
	if (fstat(fd, ret) < 0)
		return -errno;
	if (!S_ISREG(ret->st_mode) || ret->st_uid != geteuid())
		return -EEXIST;
	return read(fd, content, sizeof(content)) == MARK_LENGTH && !memcmp(content, sentinel_mark, MARK_LENGTH) ?
		       1 :
		       -EEXIST;
}

/* One that nobody can guess, beside it: a rename stays within the filesystem. */
static char *passing_name(const char *name)
{
	uint64_t number = 0;

	if (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number))
		number = (uint64_t)getpid();
	return must_format(".%.200s.%016llx", name, (unsigned long long)number);
}

static int write_mark(int directory, const char *name)
{
	CLEANUP_CLOSE int fd = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	ssize_t written;
	int r;

	if (fd < 0)
		return -errno;
	written = write(fd, sentinel_mark, MARK_LENGTH);
	if (written == (ssize_t)MARK_LENGTH)
		return 0;
	r = written < 0 ? -errno : -ENOSPC;
	unlinkat(directory, name, 0);
	return r;
}

int sentinel_put(const char *path)
{
	const char *name;
	CLEANUP_CLOSE int directory = open_parent(path, &name);
	CLEANUP_FREE char *passing = NULL;
	struct stat st;
	int r = directory < 0 ? directory : look(directory, name, &st);

	if (r != 0)
		return r < 0 ? r : 0;
	passing = passing_name(name);
	r = write_mark(directory, passing);
	if (r < 0 || renameat2(directory, passing, directory, name, RENAME_NOREPLACE) == 0)
		return r;
	r = -errno;
	unlinkat(directory, passing, 0);
	/* Another of us was quicker, or somebody. */
	if (r == -EEXIST && look(directory, name, &st) > 0)
		return 0;
	return r;
}

/*
 * A name can become another file's between a look and an unlink: so it is moved to one that only we know, looked at
 * again there, and given back where it is another.
 */
int sentinel_take(const char *path)
{
	const char *name;
	CLEANUP_CLOSE int directory = open_parent(path, &name);
	CLEANUP_FREE char *passing = NULL;
	struct stat seen, moved;
	int r = directory < 0 ? directory : look(directory, name, &seen);

	if (r <= 0)
		return r;
	passing = passing_name(name);
	if (renameat2(directory, name, directory, passing, RENAME_NOREPLACE) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (look(directory, passing, &moved) > 0 && moved.st_dev == seen.st_dev && moved.st_ino == seen.st_ino)
		return unlinkat(directory, passing, 0) < 0 ? -errno : 0;
	if (renameat2(directory, passing, directory, name, RENAME_NOREPLACE) < 0)
		return -errno;
	return -EEXIST;
}
