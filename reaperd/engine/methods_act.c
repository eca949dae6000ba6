/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Registering actions, reaping now, pausing, reading the configuration again. */
#include "engine/methods.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/text.h"
#include "engine/access.h"
#include "engine/arguments.h"
#include "engine/broker_client.h"
#include "engine/pause.h"
#include "engine/registry.h"
#include "report/report.h"

#define PAUSE_MAX (100. * 365 * 24 * 3600) /* seconds */

bool method_may_register(void *context, struct control_call *call, const json_t *parameters)
{
	struct engine *engine = context;
	CLEANUP_FREE char *bytes = NULL;
	CLEANUP_FREE char *path = NULL;
	const struct root *root;

	if (text_unescape(json_string_value(json_object_get(parameters, "root")), &bytes) < 0 ||
	    path_normalize(bytes, &path) < 0)
		return false;
	root = model_root_by_path(engine->model, path);
	return root && access_allows(&root->rules.register_users, call, engine->serial);
}

bool method_may_connect(void *context, struct control_call *call)
{
	struct engine *engine = context;
	bool named = false;

	for (const struct root *root = model_roots(engine->model); root && !named; root = root->next)
		named = access_allows(&root->rules.register_users, call, engine->serial);
	return named;
}

/* ---- registering ---- */

struct registration {
	struct engine *engine;
	struct root *root;
	char *name;
	struct claim claim;
};

static int registration_take(struct registration *registration, struct control_call *call, const json_t *parameters)
{
	const char *max_age = json_string_value(json_object_get(parameters, "max_age"));
	json_int_t pid = json_integer_value(json_object_get(parameters, "pid"));

	if (argument_root(registration->engine, call, parameters, &registration->root) < 0 ||
	    argument_bytes(call, parameters, "name", &registration->name) < 0)
		return -EINVAL;
	if (max_age && duration_parse(max_age, &registration->claim.max_age) < 0) {
		control_invalid_parameter(call, "max_age");
		return -EINVAL;
	}
	if (json_object_get(parameters, "pid") && (pid <= 0 || pid > INT32_MAX)) {
		control_invalid_parameter(call, "pid");
		return -EINVAL;
	}
	/* Of which pid namespace it is nobody can tell. */
	if (pid && control_call_is_of_runners(call)) {
		control_error_about(call, "io.reaperd.NotAllowed", "reason",
				    "a pid that a container knows is another's here: hold a lease instead");
		return -EPERM;
	}
	registration->claim.pid = (int32_t)pid;
	registration->claim.uid = control_call_uid(call);
	return 0;
}

/* Who is refused must know whom to ask. */
static void reply_held(struct control_call *call, const struct registration *registration)
{
	const struct action *action = registry_find(registration->engine, registration->root, registration->name);
	CLEANUP_FREE char *name = text_escape(registration->name);
	CLEANUP_FREE char *holder = action ? claim_holder_text(action) : NULL;
	CLEANUP_FREE char *reason = NULL;

	if (!name || !holder || asprintf(&reason, "%s is held %s", name, holder) < 0)
		control_error_about(call, "io.reaperd.Unavailable", "reason", "out of memory");
	else
		control_error(
			call, "io.reaperd.ActionIsHeld",
			json_pack("{s:s,s:s,s:o}", "action", name, "reason", reason, "held", report_action(action)));
}

static void reply_begin_error(struct control_call *call, const struct registration *registration, int error)
{
	if (error == -EBUSY)
		reply_held(call, registration);
	else if (error == -EINVAL)
		control_invalid_parameter(call, "name");
	else if (error == -ESRCH)
		control_invalid_parameter(call, "pid");
	else if (error == -ENOENT)
		control_error_about(call, "io.reaperd.Unavailable", "reason",
				    "no directory stands at the root's path yet");
	else if (error == -EOWNERDEAD)
		control_error_about(call, "io.reaperd.Unavailable", "reason",
				    "the action is over, and what it has is taken away");
	else
		control_error_about(call, "io.reaperd.Unavailable", "reason", "out of memory");
}

/* With where the action's directory is, or is to be made. NULL when out of memory. */
static json_t *registered_json(const struct registration *registration, uint32_t generation)
{
	CLEANUP_FREE char *below = model_action_path(registration->root, registration->name);
	CLEANUP_FREE char *path = below ? path_join(registration->root->rules.path, below) : NULL;
	json_t *reply = json_pack("{s:I}", "generation", (json_int_t)generation);

	if (reply && path && report_set_bytes(reply, "path", path) == 0)
		return reply;
	json_decref(reply);
	return NULL;
}

static json_t *begun_json(const struct registration *registration, uint32_t generation, bool joined)
{
	json_t *reply = registered_json(registration, generation);

	if (reply && json_object_set_new(reply, "joined", json_boolean(joined)) == 0)
		return reply;
	json_decref(reply);
	return NULL;
}

void method_begin(void *context, struct control_call *call, const json_t *parameters)
{
	struct registration registration = { .engine = context };
	bool join = json_is_true(json_object_get(parameters, "join")), joined;
	json_int_t wanted = json_integer_value(json_object_get(parameters, "generation"));
	uint32_t generation;
	int r;

	if (wanted < 0 || wanted > UINT32_MAX || (wanted && !join)) {
		control_invalid_parameter(call, "generation");
		return;
	}
	r = registration_take(&registration, call, parameters);
	if (r == 0) {
		r = join ? registry_join(context, registration.root, registration.name, &generation) : -ENOENT;
		/* The one that was meant has gone, and nothing is begun in its place. */
		if (wanted && (r == -ENOENT || (r == 0 && generation != wanted)))
			r = -EOWNERDEAD;
		joined = r == 0;
		if (r == -ENOENT)
			r = registry_begin(context, registration.root, registration.name, &registration.claim,
					   &generation);
		if (r < 0)
			reply_begin_error(call, &registration, r);
		else
			control_reply(call, begun_json(&registration, generation, joined));
	}
	free(registration.name);
}

void method_end(void *context, struct control_call *call, const json_t *parameters)
{
	struct registration registration = { .engine = context };
	json_int_t wanted = json_integer_value(json_object_get(parameters, "generation"));
	bool undo = json_is_true(json_object_get(parameters, "only_if_unused")), over = true;
	uint32_t generation = (uint32_t)wanted;
	int r;

	/* Of which Begin it was the undoing, nobody could tell without. */
	if (wanted < 0 || wanted > UINT32_MAX || (undo && !wanted)) {
		control_invalid_parameter(call, "generation");
		return;
	}
	if (registration_take(&registration, call, parameters) == 0) {
		r = undo ? registry_undo_begin(context, registration.root, registration.name, generation, &over) :
			   registry_end(context, registration.root, registration.name, generation, &generation);
		if (r < 0)
			control_error_about(call, "io.reaperd.NoSuchAction", "action",
					    json_string_value(json_object_get(parameters, "name")));
		else
			control_reply(call,
				      json_pack("{s:I,s:b}", "generation", (json_int_t)generation, "ended", over));
	}
	free(registration.name);
}

struct lease {
	struct engine *engine;
	char *root;
	char *name;
	uint32_t generation;
	struct lease *next;
};

/* Those that are held; there is one engine in a process. */
static struct lease *leases;

/* Takes it off the list; true where nobody else holds the same action. */
static bool lease_unlink(struct lease *lease)
{
	bool last = true;

	for (struct lease **at = &leases; *at;) {
		if (*at == lease) {
			*at = lease->next;
			continue;
		}
		if ((*at)->generation == lease->generation && strcmp((*at)->name, lease->name) == 0 &&
		    strcmp((*at)->root, lease->root) == 0)
			last = false;
		at = &(*at)->next;
	}
	return last;
}

static void lease_free(struct lease *lease)
{
	if (!lease)
		return;
	free(lease->root);
	free(lease->name);
	free(lease);
}

static void lease_end(void *context)
{
	struct lease *lease = context;

	/* A runner that connected anew holds it before its old connection has ended. */
	if (lease_unlink(lease))
		registry_lease_ended(lease->engine, lease->root, lease->name, lease->generation);
	lease_free(lease);
}

static struct lease *lease_new(const struct registration *registration)
{
	struct lease *lease = calloc(1, sizeof(*lease));

	if (!lease)
		return NULL;
	*lease = (struct lease){ .engine = registration->engine,
				 .root = strdup(registration->root->rules.path),
				 .name = strdup(registration->name) };
	if (lease->root && lease->name)
		return lease;
	lease_free(lease);
	return NULL;
}

/* What can fail for want of memory comes before the action is registered: a lease that nobody holds would never end. */
void method_lease(void *context, struct control_call *call, const json_t *parameters)
{
	struct registration registration = { .engine = context };
	const json_t *held = json_object_get(parameters, "generation");
	struct lease *lease;
	int r = registration_take(&registration, call, parameters);

	if (r == 0 && (json_integer_value(held) < 0 || json_integer_value(held) > UINT32_MAX)) {
		control_invalid_parameter(call, "generation");
		r = -EINVAL;
	}
	if (r < 0) {
		free(registration.name);
		return;
	}
	registration.claim.lease = true;
	registration.claim.generation = held ? json_integer_value(held) : CLAIM_GENERATION_UNSAID;
	lease = lease_new(&registration);
	r = lease ? registry_begin(context, registration.root, registration.name, &registration.claim,
				   &lease->generation) :
		    -ENOMEM;
	if (r < 0) {
		lease_free(lease);
		reply_begin_error(call, &registration, r);
	} else {
		lease->next = leases;
		leases = lease;
		control_call_on_end(call, lease_end, lease);
		control_reply_continues(call, registered_json(&registration, lease->generation));
	}
	free(registration.name);
}

/* ---- the rest ---- */

void method_pause(void *context, struct control_call *call, const json_t *parameters)
{
	struct engine *engine = context;
	double seconds = json_number_value(json_object_get(parameters, "seconds"));
	struct root *root;

	if (argument_root(engine, call, parameters, &root) < 0)
		return;
	if (seconds < 0 || seconds > PAUSE_MAX || (seconds == 0 && json_object_get(parameters, "seconds"))) {
		control_invalid_parameter(call, "seconds");
		return;
	}
	pause_begin(engine, root, seconds);
	control_reply(call, json_object());
}

void method_resume(void *context, struct control_call *call, const json_t *parameters)
{
	struct engine *engine = context;
	struct root *root;

	if (argument_root(engine, call, parameters, &root) < 0)
		return;
	pause_end(engine, root);
	control_reply(call, json_object());
}

/*
 * What becomes of it is journalled as `reload`: the broker reads the file, and a bad one leaves the old configuration
 * in force.
 */
void method_reload(void *context, struct control_call *call, const json_t *parameters)
{
	struct engine *engine = context;

	(void)parameters;
	broker_say(engine->broker, MESSAGE_RELOAD);
	control_reply(call, json_object());
}
