/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/handlers.h"

#include <errno.h>
#include <linux/openat2.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>

#include "base/cleanup.h"
#include "broker/entry.h"
#include "broker/mount_events.h"
#include "broker/tables.h"
#include "kernel/at.h"
#include "kernel/holders.h"
#include "kernel/mounts.h"
#include "kernel/probe.h"
#include "kernel/procfs.h"

_Static_assert(HANDLE_MAX == KERNEL_HANDLE_MAX, "a handle goes over the wire as the kernel gave it");

static struct kernel_mount kernel_mount_of(const struct mount_reference *reference)
{
	return (struct kernel_mount){ .id = reference->id, .id32 = reference->id32, .dev = reference->dev };
}

static const uint32_t probe_states[] = {
	[KERNEL_PROBE_PRESENT] = PROBE_PRESENT,	    [KERNEL_PROBE_MISSING] = PROBE_MISSING,
	[KERNEL_PROBE_REPLACED] = PROBE_REPLACED,   [KERNEL_PROBE_DEAD] = PROBE_DEAD,
	[KERNEL_PROBE_COVERED] = PROBE_COVERED,	    [KERNEL_PROBE_UNKNOWN] = PROBE_UNKNOWN,
	[KERNEL_PROBE_ELSEWHERE] = PROBE_ELSEWHERE,
};

static void take_probe_result(const struct kernel_probe_result *from, struct probe_result *to)
{
	to->state = probe_states[from->state];
	to->error = from->error;
	to->identity_known = from->identity_known;
	to->dev = from->identity.dev;
	to->ino = from->identity.ino;
	to->birth = from->identity.birth;
	to->handle_type = from->identity.handle_type;
	to->handle_length = from->identity.handle_length;
	memcpy(to->handle, from->identity.handle, sizeof(to->handle));
	to->hollow = from->hollow;
	to->full = from->full;
	to->local = from->local;
	to->reachable = from->reachable;
}

static void serve_probe(size_t index, struct handler_result *result, struct handler_context *context)
{
	const struct probe_item *item = &context->request->probes[index];
	struct kernel_probe_mount mounts[PROBE_MOUNTS_MAX];
	struct kernel_probe probe = {
		.path = item->path,
		.carrier = kernel_mount_of(&item->carrier),
		.known = item->known,
		.identity = { .dev = item->dev,
			      .ino = item->ino,
			      .birth = item->birth,
			      .handle_type = item->handle_type,
			      .handle_length = item->handle_length },
		.want_hollow = item->want_hollow,
		.mounts = mounts,
		.mount_count = item->mount_count,
	};
	struct kernel_probe_result answer;

	memcpy(probe.identity.handle, item->handle, sizeof(probe.identity.handle));
	for (size_t i = 0; i < item->mount_count; i++)
		mounts[i] =
			(struct kernel_probe_mount){ item->mounts[i].path, kernel_mount_of(&item->mounts[i].mount) };
	result->root_error = kernel_probe_action(context->rules->path, &probe, &answer);
	take_probe_result(&answer, &result->probe);
}

static void give_up_probe(size_t index, struct handler_result *result, const struct handler_context *context,
			  enum batch_item_state state)
{
	(void)index;
	(void)context;
	result->probe = (struct probe_result){ .state = state == BATCH_ITEM_HUNG ? PROBE_HUNG : PROBE_UNKNOWN,
					       .error = state == BATCH_ITEM_HUNG ? ETIMEDOUT : ECHILD };
}

static void refuse_probe(struct handler_result *result, int r)
{
	result->probe = (struct probe_result){ .state = PROBE_UNKNOWN, .error = -r };
}

static bool is_remote(int fd, const struct place_status *place)
{
	struct mount_status status;
	uint64_t magic = 0;

	if (place->mount_id && kernel_statmount(place->mount_id, &status) == 0)
		return kernel_fs_is_remote(status.magic);
	return kernel_fs_magic(fd, &magic) < 0 || kernel_fs_is_remote(magic);
}

/* The directory to watch, on the recorded mount and no other. On a remote filesystem no name is looked up. */
static int open_watched(int root, const struct watch_item *item)
{
	const struct kernel_mount carrier = kernel_mount_of(&item->carrier);
	struct place_status place;
	int r = kernel_status_at(root, "", false, &place);

	if (r < 0)
		return r;
	if (!kernel_place_is_on(&place, &carrier))
		return -EIDRM;
	return kernel_open_beneath(root, item->path, RESOLVE_NO_XDEV | (is_remote(root, &place) ? RESOLVE_CACHED : 0));
}

static void serve_watch(size_t index, struct handler_result *result, struct handler_context *context)
{
	CLEANUP_CLOSE int root = kernel_open_root_passively(context->rules->path);
	CLEANUP_CLOSE int fd = -1;
	char path[PROCFS_NAME_SIZE];

	result->watch.descriptor = -1;
	if (root < 0) {
		result->root_error = root;
		result->watch.error = -root;
		return;
	}
	fd = open_watched(root, &context->request->watches[index]);
	if (fd < 0) {
		result->watch.error = -fd;
		return;
	}
	procfs_name(path, sizeof(path), "self/fd/%d", fd);
	result->watch.descriptor = inotify_add_watch(context->inotify, path,
						     IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO |
							     IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR);
	if (result->watch.descriptor < 0)
		result->watch.error = errno;
}

static void give_up_watch(size_t index, struct handler_result *result, const struct handler_context *context,
			  enum batch_item_state state)
{
	(void)index;
	(void)context;
	result->watch =
		(struct watch_result){ .error = state == BATCH_ITEM_HUNG ? ETIMEDOUT : ECHILD, .descriptor = -1 };
}

static void refuse_watch(struct handler_result *result, int r)
{
	result->watch = (struct watch_result){ .error = -r, .descriptor = -1 };
}

static void serve_step(size_t index, struct handler_result *result, struct handler_context *context)
{
	result->root_error = asroot_step(&context->steps, (uint32_t)index, &result->step);
}

/* Asked by the broker itself, which is in none but our own namespace. */
static bool has_gone(const struct namespace_reference *ns, uint64_t id)
{
	struct mount_status status;

	if (!id || (!namespace_is_own(ns) && !ns->id))
		return false;
	return kernel_statmount_in(ns->id, id, &status) == -ENOENT;
}

/* What it had written before (a parent made private) stays said. Gone is gone, even where the call did not return. */
static void give_up_step(size_t index, struct handler_result *result, const struct handler_context *context,
			 enum batch_item_state state)
{
	const struct mount_reference *mount = &context->request->steps[index].mount;

	result->step.outcome = state == BATCH_ITEM_HUNG ? OUTCOME_HUNG : OUTCOME_FAILED;
	result->step.error = state == BATCH_ITEM_HUNG ? ETIMEDOUT : ECHILD;
	snprintf(result->step.detail, sizeof(result->step.detail), "%s",
		 state == BATCH_ITEM_HUNG ? "" : "the process that did it died");
	if (state == BATCH_ITEM_HUNG)
		result->step.duration = context->rules->step_timeout;
	if (has_gone(&context->request->ns, mount->id))
		result->step.outcome = OUTCOME_GONE;
}

static void refuse_step(struct handler_result *result, int r)
{
	result->step = (struct step_result){ .outcome = OUTCOME_FAILED, .error = -r };
	snprintf(result->step.detail, sizeof(result->step.detail), "its mount namespace cannot be entered");
}

/* Of mounts elsewhere the engine has nothing to know. What we detached is nowhere. */
static ssize_t find_holders(const struct handler_context *context, const struct mount_reference *reference,
			    struct kernel_holder found[static HOLDERS_MAX])
{
	const struct kernel_mount mount = kernel_mount_of(reference);
	const struct detached_mount *detached = detached_find(context->detached, reference->id);
	ssize_t count = kernel_find_holders(&mount, context->rules->path, found, HOLDERS_MAX);

	if (count == -ENOENT && detached)
		return kernel_find_holders_detached(detached->id, detached->dev, found, HOLDERS_MAX);
	return count;
}

static void serve_holders(size_t index, struct handler_result *result, struct handler_context *context)
{
	struct kernel_holder found[HOLDERS_MAX];
	ssize_t count = find_holders(context, &context->request->holders[index].mount, found);

	result->root_error = count < 0 ? (int32_t)count : 0;
	for (ssize_t i = 0; i < count; i++) {
		struct holder_result *to = &result->holders[i];

		*to = (struct holder_result){ .pid = found[i].pid, .number = found[i].number };
		snprintf(to->comm, sizeof(to->comm), "%s", found[i].comm);
		snprintf(to->how, sizeof(to->how), "%s", kernel_holder_names[found[i].how]);
	}
	result->holder_count = count > 0 ? (uint32_t)count : 0;
}

static void give_up_holders(size_t index, struct handler_result *result, const struct handler_context *context,
			    enum batch_item_state state)
{
	(void)index;
	(void)context;
	result->root_error = state == BATCH_ITEM_HUNG ? -ETIMEDOUT : -ECHILD;
	result->holder_count = 0;
}

static void refuse_holders(struct handler_result *result, int r)
{
	(void)r;
	result->holder_count = 0;
}

/* ---- about no root ---- */

/* The descriptors go before the result is believed: what a child could not hand over was not served. */
static int pass(const struct handler_context *context, int fds[static RESULT_FDS_MAX], uint32_t count)
{
	int r = wire_send(context->passage, "", 1, fds, count);

	for (uint32_t i = 0; i < count; i++)
		cleanup_close(&fds[i]);
	return r;
}

static void serve_namespaces(size_t index, struct handler_result *result, struct handler_context *context)
{
	CLEANUP(holding_clear) struct holding holding = { 0 };
	int fds[RESULT_FDS_MAX] = { -1, -1 };
	int r = context->request->count ? holding_read(context->config, &holding) : 0;

	(void)index;
	if (r == 0)
		r = asroot_list_namespaces(context->config, &context->selection, &holding, &result->namespaces,
					   &fds[0]);
	result->root_error = r < 0 ? r : pass(context, fds, 1);
}

static void serve_table(size_t index, struct handler_result *result, struct handler_context *context)
{
	int fds[RESULT_FDS_MAX] = { -1, -1 };
	uint32_t count = 0;
	int r = asroot_read_table(context->request->ids, context->request->count, &result->table, fds, &count);

	(void)index;
	result->root_error = r < 0 ? r : pass(context, fds, count);
}

static int serve_events_of(struct handler_context *context, int ns, struct events_result *result)
{
	struct kernel_namespace which;
	int fds[RESULT_FDS_MAX] = { -1, -1 };
	int r = kernel_namespace_identify(ns, &which);
	bool own = r == 0 && which.inode == kernel_mount_namespace();

	*result = (struct events_result){ .kind = context->request->events[0] };
	if (r == 0 && !own)
		fds[1] = kernel_namespace_hold_process(&which, context->request->ns.pid, &result->pid);
	if (r == 0 && result->kind == EVENTS_GROUP)
		r = asroot_open_mount_events(ns, &fds[0], &result->lack);
	else if (r == 0)
		r = asroot_open_mountinfo(own ? -1 : ns, &fds[0]);
	if (r < 0)
		cleanup_close(&fds[1]);
	return r < 0 ? r : pass(context, fds, fds[1] < 0 ? 1 : 2);
}

/* A mark is made from outside, with an fd of the namespace. */
static void serve_events(size_t index, struct handler_result *result, struct handler_context *context)
{
	CLEANUP_CLOSE int ns = asroot_open_namespace(context->config, &context->selection, &context->request->ns);

	(void)index;
	result->root_error = ns < 0 ? ns : serve_events_of(context, ns, &result->events);
}

static void give_up_whole(size_t index, struct handler_result *result, const struct handler_context *context,
			  enum batch_item_state state)
{
	(void)index;
	(void)context;
	result->root_error = state == BATCH_ITEM_HUNG ? -ETIMEDOUT : -ECHILD;
}

static void refuse_whole(struct handler_result *result, int r)
{
	(void)result;
	(void)r;
}

#define SIZE_WITH(member) (offsetof(struct handler_result, member) + sizeof(((struct handler_result *)NULL)->member))

static const struct {
	enum message_type type;
	struct handler handler;
} handlers[] = {
	{ MESSAGE_PROBE, { "probe", SIZE_WITH(probe), true, serve_probe, give_up_probe, refuse_probe } },
	{ MESSAGE_WATCH, { "watch", SIZE_WITH(watch), true, serve_watch, give_up_watch, refuse_watch } },
	{ MESSAGE_STEP, { "step", SIZE_WITH(step), true, serve_step, give_up_step, refuse_step } },
	{ MESSAGE_HOLDERS, { "holders", SIZE_WITH(holders), true, serve_holders, give_up_holders, refuse_holders } },
	{ MESSAGE_NAMESPACES,
	  { "namespaces", SIZE_WITH(namespaces), false, serve_namespaces, give_up_whole, refuse_whole } },
	{ MESSAGE_TABLE, { "table", SIZE_WITH(table), false, serve_table, give_up_whole, refuse_whole } },
	{ MESSAGE_EVENTS, { "events", SIZE_WITH(events), false, serve_events, give_up_whole, refuse_whole } },
};

const struct handler *handler_of(enum message_type type)
{
	for (size_t i = 0; i < ARRAY_SIZE(handlers); i++)
		if (handlers[i].type == type)
			return &handlers[i].handler;
	return NULL;
}

/* Those that look from outside. */
static bool stays(const struct message_request *request)
{
	return request->type == MESSAGE_NAMESPACES || request->type == MESSAGE_EVENTS;
}

static int begin_there(struct handler_context *context, int ns)
{
	struct kernel_namespace which;
	int r = kernel_namespace_identify(ns, &which);

	if (r < 0 || which.inode == kernel_mount_namespace())
		return r;
	if (context->rules) {
		context->there = *context->rules;
		context->there.path =
			(char *)selection_path(&context->selection, context->rules, &which, context->request->ns.pid);
		context->rules = context->steps.rules = &context->there;
	}
	return asroot_enter_namespace(ns);
}

int handler_begin(struct handler_context *context)
{
	CLEANUP_CLOSE int ns = -1;

	if (stays(context->request))
		return 0;
	ns = asroot_open_namespace(context->config, &context->selection, &context->request->ns);
	return ns < 0 ? ns : begin_there(context, ns);
}

void handler_context_clear(struct handler_context *context)
{
	step_batch_clear(&context->steps);
	selection_clear(&context->selection);
}
