/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The end of a path, as somebody types it who does not want to type all of it: whole segments, "*" for any one. Pure;
 * bytes are typed as base/text.h has them, so that a segment which is called "*" is written \x2a.
 */
#ifndef REAPERD_BASE_SEGMENTS_H
#define REAPERD_BASE_SEGMENTS_H

#include <stdbool.h>
#include <stddef.h>

struct segments {
	char **items; /* NULL: any one */
	size_t count;
};

/*
 * 0; -ENOMEM; or -EINVAL: nothing, a leading, doubled or trailing slash, a "." or "..", a broken escape, or a slash that
 * is one. Released by segments_clear(), in any case.
 */
int segments_parse(const char *text, struct segments *ret);
void segments_clear(struct segments *segments);

/* The last segments of the absolute, normalized path are these. */
bool segments_end(const struct segments *segments, const char *path);

#endif
