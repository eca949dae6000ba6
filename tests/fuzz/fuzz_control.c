/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The control socket: the input is what a client sends before it closes its side, varlink calls each ended by a NUL. The
 * real methods answer, over a model and a ledger with something in them. Each request that is one has one answer, in
 * order, up to one that is none, which ends the connection; that is closed in the end whatever was sent.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control_fixture.h"
#include "engine/control.h"
#include "fuzz.h"
#include "methods_fixture.h"

#define TURNS_MAX 100000

static bool is_flag(const json_t *request, const char *name, bool *ret)
{
	const json_t *value = json_object_get(request, name);

	*ret = json_is_true(value);
	return !value || json_is_boolean(value) || json_is_null(value);
}

enum kind { NO_REQUEST, ANSWERED, UNANSWERED };

static enum kind kind_of(const char *message, size_t length)
{
	json_t *request = json_loadb(message, length, JSON_REJECT_DUPLICATES, NULL);
	enum kind kind = NO_REQUEST;
	bool more, oneway;

	if (json_is_string(json_object_get(request, "method")) && is_flag(request, "more", &more) &&
	    is_flag(request, "oneway", &oneway) && !(more && oneway))
		kind = oneway ? UNANSWERED : ANSWERED;
	json_decref(request);
	return kind;
}

/* How many requests stand before the first message that is none. */
static unsigned count_requests(const uint8_t *data, size_t size, bool *ret_all)
{
	unsigned count = 0;
	const uint8_t *nul;

	for (*ret_all = true; size > 0 && (nul = memchr(data, 0, size));) {
		enum kind kind = kind_of((const char *)data, (size_t)(nul - data));

		*ret_all = kind != NO_REQUEST;
		if (kind == NO_REQUEST)
			break;
		count += kind == ANSWERED;
		size -= (size_t)(nul + 1 - data);
		data = nul + 1;
	}
	return count;
}

struct answers {
	unsigned final, continued;
};

static void take_answer(const char *text, size_t length, struct answers *answers)
{
	json_t *answer = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
	const char *error = json_string_value(json_object_get(answer, "error")), *key;
	const json_t *value;

	FUZZ_HOLDS(json_is_object(answer));
	json_object_foreach (answer, key, value)
		FUZZ_HOLDS(strcmp(key, "error") == 0 || strcmp(key, "parameters") == 0 ||
			   strcmp(key, "continues") == 0);
	FUZZ_HOLDS(!error || strncmp(error, "io.reaperd.", 11) == 0 || strncmp(error, "org.varlink.service.", 20) == 0);
	FUZZ_HOLDS(error || json_is_object(json_object_get(answer, "parameters")));
	if (json_is_true(json_object_get(answer, "continues")))
		answers->continued++;
	else
		answers->final++;
	json_decref(answer);
}

/* Sends what fits: how much, or all that is left where nobody takes it any more. */
static size_t send_some(int fd, const uint8_t *data, size_t size)
{
	ssize_t sent = send(fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (sent < 0)
		return errno == EAGAIN ? 0 : size;
	return (size_t)sent;
}

static struct answers converse(const uint8_t *data, size_t size)
{
	struct answers answers = { 0 };
	struct client client;
	const char *answer;
	size_t length, sent = 0;

	client_open(&client);
	for (unsigned turn = 0; !client.closed; turn++) {
		FUZZ_HOLDS(turn < TURNS_MAX);
		if (sent < size)
			sent += send_some(client.fd, data + sent, size - sent);
		if (sent == size)
			shutdown(client.fd, SHUT_WR);
		ev_run(loop, EVRUN_NOWAIT);
		answer_holders();
		client_receive(&client);
		while ((answer = varlink_buffer_next(&client.in, &length)))
			take_answer(answer, length, &answers);
	}
	FUZZ_HOLDS(varlink_buffer_unfinished(&client.in) == 0);
	client_close(&client);
	FUZZ_HOLDS(control_connections(engine.control) == 0);
	return answers;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned requests = count_requests(data, size, &fuzz_accepted);
	struct answers answers = converse(data, size);

	FUZZ_HOLDS(answers.final <= requests);
	/* A call that lasts (a lease, a follower) is the connection's last. */
	FUZZ_HOLDS(answers.final == requests || answers.continued > 0);
	return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	engine_start();
	atexit(engine_stop);
	mounted("f3fb7c74c3b342a0", "root/proc", NULL);
	mounted("a b\\\xff\n", "root/sys", NULL);
	make_over(mounted("c0ffee254729296a", "root/proc", NULL));
	save(action_named(fake, "c0ffee254729296a"));
	clear(mounted("past", "proc", NULL));
	return 0;
}
