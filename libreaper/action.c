/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "client/client.h"
#include "kernel/mountat.h"
#include "reaper.h"
#include "why.h"

static void cleanup_json(json_t **json)
{
	json_decref(*json);
}
#define CLEANUP_JSON CLEANUP(cleanup_json)

/* ---- what the daemon says ---- */

static const struct {
	const char *name, *about; /* which of its parameters says more */
	int error;
} daemon_errors[] = {
	{ "io.reaperd.NoSuchRoot", "root", -ENOTDIR },
	{ "io.reaperd.NoSuchAction", "action", -ESRCH },
	{ "io.reaperd.ActionIsHeld", "reason", -EBUSY },
	{ "io.reaperd.NotAllowed", "reason", -EPERM },
	{ "io.reaperd.Unavailable", "reason", -EOWNERDEAD },
	{ "org.varlink.service.InvalidParameter", "parameter", -EINVAL },
};

static int say_refusal(struct why why, const struct client *client)
{
	const json_t *parameters;
	const char *name = client_error(client, &parameters);

	for (size_t i = 0; i < ARRAY_SIZE(daemon_errors); i++) {
		const char *about = json_string_value(json_object_get(parameters, daemon_errors[i].about));

		if (!strcmp(name, daemon_errors[i].name))
			return why_say(why, daemon_errors[i].error, "the daemon: %s %s", strrchr(name, '.') + 1,
				       about ? about : "");
	}
	return why_say(why, -EPROTO, "the daemon: %s", name);
}

static int say_failure(struct why why, const struct client *client, int r)
{
	if (r == -EREMOTEIO)
		return say_refusal(why, client);
	if (r == -EBADMSG)
		return why_say(why, -EPROTO, "what answers does not speak varlink");
	return why_say_of(why, r, "the daemon", r == -ETIME ? "did not answer" : "cannot be talked to");
}

/* ---- a call ---- */

static int set_bytes(json_t *parameters, const char *key, const char *bytes)
{
	CLEANUP_FREE char *text = text_escape(bytes);

	/* jansson says -1 for what is NULL, too. */
	return text ? json_object_set_new(parameters, key, json_string(text)) : -1;
}

/* What all calls have in common. NULL: out of memory. */
static json_t *make_parameters(const char *root, const char *name, unsigned max_age)
{
	json_t *parameters = json_object();
	char age[32];

	snprintf(age, sizeof(age), "%us", max_age);
	if (parameters && set_bytes(parameters, "root", root) == 0 && set_bytes(parameters, "name", name) == 0 &&
	    (!max_age || json_object_set_new(parameters, "max_age", json_string(age)) == 0))
		return parameters;
	json_decref(parameters);
	return NULL;
}

/* Steals `parameters`. The connection is given where that is wanted. */
static int call(const char *socket, const char *method, json_t *parameters, int timeout_ms, struct client **ret_client,
		json_t **ret_reply, struct why why)
{
	CLEANUP_CLIENT struct client *client = NULL;
	int r = parameters ? client_open(socket ? socket : REAPER_SOCKET, &client) : -ENOMEM;

	if (r < 0) {
		json_decref(parameters);
		return why_say_of(why, r, "no daemon at", socket ? socket : REAPER_SOCKET);
	}
	r = client_send(client, method, parameters, ret_client != NULL);
	if (r == 0)
		r = client_receive(client, timeout_ms, ret_reply);
	if (r < 0)
		return say_failure(why, client, r);
	if (ret_client)
		*ret_client = take_ptr(client);
	return 0;
}

/* What is UTF-8 is as it is, backslashes too; what is not is escaped, and has its bytes beside it. */
static int read_path(const json_t *reply, char **ret)
{
	const char *path = json_string_value(json_object_get(reply, "path"));

	if (!path)
		return -EPROTO;
	if (json_object_get(reply, "path_b64"))
		return text_unescape(path, ret);
	*ret = strdup(path);
	return *ret ? 0 : -ENOMEM;
}

/* The generation and the path; allocated. */
static int read_reply(const json_t *reply, uint32_t *ret_generation, char **ret_path, struct why why)
{
	const json_t *generation = json_object_get(reply, "generation");
	int r = json_is_integer(generation) ? read_path(reply, ret_path) : -EPROTO;

	if (r < 0)
		return r == -ENOMEM ? why_say(why, r, "out of memory") :
				      why_say(why, -EPROTO, "what answers does not speak as reaperd does");
	*ret_generation = (uint32_t)json_integer_value(generation);
	return 0;
}

/* ---- begin and end ---- */

static json_t *make_begin(const char *root, const char *name, unsigned flags, pid_t pid, unsigned max_age)
{
	json_t *parameters = make_parameters(root, name, max_age);

	if (parameters && (!pid || json_object_set_new(parameters, "pid", json_integer(pid)) == 0) &&
	    json_object_set_new(parameters, "join", json_boolean(flags & REAPER_BEGIN_JOIN)) == 0)
		return parameters;
	json_decref(parameters);
	return NULL;
}

int reaper_begin(const char *socket, const char *root, const char *name, unsigned flags, pid_t pid, unsigned max_age,
		 uint32_t *ret_generation, char **ret_path, char *why, size_t why_size)
{
	const struct why say = { why, why_size };
	CLEANUP_JSON json_t *reply = NULL;
	CLEANUP_FREE char *path = NULL;
	uint32_t generation;
	int r;

	if (flags & ~REAPER_BEGIN_JOIN || pid < 0)
		return why_say(say, -EINVAL, flags & ~REAPER_BEGIN_JOIN ? "flags that do not exist" : "no pid");
	r = call(socket, "Begin", make_begin(root, name, flags, pid, max_age), CLIENT_TIMEOUT_MS, NULL, &reply, say);
	if (r == 0)
		r = read_reply(reply, &generation, &path, say);
	if (r < 0)
		return r;
	if (ret_generation)
		*ret_generation = generation;
	if (ret_path)
		*ret_path = take_ptr(path);
	return 0;
}

int reaper_end(const char *socket, const char *root, const char *name, uint32_t generation, char *why, size_t why_size)
{
	const struct why say = { why, why_size };
	CLEANUP_JSON json_t *reply = NULL;
	json_t *parameters = make_parameters(root, name, 0);

	if (parameters && generation && json_object_set_new(parameters, "generation", json_integer(generation)) < 0) {
		json_decref(parameters);
		parameters = NULL;
	}
	return call(socket, "End", parameters, CLIENT_TIMEOUT_MS, NULL, &reply, say);
}

int reaper_begin_undo(const char *socket, const char *root, const char *name, uint32_t generation, char *why,
		      size_t why_size)
{
	const struct why say = { why, why_size };
	CLEANUP_JSON json_t *reply = NULL;
	const json_t *ended;
	json_t *parameters = make_parameters(root, name, 0);
	int r;

	if (parameters && (json_object_set_new(parameters, "generation", json_integer(generation)) < 0 ||
			   json_object_set_new(parameters, "only_if_unused", json_true()) < 0)) {
		json_decref(parameters);
		parameters = NULL;
	}
	r = call(socket, "End", parameters, CLIENT_TIMEOUT_MS, NULL, &reply, say);
	if (r < 0)
		return r;
	ended = json_object_get(reply, "ended");
	if (!json_is_boolean(ended))
		return why_say(say, -EPROTO, "what answers does not speak as reaperd does");
	return json_is_false(ended);
}

/* ---- a mount for an action ---- */

static int confirm(const char *socket, const char *root, const char *name, uint32_t generation, struct why why)
{
	CLEANUP_JSON json_t *reply = NULL;
	json_t *parameters = make_begin(root, name, REAPER_BEGIN_JOIN, 0, 0);

	if (parameters && json_object_set_new(parameters, "generation", json_integer(generation)) < 0) {
		json_decref(parameters);
		parameters = NULL;
	}
	return call(socket, "Begin", parameters, CLIENT_TIMEOUT_MS, NULL, &reply, why);
}

int reaper_mount_for(const char *socket, const char *root, const char *name, uint32_t generation, int dirfd,
		     const char *target, const char *type, const char *source, const char *const *options, char *why,
		     size_t why_size)
{
	const struct mountat_request request = { .type = type, .source = source, .options = options };
	const struct why say = { why, why_size };
	char text[REAPER_WHY_SIZE];
	CLEANUP_CLOSE int made = -1;
	uint64_t newest;
	int r, undone;

	if (!generation)
		return why_say(say, -EINVAL, "no generation of an action");
	made = kernel_mountat_make(&request, text, sizeof(text));
	/* What came with a bind is older than this, whatever comes to stand below it is not. */
	newest = kernel_mountat_newest();
	r = made < 0 ? made : kernel_mountat_attach(made, dirfd, target, text, sizeof(text));
	if (r < 0)
		return why_say(say, r, "%s", text);
	r = confirm(socket, root, name, generation, say);
	undone = r < 0 ? kernel_mountat_detach(made, newest) : 0;
	return undone < 0 ? why_say_of(say, undone, "nobody takes it away, and it is mounted still:", target) : r;
}

/* ---- leases ---- */

struct reaper_lease {
	char *socket, *root, *name; /* socket NULL: the default */
	unsigned max_age;
	struct client *client; /* NULL: not held */
	uint32_t generation;
	char *path;
};

void reaper_lease_close(struct reaper_lease *lease)
{
	if (!lease)
		return;
	client_close(lease->client);
	free(lease->socket);
	free(lease->root);
	free(lease->name);
	free(lease->path);
	free(lease);
}

static void cleanup_lease(struct reaper_lease **lease)
{
	reaper_lease_close(*lease);
}

/* With which generation it has been held so far; 0: none. */
static json_t *make_lease(const struct reaper_lease *lease)
{
	json_t *parameters = make_parameters(lease->root, lease->name, lease->max_age);

	if (parameters && json_object_set_new(parameters, "generation", json_integer(lease->generation)) == 0)
		return parameters;
	json_decref(parameters);
	return NULL;
}

/* 0; 1 where it is another generation; or a negative error, and the lease is as it was. */
static int take(struct reaper_lease *lease, int timeout_ms, struct why why)
{
	CLEANUP_CLIENT struct client *client = NULL;
	CLEANUP_JSON json_t *reply = NULL;
	CLEANUP_FREE char *path = NULL;
	uint32_t generation, before = lease->generation;
	int r = call(lease->socket, "Lease", make_lease(lease), timeout_ms, &client, &reply, why);

	if (r == 0)
		r = read_reply(reply, &generation, &path, why);
	if (r < 0)
		return r;
	free(lease->path);
	lease->path = take_ptr(path);
	lease->client = take_ptr(client);
	lease->generation = generation;
	return before && before != generation;
}

int reaper_lease_open(const char *socket, const char *root, const char *name, unsigned max_age,
		      struct reaper_lease **ret, char *why, size_t why_size)
{
	CLEANUP(cleanup_lease) struct reaper_lease *lease = calloc(1, sizeof(*lease));
	int r;

	if (!lease)
		return why_say((struct why){ why, why_size }, -ENOMEM, "out of memory");
	*lease = (struct reaper_lease){
		.socket = socket ? strdup(socket) : NULL, .root = strdup(root), .name = strdup(name), .max_age = max_age
	};
	if ((socket && !lease->socket) || !lease->root || !lease->name)
		return why_say((struct why){ why, why_size }, -ENOMEM, "out of memory");
	r = take(lease, CLIENT_TIMEOUT_MS, (struct why){ why, why_size });
	if (r < 0)
		return r;
	*ret = take_ptr(lease);
	return 0;
}

uint32_t reaper_lease_generation(const struct reaper_lease *lease)
{
	return lease->generation;
}

const char *reaper_lease_path(const struct reaper_lease *lease)
{
	return lease->path;
}

int reaper_lease_fd(const struct reaper_lease *lease)
{
	return lease->client ? client_descriptor(lease->client) : -1;
}

int reaper_lease_renew(struct reaper_lease *lease, int timeout_ms, char *why, size_t why_size)
{
	CLEANUP_JSON json_t *unasked = NULL;

	/* The daemon has nothing more to say to who holds it. */
	if (lease->client && client_receive(lease->client, 0, &unasked) == -ETIME)
		return 0;
	client_close(lease->client);
	lease->client = NULL;
	return take(lease, timeout_ms, (struct why){ why, why_size });
}
