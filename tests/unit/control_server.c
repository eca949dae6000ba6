/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control_server.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "control_fixture.h"

struct control *control;
struct control_limits limits;

struct control_call *kept;
unsigned ended, begun, pieces;
static unsigned pieces_wanted;

/* ---- the methods ---- */

static void on_end(void *context)
{
	ck_assert_ptr_eq(context, &kept);
	kept = NULL;
	ended++;
}

static void echo(void *context, struct control_call *call, const json_t *parameters)
{
	ck_assert_ptr_eq(context, &limits);
	begun++;
	control_reply(call, json_deep_copy(parameters));
}

static void big(void *context, struct control_call *call, const json_t *parameters)
{
	size_t bytes = (size_t)json_integer_value(json_object_get(parameters, "bytes"));
	CLEANUP_FREE char *text = malloc(bytes + 1);

	(void)context;
	begun++;
	memset(text, 'x', bytes);
	text[bytes] = 0;
	control_reply(call, json_pack("{s:s}", "text", text));
}

static void later(void *context, struct control_call *call, const json_t *parameters)
{
	(void)context;
	(void)parameters;
	begun++;
	kept = call;
	control_call_on_end(call, on_end, &kept);
}

static void hold(void *context, struct control_call *call, const json_t *parameters)
{
	later(context, call, parameters);
	control_reply_continues(call, json_object());
}

static int produce(void *context, struct control_call *call)
{
	ck_assert_ptr_eq(context, &pieces);
	pieces++;
	if (pieces < pieces_wanted)
		control_reply_continues(call, json_pack("{s:i}", "piece", (int)pieces));
	else
		control_reply(call, json_pack("{s:i}", "piece", (int)pieces));
	return pieces < pieces_wanted;
}

static void many(void *context, struct control_call *call, const json_t *parameters)
{
	later(context, call, parameters);
	pieces_wanted = (unsigned)json_integer_value(json_object_get(parameters, "pieces"));
	control_call_produce(call, produce, &pieces);
}

static void refuse(void *context, struct control_call *call, const json_t *parameters)
{
	(void)context;
	(void)parameters;
	control_error_about(call, "test.control.Failed", "why", "because");
}

static void broken(void *context, struct control_call *call, const json_t *parameters)
{
	(void)context;
	(void)parameters;
	control_reply(call, NULL);
}

static void who(void *context, struct control_call *call, const json_t *parameters)
{
	(void)context;
	(void)parameters;
	control_reply(call, json_pack("{s:i, s:i, s:i, s:b}", "uid", (int)control_call_uid(call), "gid",
				      (int)control_call_gid(call), "pid", (int)control_call_pid(call), "in_own_group",
				      (int)control_call_in_group(call, control_call_gid(call))));
}

static bool authorize(void *context, struct control_call *call, const json_t *parameters)
{
	(void)context;
	(void)call;
	return strcmp(json_string_value(json_object_get(parameters, "text")), "open") == 0;
}

static const struct control_parameter echo_parameters[] = {
	{ "text", CONTROL_STRING, true },  { "number", CONTROL_NUMBER, false }, { "count", CONTROL_INTEGER, false },
	{ "yes", CONTROL_BOOLEAN, false }, { "list", CONTROL_STRINGS, false },	{ 0 },
};
static const struct control_parameter big_parameters[] = { { "bytes", CONTROL_INTEGER, true }, { 0 } };
static const struct control_parameter many_parameters[] = { { "pieces", CONTROL_INTEGER, true }, { 0 } };

static const struct control_method methods[] = {
	{ "Echo", echo, CONTROL_READ, false, echo_parameters },
	{ "Big", big, CONTROL_READ, false, big_parameters },
	{ "Later", later, CONTROL_READ, false, NULL },
	{ "Hold", hold, CONTROL_READ, true, NULL },
	{ "Many", many, CONTROL_READ, true, many_parameters },
	{ "Fail", refuse, CONTROL_READ, false, NULL },
	{ "Broken", broken, CONTROL_READ, false, NULL },
	{ "Who", who, CONTROL_READ, false, NULL },
	{ "Root", echo, CONTROL_ROOT, false, echo_parameters },
	{ "Register", echo, CONTROL_REGISTER, false, echo_parameters },
	{ 0 },
};
static const struct control_interface test_interface = { "test.control", "interface test.control\n", methods };
static const struct control_interface *const interfaces[] = { &test_interface, NULL };

void serve(void)
{
	struct control_options options = { .loop = loop,
					   .interfaces = interfaces,
					   .context = &limits,
					   .authorize = authorize,
					   .version = "1.2.3",
					   .limits = &limits };

	ck_assert_int_eq(control_new(&options, listen_anywhere(), &control), 0);
}

void server_start(void)
{
	limits = control_limits_default;
	loop_open();
	serve();
}

void server_stop(void)
{
	control_free(control);
	loop_close();
}
