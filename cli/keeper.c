/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "keeper.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"

/* Between two looks whether the daemon has reaped what was busy: longer each time. */
#define LOOK_MS	    50
#define LOOK_MAX_MS 2000
/* So long since it last said that it will; when half of that is over it is asked. */
#define UNHEARD_MAX_MS 60000
/* So often what the command has started is killed: what is killed may just have started another. */
#define KILL_MS	 10
#define KILL_MAX 500
/* Of the descriptors that we were given, those below this are closed. */
#define NOTED_MAX 1024

/* ---- the keeper ---- */

struct work {
	int socket, ended; /* fds: to who may be killed; of SIGCHLD */
	pid_t command;	   /* 0: has ended */
	bool left;	   /* nobody is at the other end any more */
};

/* What ends whoever started us must not end us. */
static void stand_alone(int lease)
{
	static const int numbers[] = { SIGHUP,	SIGINT,	 SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2,
				       SIGPIPE, SIGCHLD, SIGTSTP, SIGTTIN, SIGTTOU };
	sigset_t set;

	close(lease);
	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		sigaddset(&set, numbers[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGCHLD, SIG_DFL);
	prctl(PR_SET_NAME, "reaperctl-keep");
	/* What the command leaves behind becomes a child of ours. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
}

/* Which descriptors there are, as far as NOTED_MAX. */
static void note_open(bool ret[static NOTED_MAX])
{
	DIR *directory = opendir("/proc/self/fd");
	const struct dirent *entry;

	while (directory && (entry = readdir(directory))) {
		long fd = strtol(entry->d_name, NULL, 10);

		if (fd > 2 && fd < NOTED_MAX && fd != dirfd(directory))
			ret[fd] = true;
	}
	if (directory)
		closedir(directory);
}

/*
 * What was open when we began is the command's: nobody is to wait for the end of ours, nor for that of our working
 * directory, nor of what we say.
 */
static void let_go(int socket, const bool opened[static NOTED_MAX])
{
	CLEANUP_CLOSE int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; null >= 0 && fd < 3; fd++)
		dup2(null, fd);
	for (int fd = 3; fd < NOTED_MAX; fd++)
		if (opened[fd] && fd != socket)
			close(fd);
	if (chdir("/") < 0)
		log_debug("the working directory is kept: %s", strerror(errno));
}

static void be_command(const struct keeper_work *work, const struct place *place, pid_t parent)
{
	/* Who kills the keeper kills it: nobody would wait for it any more. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(1);
	sigprocmask(SIG_SETMASK, work->mask, NULL);
	work->run(work->context, place);
	_exit(1);
}

static void collect(struct work *work)
{
	struct signalfd_siginfo info;
	int status;
	pid_t pid;

	while (read(work->ended, &info, sizeof(info)) > 0)
		;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (pid == work->command) {
			work->command = 0;
			send(work->socket, &status, sizeof(status), MSG_NOSIGNAL);
		}
}

static void pass_on(struct work *work)
{
	uint8_t numbers[16];
	ssize_t length = recv(work->socket, numbers, sizeof(numbers), 0);

	work->left = length == 0 || (length < 0 && errno != EINTR);
	for (ssize_t i = 0; i < length && work->command; i++)
		kill(work->command, numbers[i]);
}

/* Children of ours, those that were left to us too; true where there are any. */
static bool kill_children(void)
{
	char path[64];
	FILE *file;
	int pid;
	bool any = false;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	file = fopen(path, "re");
	while (file && fscanf(file, "%d", &pid) == 1)
		any |= kill(pid, SIGKILL) == 0;
	if (file)
		fclose(file);
	return any;
}

static void kill_all(struct work *work)
{
	if (work->command)
		kill(work->command, SIGKILL);
	for (int times = 0; kill_children() && times < KILL_MAX; times++) {
		poll(NULL, 0, KILL_MS);
		collect(work);
	}
}

/* Until the command has ended and we are told to go on, or nobody is there to tell us. */
static void watch(struct work *work)
{
	struct pollfd polled[] = { { .fd = work->socket, .events = POLLIN }, { .fd = work->ended, .events = POLLIN } };

	while (!work->left) {
		if (poll(polled, ARRAY_SIZE(polled), -1) < 0 && errno != EINTR)
			return;
		if (polled[1].revents)
			collect(work);
		if (polled[0].revents)
			pass_on(work);
	}
}

/*
 * A grace, a pause, a brake or a back-off may be as long as they like. But what nobody is there to reap, or is no mount of
 * the action's in the daemon's eyes, is not waited for.
 */
static void wait_for_daemon(struct place *place, const struct keeper_work *what)
{
	bool busy = true;

	for (int pause = LOOK_MS, unheard = 0; busy && unheard < UNHEARD_MAX_MS; unheard += pause) {
		poll(NULL, 0, pause);
		busy = place_undo(place);
		if (busy && unheard >= UNHEARD_MAX_MS / 2 && what->is_awaited(what->context))
			unheard = 0;
		pause += pause < LOOK_MAX_MS ? pause / 4 : 0;
	}
}

static void take_back(struct place *place, int socket, const struct keeper_work *what)
{
	bool busy = place_undo(place);
	sigset_t set;

	send(socket, busy ? "b" : "", 1, MSG_NOSIGNAL);
	close(socket);
	/* Who has all of us ended need not wait for this. */
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	if (busy)
		wait_for_daemon(place, what);
	place_close(place);
}

static int start_command(struct work *work, const struct keeper_work *what, const struct place *place)
{
	pid_t self = getpid();
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	work->ended = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (work->ended < 0)
		return -errno;
	work->command = fork();
	if (work->command == 0)
		be_command(what, place, self);
	return work->command < 0 ? -errno : 0;
}

bool keeper_is_left(int socket)
{
	struct pollfd polled = { .fd = socket, .events = POLLRDHUP };

	return poll(&polled, 1, 0) > 0;
}

static void keep(int socket, const struct keeper_work *what)
{
	struct work work = { .socket = socket, .ended = -1 };
	struct place place = PLACE_NONE;
	bool opened[NOTED_MAX] = { false };
	int r;

	note_open(opened);
	r = what->make(what->context, &place, socket);
	if (r == 0 && keeper_is_left(socket))
		r = -ECANCELED;
	if (r == 0)
		r = start_command(&work, what, &place);
	/* A signal for all of a terminal's or a runner's processes is not for us; the command stays among them. */
	setpgid(0, 0);
	let_go(socket, opened);
	if (send(socket, &r, sizeof(r), MSG_NOSIGNAL) == sizeof(r) && r == 0)
		watch(&work);
	if (work.command > 0)
		kill_all(&work);
	take_back(&place, socket, what);
}

/* ---- who may be killed ---- */

static int receive(struct keeper *keeper, void *ret, size_t size)
{
	ssize_t length;

	do
		length = recv(keeper->socket, ret, size, MSG_WAITALL);
	while (length < 0 && errno == EINTR);
	return length == (ssize_t)size ? 0 : length < 0 ? -errno : -ECHILD;
}

/* Of what we had before it, and what that leaves behind, nothing is ours to kill. */
static bool adopt(void)
{
	int any;

	do
		any = waitid(P_ALL, 0, &(siginfo_t){ 0 }, WEXITED | WNOHANG | WNOWAIT);
	while (any < 0 && errno == EINTR);
	return any < 0 && errno == ECHILD && prctl(PR_SET_CHILD_SUBREAPER, 1) == 0;
}

int keeper_start(struct keeper *keeper, int lease, const struct keeper_work *work)
{
	int ends[2];

	*keeper = (struct keeper){ .socket = -1, .pid = -1, .adopts = adopt() };
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	keeper->pid = fork();
	if (keeper->pid == 0) {
		close(ends[0]);
		stand_alone(lease);
		keep(ends[1], work);
		_exit(0);
	}
	close(ends[1]);
	keeper->socket = ends[0];
	return keeper->pid < 0 ? -errno : 0;
}

void keeper_signal(struct keeper *keeper, int number)
{
	const uint8_t byte = (uint8_t)number;

	send(keeper->socket, &byte, 1, MSG_NOSIGNAL);
}

/* The keeper is killed; what it had is our child once we have waited for it. */
static void kill_adopted(void)
{
	for (int times = 0; kill_children() && times < KILL_MAX; times++) {
		poll(NULL, 0, KILL_MS);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
}

/* It always says what it comes to, unless it is killed. */
static int hear(struct keeper *keeper, int *ret)
{
	int r = receive(keeper, ret, sizeof(*ret));

	if (r < 0 && keeper->adopts)
		kill_adopted();
	return r;
}

int keeper_made(struct keeper *keeper)
{
	int answer = 0, r = hear(keeper, &answer);

	return r < 0 ? r : answer;
}

int keeper_status(struct keeper *keeper, int *ret)
{
	return hear(keeper, ret);
}

bool keeper_end(struct keeper *keeper, int timeout_ms)
{
	struct pollfd polled = { .fd = keeper->socket, .events = POLLIN };
	char busy = 0;
	int ready;

	if (keeper->socket < 0)
		return true;
	shutdown(keeper->socket, SHUT_WR);
	do
		ready = poll(&polled, 1, timeout_ms);
	while (ready < 0 && errno == EINTR);
	if (ready > 0)
		receive(keeper, &busy, sizeof(busy));
	close(take_fd(&keeper->socket));
	if (keeper->pid > 0 && waitpid(keeper->pid, NULL, busy || ready <= 0 ? WNOHANG : 0) == keeper->pid)
		keeper->pid = -1;
	return ready > 0;
}

void keeper_kill(const struct keeper *keeper)
{
	if (keeper->pid > 0)
		kill(keeper->pid, SIGKILL);
}
