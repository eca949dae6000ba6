/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The real broker against an engine that is the test: a copy of the test's program stands beside a copy of reaperd under
 * the engine's name; started by the broker it hands its descriptor over to the test, which then speaks the wire itself.
 */
#ifndef TESTS_UNIT_BROKER_FIXTURE_H
#define TESTS_UNIT_BROKER_FIXTURE_H

#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "base/words.h"
#include "wire/messages.h"
#include "mount_fixture.h"

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
	int connection; /* closed, or any byte: it exits, with the byte for its status, or as below */
	int fd;
	pid_t pid;
	uint32_t serial;
	int inotify, listening, text;
	int events, events_error;
	uint32_t deaths; /* of those before it */
	char died[64];
};
static struct engine engine;

/* As its status: the engine makes a system call that no process of ours makes. */
#define FORBIDDEN 255

/* As the engine: hands over descriptor 3, then does what it is told. */
static inline int act_as_engine(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = RELAY };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), three = 3;
	unsigned char status = 1;

	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || wire_send(fd, "x", 1, &three, 1) < 0)
		return 99;
	close(3);
	if (read(fd, &status, 1) == 1 && status == FORBIDDEN)
		syscall(SYS_pivot_root, "/nowhere", "/nowhere");
	return status;
}

static inline void copy_program(const char *from, const char *to)
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

static inline void wait_readable(int fd)
{
	struct pollfd polled = { .fd = fd, .events = POLLIN };

	ck_assert_msg(poll(&polled, 1, DEADLINE) == 1, "nothing came within %d ms", DEADLINE);
}

static inline pid_t start(const char *const *arguments)
{
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		int log = open(LOG, O_WRONLY | O_CREAT | O_APPEND, 0644);

		prctl(PR_SET_PDEATHSIG, SIGTERM);
		dup2(log, 1);
		dup2(log, 2);
		setenv("REAPERD_SANDBOX", "kill", 0);
		unsetenv("STATE_DIRECTORY");
		unsetenv("RUNTIME_DIRECTORY");
		execv(BIN "/reaperd", (char **)arguments);
		_exit(127);
	}
	return pid;
}

static inline int status_of(pid_t pid)
{
	int status;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static inline bool file_has(const char *path, const char *text)
{
	static char content[65536];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = read(fd, content, sizeof(content) - 1);

	close(fd);
	content[length > 0 ? length : 0] = '\0';
	return strstr(content, text);
}

static inline bool log_has(const char *text)
{
	return file_has(LOG, text);
}

static inline ssize_t receive(void *buffer, int *fds, size_t *count)
{
	wait_readable(engine.fd);
	return wire_receive(engine.fd, buffer, WIRE_FRAME_MAX, fds, count);
}

/* The first one comes with descriptors: those of the engine, and mount events where the kernel has them. */
static inline void take_configuration(bool first)
{
	static uint8_t buffer[WIRE_FRAME_MAX];
	static struct message_configuration message;
	int fds[WIRE_FDS_MAX] = { -1, -1, -1, -1 };
	size_t count;
	ssize_t length = receive(buffer, fds, &count);

	ck_assert_int_gt(length, 0);
	ck_assert_int_eq(message_type(buffer, (size_t)length), MESSAGE_CONFIGURATION);
	ck_assert_int_eq(message_decode_configuration(buffer, (size_t)length, &message), 0);
	ck_assert_uint_eq(count, !first ? 1 : message.events_error ? 3 : 4);
	ck_assert_str_eq(message.state_dir, state_dir);
	engine.serial = message.serial;
	engine.text = fds[0];
	if (first) {
		engine.listening = fds[1];
		engine.inotify = fds[2];
		engine.events = fds[3];
		engine.events_error = (int)message.events_error;
		engine.deaths = message.deaths;
		snprintf(engine.died, sizeof(engine.died), "%.63s", message.text);
	}
}

static inline void take_engine(void)
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
	take_configuration(true);
}

static inline void end_engine(unsigned char status)
{
	ck_assert_int_eq(send(engine.connection, &status, 1, MSG_NOSIGNAL), 1);
	close(engine.fd);
	close(engine.connection);
}

static inline void setup(void)
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

static inline void teardown(void)
{
	if (broker > 0) {
		kill(broker, SIGKILL);
		waitpid(broker, NULL, 0);
	}
}

static inline void ask(struct message_request *request)
{
	static uint8_t buffer[WIRE_FRAME_MAX];
	ssize_t length;

	request->serial = request->serial ? request->serial : engine.serial;
	length = message_encode_request(request, buffer);
	ck_assert_int_gt(length, 0);
	ck_assert_int_eq(wire_send(engine.fd, buffer, (size_t)length, NULL, 0), 0);
}

static inline struct message_result answer(void)
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

static inline struct mount_reference reference_of(const char *path)
{
	struct kernel_mount mount = mount_of(path);

	return (struct mount_reference){ .id = mount.id, .id32 = mount.id32, .dev = mount.dev };
}

/* No capability in any of its five sets, and no way to get one. */
static inline void ck_no_privilege(void)
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

/* `directory`, of an action, is made where it is not there. */
static inline void ck_step_works_in(const char *directory)
{
	char path[64], target[128];
	struct step_item step = { .path = path, .action_length = (uint32_t)strlen(directory), .step = STEP_UMOUNT };
	struct message_request request = { .type = MESSAGE_STEP, .job = 7, .count = 1, .steps = &step };
	struct message_result result;

	snprintf(path, sizeof(path), "%s/t", directory);
	snprintf(target, sizeof(target), BUILD "/%s", directory);
	ck_assert(mkdir(target, 0755) == 0 || errno == EEXIST);
	snprintf(target, sizeof(target), BUILD "/%s", path);
	make_tmpfs(target);
	step.mount = reference_of(target);
	ask(&request);
	result = answer();
	ck_assert_uint_eq(result.job, 7);
	ck_assert_int_eq(result.error, 0);
	ck_assert_uint_eq(result.count, 1);
	ck_assert_uint_eq(result.steps[0].outcome, OUTCOME_GONE);
	ck_assert_uint_eq(result.hung, 0);
	message_result_clear(&result);
}

static inline void ck_step_works(void)
{
	ck_step_works_in("a");
}

/* In main(): whether the broker started this program, as its engine. */
static inline bool is_engine(int argc, char **argv)
{
	return argc > 0 && !strcmp(argv[0], "reaperd-engine");
}

static inline bool broker_is_possible(void)
{
	char program[PATH_MAX];

	if (!fixture_is_possible())
		return false;
	if (beside_us("../../reaperd/broker/reaperd", program))
		return true;
	SAY_SKIPPED("%s is not built", program);
	return false;
}

#endif
