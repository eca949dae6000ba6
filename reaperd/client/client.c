/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "client/client.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/clock.h"
#include "wire/varlink.h"

#define REPLY_MAX ((size_t)256 << 20) /* a list of a million mounts in one reply; more is not a daemon of ours */

struct client {
	int fd;
	struct varlink_buffer buffer;
	json_t *reply; /* the last one */
};

int client_open(const char *path, struct client **ret)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const struct timeval bound = { .tv_sec = CLIENT_TIMEOUT_MS / 1000 };
	CLEANUP_CLOSE int fd = -1;
	struct client *client;
	int r;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* connect(2) waits while the daemon's backlog is full. */
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &bound, sizeof(bound)) < 0)
		return -errno;
	do
		r = connect(fd, (const struct sockaddr *)&address, sizeof(address));
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	client = calloc(1, sizeof(*client));
	if (!client)
		return -ENOMEM;
	client->fd = take_fd(&fd);
	varlink_buffer_init(&client->buffer, REPLY_MAX);
	*ret = client;
	return 0;
}

int client_descriptor(const struct client *client)
{
	return client->fd;
}

void client_close(struct client *client)
{
	if (!client)
		return;
	close(client->fd);
	varlink_buffer_clear(&client->buffer);
	json_decref(client->reply);
	free(client);
}

static int send_all(int fd, const char *bytes, size_t length)
{
	while (length) {
		ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		/* Who is turned away is told why before he asks: what has been said can be read still. */
		if (sent < 0 && errno == EPIPE)
			return 0;
		if (sent < 0)
			return errno == EAGAIN ? -ETIME : -errno;
		bytes += sent;
		length -= (size_t)sent;
	}
	return 0;
}

int client_send(struct client *client, const char *method, json_t *parameters, bool more)
{
	CLEANUP_FREE char *name = NULL, *text = NULL;
	json_t *call;

	if (asprintf(&name, CLIENT_INTERFACE "%s", method) < 0)
		name = NULL;
	/* What is NULL makes all of it NULL. */
	call = json_pack("{s:s, s:o}", "method", name, "parameters", parameters);
	if (call && more && json_object_set_new(call, "more", json_true()) < 0) {
		json_decref(call);
		return -ENOMEM;
	}
	text = call ? json_dumps(call, JSON_COMPACT) : NULL;
	json_decref(call);
	return text ? send_all(client->fd, text, strlen(text) + 1) : -ENOMEM;
}

/* Until `end` (CLOCK_MONOTONIC ns), or for ever where that is INT64_MAX. */
static int wait_readable(int fd, int64_t end)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	int64_t left = end == INT64_MAX ? 0 : end - clock_now().mono;
	const struct timespec timeout = { .tv_sec = left > 0 ? left / NSEC_PER_SEC : 0,
					  .tv_nsec = left > 0 ? left % NSEC_PER_SEC : 0 };
	int r = ppoll(&poll_fd, 1, end == INT64_MAX ? NULL : &timeout, NULL);

	if (r < 0)
		return errno == EINTR ? 0 : -errno;
	return r ? 0 : -ETIME;
}

static int next_message(struct client *client, int timeout_ms, char **ret, size_t *ret_length)
{
	int64_t end = timeout_ms < 0 ? INT64_MAX : clock_now().mono + timeout_ms * NSEC_PER_MSEC;

	while (!(*ret = varlink_buffer_next(&client->buffer, ret_length))) {
		ssize_t got;
		int r = wait_readable(client->fd, end);

		if (r < 0)
			return r;
		got = varlink_buffer_read(&client->buffer, client->fd);
		if (got == 0)
			return -ECONNRESET;
		if (got < 0 && got != -EAGAIN && got != -EINTR)
			return (int)got;
	}
	return 0;
}

int client_receive(struct client *client, int timeout_ms, json_t **ret)
{
	char *message;
	size_t length;
	json_t *parameters;
	int r = next_message(client, timeout_ms, &message, &length);

	if (r < 0)
		return r;
	json_decref(client->reply);
	client->reply = json_loadb(message, length, 0, NULL);
	if (!json_is_object(client->reply))
		return -EBADMSG;
	if (json_object_get(client->reply, "error"))
		return -EREMOTEIO;
	parameters = json_object_get(client->reply, "parameters");
	if (parameters && !json_is_object(parameters))
		return -EBADMSG;
	*ret = parameters ? json_incref(parameters) : json_object();
	if (!*ret)
		return -ENOMEM;
	return json_is_true(json_object_get(client->reply, "continues"));
}

const char *client_error(const struct client *client, const json_t **ret_parameters)
{
	const char *name = json_string_value(json_object_get(client->reply, "error"));

	*ret_parameters = json_object_get(client->reply, "parameters");
	return name ? name : "an error without a name";
}
