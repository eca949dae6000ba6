/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/entry.h"

#include <errno.h>

#include "base/cleanup.h"
#include "kernel/mounts.h"

int asroot_open_namespace(const struct config *config, struct selection *selection,
			  const struct namespace_reference *reference)
{
	const struct kernel_namespace wanted = { .inode = reference->inode, .id = reference->id };
	CLEANUP_CLOSE int fd = -1;
	struct kernel_namespace ns;
	int r;

	fd = namespace_is_own(reference) ? kernel_namespace_open_own() : kernel_namespace_open(&wanted, reference->pid);
	if (fd < 0)
		return fd;
	if (namespace_is_own(reference))
		return take_fd(&fd);
	/* What was opened is asked what it is; what was asked for may say less. */
	r = kernel_namespace_identify(fd, &ns);
	if (r < 0)
		return r;
	if (ns.inode != kernel_mount_namespace() && !selection_has(selection, &config->namespaces, &ns, reference->pid))
		return -EPERM;
	return take_fd(&fd);
}

int asroot_enter_namespace(int ns)
{
	int r = kernel_namespace_enter(ns);

	return r == -EPERM ? -EACCES : r;
}
