/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What broker and engine say to each other. Fixed-size fields and bounded strings; each message has one encoder and one
 * decoder here, and a decoder refuses (-EBADMSG) whatever its encoder would not have written. The engine never names an
 * absolute path or a raw flag: a request says {configuration serial, root index, namespace, relative path, mount id,
 * operation}.
 *
 * A request about a mount namespace other than the daemon's own is served by a child that enters it. The broker opens
 * what the reference names, looks that it is that one, and that the configuration's `namespaces` select it, each time
 * anew: an engine gets nothing of any other. As the whole request's error it then says ESRCH (there is no such
 * namespace any more), EPERM (it is not selected) or EACCES (the kernel does not let us in).
 */
#ifndef REAPERD_WIRE_MESSAGES_H
#define REAPERD_WIRE_MESSAGES_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/frame.h"
#include "wire/records.h"

enum message_type {
	/* broker to engine */
	/*
	 * fds: [0] a sealed memfd with the configuration's text; at start also [1] the control socket (listening) and
	 * [2] the inotify instance, which the broker's children add watches to, then the runners' socket (listening),
	 * where CONFIGURATION_RUNNERS says so, and last the group of mount events, where there is one
	 */
	MESSAGE_CONFIGURATION = 1,
	MESSAGE_RESULT,	       /* of a request: see struct message_result */
	MESSAGE_STOP,	       /* finish what is in flight, commit, exit 0 */
	MESSAGE_RELOAD_FAILED, /* text: why the new configuration was refused */
	/* engine to broker */
	MESSAGE_READY = 16, /* the first scan is done */
	MESSAGE_WATCH,	    /* put an inotify watch on directories */
	MESSAGE_PROBE,	 /* what has become of action directories; with the path "", whether the root itself answers */
	MESSAGE_STEP,	 /* one step of the ladder on each of a batch of mounts */
	MESSAGE_HOLDERS, /* who holds a mount */
	MESSAGE_RELOAD,	 /* read the configuration again, as for SIGHUP */
	/* These are about no root. */
	MESSAGE_NAMESPACES, /* which mount namespaces there are beside our own */
	MESSAGE_TABLE,	    /* the mounts of a namespace */
	MESSAGE_EVENTS,	    /* what tells that they change */
};

/* Set at start in struct message_configuration. */
#define CONFIGURATION_ONCE    1u
#define CONFIGURATION_OBSERVE 2u
#define CONFIGURATION_RUNNERS 4u /* the runners' socket is among the descriptors */

struct message_configuration {
	/*
	 * of the configuration: requests name it; a request with an old one is answered with result_error -ESTALE
	 */
	uint32_t serial;
	uint32_t flags;
	uint32_t source;       /* enum source_kind after --source */
	uint32_t events_error; /* errno: why there is no group of mount events; 0: there is one, or none was wanted */
	uint32_t events_lack;  /* MOUNT_EVENTS_* of kernel/mount_events.h */
	int64_t began;	       /* at start: since when this broker runs; CLOCK_REALTIME ns */
	uint32_t deaths;       /* at start: how many engines of this broker's died before */
	char state_dir[PATH_MAX];
	char text[1024]; /* MESSAGE_RELOAD_FAILED: why; at start: how the last of these died */
};

#define REQUEST_ITEMS_MAX 64
#define PROBE_MOUNTS_MAX  64
#define HANDLE_MAX	  128
#define TABLE_IDS_MAX	  4096

/* Which mount a request means. */
struct mount_reference {
	/* unique; 0 where the kernel has none: then the other two must agree, and the kind of filesystem */
	uint64_t id;
	uint32_t id32; /* as in mountinfo */
	uint64_t dev;
};

struct probe_item {
	/*
	 * of the action's directory, relative to the root, "": whether the root itself answers; owned by the message
	 */
	char *path;
	struct mount_reference carrier; /* the mount that the root directory lay on when the action was recorded */
	bool known;			/* the identity below is known */
	uint64_t dev, ino;
	int64_t birth;
	int32_t handle_type;
	uint32_t handle_length;
	uint8_t handle[HANDLE_MAX];
	bool want_hollow;
	uint32_t mount_count; /* mounts of the action, at most PROBE_MOUNTS_MAX of them */
	struct probe_mount {
		char *path; /* relative to the action's directory: "" is the directory itself */
		struct mount_reference mount;
	} * mounts;
};

struct watch_item {
	char *path; /* relative to the root; "" is the root */
	struct mount_reference carrier;
};

struct step_item {
	/*
	 * of the mount point, relative to the root; "": the dead mount that is the root itself, alone in its request, and
	 * only where reap-root = yes
	 */
	char *path;
	/*
	 * how many bytes of `path` are the action's directory: what lies at or below it is the action's own
	 */
	uint32_t action_length;
	uint8_t step; /* enum step */
	struct mount_reference mount;
};

enum table_kind {
	/*
	 * of struct message_mount, by listmount and statmount (Linux 6.8). Before 6.13 the latter does not tell the
	 * source, the subtype and all options: then a mountinfo comes, too, which has them, by id32
	 */
	TABLE_RECORDS = 1,
	/*
	 * an open mountinfo of the whole namespace, which it keeps alive. Whoever reads it from its start again gets
	 * the table as it is then; it cannot be opened anew by /proc/self/fd, for the child whose it was has ended
	 */
	TABLE_MOUNTINFO,
};

enum events_kind {
	/*
	 * a fanotify group (kernel/mount_events.h), Linux 6.15. It does not keep the namespace alive. EMFILE: root has
	 * fs.fanotify.max_user_groups of them (128) already
	 */
	EVENTS_GROUP = 1,
	EVENTS_MOUNTINFO, /* an open mountinfo, as above: EPOLLPRI tells of a change */
};

enum namespaces_question {
	NAMESPACES_HOLDING = 1, /* which of them hold a root, too; costs a look at each mount of the machine */
};

struct message_request {
	enum message_type type;
	uint32_t serial;
	uint32_t root; /* 0 where it is about none */
	struct namespace_reference ns;
	uint64_t job; /* the engine's number for it, given back with the result */
	/*
	 * items; of MESSAGE_TABLE ids, 0 for all mounts; of MESSAGE_EVENTS 1; of MESSAGE_NAMESPACES 0 or 1, and it has
	 * no `ns`
	 */
	uint32_t count;
	union {
		void *items;
		struct probe_item *probes;
		struct watch_item *watches;
		struct step_item *steps;
		struct step_item *holders; /* one: whose holders */
		uint64_t *ids;		   /* unique: of these mounts alone; what is not in the answer has gone */
		uint32_t *events;	   /* one: enum events_kind */
		uint32_t *questions;	   /* enum namespaces_question */
	};
};

enum probe_state {
	PROBE_PRESENT = 1, /* the directory with the known identity (or any, where none was known) */
	PROBE_MISSING,
	PROBE_REPLACED, /* another directory, identity as given; see reachable */
	PROBE_DEAD,	/* ENOTCONN, or on a network filesystem ESTALE, EHOSTDOWN */
	PROBE_COVERED,	/* the root is not on the mount that was recorded: says nothing */
	PROBE_UNKNOWN,	/* error says why */
	PROBE_HUNG,
	PROBE_ELSEWHERE, /* the directory with the known identity lives under another name */
};

struct probe_result {
	uint32_t state; /* enum probe_state */
	int32_t error;	/* errno, 0: none */
	bool identity_known;
	uint64_t dev, ino;
	int64_t birth;
	int32_t handle_type;
	uint32_t handle_length;
	uint8_t handle[HANDLE_MAX];
	bool hollow;	    /* nothing but the path to its mounts; only where asked and looked at to the end */
	bool full;	    /* something else was seen in it */
	bool local;	    /* a local filesystem, where hollow means something */
	uint64_t reachable; /* bit n: a walk to mounts[n] ends on it; only for PROBE_REPLACED */
};

struct watch_result {
	int32_t error;	    /* errno, 0: none; EIDRM where the carrier is another */
	int32_t descriptor; /* inotify's */
};

struct step_result {
	uint32_t outcome;  /* enum outcome */
	int32_t error;	   /* errno of the call, 0: none */
	bool made_private; /* the parent mount was made private first */
	uint64_t stranger; /* OUTCOME_REFUSED, MISMATCH: the mount that would be hit, or that stands there; 0: none */
	int64_t duration;  /* ns */
	char detail[160];  /* a sentence for the journal, "" for none */
};

struct holder_result {
	int32_t pid;
	char comm[17];
	char how[12];	 /* "cwd", "root", "exe", "fd", "mmap", "namespace", "loop", "layer" */
	uint32_t number; /* how = fd: which; of loop the device's, of layer the overlay's in mountinfo */
};
#define HOLDERS_MAX 64

/* fds: [0] records, of struct message_namespace. */
struct namespaces_result {
	uint32_t count; /* of namespaces */
	/*
	 * errno: why there may be more than these (EPERM: we are not in the first pid namespace, or see not every
	 * process; ENOTTY: before Linux 6.12 those without a process are not seen); 0: there are not
	 */
	uint32_t lacking;
};

/* fds: [0], and where records lack strings [1] a mountinfo */
struct table_result {
	uint32_t kind;	/* enum table_kind */
	uint32_t count; /* of records */
};

/*
 * fds: [0], and where a process in the namespace is known [1] its pidfd. An open mountinfo is to be closed when that
 * process ends, or it would keep a namespace alive that nobody uses.
 */
struct events_result {
	uint32_t kind; /* enum events_kind: what was asked for */
	uint32_t lack; /* EVENTS_GROUP: MOUNT_EVENTS_* of kernel/mount_events.h */
	int32_t pid;   /* of the process; 0: none */
};

#define RESULT_FDS_MAX 2

/* The answer to a request; which array is filled follows from the request's type. */
struct message_result {
	enum message_type request;
	uint64_t job;
	/*
	 * 0, or why the whole request was not served: ESTALE, or what opening the root gave (ENOENT, ...)
	 */
	int32_t error;
	uint32_t in_flight; /* children at work and killed but not ended, for status */
	uint32_t hung;
	/*
	 * The message says how many descriptors come with it; whoever received them puts them here, and with the result
	 * they are closed. -1: not (yet) here, or taken.
	 */
	uint32_t fd_count;
	int fds[RESULT_FDS_MAX];
	uint32_t count;
	union {
		void *items;
		struct probe_result *probes;
		struct watch_result *watches;
		struct step_result *steps;
		struct holder_result *holders;
		/* one of each */
		struct namespaces_result *namespaces;
		struct table_result *tables;
		struct events_result *events;
	};
};

/*
 * Encoders write one datagram into `buffer` (WIRE_FRAME_MAX bytes): its length, -EMSGSIZE, or -EINVAL for a value that
 * no message may have.
 */
ssize_t message_encode_configuration(const struct message_configuration *message, enum message_type type, void *buffer);
ssize_t message_encode_plain(enum message_type type, void *buffer); /* READY, STOP, RELOAD */
ssize_t message_encode_request(const struct message_request *message, void *buffer);
ssize_t message_encode_result(const struct message_result *message, void *buffer);

bool request_is_of_a_root(enum message_type type);

/* The type of a datagram, or 0. */
enum message_type message_type(const void *bytes, size_t length);

/* 0, -EBADMSG or -ENOMEM. What a decoder allocated is released by the x_clear() below, also after a failure. */
int message_decode_configuration(const void *bytes, size_t length, struct message_configuration *ret);
int message_decode_request(const void *bytes, size_t length, struct message_request *ret);
int message_decode_result(const void *bytes, size_t length, struct message_result *ret);
void message_request_clear(struct message_request *message);
void message_result_clear(struct message_result *message);

#endif
