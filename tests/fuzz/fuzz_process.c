/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a process calls itself: /proc/PID/stat and comm say it, and whatever it is, the start time stays the same. */
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "fuzz.h"
#include "kernel/process.h"

#define COMM_MAX 15

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint64_t started;
	CLEANUP_FREE char *name = fuzz_string(data, size < COMM_MAX ? size : COMM_MAX);
	CLEANUP_FREE char *comm = NULL;

	if (!started)
		started = kernel_process_start_time(getpid());
	FUZZ_HOLDS(started > 0);
	FUZZ_HOLDS(prctl(PR_SET_NAME, name) == 0);
	comm = kernel_process_comm(getpid());
	FUZZ_HOLDS(comm && strcmp(comm, name) == 0);
	FUZZ_HOLDS(kernel_process_start_time(getpid()) == started);
	fuzz_accepted = true;
	return 0;
}
