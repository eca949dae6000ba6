/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From the table of calls to a filter of libseccomp's. Apart from sandbox.h so that a test can look at it, also for an
 * architecture that it does not run on.
 */
#ifndef REAPERD_SANDBOX_FILTER_H
#define REAPERD_SANDBOX_FILTER_H

#include <stdbool.h>
#include <seccomp.h>

#include "sandbox/calls.h"

/*
 * What a caller does not make is answered ENOSYS, or where `strict` ends the process, as in either case does a deadly
 * call that is not its own. A child's is not the list of what it makes but of what it does not make of the broker's
 * calls: it adds to the broker's filter, and each child loads it, in half the time. `architecture`: one of SCMP_ARCH_*, 0: ours. The caller's to release; NULL: -errno in
 * *ret_error.
 */
scmp_filter_ctx filter_build(enum caller whose, bool strict, uint32_t architecture, int *ret_error);

#endif
