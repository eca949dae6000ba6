/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "engine/engine.h"
#include "sandbox/sandbox.h"

/* The broker's end of the world: it is inherited as this descriptor. */
#define BROKER_FD 3

/* The broker gives up with this, for the next engine would do no better. */
#define EXIT_CANNOT_WORK 3

int main(int argc, char **argv)
{
	enum log_level level = LOG_LEVEL_INFO;

	if (argc == 3 && strcmp(argv[1], "--log-level") == 0 && log_level_parse(argv[2], &level) == 0)
		argc = 1;
	if (argc != 1) {
		fprintf(stderr, "reaperd-engine is started by reaperd, with --log-level LEVEL at most\n");
		return 2;
	}
	log_open("reaperd-engine", level);
	/* Before a word of anybody's was read. */
	if (sandbox_start(CALLER_ENGINE) < 0)
		return EXIT_CANNOT_WORK;
	return engine_run(BROKER_FD);
}
