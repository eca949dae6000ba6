/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the broker says to the engine of its own accord. `engine` is its end of the socket; -1, where no engine is,
 * says nothing.
 */
#ifndef REAPERD_BROKER_TELL_H
#define REAPERD_BROKER_TELL_H

#include "broker/settings.h"

/* What a new engine gets with its first configuration, see MESSAGE_CONFIGURATION. */
struct engine_inputs {
	int listen, inotify;
	int runners; /* -1: none */
	int events;  /* -1: none */
	int events_error;
	unsigned events_lack;
	int64_t began;	  /* since when we run; CLOCK_REALTIME ns */
	uint32_t deaths;  /* of engines before it */
	const char *died; /* how the last one did, "" */
};

/* The configuration in force; `inputs` is NULL for an engine that has them. 0 or -errno. */
int tell_engine_configuration(int engine, const struct options *options, const struct settings *settings,
			      const struct engine_inputs *inputs);

/* The configuration was to be read anew, and is refused for `why`; `serial` is that of the one that stays in force. */
void tell_engine_reload_failed(int engine, uint32_t serial, const char *why);

/* It is to finish what is under way, and end. */
void tell_engine_stop(int engine);

#endif
