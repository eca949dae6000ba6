/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * For unit tests of what the broker is asked about other mount namespaces: real requests and real children, without the
 * program. One build root, BUILD, with an action `a`; the configuration is the test's.
 */
#ifndef TESTS_UNIT_REQUESTS_FIXTURE_H
#define TESTS_UNIT_REQUESTS_FIXTURE_H

#include <poll.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "broker/requests.h"
#include "namespace_fixture.h"

#define BUILD	 PLACE "/build"
#define DEADLINE 10000 /* ms */

static struct requests requests;
static struct settings settings = { .references = 1, .serial = 1, .text = -1 };
static struct root_rules *rules; /* of the root */
static int ends[2];		 /* of the socket between broker and engine */
static int inotify = -1;

/* What the other namespace's process says of its mounts. */
static struct told {
	struct kernel_mount mount, below;
} * told;

static inline void use_selectors(const char *text)
{
	string_list_clear(&settings.config->namespaces);
	ck_assert_int_eq(string_list_split(text, &settings.config->namespaces), 0);
}

static inline void setup(void)
{
	char why[200];

	fixture_setup();
	make_tmpfs(BUILD);
	make_directory(BUILD "/a");
	settings.config = config_new();
	ck_assert_int_eq(config_add_root(settings.config, BUILD, why, sizeof(why)), 0);
	rules = &settings.config->roots[0];
	use_selectors("all");
	requests.pool = batch_pool_new(4);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
	inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(told, MAP_FAILED);
}

static inline void teardown(void)
{
	requests_clear(&requests);
	batch_pool_free(requests.pool);
	config_free(settings.config);
}

static inline struct namespace_reference reference_to(const struct other *other)
{
	return (struct namespace_reference){ .inode = other->ns.inode, .id = other->ns.id, .pid = other->pid };
}

static inline struct mount_reference reference_of(struct kernel_mount mount)
{
	return (struct mount_reference){ .id = mount.id, .id32 = mount.id32, .dev = mount.dev };
}

static inline void ask(struct message_request *request)
{
	static uint8_t frame[WIRE_FRAME_MAX];
	const struct request_environment environment = { .settings = &settings, .engine = ends[0], .inotify = inotify };
	ssize_t length;

	request->serial = settings.serial;
	length = message_encode_request(request, frame);
	ck_assert_int_gt(length, 0);
	ck_assert_int_eq(requests_take(&requests, &environment, frame, (size_t)length), 0);
}

/* With its descriptors; the caller clears it. */
static inline struct message_result answer(void)
{
	static uint8_t frame[WIRE_FRAME_MAX];
	struct pollfd polled = { .fd = ends[1], .events = POLLIN };
	struct message_result result;
	int fds[WIRE_FDS_MAX];
	size_t count;
	ssize_t length;

	for (int waited = 0; poll(&polled, 1, 1) == 0; waited++) {
		ck_assert_msg(waited < DEADLINE, "nothing came within %d ms", DEADLINE);
		batch_pool_run(requests.pool, clock_now().mono);
		ck_assert_int_eq(requests_answer(&requests, ends[0]), 0);
	}
	length = wire_receive(ends[1], frame, sizeof(frame), fds, &count);
	ck_assert_int_gt(length, 0);
	ck_assert_int_eq(message_decode_result(frame, (size_t)length, &result), 0);
	ck_assert_uint_eq(count, result.fd_count);
	memcpy(result.fds, fds, count * sizeof(*fds));
	return result;
}

static inline struct message_result ask_for(struct message_request *request)
{
	ask(request);
	return answer();
}

/* Of the whole request. */
static inline int error_of(struct message_request *request)
{
	struct message_result result = ask_for(request);
	int error = result.error;

	message_result_clear(&result);
	return error;
}

/* One of each kind about a namespace, which is yet to be named. */
static inline struct message_request request_of(enum message_type type)
{
	static struct probe_item probe = { .path = "a" };
	static struct watch_item watch = { .path = "a" };
	static struct step_item step = { .path = "a/t", .action_length = 1, .step = STEP_DETACH, .mount = { .id = 1 } };
	static uint32_t events = EVENTS_GROUP;
	struct message_request request = { .type = type, .count = 1 };

	switch ((int)type) {
	case MESSAGE_PROBE:
		request.probes = &probe;
		break;
	case MESSAGE_WATCH:
		request.watches = &watch;
		break;
	case MESSAGE_STEP:
	case MESSAGE_HOLDERS:
		request.steps = &step;
		break;
	case MESSAGE_EVENTS:
		request.events = &events;
		break;
	default:
		request.count = 0;
	}
	return request;
}

static const enum message_type types[] = {
	MESSAGE_PROBE, MESSAGE_WATCH, MESSAGE_STEP, MESSAGE_HOLDERS, MESSAGE_TABLE, MESSAGE_EVENTS,
};

/* The bytes of a sealed memfd, for as long as the process lives. */
static inline struct wire_reader read_records(int fd)
{
	struct wire_reader reader;
	struct stat st;
	void *bytes = NULL;

	ck_assert_int_eq(fstat(fd, &st), 0);
	if (st.st_size) {
		bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
		ck_assert_ptr_ne(bytes, MAP_FAILED);
	}
	ck_assert_int_eq(fcntl(fd, F_GET_SEALS), F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
	wire_reader_init(&reader, bytes, (size_t)st.st_size);
	return reader;
}

#endif
