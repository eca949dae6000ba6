/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The control socket: varlink calls from whoever can connect. It knows connections, calls, privileges and the forms of
 * parameters; what the methods mean is in the table it is given.
 *
 * Nothing that a client does may block or end the engine: requests, what is queued for a slow reader, connections and
 * the time that half a request may take are bounded, and a client that breaks a bound loses its connection, nothing
 * else. Calls of one connection are answered in order: the next one begins when the former has ended.
 *
 * A struct control_call is the control's and is good until the call ends: by control_reply(), by control_error(), or
 * because the connection closed. A handler that keeps a call beyond its own return registers control_call_on_end().
 */
#ifndef REAPERD_ENGINE_CONTROL_H
#define REAPERD_ENGINE_CONTROL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct ev_loop;
struct control;
struct control_call;

enum control_privilege {
	CONTROL_DESCRIBE, /* whoever can connect, to a runners' socket, too */
	CONTROL_READ,	  /* whoever can connect */
	CONTROL_REGISTER, /* root, and whom the authorize function lets; on a runners' socket these alone */
	CONTROL_ROOT,	  /* uid 0 and the administrator */
};

enum control_type {
	CONTROL_STRING,
	CONTROL_INTEGER,
	CONTROL_NUMBER, /* integer or real */
	CONTROL_BOOLEAN,
	CONTROL_STRINGS, /* an array of strings */
};

struct control_parameter {
	const char *name; /* NULL ends a list */
	enum control_type type;
	bool required; /* else it may be absent or null */
};

/*
 * `parameters` is an object, checked against the method's list: nothing is in it that is not there, and nothing is
 * null.
 */
typedef void control_handler(void *context, struct control_call *call, const json_t *parameters);

struct control_method {
	const char *name; /* without the interface's; NULL ends a table */
	control_handler *handler;
	enum control_privilege privilege;
	bool needs_more;			    /* without `more` it is refused with ExpectedMore */
	const struct control_parameter *parameters; /* NULL: takes none */
};

struct control_interface {
	const char *name;
	const char *description; /* the interface's text */
	const struct control_method *methods;
};

/* Decides on CONTROL_REGISTER for those who are not root. */
typedef bool control_authorize(void *context, struct control_call *call, const json_t *parameters);

/* Whether who connects is let in. `call` says who it is; it is no call yet, and cannot be answered. */
typedef bool control_welcome(void *context, struct control_call *call);

struct control_limits {
	size_t request;	   /* bytes of one request */
	size_t outgoing;   /* bytes queued for one connection; the last piece of an answer in pieces comes on top */
	unsigned per_uid;  /* connections */
	unsigned per_root; /* those of uid 0 and the administrator, where the welcome function does not let them in */
	unsigned total;
	double half_request; /* seconds that a request may take to arrive */
	double slow_reader;  /* seconds without taking any byte of what is queued */
	double idle;	     /* seconds without a call, a lasting one too; it ends before twice as long. 0: no bound */
};
extern const struct control_limits control_limits_default;
/* A runner has a connection for each action, and all of a container are one user. */
extern const struct control_limits control_limits_for_runners;

struct control_options {
	struct ev_loop *loop;
	const struct control_interface *const
		*interfaces;	      /* NULL-terminated; org.varlink.service is there beside them */
	void *context;		      /* for handlers and authorize */
	control_authorize *authorize; /* NULL: root alone may register */
	control_welcome *welcome;     /* NULL: everybody; uid 0 and the administrator are let in anyway */
	uid_t administrator;	      /* has root's privileges too; 0 where there is no other */
	/*
	 * Only what registers actions is answered, and uid 0 is a user like any other: it may be a container's.
	 */
	bool for_runners;
	const char *version;		     /* of the product */
	const struct control_limits *limits; /* NULL: control_limits_default; must outlive the control */
};

/*
 * Serves `listen_fd`, a listening Unix stream socket, which is taken (closed by control_free(), and on failure). 0 or
 * -errno.
 */
int control_new(const struct control_options *options, int listen_fd, struct control **ret);
void control_free(struct control *control); /* ends every call */
unsigned control_connections(const struct control *control);

/*
 * Answers: each takes the reference to `parameters`. NULL parameters mean that making them failed, which is what the
 * client is told; an empty answer is json_object(). control_reply() and control_error() end the call. For a oneway call
 * nothing is sent.
 */
void control_reply(struct control_call *call, json_t *parameters);
void control_reply_continues(struct control_call *call, json_t *parameters); /* only where control_call_wants_more() */
/* `parameters` NULL: none. */
void control_error(struct control_call *call, const char *error, json_t *parameters);
/* The same with one string parameter. */
void control_error_about(struct control_call *call, const char *error, const char *key, const char *value);
void control_invalid_parameter(struct control_call *call, const char *parameter);

bool control_call_wants_more(const struct control_call *call);
/* The peer when it connected (SO_PEERCRED); pid 0 where it is not in our pid namespace. */
uid_t control_call_uid(const struct control_call *call);
gid_t control_call_gid(const struct control_call *call);
pid_t control_call_pid(const struct control_call *call);
bool control_call_in_group(const struct control_call *call, gid_t gid); /* supplementary groups too */
bool control_call_is_root(const struct control_call *call);		/* uid 0 or the administrator */
bool control_call_is_of_runners(const struct control_call *call);	/* it came by a runners' socket */

/* Called once, when the call ends in whatever way; replies to it are no longer possible then. One for each call. */
typedef void control_end_function(void *context);
void control_call_on_end(struct control_call *call, control_end_function *function, void *context);

/*
 * For answers in pieces: the function is asked for the next piece, a few KiB, whenever the client has taken most of
 * what is queued. It returns 1 while there is more, and 0 when it need not be asked again: it has ended the call then,
 * or the call lives on for what others will say.
 */
typedef int control_producer(void *context, struct control_call *call);
void control_call_produce(struct control_call *call, control_producer *producer, void *context);

/* For org.varlink.service: the interfaces with that one first, NULL-terminated, and the product's version. */
const struct control_interface *const *control_call_interfaces(const struct control_call *call);
const char *control_call_version(const struct control_call *call);

#endif
