/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/methods.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/interface.h"
#include "engine/status.h"

#define PARAMETERS(...)                                                                                                \
	(const struct control_parameter[])                                                                             \
	{                                                                                                              \
		__VA_ARGS__,                                                                                           \
		{                                                                                                      \
			.name = NULL                                                                                   \
		}                                                                                                      \
	}
#define REQUIRED_STRING(name)                                                                                          \
	{                                                                                                              \
		name, CONTROL_STRING, true                                                                             \
	}
#define STRING(name)                                                                                                   \
	{                                                                                                              \
		name, CONTROL_STRING, false                                                                            \
	}
#define INTEGER(name)                                                                                                  \
	{                                                                                                              \
		name, CONTROL_INTEGER, false                                                                           \
	}
#define NUMBER(name)                                                                                                   \
	{                                                                                                              \
		name, CONTROL_NUMBER, false                                                                            \
	}
#define FLAG(name)                                                                                                     \
	{                                                                                                              \
		name, CONTROL_BOOLEAN, false                                                                           \
	}
#define STRINGS(name)                                                                                                  \
	{                                                                                                              \
		name, CONTROL_STRINGS, false                                                                           \
	}

static const struct control_method methods[] = {
	{ "GetStatus", method_get_status, CONTROL_READ, false, NULL },
	{ "ListActions", method_list_actions, CONTROL_READ, false,
	  PARAMETERS(STRING("root"), STRING("state"), FLAG("all")) },
	{ "ListMounts", method_list_mounts, CONTROL_READ, false,
	  PARAMETERS(STRING("root"), STRING("action"), FLAG("all"), STRING("at")) },
	{ "Events", method_events, CONTROL_READ, false,
	  PARAMETERS(FLAG("follow"), INTEGER("after"), STRING("since"), STRING("until"), STRING("root"),
		     STRING("action"), STRING("type")) },
	{ "Explain", method_explain, CONTROL_READ, false, PARAMETERS(REQUIRED_STRING("what"), STRING("root")) },
	{ "Metrics", method_metrics, CONTROL_READ, false, NULL },
	{ "GetConfiguration", method_get_configuration, CONTROL_READ, false, NULL },
	{ "Begin", method_begin, CONTROL_REGISTER, false,
	  PARAMETERS(REQUIRED_STRING("root"), REQUIRED_STRING("name"), INTEGER("pid"), STRING("max_age"), FLAG("join"),
		     INTEGER("generation")) },
	{ "End", method_end, CONTROL_REGISTER, false,
	  PARAMETERS(REQUIRED_STRING("root"), REQUIRED_STRING("name"), INTEGER("generation"), FLAG("only_if_unused")) },
	{ "Lease", method_lease, CONTROL_REGISTER, true,
	  PARAMETERS(REQUIRED_STRING("root"), REQUIRED_STRING("name"), STRING("max_age"), INTEGER("generation")) },
	{ "Reap", method_reap, CONTROL_ROOT, false,
	  PARAMETERS(STRINGS("actions"), FLAG("leftovers"), STRING("root"), FLAG("dry_run"), FLAG("active")) },
	{ "Pause", method_pause, CONTROL_ROOT, false, PARAMETERS(STRING("root"), NUMBER("seconds")) },
	{ "Resume", method_resume, CONTROL_ROOT, false, PARAMETERS(STRING("root")) },
	{ "Reload", method_reload, CONTROL_ROOT, false, NULL },
	{ 0 },
};

static const struct control_interface interface = { "io.reaperd", varlink_interface_text, methods };
static const struct control_interface *const interfaces[] = { &interface, NULL };

static struct control_options options_for(struct engine *engine)
{
	return (struct control_options){ .loop = engine->loop,
					 .interfaces = interfaces,
					 .context = engine,
					 .authorize = method_may_register,
					 .version = status_version() };
}

int methods_serve_runners(struct engine *engine, int listen_fd)
{
	struct control_options options = options_for(engine);

	options.for_runners = true;
	options.welcome = method_may_connect;
	options.limits = &control_limits_for_runners;
	return control_new(&options, listen_fd, &engine->runners);
}

int methods_serve(struct engine *engine, int listen_fd)
{
	struct control_options options = options_for(engine);
	socklen_t length = sizeof(struct ucred);
	struct ucred listener;

	/* Of a listening socket this is who called listen(2). */
	if (getsockopt(listen_fd, SOL_SOCKET, SO_PEERCRED, &listener, &length) < 0) {
		int error = -errno;

		close(listen_fd);
		return error;
	}
	options.administrator = listener.uid;
	return control_new(&options, listen_fd, &engine->control);
}
