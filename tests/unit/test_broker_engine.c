/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the broker gives an engine, how both end, and what a person may start it with. */
#include <pwd.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "broker_fixture.h"
#include "kernel/mount_events.h"
#include "kernel/process.h"
#include "run_suite.h"

START_TEST(the_engine_has_its_configuration_and_no_privilege)
{
	char text[8192];
	ssize_t length = pread(engine.text, text, sizeof(text) - 1, 0);

	ck_assert_int_gt(length, 0);
	text[length] = '\0';
	ck_assert_ptr_nonnull(strstr(text, "[root " BUILD "]"));
	ck_assert_int_eq(fcntl(engine.text, F_GET_SEALS), F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
	ck_no_privilege();
}
END_TEST

START_TEST(a_dead_engine_is_started_anew_with_new_watches)
{
	int before = engine.inotify;

	end_engine(7);
	take_engine();
	ck_assert(log_has("ended with status 7"));
	ck_assert_int_ne(before, engine.inotify);
	end_engine(0);
	take_engine();
}
END_TEST

START_TEST(an_engine_that_keeps_dying_is_started_ever_more_slowly_and_the_next_is_told)
{
	for (uint32_t i = 0; i < 4; i++) {
		int64_t before = clock_now().mono;
		const unsigned pause = 100u << i;
		char said[64];

		ck_assert_uint_eq(engine.deaths, i);
		ck_assert_str_eq(engine.died, i ? "ended with status 7" : "");
		end_engine(7);
		take_engine();
		ck_assert_int_ge(clock_now().mono - before, pause * NSEC_PER_MSEC);
		snprintf(said, sizeof(said), "starting the engine anew in %u ms", pause);
		ck_assert_msg(log_has(said), "%s", said);
	}
}
END_TEST

START_TEST(an_engine_that_makes_a_call_which_it_never_makes_is_ended_and_that_is_said)
{
	end_engine(FORBIDDEN);
	take_engine();
	ck_assert(log_has("bug of ours"));
	ck_assert(log_has("a system call that it never makes"));
	ck_assert_str_eq(engine.died, "died of signal 31 (Bad system call)");
}
END_TEST

START_TEST(the_engine_is_told_of_each_mount_in_our_namespace)
{
	struct mount_event events[8];

	if (engine.events_error) {
		ck_assert_int_eq(engine.events_error, EINVAL);
		SKIP_TEST("this kernel has no mount events (Linux 6.15)");
	}
	ck_assert_int_eq(kernel_mount_events_read(engine.events, events, ARRAY_SIZE(events)), 0);
	ck_assert_int_eq(mount("more", BUILD, "tmpfs", 0, NULL), 0);
	ck_assert_int_eq(kernel_mount_events_read(engine.events, events, ARRAY_SIZE(events)), 1);
	ck_assert(events[0].attached && !events[0].detached);
	ck_assert_uint_ne(events[0].id, 0);
	ck_assert_int_eq(umount2(BUILD, 0), 0);
	kernel_mount_events_close(events, 1);
}
END_TEST

START_TEST(an_engine_that_cannot_work_here_ends_the_daemon_with_its_status)
{
	end_engine(3);
	ck_assert_int_eq(status_of(broker), 3);
	broker = 0;
}
END_TEST

START_TEST(sigterm_stops_the_engine_first)
{
	uint8_t buffer[WIRE_FRAME_MAX];
	int fds[WIRE_FDS_MAX];
	size_t count;
	ssize_t length;

	ck_assert_int_eq(kill(broker, SIGTERM), 0);
	length = receive(buffer, fds, &count);
	ck_assert_int_eq(message_type(buffer, (size_t)length), MESSAGE_STOP);
	end_engine(0);
	ck_assert_int_eq(status_of(broker), 0);
	broker = 0;
	ck_assert_int_eq(access(SOCKET, F_OK), -1);
}
END_TEST

START_TEST(a_killed_broker_is_seen_by_the_engine_at_once)
{
	char byte;
	int fds[WIRE_FDS_MAX];
	size_t count;

	kill(broker, SIGKILL);
	status_of(broker);
	broker = 0;
	wait_readable(engine.fd);
	ck_assert_int_le(wire_receive(engine.fd, &byte, 1, fds, &count), 0);
}
END_TEST

START_TEST(a_broker_that_dies_takes_with_it_an_engine_that_does_not_look)
{
	struct pollfd polled = { .fd = kernel_pidfd_open(engine.pid), .events = POLLIN };

	if (polled.fd == -ENOSYS)
		SKIP_TEST("valgrind knows no pidfd_open");
	ck_assert_int_ge(polled.fd, 0);
	ck_assert_int_eq(poll(&polled, 1, 0), 0);
	kill(broker, SIGKILL);
	status_of(broker);
	broker = 0;
	ck_assert_int_eq(poll(&polled, 1, 1000), 1);
}
END_TEST

static pid_t start_second(void)
{
	static const char *const arguments[] = { "reaperd",	 "--root",	  BUILD, "--state-dir",
						 PLACE "/state", "--runtime-dir", RUN,	 NULL };

	return start(arguments);
}

START_TEST(a_second_broker_refuses_and_a_dead_ones_socket_is_replaced)
{
	ck_assert_int_eq(status_of(start_second()), 1);
	ck_assert(log_has("another reaperd is running"));
	kill(broker, SIGKILL);
	status_of(broker);
	close(engine.fd);
	close(engine.connection);
	close(engine.listening);
	ck_assert_int_eq(access(SOCKET, F_OK), 0);
	broker = start_second();
	take_engine();
	ck_assert(log_has("dead daemon left"));
}
END_TEST

START_TEST(a_reload_raises_the_serial_and_a_bad_one_is_refused)
{
	uint8_t buffer[WIRE_FRAME_MAX];
	static struct message_configuration message;
	int fds[WIRE_FDS_MAX];
	size_t count;
	ssize_t length;

	ck_assert_int_eq(kill(broker, SIGHUP), 0);
	take_configuration(false);
	ck_assert_uint_eq(engine.serial, 2);
	ck_assert_int_eq(umount2(BUILD, MNT_DETACH), 0);
	ck_assert_int_eq(rmdir(BUILD), 0);
	close(open(BUILD, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
	length = message_encode_plain(MESSAGE_RELOAD, buffer);
	ck_assert_int_eq(wire_send(engine.fd, buffer, (size_t)length, NULL, 0), 0);
	length = receive(buffer, fds, &count);
	ck_assert_int_eq(message_type(buffer, (size_t)length), MESSAGE_RELOAD_FAILED);
	ck_assert_int_eq(message_decode_configuration(buffer, (size_t)length, &message), 0);
	ck_assert_ptr_nonnull(strstr(message.text, "not a directory"));
}
END_TEST

START_TEST(wrong_usage_is_refused_with_the_nearest_word)
{
	static const struct {
		const char *arguments[6];
		const char *says;
	} cases[] = {
		{ { "reaperd", "--rot", "/x" }, "did you mean --root?" },
		{ { "reaperd", "--root" }, "an argument is missing" },
		{ { "reaperd", "--source", "listmounts", "--root", BUILD }, "did you mean listmount?" },
		{ { "reaperd", "--log-level", "debugg" }, "did you mean debug?" },
		{ { "reaperd", "now" }, "not an option: now" },
		{ { "reaperd", "--once=yes" }, "an argument is too much" },
		{ { "reaperd", "--root", "/" }, "/" },
		{ { "reaperd", "--root", "relative" }, "relative" },
		{ { "reaperd", "--root", BIN "/reaperd" }, "not a directory" },
		{ { "reaperd", "--config", PLACE "/none.conf" }, "none.conf" },
	};

	ck_assert_int_eq(status_of(start(cases[_i].arguments)), 2);
	ck_assert_msg(log_has(cases[_i].says), "%s", cases[_i].says);
}
END_TEST

START_TEST(help_and_version_are_fine)
{
	ck_assert_int_eq(status_of(start((const char *const[]){ "reaperd", "--help", NULL })), 0);
	ck_assert_int_eq(status_of(start((const char *const[]){ "reaperd", "--version", NULL })), 0);
	ck_assert(log_has("--runtime-dir DIR") && log_has("reaperd 0."));
}
END_TEST

START_TEST(a_root_behind_a_symlink_is_resolved)
{
	static const char *const arguments[] = { "reaperd",	  "--root",	   PLACE "/link/later/x", "--state-dir",
						 PLACE "/state2", "--runtime-dir", PLACE "/run2",	  NULL };
	char text[8192];
	ssize_t length;
	pid_t second;

	ck_assert_int_eq(symlink("build", PLACE "/link"), 0);
	second = start(arguments);
	state_dir = PLACE "/state2";
	take_engine();
	length = pread(engine.text, text, sizeof(text) - 1, 0);
	text[length > 0 ? length : 0] = '\0';
	ck_assert_ptr_nonnull(strstr(text, "[root " BUILD "/later/x]"));
	ck_assert(log_has("symbolic link"));
	ck_assert(log_has("does not exist yet"));
	kill(second, SIGKILL);
	status_of(second);
}
END_TEST

START_TEST(the_engine_is_another_user)
{
	static const char *const arguments[] = { "reaperd",	"--config",	 PLACE "/conf",
						 "--state-dir", PLACE "/state2", "--runtime-dir",
						 PLACE "/run2", "--log-level",	 "debug",
						 NULL };
	FILE *file;
	const struct passwd *nobody = getpwnam("nobody");
	char path[64];
	struct stat st;
	pid_t second;

	if (BELOW_VALGRIND)
		SKIP_TEST("valgrind knows no openat2");
	ck_assert_ptr_nonnull(nobody);
	file = fopen(PLACE "/conf", "we");
	fprintf(file, "[daemon]\nuser = nobody\n[root " BUILD "]\ngrace = 1s\n");
	fclose(file);
	second = start(arguments);
	state_dir = PLACE "/state2";
	take_engine();
	snprintf(path, sizeof(path), "/proc/%d/status", engine.pid);
	ck_assert(file_has(path, "\nGroups:\t65534 \n") || file_has(path, "\nGroups:\t \n"));
	ck_no_privilege();
	snprintf(path, sizeof(path), "/proc/%d", engine.pid);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_uid, nobody->pw_uid);
	ck_assert_int_eq(stat(PLACE "/run2", &st), 0);
	ck_assert_uint_eq(st.st_uid, nobody->pw_uid);
	ck_assert_uint_eq(st.st_mode & 07777, 0755);
	ck_assert_int_eq(stat(PLACE "/run2/io.reaperd", &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0660);
	ck_step_works();
	kill(second, SIGKILL);
	status_of(second);
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
	suite = suite_create("broker and engine");
	tests = tcase_create("daemon");
	tcase_set_timeout(tests, 30);
	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, the_engine_has_its_configuration_and_no_privilege);
	tcase_add_test(tests, a_dead_engine_is_started_anew_with_new_watches);
	tcase_add_test(tests, an_engine_that_keeps_dying_is_started_ever_more_slowly_and_the_next_is_told);
	tcase_add_test(tests, an_engine_that_makes_a_call_which_it_never_makes_is_ended_and_that_is_said);
	tcase_add_test(tests, the_engine_is_told_of_each_mount_in_our_namespace);
	tcase_add_test(tests, an_engine_that_cannot_work_here_ends_the_daemon_with_its_status);
	tcase_add_test(tests, sigterm_stops_the_engine_first);
	tcase_add_test(tests, a_killed_broker_is_seen_by_the_engine_at_once);
	tcase_add_test(tests, a_broker_that_dies_takes_with_it_an_engine_that_does_not_look);
	tcase_add_test(tests, a_second_broker_refuses_and_a_dead_ones_socket_is_replaced);
	tcase_add_test(tests, a_reload_raises_the_serial_and_a_bad_one_is_refused);
	tcase_add_loop_test(tests, wrong_usage_is_refused_with_the_nearest_word, 0, 10);
	tcase_add_test(tests, help_and_version_are_fine);
	tcase_add_test(tests, a_root_behind_a_symlink_is_resolved);
	tcase_add_test(tests, the_engine_is_another_user);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
