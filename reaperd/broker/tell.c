/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/tell.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "wire/messages.h"

static int send_configuration(int engine, const struct message_configuration *message, enum message_type type,
			      const int *fds, size_t fd_count)
{
	CLEANUP_FREE uint8_t *frame = malloc(WIRE_FRAME_MAX);
	ssize_t length = frame ? message_encode_configuration(message, type, frame) : -ENOMEM;

	return length < 0 ? (int)length : wire_send(engine, frame, (size_t)length, fds, fd_count);
}

int tell_engine_configuration(int engine, const struct options *options, const struct settings *settings,
			      const struct engine_inputs *inputs)
{
	CLEANUP_FREE struct message_configuration *message = calloc(1, sizeof(*message));
	int fds[WIRE_FDS_MAX] = { settings->text };
	size_t fd_count = 1;

	if (!message)
		return -ENOMEM;
	message->serial = settings->serial;
	message->flags = (options->once ? CONFIGURATION_ONCE : 0) | (options->observe ? CONFIGURATION_OBSERVE : 0);
	message->source = settings->config->source;
	snprintf(message->state_dir, sizeof(message->state_dir), "%s", settings->config->state_dir);
	if (inputs) {
		message->events_error = (uint32_t)inputs->events_error;
		message->events_lack = inputs->events_lack;
		message->began = inputs->began;
		message->deaths = inputs->deaths;
		snprintf(message->text, sizeof(message->text), "%s", inputs->died);
		fds[fd_count++] = inputs->listen;
		fds[fd_count++] = inputs->inotify;
		if (inputs->runners >= 0) {
			message->flags |= CONFIGURATION_RUNNERS;
			fds[fd_count++] = inputs->runners;
		}
		if (inputs->events >= 0)
			fds[fd_count++] = inputs->events;
	}
	return send_configuration(engine, message, MESSAGE_CONFIGURATION, fds, fd_count);
}

void tell_engine_reload_failed(int engine, uint32_t serial, const char *why)
{
	CLEANUP_FREE struct message_configuration *message = calloc(1, sizeof(*message));

	if (!message || engine < 0)
		return;
	message->serial = serial;
	snprintf(message->text, sizeof(message->text), "%s", why);
	send_configuration(engine, message, MESSAGE_RELOAD_FAILED, NULL, 0);
}

void tell_engine_stop(int engine)
{
	uint8_t frame[64];
	ssize_t length = message_encode_plain(MESSAGE_STOP, frame);

	if (engine >= 0 && length > 0)
		wire_send(engine, frame, (size_t)length, NULL, 0);
}
