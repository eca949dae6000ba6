/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernel/others.h"

#include <errno.h>

#include "base/cleanup.h"
#include "kernel/mounts.h"
#include "kernel/namespaces.h"
#include "kernel/procfs.h"

static int read_one(const struct kernel_namespace_entry *entry, struct mount_table *ret)
{
	char name[PROCFS_NAME_SIZE];
	int r = entry->ns.id ? kernel_table_read_in(entry->ns.id, ret) : -ENOSYS;

	if (r < 0 && r != -ENOMEM && entry->pid)
		r = kernel_table_read_mountinfo(procfs_name(name, sizeof(name), "%d/mountinfo", entry->pid), ret);
	return r;
}

static int add_one(struct mount_table *table, const struct kernel_namespace_entry *entry)
{
	CLEANUP(kernel_table_clear) struct mount_table one = { 0 };
	int r = read_one(entry, &one);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	for (size_t i = 0; i < one.count; i++)
		one.entries[i].ns_inode = entry->ns.inode;
	return kernel_table_append(table, &one);
}

int kernel_table_add_others(struct mount_table *table)
{
	CLEANUP(kernel_namespaces_clear) struct kernel_namespaces all = { 0 };
	uint64_t own = kernel_mount_namespace();
	int r = kernel_namespaces_read(&all, false);

	for (size_t i = 0; i < all.count && r == 0; i++)
		if (all.entries[i].ns.inode != own)
			r = add_one(table, &all.entries[i]);
	kernel_table_sort(table);
	return r == -ENOMEM ? r : 0;
}
