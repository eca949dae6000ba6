/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/broker_client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "engine/journal.h"

struct job {
	uint64_t number;
	broker_result_function *function;
	void *context;
	struct job *next;
};

struct outgoing {
	struct outgoing *next;
	size_t length;
	uint8_t bytes[];
};

struct broker {
	struct engine *engine;
	broker_configuration_function *on_configuration;
	int fd;
	ev_io readable, writable;
	struct job *jobs;
	uint64_t last_job;
	struct outgoing *queue, **queue_end;
	uint32_t in_flight, hung;
	uint8_t buffer[WIRE_FRAME_MAX];
};

static void end_engine(struct broker *broker)
{
	struct engine *engine = broker->engine;

	engine->exit_status = engine->stopping ? engine->exit_status : 1;
	ev_io_stop(engine->loop, &broker->readable);
	ev_io_stop(engine->loop, &broker->writable);
	ev_break(engine->loop, EVBREAK_ALL);
}

static void broker_is_gone(struct broker *broker, const char *how)
{
	if (!broker->engine->stopping)
		log_error("the broker is gone (%s): ending, so that both are started anew", how);
	end_engine(broker);
}

static struct job *take_job(struct broker *broker, uint64_t number)
{
	for (struct job **at = &broker->jobs; *at; at = &(*at)->next)
		if ((*at)->number == number) {
			struct job *job = *at;

			*at = job->next;
			return job;
		}
	return NULL;
}

/* Here and below: 0, or -errno for what cannot be read. */
static int take_result(struct broker *broker, const uint8_t *bytes, size_t length, int *fds, size_t fd_count)
{
	struct message_result result = { 0 };
	int r = message_decode_result(bytes, length, &result);
	struct job *job;

	if (r == 0 && result.fd_count != fd_count)
		r = -EBADMSG;
	if (r < 0) {
		message_result_clear(&result);
		return r;
	}
	for (size_t i = 0; i < fd_count; i++)
		result.fds[i] = take_fd(&fds[i]);
	broker->in_flight = result.in_flight;
	broker->hung = result.hung;
	job = take_job(broker, result.job);
	if (job)
		job->function(job->context, broker->engine, &result);
	else
		log_error("bug of ours: the broker answered job %llu, which nobody asked for",
			  (unsigned long long)result.job);
	free(job);
	message_result_clear(&result);
	return 0;
}

static int take_configuration(struct broker *broker, const uint8_t *bytes, size_t length, int *fds, size_t fd_count)
{
	CLEANUP_FREE struct message_configuration *message = calloc(1, sizeof(*message));
	int r = message ? message_decode_configuration(bytes, length, message) : -ENOMEM;

	if (r == 0)
		broker->on_configuration(broker->engine, message, fds, fd_count);
	return r;
}

static int take_reload_failed(struct broker *broker, const uint8_t *bytes, size_t length)
{
	CLEANUP_FREE struct message_configuration *message = calloc(1, sizeof(*message));
	int r = message ? message_decode_configuration(bytes, length, message) : -ENOMEM;

	/* What is wrong with it the broker has said. */
	if (r == 0)
		journal_write(broker->engine,
			      &(struct journal_event){ .type = EVENT_RELOAD, .detail = "{\"result\":\"refused\"}" });
	return r;
}

static int take_message(struct broker *broker, const uint8_t *bytes, size_t length, int *fds, size_t fd_count)
{
	switch (message_type(bytes, length)) {
	case MESSAGE_CONFIGURATION:
		return take_configuration(broker, bytes, length, fds, fd_count);
	case MESSAGE_RESULT:
		return take_result(broker, bytes, length, fds, fd_count);
	case MESSAGE_STOP:
		broker->engine->stopping = true;
		engine_wake(broker->engine);
		return 0;
	case MESSAGE_RELOAD_FAILED:
		return take_reload_failed(broker, bytes, length);
	case MESSAGE_READY:
	case MESSAGE_WATCH:
	case MESSAGE_PROBE:
	case MESSAGE_STEP:
	case MESSAGE_HOLDERS:
	case MESSAGE_RELOAD:
	case MESSAGE_NAMESPACES:
	case MESSAGE_TABLE:
	case MESSAGE_EVENTS:
	default:
		return -EBADMSG;
	}
}

/* False where nothing more is to be read. What cannot be read leaves a request without an answer, for ever. */
static bool take_what_was_read(struct broker *broker, ssize_t length, int *fds, size_t fd_count)
{
	int r;

	if (length <= 0) {
		broker_is_gone(broker, length ? strerror((int)-length) : "its end of the socket is closed");
		return false;
	}
	r = take_message(broker, broker->buffer, (size_t)length, fds, fd_count);
	for (size_t i = 0; i < fd_count; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	if (r < 0) {
		log_error(
			"bug of ours: a message of the broker cannot be read (type %d, %zd bytes: %s): ending, so that "
			"the engine is started anew",
			(int)message_type(broker->buffer, (size_t)length), length, strerror(-r));
		end_engine(broker);
	}
	return r == 0;
}

static void on_readable(struct ev_loop *loop, ev_io *watcher, int events)
{
	struct broker *broker = watcher->data;

	(void)loop;
	(void)events;
	for (;;) {
		int fds[WIRE_FDS_MAX];
		size_t fd_count = 0;
		ssize_t length = wire_receive(broker->fd, broker->buffer, sizeof(broker->buffer), fds, &fd_count);

		if (length == -EAGAIN || !take_what_was_read(broker, length, fds, fd_count))
			return;
	}
}

static void on_writable(struct ev_loop *loop, ev_io *watcher, int events)
{
	struct broker *broker = watcher->data;

	(void)events;
	while (broker->queue) {
		struct outgoing *first = broker->queue;
		int r = wire_send(broker->fd, first->bytes, first->length, NULL, 0);

		if (r == -EAGAIN)
			return;
		if (r < 0) {
			broker_is_gone(broker, strerror(-r));
			return;
		}
		broker->queue = first->next;
		free(first);
	}
	broker->queue_end = &broker->queue;
	ev_io_stop(loop, &broker->writable);
}

static int enqueue(struct broker *broker, const void *bytes, size_t length)
{
	struct outgoing *outgoing = malloc(sizeof(*outgoing) + length);

	if (!outgoing)
		return -ENOMEM;
	outgoing->next = NULL;
	outgoing->length = length;
	memcpy(outgoing->bytes, bytes, length);
	*broker->queue_end = outgoing;
	broker->queue_end = &outgoing->next;
	ev_io_start(broker->engine->loop, &broker->writable);
	return 0;
}

static int send_or_enqueue(struct broker *broker, const void *bytes, size_t length)
{
	int r = broker->queue ? -EAGAIN : wire_send(broker->fd, bytes, length, NULL, 0);

	return r == -EAGAIN ? enqueue(broker, bytes, length) : r;
}

int broker_request(struct broker *broker, struct message_request *request, broker_result_function *function,
		   void *context)
{
	uint8_t buffer[WIRE_FRAME_MAX];
	struct job *job = calloc(1, sizeof(*job));
	ssize_t length;
	int r;

	if (!job)
		return -ENOMEM;
	request->serial = broker->engine->serial;
	request->job = ++broker->last_job;
	length = message_encode_request(request, buffer);
	r = length < 0 ? (int)length : send_or_enqueue(broker, buffer, (size_t)length);
	if (r < 0) {
		free(job);
		return r;
	}
	*job = (struct job){ .number = request->job, .function = function, .context = context, .next = broker->jobs };
	broker->jobs = job;
	return 0;
}

struct mount_reference broker_reference(const struct mount *mount)
{
	return (struct mount_reference){
		.id = mount_id_is_synthetic(mount->facts.id) ? 0 : mount->facts.id,
		.id32 = mount->facts.id32,
		.dev = mount->facts.dev,
	};
}

struct namespace_reference broker_namespace(const struct mount *mount)
{
	if (mount->ns->own)
		return (struct namespace_reference){ 0 };
	return (struct namespace_reference){ .inode = mount->ns->inode, .id = mount->ns->id, .pid = mount->ns->pid };
}

int broker_say(struct broker *broker, enum message_type type)
{
	uint8_t buffer[64];
	ssize_t length = message_encode_plain(type, buffer);

	return length < 0 ? (int)length : send_or_enqueue(broker, buffer, (size_t)length);
}

void broker_state(const struct broker *broker, uint32_t *ret_in_flight, uint32_t *ret_hung)
{
	*ret_in_flight = broker->in_flight;
	*ret_hung = broker->hung;
}

struct broker *broker_new(struct engine *engine, int fd, broker_configuration_function *on_configuration)
{
	struct broker *broker = calloc(1, sizeof(*broker));

	if (!broker)
		return NULL;
	broker->engine = engine;
	broker->on_configuration = on_configuration;
	broker->fd = fd;
	broker->queue_end = &broker->queue;
	ev_io_init(&broker->readable, on_readable, fd, EV_READ);
	ev_io_init(&broker->writable, on_writable, fd, EV_WRITE);
	broker->readable.data = broker->writable.data = broker;
	ev_io_start(engine->loop, &broker->readable);
	return broker;
}

void broker_cancel(struct broker *broker)
{
	const struct message_result cancelled = { .error = ECANCELED };

	while (broker && broker->jobs) {
		struct job *job = broker->jobs;

		broker->jobs = job->next;
		job->function(job->context, broker->engine, &cancelled);
		free(job);
	}
}

void broker_free(struct broker *broker)
{
	if (!broker)
		return;
	ev_io_stop(broker->engine->loop, &broker->readable);
	ev_io_stop(broker->engine->loop, &broker->writable);
	while (broker->queue) {
		struct outgoing *outgoing = broker->queue;

		broker->queue = outgoing->next;
		free(outgoing);
	}
	close(broker->fd);
	free(broker);
}
