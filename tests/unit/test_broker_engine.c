/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The real broker against an engine that is this test: a copy of this program stands beside a copy of reaperd under the
 * engine's name; started by the broker it hands its descriptor over to the test, which then speaks the wire itself.
 */
#include <poll.h>
#include <pwd.h>
#include <sys/inotify.h>
#include <sys/mman.h>

#include "base/words.h"
#include "misfuse_fixture.h"
#include "run_suite.h"
#include "wire/messages.h"

#define BUILD	 PLACE "/build"
#define BIN	 PLACE "/bin"
#define RELAY	 BIN "/relay"
#define RUN	 PLACE "/run"
#define SOCKET	 RUN "/io.reaperd"
#define LOG	 PLACE "/log"
#define DEADLINE 10000 /* ms */

static int relay = -1; /* where engines report */
static pid_t broker;
static const char *state_dir = PLACE "/state";

struct engine {
	int connection; /* closed, or any byte: it exits, with the byte for its status */
	int fd;
	pid_t pid;
	uint32_t serial;
	int inotify, listening, text;
};
static struct engine engine;

/* As the engine: hands over descriptor 3, then does what it is told. */
static int act_as_engine(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = RELAY };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), three = 3;
	unsigned char status = 1;

	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || wire_send(fd, "x", 1, &three, 1) < 0)
		return 99;
	close(3);
	return read(fd, &status, 1) == 1 ? status : 1;
}

static void copy_program(const char *from, const char *to)
{
	int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	char buffer[65536];
	ssize_t length;

	ck_assert_msg(in >= 0 && out >= 0, "%s: %s", from, strerror(errno));
	while ((length = read(in, buffer, sizeof(buffer))) > 0)
		ck_assert_int_eq(write(out, buffer, (size_t)length), length);
	close(in);
	close(out);
}

static void wait_readable(int fd)
{
	struct pollfd polled = { .fd = fd, .events = POLLIN };

	ck_assert_msg(poll(&polled, 1, DEADLINE) == 1, "nothing came within %d ms", DEADLINE);
}

static pid_t start(const char *const *arguments)
{
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		int log = open(LOG, O_WRONLY | O_CREAT | O_APPEND, 0644);

		prctl(PR_SET_PDEATHSIG, SIGTERM);
		dup2(log, 1);
		dup2(log, 2);
		unsetenv("STATE_DIRECTORY");
		unsetenv("RUNTIME_DIRECTORY");
		execv(BIN "/reaperd", (char **)arguments);
		_exit(127);
	}
	return pid;
}

static int status_of(pid_t pid)
{
	int status;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static bool file_has(const char *path, const char *text)
{
	static char content[65536];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = read(fd, content, sizeof(content) - 1);

	close(fd);
	content[length > 0 ? length : 0] = '\0';
	return strstr(content, text);
}

static bool log_has(const char *text)
{
	return file_has(LOG, text);
}

static ssize_t receive(void *buffer, int *fds, size_t *count)
{
	wait_readable(engine.fd);
	return wire_receive(engine.fd, buffer, WIRE_FRAME_MAX, fds, count);
}

static void take_configuration(size_t expected_fds)
{
	static uint8_t buffer[WIRE_FRAME_MAX];
	static struct message_configuration message;
	int fds[WIRE_FDS_MAX] = { -1, -1, -1, -1 };
	size_t count;
	ssize_t length = receive(buffer, fds, &count);

	ck_assert_int_gt(length, 0);
	ck_assert_int_eq(message_type(buffer, (size_t)length), MESSAGE_CONFIGURATION);
	ck_assert_int_eq(message_decode_configuration(buffer, (size_t)length, &message), 0);
	ck_assert_uint_eq(count, expected_fds);
	ck_assert_str_eq(message.state_dir, state_dir);
	engine.serial = message.serial;
	engine.text = fds[0];
	if (count > 1) {
		engine.listening = fds[1];
		engine.inotify = fds[2];
	}
}

static void take_engine(void)
{
	int fds[WIRE_FDS_MAX];
	struct ucred peer;
	socklen_t size = sizeof(peer);
	size_t count;
	char byte;

	wait_readable(relay);
	engine.connection = accept4(relay, NULL, NULL, SOCK_CLOEXEC);
	ck_assert_int_ge(engine.connection, 0);
	ck_assert_int_eq(getsockopt(engine.connection, SOL_SOCKET, SO_PEERCRED, &peer, &size), 0);
	engine.pid = peer.pid;
	wait_readable(engine.connection);
	ck_assert_int_eq(wire_receive(engine.connection, &byte, 1, fds, &count), 1);
	ck_assert_uint_eq(count, 1);
	engine.fd = fds[0];
	take_configuration(3);
}

static void end_engine(unsigned char status)
{
	ck_assert_int_eq(send(engine.connection, &status, 1, MSG_NOSIGNAL), 1);
	close(engine.fd);
	close(engine.connection);
}

static void setup(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = RELAY };
	static const char *const arguments[] = { "reaperd",	 "--root",	  BUILD, "--state-dir",
						 PLACE "/state", "--runtime-dir", RUN,	 NULL };
	char program[PATH_MAX];

	fixture_setup();
	make_directory(BIN);
	make_tmpfs(BUILD);
	make_directory(BUILD "/a");
	ck_assert(beside_us("../../reaperd/broker/reaperd", program));
	copy_program(program, BIN "/reaperd");
	copy_program("/proc/self/exe", BIN "/reaperd-engine");
	relay = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(relay, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(chmod(RELAY, 0777), 0);
	ck_assert_int_eq(listen(relay, 8), 0);
	broker = start(arguments);
	take_engine();
}

static void teardown(void)
{
	if (broker > 0) {
		kill(broker, SIGKILL);
		waitpid(broker, NULL, 0);
	}
}

static void ask(struct message_request *request)
{
	static uint8_t buffer[WIRE_FRAME_MAX];
	ssize_t length;

	request->serial = request->serial ? request->serial : engine.serial;
	length = message_encode_request(request, buffer);
	ck_assert_int_gt(length, 0);
	ck_assert_int_eq(wire_send(engine.fd, buffer, (size_t)length, NULL, 0), 0);
}

static struct message_result answer(void)
{
	static uint8_t buffer[WIRE_FRAME_MAX];
	struct message_result result;
	int fds[WIRE_FDS_MAX];
	size_t count;
	ssize_t length = receive(buffer, fds, &count);

	ck_assert_int_gt(length, 0);
	ck_assert_int_eq(message_decode_result(buffer, (size_t)length, &result), 0);
	return result;
}

static struct mount_reference reference_of(const char *path)
{
	struct kernel_mount mount = mount_of(path);

	return (struct mount_reference){ .id = mount.id, .id32 = mount.id32, .dev = mount.dev };
}

/* No capability in any of its five sets, and no way to get one. */
static void ck_no_privilege(void)
{
	static const char *const sets[] = { "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb" };
	char path[64], line[64];

	snprintf(path, sizeof(path), "/proc/%d/status", engine.pid);
	for (size_t i = 0; i < sizeof(sets) / sizeof(*sets); i++) {
		snprintf(line, sizeof(line), "\n%s:\t0000000000000000\n", sets[i]);
		ck_assert_msg(file_has(path, line), "%s", sets[i]);
	}
	ck_assert(file_has(path, "\nNoNewPrivs:\t1\n"));
}

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

static void ck_step_works(void)
{
	struct step_item step = { .path = "a/t", .action_length = 1, .step = STEP_UMOUNT };
	struct message_request request = { .type = MESSAGE_STEP, .job = 7, .count = 1, .steps = &step };
	struct message_result result;

	make_tmpfs(BUILD "/a/t");
	step.mount = reference_of(BUILD "/a/t");
	ask(&request);
	result = answer();
	ck_assert_uint_eq(result.job, 7);
	ck_assert_int_eq(result.error, 0);
	ck_assert_uint_eq(result.count, 1);
	ck_assert_uint_eq(result.steps[0].outcome, OUTCOME_GONE);
	ck_assert_uint_eq(result.hung, 0);
	message_result_clear(&result);
}

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
	end_engine(0);
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
	take_configuration(1);
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
	FILE *file = fopen(PLACE "/conf", "we");
	const struct passwd *nobody = getpwnam("nobody");
	char path[64];
	struct stat st;
	pid_t second;

	ck_assert_ptr_nonnull(nobody);
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
	ask(&request);
	result = answer();
	ck_assert_uint_eq(result.steps[0].outcome, OUTCOME_GONE);
	ck_assert_uint_eq(result.hung, 0);
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
	TCase *daemon;
	char program[PATH_MAX];

	if (argc > 0 && !strcmp(argv[0], "reaperd-engine"))
		return act_as_engine();
	if (!fixture_is_possible())
		return EXIT_SKIP;
	if (!beside_us("../../reaperd/broker/reaperd", program)) {
		SAY_SKIPPED("%s is not built", program);
		return EXIT_SKIP;
	}
	suite = suite_create("broker and engine");
	daemon = tcase_create("daemon");
	tcase_set_timeout(daemon, 30);
	tcase_add_checked_fixture(daemon, setup, teardown);
	tcase_add_test(daemon, the_engine_has_its_configuration_and_no_privilege);
	tcase_add_test(daemon, a_step_is_done_and_answered);
	tcase_add_test(daemon, a_probe_and_a_watch_are_done_and_answered);
	tcase_add_test(daemon, who_holds_a_mount_is_named);
	tcase_add_test(daemon, an_old_serial_is_stale_and_a_missing_root_is_said);
	tcase_add_loop_test(daemon, a_malformed_request_ends_the_engine_and_another_is_started, 0, 5);
	tcase_add_test(daemon, a_dead_engine_is_started_anew_with_new_watches);
	tcase_add_test(daemon, an_engine_that_cannot_work_here_ends_the_daemon_with_its_status);
	tcase_add_test(daemon, sigterm_stops_the_engine_first);
	tcase_add_test(daemon, a_killed_broker_is_seen_by_the_engine_at_once);
	tcase_add_test(daemon, a_second_broker_refuses_and_a_dead_ones_socket_is_replaced);
	tcase_add_test(daemon, a_reload_raises_the_serial_and_a_bad_one_is_refused);
	tcase_add_loop_test(daemon, wrong_usage_is_refused_with_the_nearest_word, 0, 10);
	tcase_add_test(daemon, help_and_version_are_fine);
	tcase_add_test(daemon, a_root_behind_a_symlink_is_resolved);
	tcase_add_test(daemon, the_engine_is_another_user);
	if (misfuse_is_possible())
		tcase_add_test(daemon, a_filesystem_that_does_not_answer_costs_a_deadline_and_nothing_else);
	suite_add_tcase(suite, daemon);
	return run_suite(suite);
}
