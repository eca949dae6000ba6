/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/connection.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"

static struct connection *call_connection(const struct control_call *call)
{
	return (struct connection *)((char *)call - offsetof(struct connection, call));
}

/* ---- answers ---- */

/*
 * An answer in pieces is bounded by what waits already: a piece may be one row with a path of any length, and must not
 * hide all others. An answer in one piece is bounded itself.
 */
static int connection_dump(const char *bytes, size_t length, void *context)
{
	struct connection *connection = context;

	if (!connection->call.more &&
	    outgoing_pending(&connection->out) + length >= connection->control->limits->outgoing)
		return -1;
	return outgoing_append(&connection->out, bytes, length);
}

/* Queues one message; false where it does not fit, with the queue as it was. */
static bool connection_send(struct connection *connection, const json_t *message)
{
	size_t before = outgoing_pending(&connection->out);

	if (before >= connection->control->limits->outgoing)
		return false;
	if (json_dump_callback(message, connection_dump, connection, JSON_COMPACT) == 0 &&
	    outgoing_append(&connection->out, "", 1) == 0) {
		connection_wake(connection);
		return true;
	}
	connection->out.used = connection->out.sent + before;
	return false;
}

/* Puts the message together and queues it; takes `parameters`. */
static bool call_send(struct control_call *call, const char *error, json_t *parameters, bool continues)
{
	json_t *message = json_object();
	bool sent;

	if (!message) {
		json_decref(parameters);
		return false;
	}
	if (error)
		json_object_set_new(message, "error", json_string(error));
	if (parameters)
		json_object_set_new(message, "parameters", parameters);
	if (continues)
		json_object_set_new(message, "continues", json_true());
	sent = connection_send(call_connection(call), message);
	json_decref(message);
	return sent;
}

void connection_end_call(struct connection *connection)
{
	struct control_call *call = &connection->call;
	control_end_function *on_end = call->on_end;

	if (!call->open)
		return;
	call->open = false;
	call->producer = NULL;
	call->on_end = NULL;
	if (on_end)
		on_end(call->on_end_context);
	connection_wake(connection);
}

static void connection_doom(struct connection *connection)
{
	connection->doomed = true;
	connection_wake(connection);
}

void control_error(struct control_call *call, const char *error, json_t *parameters)
{
	struct connection *connection = call_connection(call);

	if (!call->open || call->oneway || connection->doomed)
		json_decref(parameters);
	else if (!call_send(call, error, parameters, false))
		connection_doom(connection);
	connection_end_call(connection);
}

void control_error_about(struct control_call *call, const char *error, const char *key, const char *value)
{
	control_error(call, error, json_pack("{s:s}", key, value));
}

void control_invalid_parameter(struct control_call *call, const char *parameter)
{
	control_error_about(call, "org.varlink.service.InvalidParameter", "parameter", parameter);
}

void control_reply(struct control_call *call, json_t *parameters)
{
	struct connection *connection = call_connection(call);

	if (!call->open || call->oneway || connection->doomed) {
		json_decref(parameters);
	} else if (!parameters) {
		control_error_about(call, "io.reaperd.Unavailable", "reason", "out of memory");
	} else if (!call_send(call, NULL, parameters, false)) {
		/* An answer in one piece that is over the bound: in several pieces it would come through. */
		if (call->more)
			connection_doom(connection);
		else
			control_error(call, "org.varlink.service.ExpectedMore", NULL);
	}
	connection_end_call(connection);
}

void control_reply_continues(struct control_call *call, json_t *parameters)
{
	struct connection *connection = call_connection(call);

	call->continued = true;
	if (!call->open || !call->more || connection->doomed)
		json_decref(parameters);
	else if (!parameters || !call_send(call, NULL, parameters, true))
		connection_doom(connection);
}

/* ---- what handlers ask ---- */

bool control_call_wants_more(const struct control_call *call)
{
	return call->more;
}

uid_t control_call_uid(const struct control_call *call)
{
	return call_connection(call)->peer.uid;
}

gid_t control_call_gid(const struct control_call *call)
{
	return call_connection(call)->peer.gid;
}

pid_t control_call_pid(const struct control_call *call)
{
	return call_connection(call)->peer.pid;
}

bool control_call_in_group(const struct control_call *call, gid_t gid)
{
	const struct connection *connection = call_connection(call);

	for (size_t i = 0; i < connection->group_count; i++) {
		if (connection->groups[i] == gid)
			return true;
	}
	return connection->peer.gid == gid;
}

bool control_call_is_root(const struct control_call *call)
{
	const struct connection *connection = call_connection(call);
	const struct control_options *options = &connection->control->options;

	return !options->for_runners && (connection->peer.uid == 0 || connection->peer.uid == options->administrator);
}

bool control_call_is_of_runners(const struct control_call *call)
{
	return call_connection(call)->control->options.for_runners;
}

void control_call_on_end(struct control_call *call, control_end_function *function, void *context)
{
	call->on_end = function;
	call->on_end_context = context;
}

void control_call_produce(struct control_call *call, control_producer *producer, void *context)
{
	call->producer = producer;
	call->producer_context = context;
	connection_wake(call_connection(call));
}

const struct control_interface *const *control_call_interfaces(const struct control_call *call)
{
	return call_connection(call)->control->interfaces;
}

const char *control_call_version(const struct control_call *call)
{
	return call_connection(call)->control->options.version;
}

/* ---- requests ---- */

static bool parameter_has_type(const json_t *value, enum control_type type)
{
	switch (type) {
	case CONTROL_STRING:
		return json_is_string(value);
	case CONTROL_INTEGER:
		return json_is_integer(value);
	case CONTROL_NUMBER:
		return json_is_number(value);
	case CONTROL_BOOLEAN:
		return json_is_boolean(value);
	case CONTROL_STRINGS:
		for (size_t i = 0; i < json_array_size(value); i++) {
			if (!json_is_string(json_array_get(value, i)))
				return false;
		}
		return json_is_array(value);
	}
	return false;
}

static const struct control_parameter *parameter_find(const struct control_parameter *list, const char *name)
{
	for (; list && list->name; list++) {
		if (strcmp(list->name, name) == 0)
			return list;
	}
	return NULL;
}

/*
 * The name of the first parameter that is wrong, or NULL. A name that the method does not have is wrong too: a misspelt
 * "dry_run" must not become a reap. Removes nulls, which stand for what is absent.
 */
static const char *parameters_check(json_t *parameters, const struct control_parameter *list)
{
	const struct control_parameter *parameter;
	const char *name;
	json_t *value;
	void *next;

	json_object_foreach_safe (parameters, next, name, value) {
		parameter = parameter_find(list, name);
		if (!parameter)
			return name;
		if (json_is_null(value))
			json_object_del(parameters, parameter->name);
		else if (!parameter_has_type(value, parameter->type))
			return name;
	}
	for (; list && list->name; list++) {
		if (list->required && !json_object_get(parameters, list->name))
			return list->name;
	}
	return NULL;
}

static const struct control_method *interface_method(const struct control_interface *interface, const char *name)
{
	for (const struct control_method *method = interface->methods; method->name; method++) {
		if (strcmp(method->name, name) == 0)
			return method;
	}
	return NULL;
}

/* The method of a full name, or NULL with the call ended. */
static const struct control_method *call_find_method(struct control_call *call, const char *name)
{
	const struct control_interface *const *interface = control_call_interfaces(call);
	const struct control_method *method;
	const char *dot = strrchr(name, '.');
	size_t length = dot ? (size_t)(dot - name) : 0;
	char *wanted;

	for (; dot && *interface; interface++) {
		if (strlen((*interface)->name) != length || memcmp((*interface)->name, name, length) != 0)
			continue;
		method = interface_method(*interface, dot + 1);
		if (!method)
			control_error_about(call, "org.varlink.service.MethodNotFound", "method", name);
		return method;
	}
	wanted = strndup(name, length);
	control_error_about(call, "org.varlink.service.InterfaceNotFound", "interface", wanted ? wanted : "");
	free(wanted);
	return NULL;
}

/* Why the caller may not do this, or NULL. */
static const char *call_refusal(struct control_call *call, const struct control_method *method,
				const json_t *parameters)
{
	const struct control_options *options = &call_connection(call)->control->options;
	const bool registers = method->privilege == CONTROL_REGISTER;

	if (method->privilege == CONTROL_DESCRIBE || control_call_is_root(call))
		return NULL;
	if (registers && options->authorize && options->authorize(options->context, call, parameters))
		return NULL;
	if (options->for_runners)
		return registers ? "only the users that `register` names may do this, and root only where it is named" :
				   "the runners' socket is for Begin, End and Lease alone";
	if (method->privilege == CONTROL_READ)
		return NULL;
	return registers ? "only root and the users that `register` names may do this" : "only root may do this";
}

static void call_dispatch(struct control_call *call, const char *name, json_t *parameters)
{
	const struct control_method *method = call_find_method(call, name);
	const char *wrong, *refusal;

	if (!method)
		return;
	wrong = parameters_check(parameters, method->parameters);
	if (wrong)
		control_invalid_parameter(call, wrong);
	else if (method->needs_more && !call->more)
		control_error(call, "org.varlink.service.ExpectedMore", NULL);
	else if ((refusal = call_refusal(call, method, parameters)))
		control_error_about(call, "io.reaperd.NotAllowed", "reason", refusal);
	else
		method->handler(call_connection(call)->control->options.context, call, parameters);
}

/* A flag of a request: false where it is absent; *ok becomes false where it is no boolean. */
static bool request_flag(const json_t *request, const char *name, bool *ok)
{
	const json_t *value = json_object_get(request, name);

	if (value && !json_is_boolean(value) && !json_is_null(value))
		*ok = false;
	return json_is_true(value);
}

/* Takes the flags out of the request; false where it is none. */
static bool call_open(struct control_call *call, const json_t *request)
{
	bool ok = json_is_string(json_object_get(request, "method"));

	*call = (struct control_call){ .more = request_flag(request, "more", &ok),
				       .oneway = request_flag(request, "oneway", &ok) };
	if (call->more && call->oneway)
		ok = false;
	call->open = ok;
	return ok;
}

void connection_begin_call(struct connection *connection, const char *message, size_t length)
{
	struct control_call *call = &connection->call;
	json_t *request = json_loadb(message, length, JSON_REJECT_DUPLICATES, NULL);
	json_t *given = json_object_get(request, "parameters");
	json_t *parameters = given && !json_is_null(given) ? json_incref(given) : json_object();

	if (!call_open(call, request) || !parameters) {
		log_debug("control: a malformed request of uid %u ends its connection", (unsigned)connection->peer.uid);
		connection_doom(connection);
	} else if (json_is_true(json_object_get(request, "upgrade"))) {
		control_error_about(call, "org.varlink.service.MethodNotImplemented", "method",
				    json_string_value(json_object_get(request, "method")));
	} else if (!json_is_object(parameters)) {
		control_invalid_parameter(call, "parameters");
	} else {
		call_dispatch(call, json_string_value(json_object_get(request, "method")), parameters);
	}
	json_decref(parameters);
	json_decref(request);
}
