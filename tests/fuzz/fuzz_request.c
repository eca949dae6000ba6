/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A request as a compromised engine would send it: the input is one datagram. It is served for real, with every
 * capability, in a user and mount namespace of this process's own, on a small world of mounts; small numbers in it stand
 * for these (see `world`), for no fuzzer guesses an id of 64 bits. Whatever is asked, what lies outside the root or is
 * protected or only observed stays, and below the root goes only what the request named by place and by id.
 *
 * This file's batch_…() stand in for base/batch.h's: children would make it slow, and what they find invisible.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/skip.h"
#include "base/batch.h"
#include "base/cleanup.h"
#include "base/path.h"
#include "broker/requests.h"
#include "fuzz.h"
#include "kernel/at.h"
#include "kernel/mounts.h"

#define PLACE  "/mnt"
#define ROOT   PLACE "/root"
#define SERIAL 7

static const char configuration[] = "[root " ROOT "]\nprotect = b/keep\n"
				    "[root " PLACE "/seen]\nmode = observe\n";

/* In the order in which they are mounted; the n-th is what the numbers n+1 stand for. */
static struct {
	const char *target;
	bool may_go;
	struct mount_status status;
} world[] = {
	{ ROOT, false, { 0 } },
	{ ROOT "/a/proc", true, { 0 } },
	{ ROOT "/a/dev", true, { 0 } },
	{ ROOT "/a/dev/pts", true, { 0 } },
	{ ROOT "/b", true, { 0 } },
	{ ROOT "/b/keep", false, { 0 } },
	{ PLACE "/outside", false, { 0 } },
	{ PLACE "/seen", false, { 0 } },
	{ PLACE "/seen/a", false, { 0 } },
};
static struct settings settings = { .references = 1, .serial = SERIAL, .text = -1 };
static int ends[2]; /* of the socket between broker and engine */

/* ---- batches ---- */

struct batch {
	size_t result_size;
	char *results;
};

int batch_new_limited(struct batch_pool *pool, size_t items, size_t result_size, batch_function *function,
		      void *context, int64_t deadline_ns, struct batch_limit limit, struct batch **ret)
{
	struct batch *batch = malloc(sizeof(*batch));

	(void)pool;
	(void)limit;
	FUZZ_HOLDS(items >= 1 && items <= REQUEST_ITEMS_MAX && deadline_ns > 0);
	*batch = (struct batch){ result_size, calloc(items, result_size) };
	for (size_t i = 0; i < items; i++)
		function(i, batch->results + i * result_size, context);
	*ret = batch;
	return 0;
}

void batch_free(struct batch *batch)
{
	if (batch)
		free(batch->results);
	free(batch);
}

bool batch_is_finished(const struct batch *batch)
{
	return batch != NULL;
}

enum batch_item_state batch_item_state(const struct batch *batch, size_t index)
{
	(void)batch;
	(void)index;
	return BATCH_ITEM_DONE;
}

void *batch_item_result(const struct batch *batch, size_t index)
{
	return batch->results + index * batch->result_size;
}

unsigned batch_pool_running(const struct batch_pool *pool)
{
	(void)pool;
	return 0;
}

unsigned batch_pool_hung(const struct batch_pool *pool)
{
	(void)pool;
	return 0;
}

struct settings *settings_ref(struct settings *s)
{
	s->references++;
	return s;
}

void settings_unref(struct settings *s)
{
	if (s)
		s->references--;
}

/* ---- the world ---- */

static int status_of(const char *path, struct mount_status *ret)
{
	CLEANUP_CLOSE int fd = open(path, O_PATH | O_CLOEXEC);
	struct place_status place;

	if (fd < 0 || kernel_status_at(fd, "", false, &place) < 0)
		return -ENOENT;
	return kernel_statmount(place.mount_id, ret);
}

static void make_world(void)
{
	umount2(PLACE "/seen", MNT_DETACH);
	umount2(PLACE "/outside", MNT_DETACH);
	umount2(ROOT, MNT_DETACH);
	for (size_t i = 0; i < ARRAY_SIZE(world); i++) {
		CLEANUP_FREE char *parent = strndup(world[i].target, strrchr(world[i].target, '/') - world[i].target);

		FUZZ_HOLDS(mkdir(parent, 0755) == 0 || errno == EEXIST);
		FUZZ_HOLDS(mkdir(world[i].target, 0755) == 0 || errno == EEXIST);
		FUZZ_HOLDS(mount("world", world[i].target, "tmpfs", 0, "size=64k") == 0);
		FUZZ_HOLDS(status_of(world[i].target, &world[i].status) == 0);
	}
	FUZZ_HOLDS(symlink(PLACE "/outside", ROOT "/link") == 0 && symlink("../..", ROOT "/a/up") == 0);
	FUZZ_HOLDS(close(open(PLACE "/outside/file", O_CREAT | O_WRONLY | O_CLOEXEC, 0644)) == 0);
}

static bool is_there(size_t index)
{
	struct mount_status status;

	return kernel_statmount(world[index].status.id, &status) == 0;
}

static bool is_named(size_t index, const struct mount_reference *mount)
{
	const struct mount_status *status = &world[index].status;

	return mount->id ? mount->id == status->id : mount->id32 == status->id32 && mount->dev == status->dev;
}

/* By either of its names. All others are not selected by the configuration. */
static bool is_about_us(const struct message_request *request)
{
	return namespace_is_own(&request->ns) || request->ns.inode == kernel_mount_namespace();
}

/* Named by its place and its id, or below one that was detached. */
static bool was_asked_for(size_t index, const struct message_request *request)
{
	const char *target = path_relative(world[index].target, ROOT);

	if (!is_about_us(request))
		return false;
	for (uint32_t i = 0; request->type == MESSAGE_STEP && request->root == 0 && i < request->count; i++) {
		const struct step_item *item = &request->steps[i];

		if (is_named(index, &item->mount) && strcmp(item->path, target) == 0)
			return true;
		if (item->step == STEP_DETACH && path_is_below(target, item->path))
			return true;
	}
	return false;
}

static void check_world(const struct message_request *request)
{
	bool whole = true;

	for (size_t i = 0; i < ARRAY_SIZE(world); i++) {
		if (is_there(i))
			continue;
		FUZZ_HOLDS(world[i].may_go);
		FUZZ_HOLDS(was_asked_for(i, request));
		whole = false;
	}
	FUZZ_HOLDS(access(PLACE "/outside/file", F_OK) == 0);
	if (!whole)
		make_world();
}

/* ---- requests ---- */

static void give_real_mount(struct mount_reference *mount)
{
	if (mount->id >= 1 && mount->id <= ARRAY_SIZE(world)) {
		mount->id = world[mount->id - 1].status.id;
	} else if (mount->id == 0 && mount->id32 >= 1 && mount->id32 <= ARRAY_SIZE(world)) {
		mount->dev = world[mount->id32 - 1].status.dev;
		mount->id32 = world[mount->id32 - 1].status.id32;
	}
}

static void give_real_mounts(struct message_request *request)
{
	if (request->ns.inode == 1)
		request->ns.inode = kernel_mount_namespace();
	for (uint32_t i = 0; i < request->count; i++) {
		if (request->type == MESSAGE_STEP) {
			give_real_mount(&request->steps[i].mount);
		} else if (request->type == MESSAGE_WATCH) {
			give_real_mount(&request->watches[i].carrier);
		} else if (request->type == MESSAGE_PROBE) {
			give_real_mount(&request->probes[i].carrier);
			for (uint32_t j = 0; j < request->probes[i].mount_count; j++)
				give_real_mount(&request->probes[i].mounts[j].mount);
		}
	}
}

/* A root that there is, and no step on a root itself. */
static bool is_sound(const struct message_request *request)
{
	for (uint32_t i = 0; request->type == MESSAGE_STEP && i < request->count; i++)
		if (!*request->steps[i].path)
			return false;
	return !request_is_of_a_root(request->type) || request->root < settings.config->root_count;
}

/* What is said to have gone has. */
static void check_steps(const struct message_request *request, const struct message_result *result)
{
	for (uint32_t i = 0; request->type == MESSAGE_STEP && i < result->count; i++)
		for (size_t j = 0; j < ARRAY_SIZE(world); j++)
			if (result->steps[i].outcome == OUTCOME_GONE && is_named(j, &request->steps[i].mount))
				FUZZ_HOLDS(!is_there(j));
}

static void check_answer(const struct message_request *request)
{
	static uint8_t frame[WIRE_FRAME_MAX];
	struct message_result result;
	int fds[WIRE_FDS_MAX];
	size_t fd_count;
	ssize_t length = wire_receive(ends[1], frame, sizeof(frame), fds, &fd_count);

	FUZZ_HOLDS(length > 0 && message_decode_result(frame, (size_t)length, &result) == 0);
	FUZZ_HOLDS(fd_count == result.fd_count);
	memcpy(result.fds, fds, fd_count * sizeof(*fds));
	FUZZ_HOLDS(result.request == request->type && result.job == request->job);
	if (request->serial != SERIAL)
		FUZZ_HOLDS(result.error == ESTALE);
	else if (!is_about_us(request))
		FUZZ_HOLDS(result.error == EPERM || result.error == ESRCH);
	FUZZ_HOLDS(result.count == (result.error ? 0 : request_is_of_a_root(request->type) ? request->count : 1));
	check_steps(request, &result);
	message_result_clear(&result);
	FUZZ_HOLDS(wire_receive(ends[1], frame, sizeof(frame), fds, &fd_count) == -EAGAIN);
}

static int serve(const void *bytes, size_t size)
{
	static struct requests requests;
	CLEANUP_CLOSE int inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	struct request_environment environment = { .settings = &settings, .engine = ends[0], .inotify = inotify };
	int r = requests_take(&requests, &environment, bytes, size);

	FUZZ_HOLDS(r == 0 || r == -EBADMSG);
	FUZZ_HOLDS(requests_answer(&requests, ends[0]) == 0);
	FUZZ_HOLDS(requests.count == 0 && !requests.jobs && settings.references == 1);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t frame[WIRE_FRAME_MAX];
	struct message_request request;
	int decoded = message_decode_request(data, size, &request);
	ssize_t length;

	fuzz_accepted = false;
	if (decoded < 0) {
		FUZZ_HOLDS(serve(data, size) == -EBADMSG);
	} else if (request.type != MESSAGE_HOLDERS && request.type != MESSAGE_NAMESPACES) { /* which only read /proc */
		give_real_mounts(&request);
		length = message_encode_request(&request, frame);
		FUZZ_HOLDS(length > 0 && (size_t)length == size);
		fuzz_accepted = serve(frame, size) == 0;
		FUZZ_HOLDS(fuzz_accepted == (request.serial != SERIAL || is_sound(&request)));
		if (fuzz_accepted)
			check_answer(&request);
	}
	check_world(&request);
	message_request_clear(&request);
	return 0;
}

/* ---- before ---- */

static bool write_map(const char *path, const char *text)
{
	CLEANUP_CLOSE int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

static bool enter_namespaces(void)
{
	char uids[32], gids[32];

	snprintf(uids, sizeof(uids), "0 %u 1", geteuid());
	snprintf(gids, sizeof(gids), "0 %u 1", getegid());
	return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 && write_map("/proc/self/setgroups", "deny") &&
	       write_map("/proc/self/uid_map", uids) && write_map("/proc/self/gid_map", gids) &&
	       mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 && mount("place", PLACE, "tmpfs", 0, NULL) == 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char *errors = NULL;
	struct mount_status status;

	(void)argc;
	(void)argv;
	if (kernel_statmount(1, &status) == -ENOSYS) {
		SAY_SKIPPED("this kernel has no statmount (Linux 6.8)");
		exit(EXIT_SKIP);
	}
	/* A namespace of mounts alone would do for the world, but root's capabilities would reach out of it. */
	if (!enter_namespaces()) {
		SAY_SKIPPED("this process may not make a user namespace");
		exit(EXIT_SKIP);
	}
	FUZZ_HOLDS(config_parse("world", configuration, strlen(configuration), &settings.config, &errors) == 0);
	FUZZ_HOLDS(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
	make_world();
	return 0;
}
