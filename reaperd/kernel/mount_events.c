/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernel/mount_events.h"

#include <errno.h>
#include <string.h>
#include <sys/fanotify.h>
#include <unistd.h>

#include "base/cleanup.h"

/* Debian 12's headers have none of these. */
#ifndef FAN_REPORT_MNT
#define FAN_REPORT_MNT		0x00004000
#define FAN_MARK_MNTNS		0x00000110
#define FAN_MNT_ATTACH		0x01000000
#define FAN_MNT_DETACH		0x02000000
#define FAN_EVENT_INFO_TYPE_MNT 7
#endif

struct info_mount {
	struct fanotify_event_info_header header;
	uint64_t id;
};

/* The shortest event with an id, and the only one without, of which the kernel queues no second. */
#define EVENT_SIZE    (sizeof(struct fanotify_event_metadata) + sizeof(struct info_mount))
#define OVERFLOW_SIZE sizeof(struct fanotify_event_metadata)

int kernel_mount_events_open(unsigned *ret_lacks)
{
	const unsigned flags = FAN_CLASS_NOTIF | FAN_REPORT_MNT | FAN_NONBLOCK | FAN_CLOEXEC;
	int fd;

	*ret_lacks = 0;
	fd = fanotify_init(flags | FAN_REPORT_PIDFD | FAN_UNLIMITED_QUEUE, 0);
	/* Without CAP_SYS_ADMIN in the initial user namespace there is neither. */
	if (fd < 0 && errno == EPERM) {
		*ret_lacks = MOUNT_EVENTS_NAMELESS | MOUNT_EVENTS_BOUNDED;
		fd = fanotify_init(flags, 0);
	}
	return fd < 0 ? -errno : fd;
}

int kernel_mount_events_watch(int group, int ns)
{
	if (fanotify_mark(group, FAN_MARK_ADD | FAN_MARK_MNTNS, FAN_MNT_ATTACH | FAN_MNT_DETACH, ns, NULL) < 0)
		return -errno;
	return 0;
}

/* False where a record does not end within the event. Records of other types are passed over. */
static bool take_records(const uint8_t *bytes, size_t length, struct mount_event *event)
{
	for (size_t at = 0; at < length;) {
		struct fanotify_event_info_header header;

		if (length - at < sizeof(header))
			return false;
		memcpy(&header, bytes + at, sizeof(header));
		if (header.len < sizeof(header) || header.len > length - at)
			return false;
		if (header.info_type == FAN_EVENT_INFO_TYPE_MNT && header.len >= sizeof(struct info_mount)) {
			struct info_mount mount;

			memcpy(&mount, bytes + at, sizeof(mount));
			event->id = mount.id;
		} else if (header.info_type == FAN_EVENT_INFO_TYPE_PIDFD &&
			   header.len >= sizeof(struct fanotify_event_info_pidfd)) {
			struct fanotify_event_info_pidfd pidfd;

			memcpy(&pidfd, bytes + at, sizeof(pidfd));
			/* Below 0 are FAN_NOPIDFD and FAN_EPIDFD. */
			event->pidfd = pidfd.pidfd >= 0 ? pidfd.pidfd : -1;
		}
		at += header.len;
	}
	return true;
}

static bool take_event(const uint8_t *bytes, size_t length, struct mount_event *event, size_t *ret_length)
{
	struct fanotify_event_metadata metadata;

	*event = (struct mount_event){ .pidfd = -1 };
	if (length < sizeof(metadata))
		return false;
	memcpy(&metadata, bytes, sizeof(metadata));
	if (metadata.vers != FANOTIFY_METADATA_VERSION || metadata.metadata_len < sizeof(metadata) ||
	    metadata.event_len < metadata.metadata_len || metadata.event_len > length)
		return false;
	*ret_length = metadata.event_len;
	event->attached = metadata.mask & FAN_MNT_ATTACH;
	event->detached = metadata.mask & FAN_MNT_DETACH;
	event->pid = metadata.pid;
	return take_records(bytes + metadata.metadata_len, metadata.event_len - metadata.metadata_len, event) &&
	       (event->id != 0) == !(metadata.mask & FAN_Q_OVERFLOW);
}

static ssize_t take_events(const uint8_t *bytes, size_t length, struct mount_event *events, size_t size)
{
	size_t count = 0;

	for (size_t at = 0, one; at < length; at += one) {
		if (count == size || !take_event(bytes + at, length - at, &events[count++], &one)) {
			kernel_mount_events_close(events, count);
			return -EBADMSG;
		}
	}
	return (ssize_t)count;
}

void kernel_mount_events_close(struct mount_event *events, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (events[i].pidfd >= 0)
			close(take_fd(&events[i].pidfd));
}

ssize_t kernel_mount_events_read(int group, struct mount_event *events, size_t size)
{
	uint8_t bytes[(MOUNT_EVENTS_READ_MAX - 1) * EVENT_SIZE + OVERFLOW_SIZE];
	ssize_t length;

	if (size > MOUNT_EVENTS_READ_MAX)
		size = MOUNT_EVENTS_READ_MAX;
	length = read(group, bytes, (size - 1) * EVENT_SIZE + OVERFLOW_SIZE);
	if (length < 0)
		return errno == EAGAIN ? 0 : -errno;
	return take_events(bytes, (size_t)length, events, size);
}
