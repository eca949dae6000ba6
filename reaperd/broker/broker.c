/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/broker.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "broker/launch.h"
#include "broker/mount_events.h"
#include "broker/places.h"
#include "broker/privileges.h"
#include "broker/requests.h"
#include "broker/tell.h"

#define CHILDREN_MAX  16
#define BACKOFF_FIRST (100 * NSEC_PER_MSEC)
#define BACKOFF_MOST  (30 * NSEC_PER_SEC)
#define GOOD_LIFE     (60 * NSEC_PER_SEC)
#define LAST_WORDS    (5 * NSEC_PER_SEC)
#define STOP_MARGIN   (2 * NSEC_PER_SEC)
#define IMPATIENCE    NSEC_PER_SEC
/* Requests taken in one turn of the loop, so that one that never stops asking cannot keep it. */
#define TURN_REQUESTS 32

#define EXIT_COULD_NOT_TELL 3

/* What a child of ours must not hold, see requests.h. */
enum { PRIVATE_ENGINE, PRIVATE_LISTEN, PRIVATE_RUNNERS, PRIVATE_SIGNALS, PRIVATE_STATE, PRIVATE_COUNT };

struct broker {
	struct options options;
	struct settings *settings;
	struct engine_user user;
	char engine_program[PATH_MAX];
	char *socket_path;
	char *runner_socket; /* NULL: none was made */
	struct batch_pool *pool;
	struct requests requests;
	struct sandbox *sandbox; /* of children */
	int fds[PRIVATE_COUNT];	 /* -1: none */
	int inotify;		 /* one for each engine: the watches of a dead one go with it */
	pid_t engine;		 /* 0: none runs */
	int64_t began;		 /* we: CLOCK_REALTIME ns */
	int64_t started;
	bool was_ready; /* an engine was, once */
	uint32_t deaths;
	char died[64]; /* how the last of these did */
	int64_t backoff;
	int64_t start_at; /* when to start the next engine; INT64_MAX: not at all */
	int64_t kill_at;  /* when to lose patience with this one */
	bool blocked;	  /* the engine does not read its results */
	bool stopping;
	int64_t stop_began;
	bool finished;
	int status;
	uint8_t frame[WIRE_FRAME_MAX];
};

/*
 * One group of mount events for each engine, which alone has it then: what waits in a dead one's would be of no use to
 * the next, and nobody would read it.
 */
static int tell_first_configuration(struct broker *broker)
{
	const enum source_kind source = broker->settings->config->source;
	struct engine_inputs inputs = { .listen = broker->fds[PRIVATE_LISTEN],
					.inotify = broker->inotify,
					.runners = broker->fds[PRIVATE_RUNNERS],
					.events = -1,
					.began = broker->began,
					.deaths = broker->deaths,
					.died = broker->died };
	CLEANUP_CLOSE int events = -1;

	if (source == SOURCE_AUTO || source == SOURCE_FANOTIFY)
		inputs.events_error = -asroot_open_own_mount_events(&events, &inputs.events_lack);
	inputs.events = events;
	return tell_engine_configuration(broker->fds[PRIVATE_ENGINE], &broker->options, broker->settings, &inputs);
}

static void end_engine(struct broker *broker, int64_t patience)
{
	int64_t when = clock_now().mono + patience;

	if (broker->engine && when < broker->kill_at)
		broker->kill_at = when;
}

static void start_engine(struct broker *broker, int64_t now)
{
	pid_t pid;
	int r;

	broker->start_at = INT64_MAX;
	cleanup_close(&broker->inotify);
	broker->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (broker->inotify < 0)
		log_error("no inotify instance: %s", strerror(errno));
	pid = broker->inotify < 0 ? -errno :
				    asroot_launch_engine(broker->engine_program, broker->options.log_level,
							 &broker->user, &broker->fds[PRIVATE_ENGINE]);
	if (pid < 0) {
		broker->start_at = now + BACKOFF_MOST;
		return;
	}
	broker->engine = pid;
	broker->started = now;
	broker->kill_at = INT64_MAX;
	broker->blocked = false;
	r = tell_first_configuration(broker);
	if (r < 0) {
		log_error("the engine cannot be told its configuration: %s", strerror(-r));
		end_engine(broker, 0);
	}
}

static void say_how_it_ended(struct broker *broker, int status)
{
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		log_error(
			"bug of ours, or of a library's, or the engine was not itself any more: it was ended at a system "
			"call that it never makes; the kernel's log says which");
	if (WIFSIGNALED(status))
		snprintf(broker->died, sizeof(broker->died), "died of signal %d (%s)", WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
	else
		snprintf(broker->died, sizeof(broker->died), "ended with status %d", WEXITSTATUS(status));
	log_error("the engine %s", broker->died);
}

static void plan_next_engine(struct broker *broker, int64_t now)
{
	if (now - broker->started >= GOOD_LIFE || !broker->backoff)
		broker->backoff = BACKOFF_FIRST;
	broker->start_at = now + broker->backoff;
	log_notice("starting the engine anew in %lld ms", (long long)(broker->backoff / NSEC_PER_MSEC));
	broker->backoff = 2 * broker->backoff < BACKOFF_MOST ? 2 * broker->backoff : BACKOFF_MOST;
}

static void engine_ended(struct broker *broker, int status, int64_t now)
{
	/* One that cannot work here will not do better the next time: whoever started us is to know. */
	bool gave_up = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_COULD_NOT_TELL && !broker->was_ready;

	broker->engine = 0;
	broker->kill_at = INT64_MAX;
	if (broker->fds[PRIVATE_ENGINE] >= 0)
		close(take_fd(&broker->fds[PRIVATE_ENGINE]));
	requests_orphan(&broker->requests);
	if (broker->stopping || broker->options.once || gave_up) {
		broker->finished = true;
		if (!WIFEXITED(status))
			say_how_it_ended(broker, status);
		if (!broker->stopping)
			broker->status = WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_COULD_NOT_TELL;
		return;
	}
	say_how_it_ended(broker, status);
	broker->deaths++;
	plan_next_engine(broker, now);
}

static void log_lines(char *text)
{
	char *line;

	while ((line = strsep(&text, "\n")))
		if (*line)
			log_error("%s", line);
}

/* Directories, the user and the source are taken at start only: what is open stays open. */
static void warn_of_what_stays(const struct config *old, const struct config *new)
{
	if (strcmp(old->state_dir, new->state_dir) != 0 || strcmp(old->runtime_dir, new->runtime_dir) != 0 ||
	    strcmp(old->runner_socket, new->runner_socket) != 0 ||
	    strcmp(old->user ? old->user : "", new->user ? new->user : "") != 0 || old->source != new->source)
		log_warning("state-dir, runtime-dir, runner-socket, user and source are changed only by a new start");
}

static void reload(struct broker *broker)
{
	CLEANUP_FREE char *errors = NULL;
	struct settings *settings;
	int r = settings_load(&broker->options, broker->settings->serial + 1, broker->pool, &settings, &errors);

	if (r < 0) {
		tell_engine_reload_failed(broker->fds[PRIVATE_ENGINE], broker->settings->serial,
					  errors ? errors : strerror(-r));
		if (errors)
			log_lines(errors);
		log_error("the configuration is refused; the old one stays in force");
		return;
	}
	warn_of_what_stays(broker->settings->config, settings->config);
	settings_unref(broker->settings);
	broker->settings = settings;
	log_notice("the configuration was read anew");
	if (broker->fds[PRIVATE_ENGINE] < 0)
		return;
	r = tell_engine_configuration(broker->fds[PRIVATE_ENGINE], &broker->options, broker->settings, NULL);
	if (r < 0) {
		log_error("the engine cannot be told its configuration: %s; starting it anew", strerror(-r));
		end_engine(broker, 0);
	}
}

static int64_t longest_step(const struct config *config)
{
	int64_t longest = 0;

	for (size_t i = 0; i < config->root_count; i++)
		if (config->roots[i].step_timeout > longest)
			longest = config->roots[i].step_timeout;
	return longest;
}

static void stop(struct broker *broker)
{
	int64_t now = clock_now().mono;

	/* timeout(1) and terminals send the same signal twice, at once; a person sends it again after a while. */
	if (broker->stopping && now - broker->stop_began >= IMPATIENCE) {
		log_notice("asked to stop again: not waiting any longer");
		end_engine(broker, 0);
	}
	if (broker->stopping)
		return;
	broker->stopping = true;
	broker->stop_began = now;
	broker->start_at = INT64_MAX;
	if (!broker->engine)
		broker->finished = true;
	tell_engine_stop(broker->fds[PRIVATE_ENGINE]);
	end_engine(broker, longest_step(broker->settings->config) + STOP_MARGIN);
}

static void take_plain(struct broker *broker, const void *bytes, size_t length)
{
	if (message_type(bytes, length) == MESSAGE_RELOAD)
		reload(broker);
	else
		broker->was_ready = true;
}

static void take_request(struct broker *broker, const void *bytes, size_t length)
{
	const struct request_environment environment = {
		.settings = broker->settings,
		.observe = broker->options.observe,
		.engine = broker->fds[PRIVATE_ENGINE],
		.inotify = broker->inotify,
	};
	int r = requests_take(&broker->requests, &environment, bytes, length);

	if (r == -EBADMSG) {
		log_error("bug of ours: malformed request of type %d, %zu bytes: ending the engine",
			  (int)message_type(bytes, length), length);
		end_engine(broker, 0);
	} else if (r < 0) {
		log_error("a request cannot be served: %s: ending the engine", strerror(-r));
		end_engine(broker, 0);
	}
}

/* Whatever is not here is malformed. */
static const struct {
	enum message_type type;
	void (*take)(struct broker *broker, const void *bytes, size_t length);
} accepted[] = {
	{ MESSAGE_READY, take_plain },	      { MESSAGE_RELOAD, take_plain },  { MESSAGE_WATCH, take_request },
	{ MESSAGE_PROBE, take_request },      { MESSAGE_STEP, take_request },  { MESSAGE_HOLDERS, take_request },
	{ MESSAGE_NAMESPACES, take_request }, { MESSAGE_TABLE, take_request }, { MESSAGE_EVENTS, take_request },
};

static void take_message(struct broker *broker, const void *bytes, size_t length, size_t fd_count)
{
	enum message_type type = message_type(bytes, length);

	for (size_t i = 0; i < ARRAY_SIZE(accepted) && !fd_count; i++)
		if (accepted[i].type == type) {
			accepted[i].take(broker, bytes, length);
			return;
		}
	log_error("bug of ours: malformed request of type %d, %zu bytes, %zu descriptors: ending the engine", (int)type,
		  length, fd_count);
	end_engine(broker, 0);
}

/* Its exit status follows by SIGCHLD; one that closed its end and lives on is ended. */
static void engine_hung_up(struct broker *broker)
{
	close(take_fd(&broker->fds[PRIVATE_ENGINE]));
	requests_orphan(&broker->requests);
	end_engine(broker, LAST_WORDS);
}

static void read_engine(struct broker *broker)
{
	for (int turn = 0;
	     turn < TURN_REQUESTS && broker->requests.count < REQUESTS_MAX && broker->fds[PRIVATE_ENGINE] >= 0;
	     turn++) {
		int fds[WIRE_FDS_MAX];
		size_t fd_count;
		ssize_t length =
			wire_receive(broker->fds[PRIVATE_ENGINE], broker->frame, sizeof(broker->frame), fds, &fd_count);

		for (size_t i = 0; i < fd_count; i++)
			close(fds[i]);
		if (length == -EAGAIN)
			return;
		if (length == -EMSGSIZE) {
			log_error("bug of ours: a message is too large: ending the engine");
			end_engine(broker, 0);
			return;
		}
		if (length <= 0) {
			engine_hung_up(broker);
			return;
		}
		take_message(broker, broker->frame, (size_t)length, fd_count);
		if (broker->kill_at <= clock_now().mono)
			return;
	}
}

static void answer_engine(struct broker *broker)
{
	int r = requests_answer(&broker->requests, broker->fds[PRIVATE_ENGINE]);

	broker->blocked = r == -EAGAIN;
	if (r < 0 && r != -EAGAIN && broker->fds[PRIVATE_ENGINE] >= 0)
		engine_hung_up(broker);
}

static void reap_engine(struct broker *broker, int64_t now)
{
	int status;

	if (broker->engine && waitpid(broker->engine, &status, WNOHANG) == broker->engine)
		engine_ended(broker, status, now);
}

static void read_signals(struct broker *broker)
{
	struct signalfd_siginfo info;

	while (read(broker->fds[PRIVATE_SIGNALS], &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGHUP)
			reload(broker);
		else if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
			stop(broker);
	}
}

static int64_t earliest(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static void do_what_is_due(struct broker *broker)
{
	int64_t now = clock_now().mono;

	reap_engine(broker, now);
	batch_pool_run(broker->pool, now);
	answer_engine(broker);
	if (broker->engine && now >= broker->kill_at) {
		broker->kill_at = INT64_MAX;
		if (broker->stopping)
			log_warning("the engine did not stop in time: killing it");
		kill(broker->engine, SIGKILL);
	}
	if (!broker->engine && now >= broker->start_at)
		start_engine(broker, now);
}

static void wait_and_read(struct broker *broker)
{
	bool may_ask = broker->requests.count < REQUESTS_MAX;
	struct pollfd polled[] = {
		{ .fd = broker->fds[PRIVATE_SIGNALS], .events = POLLIN },
		{ .fd = broker->fds[PRIVATE_ENGINE],
		  .events = (short)((may_ask ? POLLIN : 0) | (broker->blocked ? POLLOUT : 0)) },
	};
	int64_t next = earliest(batch_pool_next(broker->pool),
				earliest(broker->engine ? broker->kill_at : INT64_MAX, broker->start_at));
	int64_t rest = next == INT64_MAX ? 0 : next - clock_now().mono;
	struct timespec timeout = { 0 };

	if (rest > 0)
		timeout = (struct timespec){ .tv_sec = rest / NSEC_PER_SEC, .tv_nsec = rest % NSEC_PER_SEC };
	if (ppoll(polled, ARRAY_SIZE(polled), next == INT64_MAX ? NULL : &timeout, NULL) <= 0)
		return;
	if (polled[0].revents)
		read_signals(broker);
	if (polled[1].revents & POLLIN)
		read_engine(broker);
	else if (polled[1].revents & (POLLHUP | POLLERR) && broker->fds[PRIVATE_ENGINE] >= 0)
		engine_hung_up(broker);
}

static int open_signals(void)
{
	static const int wanted[] = { SIGCHLD, SIGHUP, SIGTERM, SIGINT };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		sigaddset(&set, wanted[i]);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static int set_up(struct broker *broker)
{
	CLEANUP_FREE char *errors = NULL;
	int r;

	broker->pool = batch_pool_new(CHILDREN_MAX);
	if (!broker->pool)
		return 1;
	broker->requests = (struct requests){ .pool = broker->pool,
					      .private_fds = broker->fds,
					      .private_fd_count = PRIVATE_COUNT };
	r = settings_load(&broker->options, 1, broker->pool, &broker->settings, &errors);
	if (r < 0) {
		log_lines(errors ? errors : strerror(-r));
		return 2;
	}
	broker->fds[PRIVATE_SIGNALS] = open_signals();
	if (broker->fds[PRIVATE_SIGNALS] < 0 || launch_find_engine(broker->engine_program) < 0 ||
	    engine_user_find(broker->settings->config->user, &broker->user) < 0 ||
	    asroot_make_directory(broker->settings->config->state_dir, 0750, &broker->user) < 0 ||
	    asroot_make_directory(broker->settings->config->runtime_dir, 0755, &broker->user) < 0 ||
	    asroot_listen(broker->settings->config->runtime_dir, &broker->user, &broker->socket_path,
			  &broker->fds[PRIVATE_LISTEN]) < 0 ||
	    asroot_listen_for_runners(broker->settings->config->runner_socket, &broker->runner_socket,
				      &broker->fds[PRIVATE_RUNNERS]) < 0 ||
	    asroot_keep_directory(broker->settings->config->state_dir, &broker->fds[PRIVATE_STATE]) < 0)
		/* Of --once 1 says that there are leftovers. */
		return broker->options.once ? 3 : 1;
	asroot_keep_needed();
	if (asroot_enter_sandbox(&broker->sandbox) < 0)
		return broker->options.once ? 3 : 1;
	broker->requests.sandbox = broker->sandbox;
	return 0;
}

static void tear_down(struct broker *broker)
{
	requests_clear(&broker->requests);
	batch_pool_free(broker->pool);
	free(broker->sandbox);
	if (broker->socket_path)
		unlink(broker->socket_path);
	if (broker->runner_socket)
		unlink(broker->runner_socket);
	free(broker->socket_path);
	free(broker->runner_socket);
	for (size_t i = 0; i < PRIVATE_COUNT; i++)
		cleanup_close(&broker->fds[i]);
	cleanup_close(&broker->inotify);
	settings_unref(broker->settings);
	engine_user_clear(&broker->user);
	options_clear(&broker->options);
	free(broker);
}

int broker_main(int argc, char **argv)
{
	struct broker *broker = calloc(1, sizeof(*broker));
	int status;

	if (!broker)
		return 1;
	for (size_t i = 0; i < PRIVATE_COUNT; i++)
		broker->fds[i] = -1;
	broker->inotify = -1;
	broker->kill_at = INT64_MAX;
	broker->began = clock_now().real;
	status = options_parse(argc, argv, &broker->options);
	if (status < 0) {
		log_open("reaperd", broker->options.log_level);
		status = set_up(broker);
		while (status == 0 && !broker->finished) {
			do_what_is_due(broker);
			if (!broker->finished)
				wait_and_read(broker);
		}
		if (status == 0)
			status = broker->status;
	}
	tear_down(broker);
	return status;
}
