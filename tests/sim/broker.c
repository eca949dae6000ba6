/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A broker that does as it pleases within the contract: answers late, fails, finds mounts busy, dies, and has each
 * step judged when it is asked for and again when it is taken.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/words.h"
#include "engine/engine.h"
#include "world.h"

struct pending {
	struct pending *next;
	int64_t due;
	int error;
	uint64_t polls; /* when it was received */
	struct message_request request;
	struct world_config config;	   /* in force when it was received */
	uint64_t meant[REQUEST_ITEMS_MAX]; /* the mounts that the steps were asked for */
};

static int broker_fd = -1;
static struct pending *pending, **pending_end = &pending;

int world_broker_begin(void)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
		abort();
	broker_fd = fds[0];
	return fds[1];
}

void world_broker_configure(const char *state_dir)
{
	static uint8_t buffer[WIRE_FRAME_MAX];
	struct message_configuration message = { .serial = world.config.serial };
	const char *text = world_config_text();
	int fd = memfd_create("configuration", MFD_CLOEXEC);
	ssize_t length;

	message.flags = world.observe_all ? CONFIGURATION_OBSERVE : 0;
	snprintf(message.state_dir, sizeof(message.state_dir), "%s", state_dir);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		abort();
	length = message_encode_configuration(&message, MESSAGE_CONFIGURATION, buffer);
	if (length < 0 || wire_send(broker_fd, buffer, (size_t)length, &fd, 1) < 0)
		abort();
	close(fd);
}

void world_broker_stop(void)
{
	uint8_t buffer[64];
	ssize_t length = message_encode_plain(MESSAGE_STOP, buffer);

	if (length < 0 || wire_send(broker_fd, buffer, (size_t)length, NULL, 0) < 0)
		abort();
}

/* --- steps --- */

static bool has_child(const struct world_mount *mount)
{
	for (size_t i = 0; i < WORLD_MOUNTS; i++)
		if (world.mounts[i].id && world.mounts[i].parent == mount->id)
			return true;
	return false;
}

static void mark_taken(const struct world_mount *mount)
{
	/* The journal is about what is below a root: of the root itself it has the attempt. */
	world.past[mount->id].taken = !mount->serves;
	world.reaped++;
	for (size_t i = 0; i < WORLD_MOUNTS; i++)
		if (world.mounts[i].id && world.mounts[i].parent == mount->id)
			mark_taken(&world.mounts[i]);
}

static void take(struct world_mount *mount)
{
	world_note(has_child(mount) ? KIND_OUTCOME_TREE : KIND_OUTCOME_GONE, mount->id);
	mark_taken(mount);
	world_detach(mount);
}

static struct step_result conclude(enum kind kind, enum outcome outcome, int error, uint64_t id)
{
	world_note(kind, id);
	return (struct step_result){ .outcome = outcome, .error = error, .duration = 20000 };
}

/* As the broker's child finds it: the root's own mount, where it is dead; or what lies on it. 0: goes on. */
static enum outcome outcome_by_place(const struct world_mount *mount, const struct step_item *item, uint32_t root)
{
	const struct world_dir *dir = mount->dir ? world_dir(mount->dir) : NULL;

	if (!*item->path && world_standing_in(mount->ns, root) != mount->id) {
		world_note(KIND_ROOT_COVERED, mount->id);
		return OUTCOME_MISMATCH;
	}
	if (!*item->path)
		return mount->dead ? OUTCOME_GONE : OUTCOME_REFUSED;
	if (dir && dir->carrier != world_carrier_in(mount->ns, root))
		return OUTCOME_MISMATCH;
	if (dir && world_is_out_of_reach(dir)) {
		world_note(KIND_OUT_OF_REACH, mount->id);
		return OUTCOME_FAILED;
	}
	return OUTCOME_GONE;
}

static bool hangs(const struct world_mount *mount, uint32_t root)
{
	const struct world_mount *server = world_server_of(root);

	return mount->serves ? false : world.roots[root].hangs || (server && server->hangs);
}

/* The mount table is asked afterwards, as the broker does: what is gone is gone, whoever took it. */
static struct step_result take_step(const struct step_item *item, uint64_t meant, uint32_t root,
				    const struct world_rules *rules)
{
	struct world_mount *mount = world_referred(&item->mount);
	uint64_t id = mount ? mount->id : 0;
	enum outcome outcome;

	if (!mount)
		return conclude(KIND_OUTCOME_VANISHED, OUTCOME_GONE, 0, 0);
	if (!world_is_asked_for(mount, root, item))
		return conclude(KIND_OUTCOME_MOVED, OUTCOME_MISMATCH, 0, id);
	/*
	 * Without unique ids a mount that was made anew at the same place, with the same number, while the step was
	 * under way cannot be told from the former one. That is in the manual, and not looked at here.
	 */
	if (world.no_ids && id != meant)
		return conclude(KIND_OUTCOME_MISMATCH, OUTCOME_MISMATCH, 0, id);
	if (*item->path)
		judge_step(mount, item, rules);
	else
		judge_root_step(mount, item, rules);
	outcome = world_chance(5) ? OUTCOME_MISMATCH : outcome_by_place(mount, item, root);
	if (outcome != OUTCOME_GONE)
		return conclude(KIND_OUTCOME_MISMATCH, outcome, outcome == OUTCOME_FAILED ? ENOTCONN : 0, id);
	if (mount->locked)
		return conclude(KIND_OUTCOME_LOCKED, OUTCOME_LOCKED, EINVAL, id);
	if (item->step == STEP_FORCE && world_chance(70))
		return conclude(KIND_OUTCOME_REFUSED, OUTCOME_REFUSED, 0, id);
	if (item->step != STEP_DETACH && (mount->busy || has_child(mount)))
		return conclude(KIND_OUTCOME_BUSY, OUTCOME_BUSY, EBUSY, id);
	if (hangs(mount, root) && world_chance(50)) {
		/* What hangs may be done all the same. */
		if (world_chance(30))
			take(mount);
		return conclude(KIND_OUTCOME_HUNG, OUTCOME_HUNG, 0, id);
	}
	if (world_chance(5))
		return conclude(KIND_OUTCOME_FAILED, OUTCOME_FAILED, EIO, id);
	if (world_chance(5))
		return conclude(KIND_OUTCOME_LIE, OUTCOME_GONE, 0, id);
	if (!*item->path)
		world_note(KIND_ROOT_REAPED, id);
	if (mount->ns)
		world_note(KIND_TAKEN_THERE, id);
	take(mount);
	return (struct step_result){ .outcome = OUTCOME_GONE, .duration = 20000 };
}

/* --- the wire --- */

static void answer_probes(const struct pending *one, uint32_t root, struct probe_result *ret)
{
	const struct message_request *request = &one->request;

	for (uint32_t i = 0; i < request->count; i++) {
		if (one->error)
			ret[i] = (struct probe_result){ .state = PROBE_UNKNOWN };
		else
			world_probe(&request->probes[i], root, &ret[i]);
		if (one->error != ESTALE)
			world_has_answered(&request->probes[i], root, &ret[i], one->polls);
	}
}

static void answer(const struct pending *one)
{
	static uint8_t buffer[WIRE_FRAME_MAX];
	const struct message_request *request = &one->request;
	uint32_t root = (uint32_t)world_config_root(&one->config, request->root);
	struct message_result result = { .request = request->type, .job = request->job, .error = one->error };
	struct watch_result watches[REQUEST_ITEMS_MAX] = { 0 };
	struct probe_result probes[REQUEST_ITEMS_MAX];
	struct step_result steps[REQUEST_ITEMS_MAX];
	ssize_t length;

	/* It may have ended while this was under way. */
	if (!one->error && !namespace_is_own(&request->ns) && !world_other_is(&request->ns))
		result.error = ESRCH;
	world.asked_in = !namespace_is_own(&request->ns);
	result.count = result.error ? 0 : request->count;
	if (result.error == ESRCH) {
		world_note(KIND_ASKED_TOO_LATE, request->type);
	} else if (request->type == MESSAGE_PROBE) {
		result.probes = probes;
		answer_probes(one, root, probes);
	} else if (request->type == MESSAGE_STEP) {
		result.steps = steps;
		for (uint32_t i = 0; i < result.count; i++)
			steps[i] = take_step(&request->steps[i], one->meant[i], root, &one->config.rules[root]);
	} else if (request->type == MESSAGE_WATCH) {
		result.watches = watches;
	} else if (request->type == MESSAGE_NAMESPACES && world.has_others) {
		world.other.told_unselected = !one->config.others && one->config.serial == world.config.serial;
		world_other_list(one->config.others, &result);
	} else if (request->type == MESSAGE_NAMESPACES) {
		result.error = EPERM; /* this world has one */
		result.count = 0;
	} else if (request->type == MESSAGE_TABLE && !result.error) {
		world_other_table(&result);
	} else if (request->type == MESSAGE_EVENTS && !result.error) {
		result.error = EPERM; /* its table is read again and again */
		result.count = 0;
	} else if (!result.error) {
		world_violated("a request of type %d", (int)request->type);
		return;
	}
	length = message_encode_result(&result, buffer);
	if (length < 0)
		world_violated("the answer does not fit: %zd", length);
	else
		wire_send(broker_fd, buffer, (size_t)length, result.fds, result.fd_count);
	for (uint32_t i = 0; i < result.fd_count; i++)
		close(result.fds[i]);
}

static bool is_of_a_root(const struct message_request *request)
{
	return request->type == MESSAGE_PROBE || request->type == MESSAGE_STEP || request->type == MESSAGE_WATCH;
}

static void receive(struct pending *one)
{
	const struct message_request *request = &one->request;

	one->config = world.config;
	world.asked_in = !namespace_is_own(&request->ns);
	if (request->type == MESSAGE_NAMESPACES)
		return;
	for (uint32_t i = 0; request->type == MESSAGE_STEP && i < request->count; i++) {
		const struct world_mount *mount = world_referred(&request->steps[i].mount);

		one->meant[i] = mount && !world_looks_like_its_former(mount) ? mount->id : 0;
	}
	if (request->serial != world.config.serial) {
		world_note(KIND_STALE_REQUEST, request->serial);
		one->error = ESTALE;
		if (request->type == MESSAGE_STEP)
			judge_refused(request);
	} else if (!namespace_is_own(&request->ns) && !world.config.others) {
		world_note(KIND_NOT_SELECTED, request->type);
		one->error = EPERM;
		if (request->type == MESSAGE_STEP && world.other.told_unselected)
			world_violated("a step is asked for in a namespace that is not selected");
	} else if (is_of_a_root(request) && world_config_root(&world.config, request->root) < 0) {
		world_violated("a request names root %u, which there is not", request->root);
		one->error = EBADMSG;
	} else if (request->type == MESSAGE_STEP) {
		judge_request(request, &world.config);
	}
	if (!one->error && world_chance(1))
		one->error = ENOENT; /* the root cannot be opened just now */
}

void world_broker_take(void)
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
		one->due = world.now.mono;
		one->polls = world.polls;
		if ((one->request.type != MESSAGE_NAMESPACES || world.has_others) &&
		    world_chance(one->request.type == MESSAGE_STEP ? 40 : 20))
			one->due += (int64_t)world_random(3000) * NSEC_PER_MSEC;
		receive(one);
		*pending_end = one;
		pending_end = &one->next;
	}
}

static struct pending *unlink_pending(struct pending **at)
{
	struct pending *one = *at;

	*at = one->next;
	if (pending_end == &one->next)
		pending_end = at;
	return one;
}

static void pending_free(struct pending *one)
{
	message_request_clear(&one->request);
	free(one);
}

void world_broker_turn(bool may_delay)
{
	world_broker_take();
	for (struct pending **at = &pending; *at;) {
		struct pending *one;

		if (may_delay && (*at)->due > world.now.mono) {
			at = &(*at)->next;
			continue;
		}
		one = unlink_pending(at);
		answer(one);
		pending_free(one);
	}
}

static void do_unheard(const struct pending *one)
{
	uint32_t root = (uint32_t)world_config_root(&one->config, one->request.root);

	if (one->request.type != MESSAGE_STEP || one->error || world_chance(50))
		return;
	if (!namespace_is_own(&one->request.ns) && !world_other_is(&one->request.ns))
		return;
	world.asked_in = !namespace_is_own(&one->request.ns);
	for (uint32_t i = 0; i < one->request.count; i++) {
		world_note(KIND_DONE_UNHEARD, one->request.job);
		take_step(&one->request.steps[i], one->meant[i], root, &one->config.rules[root]);
	}
}

struct world_mount *world_broker_step(void)
{
	struct world_mount *mount = NULL;

	for (const struct pending *one = pending; one && !mount; one = one->next)
		if (one->request.type == MESSAGE_STEP)
			mount = world_mount(one->meant[0]);
	return mount;
}

void world_broker_end(void)
{
	world_broker_take();
	while (pending) {
		struct pending *one = unlink_pending(&pending);

		do_unheard(one);
		pending_free(one);
	}
	close(broker_fd);
	broker_fd = -1;
}
