/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An action around a command. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "client.h"
#include "mount_options.h"
#include "options.h"
#include "parameters.h"
#include "place.h"
#include "usage.h"

#define RECONNECT_MS 100

/* Exit statuses, as env(1) and its like have them. */
enum { RUN_FAILED = 125, RUN_NOT_EXECUTABLE = 126, RUN_NOT_FOUND = 127, RUN_SIGNALLED = 128 };

struct wanted {
	char *root, *name;
	struct string_list mounts, devices; /* as typed */
	bool chroot;
};

struct action {
	const struct cli *cli;
	const struct wanted *wanted;
	struct client *lease; /* the action is over when this connection is */
	int64_t generation;
	char *path; /* of its directory */
	struct place place;
};

static void wanted_clear(struct wanted *wanted)
{
	free(wanted->root);
	free(wanted->name);
	string_list_clear(&wanted->mounts);
	string_list_clear(&wanted->devices);
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
	if (text_unescape(json_string_value(json_object_get(reply, "path")), &action->path) < 0)
		return client_bad_reply(action->cli);
	return CLI_DONE;
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

/* The bytes of the next field up to a colon, or of all that is left; NULL: a broken escape. */
static char *take_field(const char **text, bool last)
{
	size_t length = last ? strlen(*text) : strcspn(*text, ":");
	CLEANUP_FREE char *typed = MUST(strndup(*text, length));
	char *bytes = NULL;

	*text += length + ((*text)[length] == ':');
	return text_unescape(typed, &bytes) < 0 ? NULL : bytes;
}

static int mount_one(struct action *action, const char *text)
{
	CLEANUP_STRINGS struct string_list options = { 0 };
	const char *rest = text;
	CLEANUP_FREE char *type = take_field(&rest, false), *source = take_field(&rest, false);
	CLEANUP_FREE char *target = take_field(&rest, false);
	CLEANUP_FREE const char **list = NULL;
	int status = type && source && target ? mount_options_read(action->cli, rest, &options) :
						usage_escape(action->cli, text);

	if (status)
		return status;
	if (!*type || !*target)
		return usage_error(action->cli, "--mount: '%s' is not TYPE:SOURCE:TARGET[:OPTIONS]", text);
	list = mount_options_list(&options);
	return place_mount(&action->place, target,
			   &(struct mountat_request){
				   .type = type, .source = *source ? source : NULL, .options = list }) < 0 ?
		       CLI_UNSURE :
		       CLI_DONE;
}

static int furnish(struct action *action)
{
	const struct wanted *wanted = action->wanted;
	int status = place_open(&action->place, wanted->root, action->path) < 0 ? CLI_UNSURE : CLI_DONE;

	for (size_t i = 0; i < wanted->mounts.count && !status; i++)
		status = mount_one(action, wanted->mounts.items[i]);
	for (size_t i = 0; i < wanted->devices.count && !status; i++)
		if (place_device(&action->place, wanted->devices.items[i]) < 0)
			status = CLI_UNSURE;
	return status;
}

/* ---- the command ---- */

static const int passed_on[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2 };

static sigset_t signals_of_interest(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	for (size_t i = 0; i < ARRAY_SIZE(passed_on); i++)
		sigaddset(&set, passed_on[i]);
	return set;
}

static void be_command(const struct action *action, pid_t parent, const sigset_t *mask)
{
	char **command = action->cli->operands;
	int error;

	/* Who kills us kills it: nobody would wait for it any more. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(RUN_FAILED);
	if (action->wanted->chroot && (fchdir(action->place.directory) < 0 || chroot(".") < 0 || chdir("/") < 0)) {
		log_error("chroot: %s", strerror(errno));
		_exit(RUN_FAILED);
	}
	sigprocmask(SIG_SETMASK, mask, NULL);
	execvp(command[0], command);
	error = errno;
	log_error("%s: %s", command[0], strerror(error));
	_exit(error == ENOENT || error == ENOTDIR ? RUN_NOT_FOUND : RUN_NOT_EXECUTABLE);
}

static int exit_status(int status)
{
	return WIFSIGNALED(status) ? RUN_SIGNALLED + WTERMSIG(status) : WEXITSTATUS(status);
}

/* What a terminal sends, it sends to the command, too. */
static void pass_on(int signals, pid_t child)
{
	struct signalfd_siginfo info;

	while (read(signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
		if (info.ssi_signo != SIGCHLD && info.ssi_code <= 0)
			kill(child, (int)info.ssi_signo);
}

static int wait_for(struct action *action, pid_t child, int signals)
{
	int status = RUN_FAILED << 8;

	while (waitpid(child, &status, WNOHANG) != child) {
		struct pollfd polled[] = {
			{ .fd = signals, .events = POLLIN },
			{ .fd = action->lease ? client_descriptor(action->lease) : -1, .events = POLLIN },
		};

		if (poll(polled, ARRAY_SIZE(polled), action->lease ? -1 : RECONNECT_MS) < 0 && errno != EINTR)
			break;
		pass_on(signals, child);
		if (polled[1].revents || !action->lease)
			keep_lease(action);
	}
	return exit_status(status);
}

/* The signals stay blocked: what was made is taken back whole. */
static int run_it(struct action *action)
{
	sigset_t blocked = signals_of_interest(), before;
	CLEANUP_CLOSE int signals = signalfd(-1, &blocked, SFD_CLOEXEC | SFD_NONBLOCK);
	pid_t parent = getpid(), child = -1;

	signal(SIGCHLD, SIG_DFL);
	sigprocmask(SIG_BLOCK, &blocked, &before);
	if (signals >= 0)
		child = fork();
	if (child == 0)
		be_command(action, parent, &before);
	if (child > 0)
		return wait_for(action, child, signals);
	log_error("the command cannot be started: %s", strerror(errno));
	return RUN_FAILED;
}

static int run_action(const struct cli *cli, const struct wanted *wanted)
{
	struct action action = { .cli = cli, .wanted = wanted, .place = { .directory = -1 } };
	int status = take_lease(&action);

	if (!status) {
		status = furnish(&action) ? RUN_FAILED : run_it(&action);
		place_undo(&action.place);
		end(&action);
	} else {
		status = RUN_FAILED;
	}
	place_close(&action.place);
	client_close(action.lease);
	free(action.path);
	return status;
}

static int run_run(struct cli *cli, int argc, char **argv)
{
	CLEANUP(wanted_clear) struct wanted wanted = { 0 };
	const struct cli_option options[] = {
		{ "root", "DIR", "the build root", .path = &wanted.root },
		{ "name", "NAME", "the action's; without it a new one", .bytes = &wanted.name },
		{ "mount", "TYPE:SOURCE:TARGET[:OPTIONS]",
		  "mounted before the command runs; TARGET is in the action's directory; TYPE may be bind or rbind",
		  .texts = &wanted.mounts },
		{ "device", "NAME", "a device on the action's dev: null, zero, full, random, urandom, tty",
		  .texts = &wanted.devices, .words = place_devices },
		{ "chroot", NULL, "the action's directory is the command's root", .flag = &wanted.chroot },
		{ 0 },
	};
	int status;

	if (!options_parse(cli, options, argc, argv, &status))
		return status ? RUN_FAILED : status;
	if (!wanted.root)
		status = usage_error(cli, "--root is missing: below which build root?");
	if (!wanted.name)
		wanted.name = make_name();
	return status ? RUN_FAILED : run_action(cli, &wanted);
}

const struct command command_run = {
	.name = "run",
	.usage =
		"--root DIR [--name NAME] [--mount TYPE:SOURCE:TARGET[:OPTIONS]]... [--device NAME]... [--chroot] -- COMMAND...",
	.summary = "run a command as an action",
	.help = "The action is registered before anything is mounted, and is over when the command has ended, or this program has:\n"
		"then its mounts are taken away, and the directories that were made for it.\n"
		"Exit status: the command's own; 125 where reaperctl itself failed, 126 not executable, 127 not found, 128+N by\n"
		"signal N.",
	.operands_min = 1,
	.operands_max = -1,
	.run = run_run,
};
