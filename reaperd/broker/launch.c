/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/signals.h"
#include "broker/privileges.h"

#define ENGINE_FD   3
#define ENGINE_NAME "reaperd-engine"

static bool try_beside(const char *directory, const char *relative, char ret[static PATH_MAX])
{
	return snprintf(ret, PATH_MAX, "%s/%s", directory, relative) < PATH_MAX && access(ret, X_OK) == 0;
}

int launch_find_engine(char ret[static PATH_MAX])
{
	static const char *const beside[] = { ENGINE_NAME, "../engine/" ENGINE_NAME };
	char self[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	self[length > 0 ? length : 0] = '\0';
	slash = strrchr(self, '/');
	if (slash)
		*slash = '\0';
	for (size_t i = 0; slash && i < ARRAY_SIZE(beside); i++)
		if (try_beside(self, beside[i], ret))
			return 0;
	snprintf(ret, PATH_MAX, "%s", REAPERD_ENGINE);
	if (access(ret, X_OK) == 0)
		return 0;
	log_error("%s is not beside reaperd, and not at %s: is the installation complete?", ENGINE_NAME, ret);
	return -ENOENT;
}

/*
 * What the engine may see of our environment: the journal's and the service manager's ends, how to show times, and how
 * strict its filter of system calls is.
 */
static const char *const passed_on[] = { "JOURNAL_STREAM", "NOTIFY_SOCKET", "WATCHDOG_USEC",  "TZ",
					 "LANG",	   "LC_ALL",	    "REAPERD_SANDBOX" };

static int make_environment(char *ret[static ARRAY_SIZE(passed_on) + 1])
{
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_SIZE(passed_on); i++) {
		const char *value = getenv(passed_on[i]);

		if (value && asprintf(&ret[count++], "%s=%s", passed_on[i], value) < 0)
			return -ENOMEM;
	}
	ret[count] = NULL;
	return 0;
}

static const char *level_name(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_ERROR:
		return "error";
	case LOG_LEVEL_WARNING:
		return "warning";
	case LOG_LEVEL_NOTICE:
		return "notice";
	case LOG_LEVEL_DEBUG:
		return "debug";
	case LOG_LEVEL_INFO:
		break;
	}
	return "info";
}

/*
 * It sees our end by the socket, unless it is stopped, or not itself any more. Whoever becomes another user takes this
 * back, so it comes after that; a parent that died before sends no signal any more: ask once.
 */
static int die_with(pid_t parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return -errno;
	return getppid() == parent ? 0 : -ESRCH;
}

_Noreturn static void become_engine(const char *program, enum log_level level, const struct engine_user *user, int fd,
				    pid_t parent)
{
	char *environment[ARRAY_SIZE(passed_on) + 1];
	char *arguments[] = { (char *)ENGINE_NAME, (char *)"--log-level", (char *)level_name(level), NULL };
	int opened = open(program, O_PATH | O_CLOEXEC);

	signals_set_default();
	/* A signal that a terminal sends to all is for the broker, which then stops the engine in good order. */
	setpgid(0, 0);
	if (opened == ENGINE_FD)
		opened = fcntl(opened, F_DUPFD_CLOEXEC, ENGINE_FD + 1);
	if (make_environment(environment) < 0 || (fd == ENGINE_FD ? fcntl(fd, F_SETFD, 0) : dup2(fd, ENGINE_FD)) < 0 ||
	    close_range(ENGINE_FD + 1, ~0U, CLOSE_RANGE_CLOEXEC) < 0 || asroot_become_engine(user) < 0 ||
	    die_with(parent) < 0)
		_exit(126);
	execve(program, arguments, environment);
	/*
	 * A build tree below a directory that the user may not enter; second, for the process would be named after the
	 * descriptor.
	 */
	if (errno == EACCES)
		execveat(opened, "", arguments, environment, AT_EMPTY_PATH);
	log_error("%s cannot be run: %s", program, strerror(errno));
	_exit(127);
}

pid_t asroot_launch_engine(const char *program, enum log_level level, const struct engine_user *user, int *ret_fd)
{
	const pid_t parent = getpid();
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0) {
		log_error("no socket pair for the engine: %s", strerror(errno));
		return -errno;
	}
	pid = fork();
	if (pid == 0)
		become_engine(program, level, user, pair[1], parent);
	close(pair[1]);
	if (pid < 0) {
		int error = errno;

		log_error("the engine cannot be started: %s", strerror(error));
		close(pair[0]);
		return -error;
	}
	*ret_fd = pair[0];
	return pid;
}
