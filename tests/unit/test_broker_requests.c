/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the engine asks of the broker, and what it must not ask. */
#include <sys/inotify.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "broker_fixture.h"
#include "misfuse_fixture.h"
#include "run_suite.h"

START_TEST(a_step_is_done_and_answered)
{
	ck_step_works();
}
END_TEST

START_TEST(a_probe_and_a_watch_are_done_and_answered)
{
	struct probe_item probes[2] = { { .path = "a" }, { .path = "b" } };
	struct watch_item watch = { .path = "" };
	struct message_request request = { .type = MESSAGE_PROBE, .job = 8, .count = 2, .probes = probes };
	struct message_request other = { .type = MESSAGE_WATCH, .job = 9, .count = 1, .watches = &watch };
	struct inotify_event event;
	struct message_result result;
	char buffer[1024];

	probes[0].carrier = probes[1].carrier = watch.carrier = reference_of(BUILD);
	ask(&request);
	result = answer();
	ck_assert_uint_eq(result.count, 2);
	ck_assert_uint_eq(result.probes[0].state, PROBE_PRESENT);
	ck_assert(result.probes[0].identity_known && result.probes[0].handle_length && result.probes[0].local);
	ck_assert_uint_eq(result.probes[1].state, PROBE_MISSING);
	message_result_clear(&result);
	ask(&other);
	result = answer();
	ck_assert_int_eq(result.watches[0].error, 0);
	ck_assert_int_eq(rmdir(BUILD "/a"), 0);
	wait_readable(engine.inotify);
	ck_assert_int_gt(read(engine.inotify, buffer, sizeof(buffer)), (ssize_t)sizeof(event));
	memcpy(&event, buffer, sizeof(event));
	ck_assert_int_eq(event.wd, result.watches[0].descriptor);
	ck_assert_uint_eq(event.mask & IN_DELETE, IN_DELETE);
	message_result_clear(&result);
}
END_TEST

START_TEST(who_holds_a_mount_is_named)
{
	struct step_item step = { .path = "a/t", .action_length = 1 };
	struct message_request request = { .type = MESSAGE_HOLDERS, .job = 3, .count = 1, .holders = &step };
	struct message_result result;
	bool by_fd = false, by_cwd = false;
	int fd;

	make_tmpfs(BUILD "/a/t");
	fd = open(BUILD "/a/t", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(fchdir(fd), 0);
	step.mount = reference_of(BUILD "/a/t");
	ask(&request);
	result = answer();
	ck_assert_int_eq(result.error, 0);
	for (uint32_t i = 0; i < result.count; i++) {
		const struct holder_result *holder = &result.holders[i];

		ck_assert_int_eq(holder->pid, getpid());
		by_cwd |= !strcmp(holder->how, "cwd");
		by_fd |= !strcmp(holder->how, "fd") && holder->number == (uint32_t)fd;
	}
	ck_assert(by_fd && by_cwd);
	message_result_clear(&result);
}
END_TEST

/* An engine that is no longer ours asks for what it likes. */
START_TEST(who_holds_a_mount_outside_the_root_is_not_told)
{
	struct step_item step = { .path = "a/t", .action_length = 1 };
	struct message_request request = { .type = MESSAGE_HOLDERS, .job = 3, .count = 1, .holders = &step };
	static const char *const places[] = { PLACE "/other", BUILD, PLACE };
	struct message_result result;

	make_tmpfs(PLACE "/other");
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		ck_assert_int_eq(chdir(places[i]), 0);
		step.mount = reference_of(places[i]);
		ask(&request);
		result = answer();
		ck_assert_int_eq(result.error, EXDEV);
		ck_assert_uint_eq(result.count, 0);
		message_result_clear(&result);
	}
}
END_TEST

/* As the engine asks, who has `fd` open on a mount that was at BUILD/PATH. */
static struct message_result holders_of(struct mount_reference mount, const char *path)
{
	struct step_item step = { .path = (char *)path, .action_length = 1, .mount = mount };
	struct message_request request = { .type = MESSAGE_HOLDERS, .job = 3, .count = 1, .holders = &step };

	ask(&request);
	return answer();
}

static enum outcome detach(struct mount_reference mount, const char *path)
{
	struct step_item step = { .path = (char *)path, .action_length = 1, .step = STEP_DETACH, .mount = mount };
	struct message_request request = { .type = MESSAGE_STEP, .job = 3, .count = 1, .steps = &step };
	struct message_result result;
	enum outcome outcome;

	ask(&request);
	result = answer();
	outcome = result.steps[0].outcome;
	message_result_clear(&result);
	return outcome;
}

START_TEST(who_holds_what_was_detached_is_named)
{
	static const char *const places[] = { "a/t", "a/t/below" };
	struct mount_reference mounts[2];
	int fds[2];

	make_tmpfs(BUILD "/a/t");
	make_tmpfs(BUILD "/a/t/below");
	mounts[0] = reference_of(BUILD "/a/t");
	mounts[1] = reference_of(BUILD "/a/t/below");
	if (!mounts[0].id)
		SKIP_TEST("without unique ids nobody knows it any more");
	fds[0] = open(BUILD "/a/t", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fds[1] = open(BUILD "/a/t/below", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_uint_eq(detach(mounts[0], "a/t"), OUTCOME_GONE);
	for (size_t i = 0; i < 2; i++) {
		struct message_result result = holders_of(mounts[i], places[i]);

		ck_assert_int_eq(result.error, 0);
		ck_assert_uint_eq(result.count, 1);
		ck_assert_int_eq(result.holders[0].pid, getpid());
		ck_assert_uint_eq(result.holders[0].number, (uint32_t)fds[i]);
		message_result_clear(&result);
	}
}
END_TEST

/* By others, or never mounted below the root, though the engine says that it wants it detached there. */
START_TEST(who_holds_what_we_did_not_detach_is_not_told)
{
	static const char *const places[] = { BUILD "/a/t", PLACE "/other" };

	make_tmpfs(BUILD "/a/t");
	make_tmpfs(PLACE "/other");
	for (size_t i = 0; i < 2; i++) {
		struct mount_reference mount = reference_of(places[i]);
		int fd = open(places[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		struct message_result result;

		ck_assert_int_ge(fd, 0);
		ck_assert_int_eq(umount2(places[i], MNT_DETACH), 0);
		detach(mount, "a/t");
		result = holders_of(mount, "a/t");
		ck_assert_int_eq(result.error, ENOENT);
		ck_assert_uint_eq(result.count, 0);
		message_result_clear(&result);
	}
}
END_TEST

START_TEST(an_old_serial_is_stale_and_a_missing_root_is_said)
{
	struct step_item step = { .path = "a/t", .action_length = 1 };
	struct message_request request = { .type = MESSAGE_STEP, .serial = 77, .job = 5, .count = 1, .steps = &step };
	struct probe_item probe = { .path = "a" };
	struct message_request other = { .type = MESSAGE_PROBE, .job = 6, .count = 1, .probes = &probe };
	struct message_result result;

	ask(&request);
	result = answer();
	ck_assert_int_eq(result.error, ESTALE);
	ck_assert_uint_eq(result.job, 5);
	ck_assert_uint_eq(result.count, 0);
	message_result_clear(&result);
	ck_assert_int_eq(rmdir(BUILD "/a"), 0);
	ck_assert_int_eq(umount2(BUILD, 0), 0);
	ck_assert_int_eq(rmdir(BUILD), 0);
	ask(&other);
	result = answer();
	ck_assert_int_eq(result.error, ENOENT);
	ck_assert_uint_eq(result.count, 0);
	message_result_clear(&result);
}
END_TEST

static void send_malformed(int kind)
{
	struct watch_item watch = { .path = "a" };
	struct step_item step = { .path = "", .step = STEP_DETACH };
	struct message_request request = { .type = MESSAGE_WATCH, .root = 1, .count = 1, .watches = &watch };
	uint8_t buffer[1024] = { 200 };
	int zero = 0;
	ssize_t length;

	switch (kind) {
	case 0: /* a root that is not configured */
		ask(&request);
		break;
	case 1: /* the root itself */
		request = (struct message_request){ .type = MESSAGE_STEP, .count = 1, .steps = &step };
		ask(&request);
		break;
	case 2: /* no such type */
		ck_assert_int_eq(wire_send(engine.fd, buffer, 100, NULL, 0), 0);
		break;
	case 3: /* the broker's own word */
		length = message_encode_plain(MESSAGE_STOP, buffer);
		ck_assert_int_eq(wire_send(engine.fd, buffer, (size_t)length, NULL, 0), 0);
		break;
	default: /* a descriptor that nobody asked for */
		length = message_encode_plain(MESSAGE_READY, buffer);
		ck_assert_int_eq(wire_send(engine.fd, buffer, (size_t)length, &zero, 1), 0);
	}
}

START_TEST(a_malformed_request_ends_the_engine_and_another_is_started)
{
	pid_t before = engine.pid;
	char byte;

	send_malformed(_i);
	wait_readable(engine.connection);
	ck_assert_int_eq(read(engine.connection, &byte, 1), 0);
	close(engine.fd);
	take_engine();
	ck_assert_int_ne(engine.pid, before);
	ck_assert(log_has("malformed request"));
	ck_assert(log_has("signal 9"));
	ck_step_works();
}
END_TEST

START_TEST(a_filesystem_that_does_not_answer_costs_a_deadline_and_nothing_else)
{
	static const char *const arguments[] = { "reaperd",	  "--config",	   PLACE "/conf", "--state-dir",
						 PLACE "/state2", "--runtime-dir", PLACE "/run2", NULL };
	struct step_item step = { .path = "a/t", .action_length = 1, .step = STEP_UMOUNT };
	struct probe_item probe = { .path = "a" };
	struct message_request request = { .type = MESSAGE_STEP, .job = 1, .count = 1, .steps = &step };
	struct message_request other = { .type = MESSAGE_PROBE, .job = 2, .count = 1, .probes = &probe };
	struct message_result result;
	FILE *file = fopen(PLACE "/conf", "we");
	uint32_t hung = 1;
	pid_t second;

	fprintf(file, "[root " PLACE "/fuse]\nstep-timeout = 200ms\n");
	fclose(file);
	make_directory(PLACE "/fuse");
	misfuse_start("0", PLACE "/fuse");
	make_directory(PLACE "/fuse/a");
	make_tmpfs(PLACE "/fuse/a/t");
	probe.carrier = reference_of(PLACE "/fuse");
	step.mount = reference_of(PLACE "/fuse/a/t");
	second = start(arguments);
	state_dir = PLACE "/state2";
	take_engine();
	tell("stop");
	ask(&request);
	result = answer();
	ck_assert_uint_eq(result.steps[0].outcome, OUTCOME_HUNG);
	message_result_clear(&result);
	ask(&other);
	result = answer();
	ck_assert_uint_eq(result.probes[0].state, PROBE_HUNG);
	message_result_clear(&result);
	tell("go");
	/* Who was given up ends a moment after his filesystem has answered; what he was at is begun again after that. */
	for (int64_t end = clock_now().mono + DEADLINE * NSEC_PER_MSEC; hung && clock_now().mono < end;) {
		ask(&other);
		result = answer();
		hung = result.hung;
		message_result_clear(&result);
	}
	ck_assert_uint_eq(hung, 0);
	ask(&request);
	result = answer();
	ck_assert_uint_eq(result.steps[0].outcome, OUTCOME_GONE);
	message_result_clear(&result);
	kill(second, SIGKILL);
	status_of(second);
	umount2(PLACE "/fuse", MNT_DETACH);
	misfuse_stop();
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
	suite = suite_create("broker: requests");
	tests = tcase_create("daemon");
	tcase_set_timeout(tests, 30);
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, a_step_is_done_and_answered);
	tcase_add_test(tests, a_probe_and_a_watch_are_done_and_answered);
	tcase_add_test(tests, who_holds_a_mount_is_named);
	tcase_add_test(tests, who_holds_a_mount_outside_the_root_is_not_told);
	tcase_add_test(tests, who_holds_what_was_detached_is_named);
	tcase_add_test(tests, who_holds_what_we_did_not_detach_is_not_told);
	tcase_add_test(tests, an_old_serial_is_stale_and_a_missing_root_is_said);
	tcase_add_loop_test(tests, a_malformed_request_ends_the_engine_and_another_is_started, 0, 5);
	if (misfuse_is_possible())
		tcase_add_test(tests, a_filesystem_that_does_not_answer_costs_a_deadline_and_nothing_else);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
