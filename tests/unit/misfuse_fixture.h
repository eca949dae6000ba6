/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* For unit tests: a FUSE that does what it is told (tests/lib/misfuse), for as long as the test lives. */
#ifndef TESTS_UNIT_MISFUSE_FIXTURE_H
#define TESTS_UNIT_MISFUSE_FIXTURE_H

#include <stdarg.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "mount_fixture.h"

static int control = -1;
static pid_t server;

static inline bool misfuse_is_possible(void)
{
	char program[PATH_MAX];

	if (access("/dev/fuse", R_OK | W_OK) == 0 && beside_us("../lib/misfuse", program))
		return true;
	SAY_SKIPPED("FUSE (/dev/fuse and tests/lib/misfuse are needed)");
	return false;
}

static inline char *tell(const char *format, ...) __attribute__((format(printf, 1, 2)));
static inline char *tell(const char *format, ...)
{
	static char line[256];
	va_list arguments;
	ssize_t length;

	va_start(arguments, format);
	length = vsnprintf(line, sizeof(line) - 1, format, arguments);
	va_end(arguments);
	line[length++] = '\n';
	ck_assert_int_eq(send(control, line, (size_t)length, MSG_NOSIGNAL), length);
	length = recv(control, line, sizeof(line) - 1, 0);
	ck_assert_int_gt(length, 0);
	line[length] = '\0';
	ck_assert_msg(!strncmp(line, "ok", 2), "%s", line);
	return line + 2;
}

static inline void misfuse_start(const char *entry_timeout, const char *target)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = PLACE "/control" };
	char program[PATH_MAX], ready[16];
	int out[2];

	ck_assert(beside_us("../lib/misfuse", program));
	ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
	server = fork();
	ck_assert_int_ge(server, 0);
	if (server == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(out[1], 1);
		execl(program, program, "--control", PLACE "/control", "--entry-timeout", entry_timeout, target,
		      (char *)NULL);
		_exit(127);
	}
	ck_assert_int_gt(read(out[0], ready, sizeof(ready)), 0);
	control = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(connect(control, (struct sockaddr *)&address, sizeof(address)), 0);
}

static inline void misfuse_stop(void)
{
	if (server > 0) {
		kill(server, SIGKILL);
		waitpid(server, NULL, 0);
	}
	server = 0;
}

#endif
