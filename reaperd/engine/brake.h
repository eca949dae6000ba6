/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The brake bounds what a mistaken configuration can do: at most so many mounts are reaped in a minute. A bucket that
 * holds a minute's worth. Pure: the caller says what time it is.
 */
#ifndef REAPERD_ENGINE_BRAKE_H
#define REAPERD_ENGINE_BRAKE_H

#include <stddef.h>
#include <stdint.h>

struct brake {
	uint32_t per_minute; /* 0: there is no brake */
	double tokens;	     /* mounts that may be reaped now */
	int64_t counted;     /* mono, when they were */
};

void brake_init(struct brake *brake, uint32_t per_minute, int64_t mono);

/* Lets in what time has brought. Gives when the next mount may be reaped, mono; 0: now. */
int64_t brake_turn(struct brake *brake, uint32_t per_minute, int64_t mono);

/* Mounts that may be reaped now; and takes off those that are, which may be more where one call takes a tree. */
size_t brake_allowance(const struct brake *brake);
/* How many must be allowed for a call that takes so many: a tree larger than a minute's worth goes alone. */
size_t brake_need(const struct brake *brake, size_t mounts);
/* When so many will be allowed, mono. */
int64_t brake_when(const struct brake *brake, size_t mounts);
void brake_spend(struct brake *brake, size_t mounts);

#endif
