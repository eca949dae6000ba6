/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/signals.h"

#include <signal.h>
#include <stddef.h>

void signals_set_default(void)
{
	struct sigaction action = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		sigaction(number, &action, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}
