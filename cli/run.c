/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An action around a command. */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/path.h"
#include "base/text.h"
#include "client.h"
#include "keeper.h"
#include "mount_spec.h"
#include "options.h"
#include "parameters.h"
#include "place.h"
#include "reference.h"
#include "show.h"
#include "usage.h"

#define RECONNECT_MS 100
#define DEADLINE     (30 * NSEC_PER_SEC)
/* So long a keeper has that nobody waits for, to take back what it made so far. */
#define GIVE_UP_MS 3000
#define AWAITED_MS 5000

/* Exit statuses, as env(1) and its like have them. */
enum { RUN_FAILED = 125, RUN_NOT_EXECUTABLE = 126, RUN_NOT_FOUND = 127, RUN_SIGNALLED = 128 };

struct wanted {
	char *root, *name;
	struct string_list mounts, devices; /* as typed */
	struct mount_spec *specs;	    /* what `mounts` means */
	bool chroot;
	int64_t timeout;
};

struct action {
	const struct cli *cli;
	const struct wanted *wanted;
	struct client *lease; /* the action is over when this connection is */
	int64_t generation;
	char *path; /* of its directory */
};

static void wanted_clear(struct wanted *wanted)
{
	free(wanted->root);
	free(wanted->name);
	for (size_t i = 0; wanted->specs && i < wanted->mounts.count; i++)
		mount_spec_clear(&wanted->specs[i]);
	free(wanted->specs);
	string_list_clear(&wanted->mounts);
	string_list_clear(&wanted->devices);
}

/* The keeper leaves the working directory. As it is, NULL, where it leads there from everywhere, or nothing else would. */
static char *absolute_socket(const char *socket)
{
	CLEANUP_FREE char *here = *socket == '/' ? NULL : getcwd(NULL, 0);
	CLEANUP_FREE char *path = here ? MUST(path_join(here, socket)) : NULL;

	return path && strlen(path) < sizeof(((struct sockaddr_un *)NULL)->sun_path) ? take_ptr(path) : NULL;
}

/* ---- registering ---- */

/* No two at the same time have the same. */
static char *make_name(void)
{
	uint64_t number = 0;

	if (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number))
		number = (uint64_t)getpid();
	return must_format("run-%016llx", (unsigned long long)number);
}

/* 0 with the reply, or a negative result of the client's. */
static int ask_for_lease(struct action *action, int timeout_ms, json_t **ret)
{
	json_t *parameters = MUST(json_object());
	int r = client_open(action->cli->socket, &action->lease);

	parameter_bytes(parameters, "root", action->wanted->root);
	parameter_bytes(parameters, "name", action->wanted->name);
	/* 0, the first time: who lost the same lease comes before us. */
	if (json_object_set_new(parameters, "generation", json_integer(action->generation)) < 0)
		must(NULL);
	if (r < 0) {
		json_decref(parameters);
		return r;
	}
	r = client_send(action->lease, "Lease", parameters, true);
	return r < 0 ? r : client_receive(action->lease, timeout_ms, ret);
}

static int take_lease(struct action *action)
{
	CLEANUP_JSON json_t *reply = NULL;
	int r = ask_for_lease(action, CLIENT_TIMEOUT_MS, &reply);

	if (r < 0)
		return client_complain(action->cli, action->lease, r);
	action->generation = json_integer_value(json_object_get(reply, "generation"));
	action->path = show_bytes(reply, "path");
	return action->path ? CLI_DONE : client_bad_reply(action->cli);
}

static void drop_lease(struct action *action)
{
	client_close(action->lease);
	action->lease = NULL;
}

/* A daemon that begins anew waits for us for a grace. */
static void keep_lease(struct action *action)
{
	CLEANUP_JSON json_t *unasked = NULL, *reply = NULL;

	if (action->lease && client_receive(action->lease, 0, &unasked) != -ETIME)
		drop_lease(action);
	if (!action->lease && ask_for_lease(action, RECONNECT_MS, &reply) < 0)
		drop_lease(action);
}

static void end(struct action *action)
{
	CLEANUP_JSON json_t *reply = NULL;
	json_t *parameters = MUST(json_object());

	parameter_bytes(parameters, "root", action->wanted->root);
	parameter_bytes(parameters, "name", action->wanted->name);
	if (json_object_set_new(parameters, "generation", json_integer(action->generation)) < 0)
		must(NULL);
	/* Where that fails the lease ends, too, and says the same after a grace. */
	cli_call(action->cli, "End", parameters, &reply);
}

/* ---- what it has ---- */

static bool is_waited_for(void *context)
{
	return !keeper_is_left(*(const int *)context);
}

/* In the keeper. */
static int furnish(void *context, struct place *place, int socket)
{
	const struct action *action = context;
	const struct wanted *wanted = action->wanted;
	int status = place_open(place, wanted->root, action->path, is_waited_for, &socket);

	for (size_t i = 0; i < wanted->mounts.count && !status && !keeper_is_left(socket); i++)
		status = place_mount(place, wanted->specs[i].target, &wanted->specs[i].request);
	for (size_t i = 0; i < wanted->devices.count && !status && !keeper_is_left(socket); i++)
		status = place_device(place, wanted->devices.items[i]);
	return status ? -ECANCELED : 0;
}

/* These end us while the place is made; what is ignored, as below nohup, is so here, too. */
static int open_ending(void)
{
	static const int numbers[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };
	struct sigaction action;
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		if (sigaction(numbers[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
			sigaddset(&set, numbers[i]);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int milliseconds(int64_t ns)
{
	return ns <= 0 ? 0 : ns / NSEC_PER_MSEC >= INT_MAX ? INT_MAX : (int)(ns / NSEC_PER_MSEC) + 1;
}

/* Where that takes too long the keeper goes on alone. */
static void leave(const struct action *action, struct keeper *keeper)
{
	if (!keeper_end(keeper, milliseconds(action->wanted->timeout)))
		log_warning("its place is still being taken back: what is mounted there the daemon takes away");
}

/* 0, or the exit status. A signal that comes when the command runs is left for it. */
static int wait_until_made(const struct action *action, struct keeper *keeper)
{
	const int64_t deadline = time_after(clock_now().mono, action->wanted->timeout);
	CLEANUP_CLOSE int ending = open_ending();
	struct signalfd_siginfo info;
	int r;

	for (;;) {
		struct pollfd polled[] = {
			{ .fd = keeper->socket, .events = POLLIN },
			{ .fd = ending, .events = POLLIN },
		};

		r = poll(polled, ARRAY_SIZE(polled), milliseconds(deadline - clock_now().mono));
		if (r < 0 && errno != EINTR)
			return RUN_FAILED;
		if (r > 0 && polled[0].revents)
			break;
		if (r > 0 && read(ending, &info, sizeof(info)) == (ssize_t)sizeof(info))
			return RUN_SIGNALLED + (int)info.ssi_signo;
		if (r == 0) {
			log_error("the command is not run: its place could not be made in time");
			return RUN_FAILED;
		}
	}
	r = keeper_made(keeper);
	if (r == 0)
		return 0;
	if (r != -ECANCELED) /* then what its place lacks is said already */
		log_error("the command is not run: %s", strerror(-r));
	leave(action, keeper);
	return RUN_FAILED;
}

/* What it has begun it takes back itself, if the filesystems there let it. */
static void give_up(struct keeper *keeper)
{
	if (keeper_end(keeper, GIVE_UP_MS))
		return;
	keeper_kill(keeper);
	log_error("its place is still being made: what is mounted there the daemon takes away, directories may stay");
}

/* In the keeper, which has nothing left to print to. */
static bool is_awaited(void *context)
{
	const struct action *action = context;
	CLEANUP_FREE char *name = MUST(action_reference_text(action->wanted->name, (uint32_t)action->generation));
	CLEANUP_CLIENT struct client *client = NULL;
	CLEANUP_JSON json_t *reply = NULL;
	const json_t *about;
	json_t *parameters;

	if (client_open(action->cli->socket, &client) < 0)
		return false;
	parameters = MUST(json_object());
	parameter_bytes(parameters, "root", action->wanted->root);
	parameter_text(parameters, "action", name);
	switch (client_send(client, "ListMounts", parameters, false) < 0 ? -EPIPE :
									   client_receive(client, AWAITED_MS, &reply)) {
	case 0:
		return json_array_size(json_object_get(reply, "mounts")) > 0;
	case -EREMOTEIO:
		/* By the runners' socket it is not said what there is, only that the daemon is. */
		return !strcmp(client_error(client, &about), CLIENT_INTERFACE "NotAllowed");
	default:
		return false;
	}
}

/* ---- the command ---- */

static const int passed_on[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2 };

/* In the keeper's child. */
static void be_command(void *context, const struct place *place)
{
	const struct action *action = context;
	char **command = action->cli->operands;
	int error;

	if (action->wanted->chroot && (fchdir(place->directory) < 0 || chroot(".") < 0 || chdir("/") < 0)) {
		log_error("chroot: %s", strerror(errno));
		_exit(RUN_FAILED);
	}
	execvp(command[0], command);
	error = errno;
	log_error("%s: %s", command[0], strerror(error));
	_exit(error == ENOENT || error == ENOTDIR ? RUN_NOT_FOUND : RUN_NOT_EXECUTABLE);
}

static int exit_status(int status)
{
	return WIFSIGNALED(status) ? RUN_SIGNALLED + WTERMSIG(status) : WEXITSTATUS(status);
}

/* What a terminal sends, it sends to the command, too; but that it hung up to its session's leader alone. */
static void pass_on(int signals, struct keeper *keeper)
{
	struct signalfd_siginfo info;

	while (read(signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
		if (info.ssi_code <= 0 || (info.ssi_signo == SIGHUP && getsid(0) == getpid()))
			keeper_signal(keeper, (int)info.ssi_signo);
}

static int wait_for(struct action *action, struct keeper *keeper, int signals)
{
	int status, r;

	for (;;) {
		struct pollfd polled[] = {
			{ .fd = signals, .events = POLLIN },
			{ .fd = keeper->socket, .events = POLLIN },
			{ .fd = action->lease ? client_descriptor(action->lease) : -1, .events = POLLIN },
		};

		if (poll(polled, ARRAY_SIZE(polled), action->lease ? -1 : RECONNECT_MS) < 0 && errno != EINTR)
			return RUN_FAILED;
		pass_on(signals, keeper);
		if (polled[1].revents)
			break;
		if (polled[2].revents || !action->lease)
			keep_lease(action);
	}
	r = keeper_status(keeper, &status);
	if (r == 0)
		return exit_status(status);
	log_error("the command's keeper was killed, and with it the command");
	return RUN_FAILED;
}

/* The signals stay blocked: what was made is taken back whole. */
static int run_it(struct action *action)
{
	sigset_t set, before;
	const struct keeper_work work = {
		.make = furnish, .run = be_command, .is_awaited = is_awaited, .context = action, .mask = &before
	};
	CLEANUP_CLOSE int signals = -1;
	struct keeper keeper;
	int r, status;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(passed_on); i++)
		sigaddset(&set, passed_on[i]);
	signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	sigprocmask(SIG_BLOCK, &set, &before);
	r = signals < 0 ? -errno : keeper_start(&keeper, client_descriptor(action->lease), &work);
	if (r < 0) {
		log_error("the command is not run: %s", strerror(-r));
		return RUN_FAILED;
	}
	status = wait_until_made(action, &keeper);
	if (status) {
		give_up(&keeper);
		return status;
	}
	status = wait_for(action, &keeper, signals);
	leave(action, &keeper);
	return status;
}

static int run_action(struct cli *cli, const struct wanted *wanted)
{
	struct action action = { .cli = cli, .wanted = wanted };
	CLEANUP_FREE char *socket = absolute_socket(cli->socket);
	int status;

	if (socket)
		cli->socket = socket;
	status = take_lease(&action);

	if (!status) {
		status = run_it(&action);
		end(&action);
	} else {
		status = RUN_FAILED;
	}
	client_close(action.lease);
	free(action.path);
	return status;
}

static int check_devices(const struct cli *cli, const struct string_list *devices)
{
	for (size_t i = 0; i < devices->count; i++)
		for (size_t other = 0; other < i; other++)
			if (!strcmp(devices->items[i], devices->items[other]))
				return usage_error(cli, "--device: '%s' is given twice", devices->items[i]);
	return CLI_DONE;
}

/* All that only the kernel can find wrong is found later, with the action registered, and ends it. */
static int check(const struct cli *cli, struct wanted *wanted)
{
	int status = CLI_DONE;

	if (!wanted->root)
		return usage_error(cli, "--root is missing: below which build root?");
	if (wanted->timeout == 0)
		return usage_error(cli, "--timeout: it must be longer than 0");
	wanted->specs = MUST(calloc(wanted->mounts.count + 1, sizeof(*wanted->specs)));
	for (size_t i = 0; i < wanted->mounts.count && !status; i++)
		status = mount_spec_read(cli, wanted->mounts.items[i], &wanted->specs[i]);
	return status ? status : check_devices(cli, &wanted->devices);
}

static int run_run(struct cli *cli, int argc, char **argv)
{
	CLEANUP(wanted_clear) struct wanted wanted = { .timeout = DEADLINE };
	const struct cli_option options[] = {
		{ "root", "DIR", "the build root", .path = &wanted.root },
		{ "name", "NAME", "the action's; without it a new one", .bytes = &wanted.name },
		{ "mount", "TYPE:SOURCE:TARGET[:OPTIONS]",
		  "mounted before the command runs; TARGET is in the action's directory; TYPE may be bind or rbind",
		  .texts = &wanted.mounts },
		{ "device", "NAME", "a device on the action's dev: null, zero, full, random, urandom, tty",
		  .texts = &wanted.devices, .words = place_devices },
		{ "chroot", NULL, "the action's directory is the command's root", .flag = &wanted.chroot },
		{ "timeout", "DURATION", "how long it may take to make its place, and to take it back: 30s",
		  .duration = &wanted.timeout },
		{ 0 },
	};
	int status;

	if (!options_parse(cli, options, argc, argv, &status))
		return status ? RUN_FAILED : status;
	status = check(cli, &wanted);
	if (!wanted.name)
		wanted.name = make_name();
	return status ? RUN_FAILED : run_action(cli, &wanted);
}

const struct command command_run = {
	.name = "run",
	.usage =
		"--root DIR [--name NAME] [--mount TYPE:SOURCE:TARGET[:OPTIONS]]... [--device NAME]... [--chroot] [--timeout DURATION] -- COMMAND...",
	.summary = "run a command as an action",
	.help = "The action is registered before anything is mounted, and is over when the command has ended, or this program has:\n"
		"then its mounts are taken away, and the directories that were made for it.\n"
		"Exit status: the command's own; 125 where reaperctl itself failed, 126 not executable, 127 not found, 128+N by\n"
		"signal N.",
	.operands_min = 1,
	.operands_max = -1,
	.run = run_run,
};
