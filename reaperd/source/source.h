/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where facts about mounts come from. A source wakes the loop (one fd) and reads the table (a struct scan); it keeps no
 * history and decides nothing. All sources give the same model for the same kernel state.
 *
 * libev cannot wait for EPOLLPRI, which is how the kernel announces a changed mountinfo, so a source's fd is always an
 * epoll fd (libmount's monitor, or one of ours) that becomes readable. No source ever polls.
 */
#ifndef REAPERD_SOURCE_SOURCE_H
#define REAPERD_SOURCE_SOURCE_H

#include <stdbool.h>

#include "base/words.h"
#include "model/model.h"

struct source;

/* What a source needs that only the broker may make. */
struct source_inputs {
	int events; /* a marked group, kernel/mount_events.h; -1: none. Taken, and -1 afterwards, by who uses it */
	int events_error;     /* errno: why there is none; 0: nobody tried */
	unsigned events_lack; /* MOUNT_EVENTS_* */
};

struct source_ops {
	enum source_kind kind;
	bool unique_ids;
	/* read() asks for what it was told of alone, and nobody tells of a rename: that, only refresh() finds. */
	bool told;
	/*
	 * ns from one read to the next where changes go on: each read slows those who mount. 0: it costs as much as the
	 * table is long, and its reader rests in proportion.
	 */
	int64_t rest;
	/* -EOPNOTSUPP with a sentence in `why` where this kernel or process cannot; after 0 what it lacks all the same. */
	int (*open)(struct source *source, struct source_inputs *inputs, char *why, size_t size);
	void (*close)(struct source *source);
	/*
	 * Takes the pending wake-up back, so that the fd is quiet until the next change. 1: there was one, 0: none, or
	 * -errno.
	 */
	int (*drain)(struct source *source);
	/*
	 * Reads what changed since `model` was last brought up to date, or everything where `complete`. A mount that
	 * goes while it is read is simply absent. A table that changes meanwhile wakes the fd again. 0 or -errno; on
	 * failure nothing may be believed.
	 */
	int (*read)(struct source *source, const struct model *model, bool complete, struct scan *ret);
	/*
	 * Reads again the known mounts below the model's roots (a rename in their paths wakes nobody); cheap where
	 * single mounts can be asked, else the same as a complete read. A mount that came below a root by a rename
	 * elsewhere is found by the next read().
	 */
	int (*refresh)(struct source *source, const struct model *model, struct scan *ret);
};

struct source {
	const struct source_ops *ops;
	int fd; /* what the loop watches for reading */
	void *state;
};

/*
 * Opens the source of this kind; SOURCE_AUTO takes the best that works. `inputs` may be NULL. `why` gets what made it
 * (or, for AUTO, a better one) impossible, or what this one lacks; "" for nothing. 0, -EOPNOTSUPP, or -errno.
 */
int source_open(enum source_kind kind, struct source_inputs *inputs, struct source *ret, char *why, size_t size);
void source_close(struct source *source);

extern const struct source_ops source_mountinfo_ops;
extern const struct source_ops source_listmount_ops;
extern const struct source_ops source_fanotify_ops;

#endif
