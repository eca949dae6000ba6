/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "engine/varlink_service.h"

#define ACCEPTS_A_TURN 16
#define STEPS_A_TURN   32
#define OUTGOING_LOW   65536 /* below this a producer is asked for more, and the next request is begun */
#define KEEP_ALLOCATED 65536
#define ACCEPT_PAUSE   1.0

const struct control_limits control_limits_default = {
	.request = 65536,
	.outgoing = 1 << 20,
	.per_uid = 64,
	.per_root = 256,
	.total = 512,
	.half_request = 10,
	.slow_reader = 30,
};

const struct control_limits control_limits_for_runners = {
	.request = 65536,
	.outgoing = 1 << 20,
	.per_uid = 256,
	.per_root = 16,
	.total = 512,
	.half_request = 10,
	.slow_reader = 30,
	.idle = 300,
};

static void connection_free(struct connection *connection)
{
	struct ev_loop *loop;

	if (!connection)
		return;
	loop = connection->control->options.loop;
	ev_io_stop(loop, &connection->read);
	ev_io_stop(loop, &connection->write);
	ev_timer_stop(loop, &connection->again);
	ev_timer_stop(loop, &connection->half);
	ev_timer_stop(loop, &connection->slow);
	close(connection->fd);
	varlink_buffer_clear(&connection->in);
	free(connection->out.bytes);
	free(connection->groups);
	free(connection);
}

static void connection_close(struct connection *connection)
{
	struct control *control = connection->control;

	connection->doomed = true;
	connection_end_call(connection);
	if (connection->next)
		connection->next->previous = connection->previous;
	if (connection->previous)
		connection->previous->next = connection->next;
	else
		control->connections = connection->next;
	control->connection_count--;
	connection_free(connection);
}

/* Writes what the peer takes. */
static void connection_flush(struct connection *connection)
{
	struct outgoing *out = &connection->out;
	ssize_t length;

	while (outgoing_pending(out) > 0) {
		length = send(connection->fd, out->bytes + out->sent, outgoing_pending(out),
			      MSG_DONTWAIT | MSG_NOSIGNAL);
		if (length < 0 && errno == EINTR)
			continue;
		if (length < 0 && errno != EAGAIN)
			connection->doomed = true;
		if (length <= 0)
			return;
		out->sent += (size_t)length;
		ev_timer_stop(connection->control->options.loop, &connection->slow);
	}
	out->sent = out->used = 0;
	if (out->allocated > KEEP_ALLOCATED) {
		free(take_ptr(out->bytes));
		out->allocated = 0;
	}
}

static bool connection_can_step(const struct connection *connection)
{
	if (connection->doomed || outgoing_pending(&connection->out) >= OUTGOING_LOW)
		return false;
	return connection->call.open ? connection->call.producer != NULL : varlink_buffer_is_ready(&connection->in);
}

/* One piece of an answer, or the next request. */
static void connection_step(struct connection *connection)
{
	struct control_call *call = &connection->call;
	const char *message;
	size_t length;

	if (call->open) {
		if (call->producer(call->producer_context, call) == 0)
			call->producer = NULL;
		return;
	}
	message = varlink_buffer_next(&connection->in, &length);
	connection->quiet = false;
	ev_timer_stop(connection->control->options.loop, &connection->half);
	if (message)
		connection_begin_call(connection, message, length);
}

/* A lease, a follower: it ends with its connection. */
static bool connection_call_lasts(const struct connection *connection)
{
	return connection->call.open && connection->call.continued && !connection->call.producer;
}

/* Nothing more will be said: the peer has stopped asking, and was answered. */
static bool connection_is_over(const struct connection *connection)
{
	if (connection->doomed)
		return true;
	if (!connection->eof || outgoing_pending(&connection->out) > 0)
		return false;
	return connection_call_lasts(connection) ||
	       (!connection->call.open && !varlink_buffer_is_ready(&connection->in));
}

static void connection_watch(struct connection *connection)
{
	struct ev_loop *loop = connection->control->options.loop;
	const struct control_limits *limits = connection->control->limits;
	const struct varlink_buffer *in = &connection->in;

	/*
	 * While a call is answered the socket is still read, as far as the bound allows, for its end says that the
	 * peer is gone. That holds to the end for a short call; a lasting one would keep a dead lease.
	 */
	if (connection->eof || varlink_buffer_pending(in) > limits->request)
		ev_io_stop(loop, &connection->read);
	else
		ev_io_start(loop, &connection->read);
	if (outgoing_pending(&connection->out) > 0) {
		ev_io_start(loop, &connection->write);
		connection_timer_start(loop, &connection->slow, limits->slow_reader);
	} else {
		ev_io_stop(loop, &connection->write);
		ev_timer_stop(loop, &connection->slow);
	}
	if (varlink_buffer_unfinished(in) > 0 && !varlink_buffer_is_ready(in) && !connection->call.open)
		connection_timer_start(loop, &connection->half, limits->half_request);
	else
		ev_timer_stop(loop, &connection->half);
	if (connection_can_step(connection))
		connection_wake(connection);
	else
		ev_timer_stop(loop, &connection->again);
}

/* Does what can be done for the peer now; the connection may be closed behind it. */
static void connection_run(struct connection *connection)
{
	for (int i = 0; i < STEPS_A_TURN && connection_can_step(connection); i++)
		connection_step(connection);
	if (connection_call_lasts(connection) &&
	    varlink_buffer_pending(&connection->in) > connection->control->limits->request)
		connection->doomed = true;
	connection_flush(connection);
	if (connection_is_over(connection))
		connection_close(connection);
	else
		connection_watch(connection);
}

static void connection_on_read(struct ev_loop *loop, struct ev_io *watcher, int events)
{
	struct connection *connection = watcher->data;
	ssize_t length = varlink_buffer_read(&connection->in, connection->fd);

	(void)loop;
	(void)events;
	if (length == 0)
		connection->eof = true;
	else if (length < 0 && length != -EAGAIN)
		connection->doomed = true;
	connection_run(connection);
}

static void connection_on_write(struct ev_loop *loop, struct ev_io *watcher, int events)
{
	(void)loop;
	(void)events;
	connection_run(watcher->data);
}

static void connection_on_again(struct ev_loop *loop, struct ev_timer *watcher, int events)
{
	(void)loop;
	(void)events;
	connection_run(watcher->data);
}

static void connection_on_deadline(struct ev_loop *loop, struct ev_timer *watcher, int events)
{
	struct connection *connection = watcher->data;

	(void)loop;
	(void)events;
	log_debug("control: a connection of uid %u is closed: %s", (unsigned)connection->peer.uid,
		  watcher == &connection->half ? "it did not finish its request" : "it does not read its answers");
	connection_close(connection);
}

/* The supplementary groups that the peer had when it connected; none where the kernel cannot say. */
static void connection_read_groups(struct connection *connection)
{
	socklen_t length = 0;

	if (getsockopt(connection->fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &length) == 0 || errno != ERANGE)
		return;
	connection->groups = malloc(length);
	if (!connection->groups)
		return;
	if (getsockopt(connection->fd, SOL_SOCKET, SO_PEERGROUPS, connection->groups, &length) == 0)
		connection->group_count = length / sizeof(gid_t);
}

static void connection_init_watchers(struct connection *connection)
{
	ev_io_init(&connection->read, connection_on_read, connection->fd, EV_READ);
	ev_io_init(&connection->write, connection_on_write, connection->fd, EV_WRITE);
	ev_timer_init(&connection->again, connection_on_again, 0., 0.);
	ev_timer_init(&connection->half, connection_on_deadline, 0., 0.);
	ev_timer_init(&connection->slow, connection_on_deadline, 0., 0.);
	connection->read.data = connection->write.data = connection;
	connection->again.data = connection->half.data = connection->slow.data = connection;
	/* Mount events first. */
	ev_set_priority(&connection->read, -1);
	ev_set_priority(&connection->write, -1);
	ev_set_priority(&connection->again, -1);
}

/* How many connections its user may have. */
static unsigned connection_bound(struct connection *connection)
{
	const struct control_options *options = &connection->control->options;
	const struct control_limits *limits = connection->control->limits;
	const bool welcome = !options->welcome || options->welcome(options->context, &connection->call);

	if (connection->peer.uid == 0 || connection->peer.uid == options->administrator)
		return options->welcome && welcome ? limits->per_uid : limits->per_root;
	return welcome ? limits->per_uid : 0;
}

/* Answers what has not been asked: whoever may not be here is not waited for. A new socket has room for it. */
static void connection_turn_away(struct connection *connection)
{
	log_debug("control: a connection of uid %u is refused: `register` does not name it",
		  (unsigned)connection->peer.uid);
	connection->call.open = true;
	control_error_about(&connection->call, "io.reaperd.NotAllowed", "reason",
			    "only the users that `register` names may connect to the runners' socket");
	connection_flush(connection);
}

static int control_admit(const struct control *control, struct connection *connection)
{
	const unsigned bound = connection_bound(connection);
	unsigned same = 0;

	if (bound == 0) {
		connection_turn_away(connection);
		return -EACCES;
	}
	for (const struct connection *other = control->connections; other; other = other->next)
		same += other->peer.uid == connection->peer.uid;
	if (control->connection_count < control->limits->total && same < bound)
		return 0;
	log_debug("control: a connection of uid %u is refused: too many are open", (unsigned)connection->peer.uid);
	return -EUSERS;
}

static void cleanup_connection(struct connection **connection)
{
	connection_free(*connection);
}

/* Takes `fd`. */
static int control_adopt(struct control *control, int fd)
{
	CLEANUP_CLOSE int owned = fd;
	CLEANUP(cleanup_connection) struct connection *connection = calloc(1, sizeof(*connection));
	struct connection *taken;
	socklen_t length = sizeof(connection->peer);
	int r;

	if (!connection)
		return -ENOMEM;
	connection->control = control;
	connection->fd = take_fd(&owned);
	varlink_buffer_init(&connection->in, control->limits->request);
	connection_init_watchers(connection);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &connection->peer, &length) < 0)
		return -errno;
	connection_read_groups(connection);
	r = control_admit(control, connection);
	if (r < 0)
		return r;
	taken = take_ptr(connection);
	taken->next = control->connections;
	if (taken->next)
		taken->next->previous = taken;
	control->connections = taken;
	control->connection_count++;
	connection_watch(taken);
	return 0;
}

/* One timer for all, with two looks: what was quiet at the last one, and is so still, has been for a whole interval. */
static void control_on_idle(struct ev_loop *loop, struct ev_timer *watcher, int events)
{
	struct control *control = watcher->data;
	struct connection *next;

	(void)loop;
	(void)events;
	for (struct connection *connection = control->connections; connection; connection = next) {
		next = connection->next;
		if (connection->call.open)
			continue;
		if (connection->quiet) {
			log_debug("control: a connection of uid %u is closed: it asks nothing",
				  (unsigned)connection->peer.uid);
			connection_close(connection);
		} else {
			connection->quiet = true;
		}
	}
}

static void control_on_accept(struct ev_loop *loop, struct ev_io *watcher, int events)
{
	struct control *control = watcher->data;
	int fd;

	(void)events;
	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		fd = accept4(control->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0) {
			control_adopt(control, fd);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
			/* The connection stays in the queue and would wake us at once again. */
			ev_io_stop(loop, &control->accept);
			connection_timer_start(loop, &control->accept_again, ACCEPT_PAUSE);
		}
		return;
	}
}

static void control_on_accept_again(struct ev_loop *loop, struct ev_timer *watcher, int events)
{
	struct control *control = watcher->data;

	(void)events;
	ev_io_start(loop, &control->accept);
}

static int control_set_interfaces(struct control *control, const struct control_interface *const *interfaces)
{
	size_t count = 0;

	while (interfaces[count])
		count++;
	control->interfaces = calloc(count + 2, sizeof(*control->interfaces));
	if (!control->interfaces)
		return -ENOMEM;
	control->interfaces[0] = &varlink_service_interface;
	for (size_t i = 0; i < count; i++)
		control->interfaces[i + 1] = interfaces[i];
	return 0;
}

int control_new(const struct control_options *options, int listen_fd, struct control **ret)
{
	CLEANUP_CLOSE int fd = listen_fd;
	CLEANUP_FREE struct control *control = calloc(1, sizeof(*control));

	if (!control || control_set_interfaces(control, options->interfaces) < 0)
		return -ENOMEM;
	control->options = *options;
	control->limits = options->limits ? options->limits : &control_limits_default;
	control->listen_fd = take_fd(&fd);
	ev_io_init(&control->accept, control_on_accept, control->listen_fd, EV_READ);
	ev_timer_init(&control->accept_again, control_on_accept_again, 0., 0.);
	ev_timer_init(&control->idle, control_on_idle, control->limits->idle, control->limits->idle);
	control->accept.data = control->accept_again.data = control->idle.data = control;
	ev_set_priority(&control->accept, -1);
	ev_io_start(options->loop, &control->accept);
	if (control->limits->idle > 0)
		ev_timer_start(options->loop, &control->idle);
	*ret = take_ptr(control);
	return 0;
}

void control_free(struct control *control)
{
	if (!control)
		return;
	while (control->connections)
		connection_close(control->connections);
	ev_io_stop(control->options.loop, &control->accept);
	ev_timer_stop(control->options.loop, &control->accept_again);
	ev_timer_stop(control->options.loop, &control->idle);
	close(control->listen_fd);
	free(control->interfaces);
	free(control);
}

unsigned control_connections(const struct control *control)
{
	return control->connection_count;
}
