/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A broker that does as it pleases within the contract: answers late, fails, finds mounts busy, and counts what it
 * should never have been asked.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/path.h"
#include "base/words.h"
#include "world.h"

struct pending {
	struct pending *next;
	int64_t due;
	struct message_request request;
};

static int broker_fd = -1;
static struct pending *pending;

int world_broker_begin(void)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
		abort();
	broker_fd = fds[0];
	return fds[1];
}

void world_broker_end(void)
{
	while (pending) {
		struct pending *first = pending;

		pending = first->next;
		message_request_clear(&first->request);
		free(first);
	}
	close(broker_fd);
	broker_fd = -1;
}

void world_broker_configure(const char *state_dir, const char *text)
{
	static uint8_t buffer[WIRE_FRAME_MAX];
	struct message_configuration message = { .serial = 1 };
	int fd = memfd_create("configuration", MFD_CLOEXEC);
	ssize_t length;

	snprintf(message.state_dir, sizeof(message.state_dir), "%s", state_dir);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		abort();
	length = message_encode_configuration(&message, MESSAGE_CONFIGURATION, buffer);
	if (length < 0 || wire_send(broker_fd, buffer, (size_t)length, &fd, 1) < 0)
		abort();
	close(fd);
}

/* --- probes --- */

static void describe(const struct world_dir *dir, struct probe_result *ret)
{
	ret->identity_known = true;
	ret->dev = 7;
	ret->ino = 100 + dir->serial % 5; /* inode numbers come again */
	ret->birth = dir->serial;
	ret->handle_length = 4;
	memcpy(ret->handle, &dir->serial, 4);
}

static bool is_same(const struct probe_item *item, const struct world_dir *dir)
{
	return item->known && item->birth == dir->serial;
}

static uint64_t reachable(const struct probe_item *item, const struct world_dir *dir)
{
	uint64_t bits = 0;

	for (uint32_t i = 0; i < item->mount_count; i++) {
		const struct world_mount *mount = world_mount(item->mounts[i].mount.id);

		if (mount && mount->dir == dir->serial)
			bits |= UINT64_C(1) << i;
	}
	return bits;
}

static bool covers_itself(const struct probe_item *item)
{
	for (uint32_t i = 0; i < item->mount_count; i++)
		if (!*item->mounts[i].path)
			return true;
	return false;
}

static void probe(const struct probe_item *item, struct probe_result *ret)
{
	struct world_dir *dir = world_dir_at(item->path);

	*ret = (struct probe_result){ .state = PROBE_PRESENT, .local = true };
	if (item->carrier.id != (world.cover ? world.cover : world.root_mount))
		ret->state = PROBE_COVERED;
	else if (world.storage_hangs && world_chance(50))
		ret->state = PROBE_HUNG;
	else if (world.storage_fails)
		ret->state = PROBE_UNKNOWN, ret->error = EIO;
	else if (!*item->path)
		return;
	else if (!dir || (world.by_handle && item->known && !is_same(item, dir)))
		ret->state = PROBE_MISSING, ret->error = ENOENT;
	else if (covers_itself(item) && !(world.by_handle && item->known))
		return;
	else {
		describe(dir, ret);
		ret->full = !dir->hollow;
		/* What the engine does not know (yet, or any more: a new generation) cannot be held against it. */
		dir->told = is_same(item, dir);
		dir->told_full = (dir->told_full || ret->full) && dir->told;
		dir->registered = !item->want_hollow;
		ret->hollow = dir->hollow && item->want_hollow;
		if (item->known && !is_same(item, dir)) {
			ret->state = PROBE_REPLACED;
			ret->reachable = reachable(item, dir);
		}
	}
}

/* --- steps --- */

static void must_be_dead(const struct world_mount *mount, enum step step)
{
	const struct world_dir *dir = mount->dir ? world_dir(mount->dir) : NULL;
	char target[256];

	world_mount_target(mount, target, sizeof(target));
	if (!dir)
		world_violated("%s of %s, which is no action's", step_name(step), target);
	else if (dir->live)
		world_violated("%s of %s, which lives", step_name(step), target);
	else if (!dir->at_once && world.now.mono - dir->dead_since < WORLD_GRACE)
		world_violated("%s of %s only %lld ms after its end", step_name(step), target,
			       (long long)((world.now.mono - dir->dead_since) / NSEC_PER_MSEC));
}

static bool has_child(const struct world_mount *mount)
{
	for (size_t i = 0; i < WORLD_MOUNTS; i++)
		if (world.mounts[i].id && world.mounts[i].parent == mount->id)
			return true;
	return false;
}

static void tree_must_be_dead(const struct world_mount *mount, enum step step)
{
	must_be_dead(mount, step);
	for (size_t i = 0; i < WORLD_MOUNTS; i++)
		if (world.mounts[i].id && world.mounts[i].parent == mount->id)
			tree_must_be_dead(&world.mounts[i], step);
}

static void take_step(const struct step_item *item, struct step_result *ret)
{
	struct world_mount *mount = world_mount(item->mount.id);
	char target[256];

	world.steps++;
	*ret = (struct step_result){ .outcome = OUTCOME_GONE, .duration = 20000 };
	if (!path_is_plain_relative(item->path) || item->action_length == 0 || item->action_length > strlen(item->path))
		world_violated("a step with the path '%s', of which %u bytes are the action's", item->path,
			       item->action_length);
	if (!mount)
		return;
	world_mount_target(mount, target, sizeof(target));
	tree_must_be_dead(mount, item->step);
	if (world_chance(5)) {
		ret->outcome = OUTCOME_MISMATCH;
	} else if (world.storage_hangs && world_chance(50)) {
		ret->outcome = OUTCOME_HUNG;
	} else if (item->step == STEP_FORCE && world_chance(70)) {
		ret->outcome = OUTCOME_REFUSED;
	} else if (item->step != STEP_DETACH && (mount->busy || has_child(mount))) {
		ret->outcome = OUTCOME_BUSY;
		ret->error = EBUSY;
	} else if (world_chance(5)) {
		ret->outcome = OUTCOME_FAILED;
		ret->error = EIO;
	} else if (!world_chance(5)) { /* else: said to be gone, and still there */
		world_detach(mount);
		world.reaped++;
	}
}

/* --- the wire --- */

static void answer(const struct message_request *request)
{
	static uint8_t buffer[WIRE_FRAME_MAX];
	struct message_result result = { .request = request->type, .job = request->job };
	struct watch_result watches[REQUEST_ITEMS_MAX] = { 0 };
	struct probe_result probes[REQUEST_ITEMS_MAX];
	struct step_result steps[REQUEST_ITEMS_MAX];
	ssize_t length;

	result.count = request->count;
	if (request->type == MESSAGE_PROBE) {
		result.probes = probes;
		for (uint32_t i = 0; i < request->count; i++)
			probe(&request->probes[i], &probes[i]);
	} else if (request->type == MESSAGE_STEP) {
		result.steps = steps;
		for (uint32_t i = 0; i < request->count; i++)
			take_step(&request->steps[i], &steps[i]);
	} else if (request->type == MESSAGE_WATCH) {
		result.watches = watches;
	} else {
		world_violated("a request of type %d", (int)request->type);
		return;
	}
	length = message_encode_result(&result, buffer);
	if (length < 0)
		world_violated("the answer does not fit: %zd", length);
	else
		wire_send(broker_fd, buffer, (size_t)length, NULL, 0);
}

static void take_requests(bool may_delay)
{
	static uint8_t buffer[WIRE_FRAME_MAX];
	int fds[WIRE_FDS_MAX];
	size_t fd_count;
	ssize_t length;

	while ((length = wire_receive(broker_fd, buffer, sizeof(buffer), fds, &fd_count)) > 0) {
		struct pending *one;

		if (message_type(buffer, (size_t)length) == MESSAGE_READY)
			continue;
		one = calloc(1, sizeof(*one));
		if (!one || message_decode_request(buffer, (size_t)length, &one->request) < 0) {
			world_violated("a request that cannot be read");
			free(one);
			continue;
		}
		one->due = world.now.mono +
			   (may_delay && world_chance(20) ? (int64_t)world_random(3000) * NSEC_PER_MSEC : 0);
		one->next = pending;
		pending = one;
	}
}

void world_broker_turn(bool may_delay)
{
	take_requests(may_delay);
	for (struct pending **at = &pending; *at;) {
		struct pending *one = *at;

		if (one->due > world.now.mono) {
			at = &one->next;
			continue;
		}
		*at = one->next;
		answer(&one->request);
		message_request_clear(&one->request);
		free(one);
	}
}
