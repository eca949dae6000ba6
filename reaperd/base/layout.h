/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The form of a layout: "{action}" stands for one segment, "*" for any one segment, every other segment for itself.
 * What a layout means for a path is model/layout.h's; here is only what the configuration must refuse.
 */
#ifndef REAPERD_BASE_LAYOUT_H
#define REAPERD_BASE_LAYOUT_H

#include <stddef.h>

#define LAYOUT_ACTION "{action}"

/*
 * 0, or -EINVAL with a sentence in `why`: exactly one {action}, no empty or dot segments, no braces or asterisks
 * elsewhere.
 */
int layout_check(const char *layout, char *why, size_t size);

#endif
