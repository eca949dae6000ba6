/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernel/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "kernel/procfs.h"

#ifndef SYS_statmount
#define SYS_statmount 457
#endif
#ifndef SYS_listmount
#define SYS_listmount 458
#endif
#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000
#endif

#ifndef MS_LAZYTIME
#define MS_LAZYTIME (1 << 25)
#endif

/* The whole mount tree below the root of the calling process. */
#define LIST_FROM_ROOT UINT64_MAX

/* What the kernel accepts as one list; it answers EOVERFLOW to more. */
#define LIST_MAX ((size_t)1000000)

#ifndef LISTMOUNT_REVERSE
#define LISTMOUNT_REVERSE 1u
#endif

struct mount_request {
	uint32_t size;
	uint32_t spare;
	uint64_t id;
	uint64_t param; /* statmount: what is wanted; listmount: after which id */
	/* Up to here since Linux 6.8. */
	uint64_t namespace_id; /* 0: ours */
};

#define REQUEST_SIZE	     offsetof(struct mount_request, namespace_id)
#define REQUEST_SIZE_FOREIGN sizeof(struct mount_request)

/*
 * The kernel's layout up to Linux 6.18. Fields are only ever added in what is spare here, so the strings stay where
 * they are.
 */
struct mount_answer {
	uint32_t size;
	uint32_t super_options;
	uint64_t mask;
	uint32_t dev_major;
	uint32_t dev_minor;
	uint64_t magic;
	uint32_t super_flags;
	uint32_t fstype;
	uint64_t id;
	uint64_t parent;
	uint32_t id32;
	uint32_t parent32;
	uint64_t attributes;
	uint64_t propagation;
	uint64_t peer_group;
	uint64_t master;
	uint64_t propagate_from;
	uint32_t root;
	uint32_t target;
	uint64_t namespace_id;
	uint32_t subtype;
	uint32_t source;
	uint32_t option_count;
	uint32_t option_array;
	uint32_t security_count;
	uint32_t security_array;
	uint64_t supported;
	uint64_t spare[45];
	char strings[];
};
_Static_assert(sizeof(struct mount_answer) == 512, "the kernel's strings begin at byte 512");

/* `ns`: 0, or the id of another namespace. */
static int ask_mount(uint64_t ns, uint64_t id, uint64_t wanted, struct mount_answer *answer, size_t size)
{
	const struct mount_request request = {
		.size = ns ? REQUEST_SIZE_FOREIGN : REQUEST_SIZE, .id = id, .param = wanted, .namespace_id = ns
	};

	if (syscall(SYS_statmount, &request, answer, size, 0) < 0)
		return -errno;
	return 0;
}

static void take_numbers(const struct mount_answer *answer, struct mount_status *ret)
{
	*ret = (struct mount_status){
		.id = answer->id,
		.parent = answer->parent,
		.id32 = answer->id32,
		.parent32 = answer->parent32,
		.dev = makedev(answer->dev_major, answer->dev_minor),
		.magic = answer->magic,
		.super_flags = answer->super_flags,
		.attributes = answer->attributes,
		.propagation = answer->propagation,
		.peer_group = answer->peer_group,
		.master = answer->master,
		.root = "",
		.target = "",
		.fstype = "",
		.subtype = "",
		.source = "",
		.super_options = "",
	};
}

int kernel_statmount_in(uint64_t ns, uint64_t id, struct mount_status *ret)
{
	struct mount_answer answer;
	int r;

	r = ask_mount(ns, id, STATMOUNT_SB_BASIC | STATMOUNT_MNT_BASIC, &answer, sizeof(answer));
	if (r < 0)
		return r;
	take_numbers(&answer, ret);
	return 0;
}

int kernel_statmount(uint64_t id, struct mount_status *ret)
{
	return kernel_statmount_in(0, id, ret);
}

int kernel_statmount_propagate_from(uint64_t id, uint64_t *ret_group)
{
	struct mount_answer answer;
	int r;

	r = ask_mount(0, id, STATMOUNT_PROPAGATE_FROM, &answer, sizeof(answer));
	if (r < 0)
		return r;
	*ret_group = answer.mask & STATMOUNT_PROPAGATE_FROM ? answer.propagate_from : 0;
	return 0;
}

static const char *answer_string(const struct mount_answer *answer, uint64_t bit, uint32_t offset)
{
	return answer->mask & bit ? answer->strings + offset : "";
}

/*
 * An empty string leaves its bit out of the mask, so an absent bit does not yet mean that the kernel lacks the field.
 * Linux 6.15 says what it knows; before that a source that is there proves the subtype, for both came with 6.13.
 */
static uint64_t known_fields(const struct mount_answer *answer)
{
	uint64_t known = answer->mask;

	if (answer->mask & STATMOUNT_SUPPORTED_MASK)
		known |= answer->supported;
	if (known & STATMOUNT_SB_SOURCE)
		known |= STATMOUNT_FS_SUBTYPE | STATMOUNT_MNT_OPTS;
	return known;
}

int kernel_statmount_full_in(uint64_t ns, uint64_t id, void *buffer, size_t size, struct mount_status *ret,
			     uint64_t *ret_known)
{
	struct mount_answer *answer = buffer;
	int r;

	if (size < sizeof(*answer))
		return -EOVERFLOW;
	r = ask_mount(ns, id,
		      STATMOUNT_SB_BASIC | STATMOUNT_MNT_BASIC | STATMOUNT_MNT_ROOT | STATMOUNT_MNT_POINT |
			      STATMOUNT_FS_TYPE | STATMOUNT_MNT_OPTS | STATMOUNT_FS_SUBTYPE | STATMOUNT_SB_SOURCE |
			      STATMOUNT_SUPPORTED_MASK,
		      answer, size);
	if (r < 0)
		return r;
	take_numbers(answer, ret);
	ret->root = answer_string(answer, STATMOUNT_MNT_ROOT, answer->root);
	ret->target = answer_string(answer, STATMOUNT_MNT_POINT, answer->target);
	ret->fstype = answer_string(answer, STATMOUNT_FS_TYPE, answer->fstype);
	ret->subtype = answer_string(answer, STATMOUNT_FS_SUBTYPE, answer->subtype);
	ret->source = answer_string(answer, STATMOUNT_SB_SOURCE, answer->source);
	ret->super_options = answer_string(answer, STATMOUNT_MNT_OPTS, answer->super_options);
	if (ret_known)
		*ret_known = known_fields(answer);
	return 0;
}

int kernel_statmount_full(uint64_t id, void *buffer, size_t size, struct mount_status *ret, uint64_t *ret_known)
{
	return kernel_statmount_full_in(0, id, buffer, size, ret, ret_known);
}

int kernel_statmount_place(uint64_t id, void *buffer, size_t size, struct mount_status *ret)
{
	struct mount_answer *answer = buffer;
	int r;

	if (size < sizeof(*answer))
		return -EOVERFLOW;
	r = ask_mount(0, id, STATMOUNT_SB_BASIC | STATMOUNT_MNT_BASIC | STATMOUNT_MNT_ROOT | STATMOUNT_MNT_POINT,
		      answer, size);
	if (r < 0)
		return r;
	take_numbers(answer, ret);
	ret->root = answer_string(answer, STATMOUNT_MNT_ROOT, answer->root);
	ret->target = answer_string(answer, STATMOUNT_MNT_POINT, answer->target);
	return 0;
}

static ssize_t list(uint64_t ns, uint64_t under, uint64_t after, uint64_t *ids, size_t size, unsigned flags)
{
	const struct mount_request request = {
		.size = ns ? REQUEST_SIZE_FOREIGN : REQUEST_SIZE,
		.id = under ? under : LIST_FROM_ROOT,
		.param = after,
		.namespace_id = ns,
	};
	ssize_t n;

	n = syscall(SYS_listmount, &request, ids, size < LIST_MAX ? size : LIST_MAX, flags);
	return n < 0 ? -errno : n;
}

ssize_t kernel_listmount(uint64_t under, uint64_t after, uint64_t *ids, size_t size)
{
	return list(0, under, after, ids, size, 0);
}

int kernel_listmount_all_in(uint64_t ns, uint64_t **ret_ids, size_t *ret_count)
{
	CLEANUP_FREE uint64_t *ids = NULL;
	size_t count = 0, allocated = 1024;

	for (;;) {
		uint64_t *more = reallocarray(ids, allocated, sizeof(*ids));
		ssize_t n;

		if (!more)
			return -ENOMEM;
		ids = more;
		n = list(ns, 0, count ? ids[count - 1] : 0, ids + count, allocated - count, 0);
		if (n < 0)
			return (int)n;
		count += n;
		if (count < allocated)
			break;
		allocated *= 2;
	}
	*ret_ids = take_ptr(ids);
	*ret_count = count;
	return 0;
}

int kernel_listmount_all(uint64_t **ret_ids, size_t *ret_count)
{
	return kernel_listmount_all_in(0, ret_ids, ret_count);
}

int kernel_newest_mount(uint64_t *ret_id)
{
	CLEANUP_FREE uint64_t *ids = NULL;
	size_t count;
	ssize_t n = list(0, 0, 0, ret_id, 1, LISTMOUNT_REVERSE);
	int r;

	if (n != -EINVAL)
		return n < 0 ? (int)n : n == 0 ? -ENOENT : 0;
	r = kernel_listmount_all(&ids, &count);
	if (r < 0)
		return r;
	if (count == 0)
		return -ENOENT;
	*ret_id = ids[count - 1];
	return 0;
}

static const struct {
	uint64_t mask, value;
	const char *name;
} mount_options[] = {
	{ MOUNT_ATTR_NOSUID, MOUNT_ATTR_NOSUID, ",nosuid" },
	{ MOUNT_ATTR_NODEV, MOUNT_ATTR_NODEV, ",nodev" },
	{ MOUNT_ATTR_NOEXEC, MOUNT_ATTR_NOEXEC, ",noexec" },
	{ MOUNT_ATTR__ATIME, MOUNT_ATTR_NOATIME, ",noatime" },
	{ MOUNT_ATTR_NODIRATIME, MOUNT_ATTR_NODIRATIME, ",nodiratime" },
	{ MOUNT_ATTR__ATIME, MOUNT_ATTR_RELATIME, ",relatime" },
	{ MOUNT_ATTR_NOSYMFOLLOW, MOUNT_ATTR_NOSYMFOLLOW, ",nosymfollow" },
	{ MOUNT_ATTR_IDMAP, MOUNT_ATTR_IDMAP, ",idmapped" },
};

/* Called for each mount of each reading, of which snprintf() was a tenth. */
static char *append(char *to, const char *end, const char *text)
{
	while (*text && to < end - 1)
		*to++ = *text++;
	*to = 0;
	return to;
}

char *kernel_mount_options(uint64_t attributes, char *buf, size_t size)
{
	const char *end = buf + size;
	char *to = append(buf, end, attributes & MOUNT_ATTR_RDONLY ? "ro" : "rw");

	for (size_t i = 0; i < ARRAY_SIZE(mount_options); i++) {
		if ((attributes & mount_options[i].mask) == mount_options[i].value)
			to = append(to, end, mount_options[i].name);
	}
	return buf;
}

char *kernel_mount_type(const struct mount_status *status)
{
	char *name;

	if (asprintf(&name, "%s%s%s", status->fstype, *status->subtype ? "." : "", status->subtype) < 0)
		return NULL;
	return name;
}

char *kernel_mount_super_options(const struct mount_status *status)
{
	char *text;

	if (asprintf(&text, "%s%s%s%s%s%s", status->super_flags & MS_RDONLY ? "ro" : "rw",
		     status->super_flags & MS_SYNCHRONOUS ? ",sync" : "",
		     status->super_flags & MS_DIRSYNC ? ",dirsync" : "",
		     status->super_flags & MS_LAZYTIME ? ",lazytime" : "", *status->super_options ? "," : "",
		     status->super_options) < 0)
		return NULL;
	/* They come with the kernel's escapes, all other strings without. */
	text_unescape_octal(text);
	return text;
}

uint64_t kernel_mount_namespace(void)
{
	char name[PROCFS_NAME_SIZE];
	struct stat st;

	return stat(procfs_name(name, sizeof(name), "self/ns/mnt"), &st) < 0 ? 0 : st.st_ino;
}

int kernel_boot_id(char ret[static 37])
{
	CLEANUP_CLOSE int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, ret, 36);
	if (n < 0)
		return -errno;
	if (n != 36)
		return -EBADMSG;
	ret[36] = 0;
	return 0;
}

uint64_t kernel_mount_max(void)
{
	CLEANUP_FCLOSE FILE *file = fopen("/proc/sys/fs/mount-max", "re");
	uint64_t max = 0;

	return file && fscanf(file, "%" SCNu64, &max) == 1 ? max : 0;
}
