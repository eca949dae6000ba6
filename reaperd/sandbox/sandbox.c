/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sandbox/sandbox.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "sandbox/filter.h"

struct sandbox {
	unsigned short count;
	struct sock_filter instructions[];
};

static bool mode_is(const char *mode)
{
	const char *set = getenv("REAPERD_SANDBOX");

	return set && strcmp(set, mode) == 0;
}

/* libseccomp 2.5 writes programs to a descriptor, and nowhere else. */
static int read_program(int fd, struct sandbox **ret)
{
	struct sandbox *sandbox;
	struct stat st;
	size_t size;

	if (fstat(fd, &st) < 0)
		return -errno;
	size = (size_t)st.st_size;
	if (!size || size % sizeof(struct sock_filter) || size / sizeof(struct sock_filter) > BPF_MAXINSNS)
		return -E2BIG;
	sandbox = malloc(sizeof(*sandbox) + size);
	if (!sandbox)
		return -ENOMEM;
	sandbox->count = (unsigned short)(size / sizeof(struct sock_filter));
	if (pread(fd, sandbox->instructions, size, 0) != (ssize_t)size) {
		free(sandbox);
		return -EIO;
	}
	*ret = sandbox;
	return 0;
}

int sandbox_compile(enum caller whose, struct sandbox **ret)
{
	CLEANUP_CLOSE int fd = -1;
	scmp_filter_ctx filter;
	int r;

	*ret = NULL;
	if (mode_is("off"))
		return 0;
	fd = memfd_create("filter", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	filter = filter_build(whose, mode_is("kill"), 0, &r);
	if (!filter)
		return r;
	r = seccomp_export_bpf(filter, fd);
	seccomp_release(filter);
	return r < 0 ? r : read_program(fd, ret);
}

int sandbox_enter(const struct sandbox *sandbox)
{
	struct sock_fprog program;

	if (!sandbox)
		return 0;
	program = (struct sock_fprog){ .len = sandbox->count, .filter = (struct sock_filter *)sandbox->instructions };
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_LOG, &program) < 0 ? -errno : 0;
}

int sandbox_start(enum caller whose)
{
	CLEANUP_FREE struct sandbox *sandbox = NULL;
	int r = sandbox_compile(whose, &sandbox);

	if (r == 0)
		r = sandbox_enter(sandbox);
	if (r == -EINVAL || r == -ENOSYS) {
		log_warning("this kernel has no seccomp filters: system calls are not restricted");
		return 0;
	}
	if (r < 0)
		log_error("system calls cannot be restricted (seccomp): %s; REAPERD_SANDBOX=off does without",
			  strerror(-r));
	return r;
}
