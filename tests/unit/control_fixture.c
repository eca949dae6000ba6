/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control_fixture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct ev_loop *loop;
static struct ev_timer tick; /* lets a condition that no watcher sees be looked at */
static struct sockaddr_un address;
static socklen_t address_length;

static void on_tick(struct ev_loop *l, struct ev_timer *watcher, int events)
{
	(void)l;
	(void)watcher;
	(void)events;
}

void loop_open(void)
{
	loop = ev_loop_new(EVFLAG_AUTO);
	ev_timer_init(&tick, on_tick, 0.001, 0.001);
	ev_timer_start(loop, &tick);
}

void loop_close(void)
{
	ev_timer_stop(loop, &tick);
	ev_loop_destroy(loop);
}

int listen_anywhere(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	address.sun_family = AF_UNIX;
	address_length = sizeof(address);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(sa_family_t)), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &address_length), 0);
	ck_assert_int_eq(listen(fd, 128), 0);
	return fd;
}

void client_open(struct client *client)
{
	*client = (struct client){ .fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) };
	ck_assert_int_ge(client->fd, 0);
	varlink_buffer_init(&client->in, 0);
	ck_assert_int_eq(connect(client->fd, (struct sockaddr *)&address, address_length), 0);
}

void client_open_as_nobody(struct client *client)
{
	bool root = geteuid() == 0;

	if (root)
		ck_assert_int_eq(seteuid(NOBODY), 0);
	client_open(client);
	if (root)
		ck_assert_int_eq(seteuid(0), 0);
}

void client_close(struct client *client)
{
	close(client->fd);
	varlink_buffer_clear(&client->in);
}

bool client_receive(struct client *client)
{
	ssize_t length = varlink_buffer_read(&client->in, client->fd);

	if (length == 0 || length == -ECONNRESET)
		client->closed = true;
	return varlink_buffer_is_ready(&client->in);
}

bool client_is_closed(struct client *client)
{
	client_receive(client);
	return client->closed;
}

void client_send(struct client *client, const char *bytes, size_t length)
{
	ssize_t sent;

	while (length > 0) {
		sent = send(client->fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent < 0) {
			ck_assert_int_eq(errno, EAGAIN);
			ev_run(loop, EVRUN_ONCE);
			continue;
		}
		bytes += sent;
		length -= (size_t)sent;
	}
}

void client_ask(struct client *client, const char *request)
{
	client_send(client, request, strlen(request) + 1);
}

json_t *client_answer(struct client *client)
{
	json_t *answer;
	size_t length;

	RUN_UNTIL(varlink_buffer_is_ready(&client->in) || client_receive(client) || client->closed);
	ck_assert_msg(varlink_buffer_is_ready(&client->in), "the connection was closed without an answer");
	answer = json_loads(varlink_buffer_next(&client->in, &length), 0, NULL);
	ck_assert_ptr_nonnull(answer);
	return answer;
}

json_t *client_call(struct client *client, const char *request)
{
	client_ask(client, request);
	return client_answer(client);
}

void expect_answer(struct client *client, const char *wanted)
{
	json_t *answer = client_answer(client);
	json_t *equal = json_loads(wanted, 0, NULL);
	char *text = json_dumps(answer, JSON_COMPACT);

	ck_assert_ptr_nonnull(equal);
	ck_assert_msg(json_equal(answer, equal), "wanted %s, got %s", wanted, text);
	free(text);
	json_decref(equal);
	json_decref(answer);
}

void expect_exchange(const char *request, const char *wanted)
{
	struct client client;

	client_open(&client);
	client_ask(&client, request);
	expect_answer(&client, wanted);
	client_close(&client);
}
