/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hostile.h"

pid_t start_process(pid_t wanted, int directory)
{
	struct clone_args arguments = { .exit_signal = SIGCHLD };
	pid_t pid;

	if (wanted) {
		arguments.set_tid = (uintptr_t)&wanted;
		arguments.set_tid_size = 1;
	}
	pid = (pid_t)syscall(SYS_clone3, &arguments, sizeof(arguments));
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (directory >= 0 && fchdir(directory) < 0)
			_exit(1);
		for (;;)
			pause();
	}
	return pid;
}

void end_process(pid_t *pid)
{
	if (*pid > 0) {
		kill(*pid, SIGKILL);
		waitpid(*pid, NULL, 0);
	}
	*pid = 0;
}
