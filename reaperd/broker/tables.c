/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/tables.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "broker/mount_events.h"
#include "kernel/mounts.h"
#include "kernel/process.h"

/* The strings that statmount(2) did not have from the beginning. */
#define LATE_FIELDS (STATMOUNT_MNT_OPTS | STATMOUNT_FS_SUBTYPE | STATMOUNT_SB_SOURCE)

#define BUFFER_SIZE_FIRST ((size_t)16 << 10)

static int write_all(int fd, const uint8_t *bytes, size_t length)
{
	while (length) {
		ssize_t written = write(fd, bytes, length);

		if (written < 0 && errno != EINTR)
			return -errno;
		bytes += written > 0 ? written : 0;
		length -= written > 0 ? (size_t)written : 0;
	}
	return 0;
}

/* A memfd that nobody can change any more. */
static int seal(const struct wire_records *records)
{
	CLEANUP_CLOSE int fd = memfd_create("records", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r = fd < 0 ? -errno : write_all(fd, records->bytes, records->used);

	if (r < 0)
		return r;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
		return -errno;
	return take_fd(&fd);
}

/* ---- namespaces ---- */

static int add_paths(struct wire_records *records, const struct config *config, const char *const *paths)
{
	int r = 0;

	for (size_t i = 0; i < config->root_count && r == 0; i++)
		if (paths[i])
			r = records_add_path(records, &(struct message_path){ .root = (uint32_t)i, .path = paths[i] });
	return r;
}

static int add_namespace(struct wire_records *records, const struct config *config, struct selection *selection,
			 const struct holding *holding, const struct kernel_namespace_entry *entry)
{
	CLEANUP_FREE char *comm = entry->pid ? kernel_process_comm(entry->pid) : NULL;
	CLEANUP_FREE const char **paths = calloc(config->root_count + 1, sizeof(*paths));
	struct message_namespace ns = {
		.reference = { .inode = entry->ns.inode, .id = entry->ns.id, .pid = entry->pid },
		.comm = comm ? comm : "",
		.owner = entry->owner,
		.owned_by_others = entry->owner != kernel_user_namespace(),
		.mounts = entry->mounts,
		.selected = selection_has(selection, &config->namespaces, &entry->ns, entry->pid),
		.holds = holding_has(holding, entry->ns.inode),
	};
	int r;

	if (!paths)
		return -ENOMEM;
	for (size_t i = 0; i < config->root_count && ns.selected; i++) {
		const char *path = selection_path(selection, &config->roots[i], &entry->ns, entry->pid);

		if (path != config->roots[i].path) {
			paths[i] = path;
			ns.path_count++;
		}
	}
	r = records_add_namespace(records, &ns);
	return r < 0 ? r : add_paths(records, config, paths);
}

int asroot_list_namespaces(const struct config *config, struct selection *selection, const struct holding *holding,
			   struct namespaces_result *ret, int *ret_fd)
{
	CLEANUP(kernel_namespaces_clear) struct kernel_namespaces all = { 0 };
	CLEANUP(records_clear) struct wire_records records = { 0 };
	uint64_t own = kernel_mount_namespace();
	int r = kernel_namespaces_read(&all, true);

	*ret = (struct namespaces_result){ .lacking = (uint32_t)all.lacking };
	for (size_t i = 0; i < all.count && r == 0; i++) {
		if (all.entries[i].ns.inode == own)
			continue;
		r = add_namespace(&records, config, selection, holding, &all.entries[i]);
		ret->count++;
	}
	if (r == 0)
		r = seal(&records);
	if (r < 0)
		return r;
	*ret_fd = r;
	return 0;
}

/* ---- mounts ---- */

struct reading {
	struct wire_records records;
	void *buffer; /* for statmount's strings */
	size_t size;
	uint32_t count;
	uint64_t missing; /* of LATE_FIELDS */
};

static void reading_clear(struct reading *reading)
{
	records_clear(&reading->records);
	free(reading->buffer);
}

static int ask_mount(struct reading *reading, uint64_t id, struct mount_status *ret, uint64_t *ret_known)
{
	int r = reading->buffer ? kernel_statmount_full(id, reading->buffer, reading->size, ret, ret_known) :
				  -EOVERFLOW;

	while (r == -EOVERFLOW) {
		size_t more = reading->size ? 2 * reading->size : BUFFER_SIZE_FIRST;
		void *grown = realloc(reading->buffer, more);

		if (!grown)
			return -ENOMEM;
		reading->buffer = grown;
		reading->size = more;
		r = kernel_statmount_full(id, reading->buffer, reading->size, ret, ret_known);
	}
	return r;
}

static int add_mount(struct reading *reading, const struct mount_status *status)
{
	CLEANUP_FREE char *type = kernel_mount_type(status);
	CLEANUP_FREE char *super_options = kernel_mount_super_options(status);
	char options[128];

	if (!type || !super_options)
		return -ENOMEM;
	reading->count++;
	return records_add_mount(&reading->records,
				 &(struct message_mount){
					 .id = status->id,
					 .parent = status->parent,
					 .id32 = status->id32,
					 .parent32 = status->parent32,
					 .dev = status->dev,
					 .peer_group = status->peer_group,
					 .master = status->master,
					 .root = status->root,
					 .target = status->target,
					 .fstype = type,
					 .source = status->source,
					 .options = kernel_mount_options(status->attributes, options, sizeof(options)),
					 .super_options = super_options,
				 });
}

static int read_mounts(struct reading *reading, const uint64_t *ids, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct mount_status status;
		uint64_t known;
		int r = ask_mount(reading, ids[i], &status, &known);

		/* EINVAL: no mount can have such an id. */
		if (r == -ENOENT || r == -EINVAL || (r == 0 && !*status.target))
			continue;
		if (r < 0)
			return r;
		reading->missing |= LATE_FIELDS & ~known;
		r = add_mount(reading, &status);
		if (r < 0)
			return r;
	}
	return 0;
}

static int give_mountinfo(struct table_result *ret, int fds[static RESULT_FDS_MAX], uint32_t *ret_fd_count)
{
	*ret = (struct table_result){ .kind = TABLE_MOUNTINFO };
	*ret_fd_count = 1;
	return asroot_open_mountinfo(-1, &fds[0]);
}

static int give_records(const struct reading *reading, struct table_result *ret, int fds[static RESULT_FDS_MAX],
			uint32_t *ret_fd_count)
{
	CLEANUP_CLOSE int records = seal(&reading->records), mountinfo = -1;

	int r = records < 0 ? records : reading->missing ? asroot_open_mountinfo(-1, &mountinfo) : 0;

	if (r < 0)
		return r;
	*ret = (struct table_result){ .kind = TABLE_RECORDS, .count = reading->count };
	*ret_fd_count = mountinfo < 0 ? 1 : 2;
	fds[0] = take_fd(&records);
	fds[1] = take_fd(&mountinfo);
	return 0;
}

int asroot_read_table(const uint64_t *ids, uint32_t id_count, struct table_result *ret, int fds[static RESULT_FDS_MAX],
		      uint32_t *ret_fd_count)
{
	CLEANUP(reading_clear) struct reading reading = { 0 };
	CLEANUP_FREE uint64_t *all = NULL;
	size_t count = id_count;
	int r = id_count ? 0 : kernel_listmount_all(&all, &count);

	if (r == 0)
		r = read_mounts(&reading, id_count ? ids : all, count);
	if (r == -ENOSYS)
		return give_mountinfo(ret, fds, ret_fd_count);
	return r < 0 ? r : give_records(&reading, ret, fds, ret_fd_count);
}
