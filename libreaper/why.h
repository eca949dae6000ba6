/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The sentence that goes with an error. */
#ifndef REAPERD_LIBREAPER_WHY_H
#define REAPERD_LIBREAPER_WHY_H

#include <stddef.h>

struct why {
	char *text; /* may be NULL */
	size_t size;
};

/* Says it, and returns r. */
int why_say(struct why why, int r, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* "WHAT PATH: what r means", with the path as it can be shown. */
int why_say_of(struct why why, int r, const char *what, const char *path);

#endif
