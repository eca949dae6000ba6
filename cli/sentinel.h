/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A file whose being there says something: made whole or not at all, and taken away only where it is one of ours, which
 * is a regular file of our user's with sentinel_mark in it and nothing else. Whatever else stands at the name is
 * somebody's, and stays. No symlink is followed, neither at the name nor on the way to it. May hang where the
 * filesystem does.
 */
#ifndef REAPERD_CLI_SENTINEL_H
#define REAPERD_CLI_SENTINEL_H

extern const char sentinel_mark[];

/* Both, for an absolute path: 0, also where it was so already; -EEXIST: something that is not ours stands there; -errno. */
int sentinel_put(const char *path);
int sentinel_take(const char *path);

#endif
