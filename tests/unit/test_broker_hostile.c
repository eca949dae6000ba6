/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What an engine that is not itself any more gets out of the real broker: it speaks the wire, and asks for everything.
 * What is malformed is test_broker_requests' and fuzz_request's; here each request is one that an engine may send.
 */
#include <dirent.h>
#include <sys/inotify.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "broker_fixture.h"
#include "namespace_fixture.h"
#include "run_suite.h"

#define OUTSIDE PLACE "/outside"
/* As in broker.c. */
#define CHILDREN_MAX 16

static char table_before[1 << 16];

static void read_table(char text[static 1 << 16])
{
	CLEANUP_CLOSE int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	size_t used = 0;
	ssize_t length;

	ck_assert_int_ge(fd, 0);
	while ((length = read(fd, text + used, (1 << 16) - 1 - used)) > 0)
		used += (size_t)length;
	ck_assert_uint_lt(used, (1 << 16) - 1);
	text[used] = '\0';
}

/* Every mount, by id, place and propagation. */
static void ck_nothing_changed(void)
{
	static char now[1 << 16];

	read_table(now);
	ck_assert_str_eq(now, table_before);
}

/* Mounts of the host's, and one action's; ways out of the root that a build may have made. */
static void make_world(void)
{
	make_tmpfs(OUTSIDE);
	make_tmpfs(OUTSIDE "/deep");
	make_tmpfs(BUILD "/a/t");
	make_directory(BUILD "/a/d");
	make_directory(OUTSIDE "/d");
	ck_assert_int_eq(symlink("../../outside", BUILD "/a/link"), 0);
	ck_assert_int_eq(symlink("/", BUILD "/slash"), 0);
	ck_assert_int_eq(symlink("..", BUILD "/a/up"), 0);
	ck_assert_int_eq(symlink("/proc/self/root", BUILD "/a/magic"), 0);
	read_table(table_before);
}

static const char *const ways_out[] = {
	"a/link",  "a/link/deep",  "a/up", "a/up/a/t", "slash", "slash/proc", "slash/mnt/outside",
	"a/magic", "a/magic/proc", "a/t",  "a",	       "a/d",
};

/* The last ones do not. */
static bool leads_out(const char *way)
{
	return strcmp(way, "a/t") != 0 && strcmp(way, "a") != 0 && strcmp(way, "a/d") != 0;
}

/* Whatever stands at the way's end, and what does not. */
static const char *const victims[] = { "/", "/proc", PLACE, OUTSIDE, OUTSIDE "/deep", BUILD };

/* ---- steps ---- */

static void ask_steps(const struct mount_reference *mount, enum step kind)
{
	struct step_item steps[ARRAY_SIZE(ways_out)];
	struct message_request request = {
		.type = MESSAGE_STEP, .job = 1, .count = ARRAY_SIZE(ways_out), .steps = steps
	};
	struct message_result result;

	for (size_t i = 0; i < ARRAY_SIZE(ways_out); i++)
		steps[i] = (struct step_item){ .path = (char *)ways_out[i],
					       .action_length = (uint32_t)strcspn(ways_out[i], "/"),
					       .step = (uint8_t)kind,
					       .mount = *mount };
	ask(&request);
	result = answer();
	for (uint32_t i = 0; i < result.count; i++)
		ck_assert_msg(result.steps[i].outcome != OUTCOME_GONE && !result.steps[i].made_private, "%s: %s",
			      ways_out[i], result.steps[i].detail);
	message_result_clear(&result);
}

START_TEST(no_step_reaches_a_mount_outside_the_roots)
{
	make_world();
	for (size_t i = 0; i < ARRAY_SIZE(victims); i++)
		for (int kind = 0; kind < STEP_COUNT; kind++) {
			struct mount_reference mount = reference_of(victims[i]);

			ask_steps(&mount, (enum step)kind);
			/* As where the kernel has no unique ids. */
			mount.id = 0;
			ask_steps(&mount, (enum step)kind);
		}
	ck_nothing_changed();
	ck_step_works_in("b");
}
END_TEST

/* ---- what is looked at ---- */

START_TEST(no_probe_tells_of_a_directory_behind_a_link)
{
	struct probe_item probes[ARRAY_SIZE(ways_out)];
	struct message_request request = {
		.type = MESSAGE_PROBE, .job = 1, .count = ARRAY_SIZE(ways_out), .probes = probes
	};
	struct message_result result;

	make_world();
	for (size_t i = 0; i < ARRAY_SIZE(ways_out); i++)
		probes[i] = (struct probe_item){ .path = (char *)ways_out[i],
						 .carrier = reference_of(BUILD),
						 .want_hollow = true };
	ask(&request);
	result = answer();
	ck_assert_uint_eq(result.count, ARRAY_SIZE(ways_out));
	for (uint32_t i = 0; i < result.count; i++) {
		const struct probe_result *probe = &result.probes[i];

		if (!leads_out(ways_out[i]))
			continue;
		ck_assert_msg(!probe->identity_known && !probe->hollow && !probe->full, "%s", ways_out[i]);
	}
	ck_assert(result.probes[ARRAY_SIZE(ways_out) - 1].identity_known);
	message_result_clear(&result);
	ck_nothing_changed();
}
END_TEST

START_TEST(no_watch_is_put_outside)
{
	struct watch_item watches[ARRAY_SIZE(ways_out)];
	struct message_request request = {
		.type = MESSAGE_WATCH, .job = 1, .count = ARRAY_SIZE(ways_out), .watches = watches
	};
	static const char *const carriers[] = { BUILD, OUTSIDE, "/" };
	struct message_result result;
	struct inotify_event event;

	make_world();
	for (size_t c = 0; c < ARRAY_SIZE(carriers); c++) {
		for (size_t i = 0; i < ARRAY_SIZE(ways_out); i++)
			watches[i] = (struct watch_item){ .path = (char *)ways_out[i],
							  .carrier = reference_of(carriers[c]) };
		ask(&request);
		result = answer();
		for (uint32_t i = 0; i < result.count; i++)
			ck_assert_msg((result.watches[i].error == 0) ==
					      (c == 0 && (!strcmp(ways_out[i], "a") || !strcmp(ways_out[i], "a/d"))),
				      "%s: %d", ways_out[i], result.watches[i].error);
		message_result_clear(&result);
	}
	make_directory(OUTSIDE "/made");
	make_directory(OUTSIDE "/deep/made");
	ck_assert_int_lt(read(engine.inotify, &event, sizeof(event)), 0);
	ck_assert_int_eq(errno, EAGAIN);
}
END_TEST

START_TEST(who_holds_a_mount_outside_is_not_told)
{
	struct step_item step = { .path = "a/t", .action_length = 1 };
	struct message_request request = { .type = MESSAGE_HOLDERS, .job = 1, .count = 1, .holders = &step };
	CLEANUP_CLOSE int fd = -1;

	make_world();
	fd = open(OUTSIDE "/deep", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < ARRAY_SIZE(victims); i++)
		for (int unique = 1; unique >= 0; unique--) {
			struct message_result result;

			step.mount = reference_of(victims[i]);
			if (!unique)
				step.mount.id = 0;
			ask(&request);
			result = answer();
			ck_assert_msg(result.error == EXDEV && result.count == 0, "%s: %d", victims[i], result.error);
			message_result_clear(&result);
		}
}
END_TEST

/* ---- descriptors ---- */

/* One by which nothing can be opened, entered or changed. */
static void ck_harmless(int fd)
{
	char name[64], leads_to[PATH_MAX];
	struct stat st;
	ssize_t length;

	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	length = readlink(name, leads_to, sizeof(leads_to) - 1);
	ck_assert_int_gt(length, 0);
	leads_to[length] = '\0';
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_msg(!S_ISDIR(st.st_mode) && !(fcntl(fd, F_GETFL) & O_PATH), "%s", leads_to);
	if (!strncmp(leads_to, "/memfd:", 7))
		ck_assert_int_eq(fcntl(fd, F_GET_SEALS), F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
	else if (strcmp(leads_to, "anon_inode:[fanotify]") != 0)
		ck_assert_msg(strstr(leads_to, "/mountinfo") && (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY, "%s",
			      leads_to);
}

static int ask_with_fds(struct message_request *request)
{
	static uint8_t buffer[WIRE_FRAME_MAX];
	struct message_result result;
	int fds[WIRE_FDS_MAX], error;
	size_t count;
	ssize_t length;

	ask(request);
	length = receive(buffer, fds, &count);
	ck_assert_int_gt(length, 0);
	ck_assert_int_eq(message_decode_result(buffer, (size_t)length, &result), 0);
	for (size_t i = 0; i < count; i++) {
		ck_harmless(fds[i]);
		close(fds[i]);
	}
	error = result.error;
	ck_assert(error || count);
	ck_assert(!error || !count);
	message_result_clear(&result);
	return error;
}

START_TEST(no_descriptor_leads_anywhere_and_no_other_namespace_is_told_of)
{
	static uint32_t kinds[] = { EVENTS_GROUP, EVENTS_MOUNTINFO };
	struct message_request table = { .type = MESSAGE_TABLE };
	struct message_request list = { .type = MESSAGE_NAMESPACES };
	struct message_request events = { .type = MESSAGE_EVENTS, .count = 1 };
	struct other other = start_other(NULL);
	const struct namespace_reference there = { .inode = other.ns.inode, .id = other.ns.id, .pid = other.pid };

	make_world();
	ck_assert_int_eq(ask_with_fds(&table), 0);
	ck_assert_int_eq(ask_with_fds(&list), 0);
	table.ns = events.ns = there;
	ck_assert_int_eq(ask_with_fds(&table), EPERM);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		events.events = &kinds[i];
		events.ns = there;
		ck_assert_int_eq(ask_with_fds(&events), EPERM);
		events.ns = (struct namespace_reference){ 0 };
		if (kinds[i] == EVENTS_MOUNTINFO || !engine.events_error)
			ck_assert_int_eq(ask_with_fds(&events), 0);
	}
	ck_nothing_changed();
}
END_TEST

/* ---- too much ---- */

static size_t count_children(pid_t of)
{
	char path[64], text[4096];
	CLEANUP_CLOSE int fd = -1;
	ssize_t length;
	size_t count = 0;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", of, of);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	length = read(fd, text, sizeof(text));
	for (ssize_t i = 0; i < length; i++)
		count += text[i] == ' ';
	return count;
}

START_TEST(an_engine_that_only_asks_costs_itself_alone)
{
	enum { MANY = 100000 };
	static uint8_t buffer[WIRE_FRAME_MAX];
	/* Many in one: what is to be said of them fills the socket soon, also on a slow machine. */
	static struct probe_item probes[16];
	struct message_request request = {
		.type = MESSAGE_PROBE, .job = 1, .serial = engine.serial, .count = ARRAY_SIZE(probes), .probes = probes
	};
	ssize_t length;
	int64_t end = clock_now().mono + DEADLINE * NSEC_PER_MSEC;
	struct pollfd polled = { .fd = engine.fd, .events = POLLOUT };
	int r = 0;

	make_world();
	for (size_t i = 0; i < ARRAY_SIZE(probes); i++)
		probes[i] = (struct probe_item){ .path = (char *)"a", .carrier = reference_of(BUILD) };
	length = message_encode_request(&request, buffer);
	ck_assert_int_gt(length, 0);
	/* Until the broker, too, waits: for us to read what it has to say. */
	for (int i = 0; i < MANY && poll(&polled, 1, 1000) == 1 && clock_now().mono < end; i++) {
		r = wire_send(engine.fd, buffer, (size_t)length, NULL, 0);
		ck_assert(r == 0 || r == -EAGAIN);
		/* Beside the engine; one that has done its work is on its way out while the next begins. */
		ck_assert_uint_le(count_children(broker), 2 * CHILDREN_MAX + 1);
	}
	ck_assert_int_eq(poll(&polled, 1, 0), 0);
	ck_nothing_changed();
	end_engine(9);
	take_engine();
	ck_step_works_in("b");
}
END_TEST

int main(int argc, char **argv)
{
	Suite *suite;
	TCase *tests;

	if (is_engine(argc, argv))
		return act_as_engine();
	if (!broker_is_possible())
		return EXIT_SKIP;
	suite = suite_create("broker: a hostile engine");
	tests = tcase_create("hostile");
	tcase_set_timeout(tests, 30);
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, no_step_reaches_a_mount_outside_the_roots);
	tcase_add_test(tests, no_probe_tells_of_a_directory_behind_a_link);
	tcase_add_test(tests, no_watch_is_put_outside);
	tcase_add_test(tests, who_holds_a_mount_outside_is_not_told);
	tcase_add_test(tests, no_descriptor_leads_anywhere_and_no_other_namespace_is_told_of);
	tcase_add_test(tests, an_engine_that_only_asks_costs_itself_alone);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
