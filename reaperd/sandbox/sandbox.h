/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The system calls that a process of ours may make, once it has started: a seccomp filter with a list of what it does
 * make (calls.h), and nothing else. It is inherited, stays for good, and adds to those that are in force.
 *
 * What is not in the list is answered ENOSYS, as by a kernel that has not got it: a newer C library then falls back to
 * what it did before, where it would give up at EPERM. What no mistake explains (execve in the engine, mount(2)
 * anywhere) ends the process. In both cases the kernel's log says so.
 *
 * REAPERD_SANDBOX in the environment, which is root's: "kill" ends a process that makes any other call, for tests,
 * which would not notice an ENOSYS that the program has an answer to; "off" is for whoever must go on with a library
 * that needs more.
 */
#ifndef REAPERD_SANDBOX_SANDBOX_H
#define REAPERD_SANDBOX_SANDBOX_H

#include "sandbox/calls.h"

struct sandbox; /* a filter that is ready to be loaded, for that a child has no time to build one */

/* 0, or -errno. *ret is the caller's, to free(); NULL where the variable says "off". */
int sandbox_compile(enum caller whose, struct sandbox **ret);

/*
 * From here on it holds. Needs no_new_privs. NULL: nothing to do. -errno: -EINVAL or -ENOSYS where the kernel has no
 * seccomp.
 */
int sandbox_enter(const struct sandbox *sandbox);

/* Both, for a process that starts, with a message where it fails: 0, or -errno. A kernel without seccomp is no failure. */
int sandbox_start(enum caller whose);

#endif
