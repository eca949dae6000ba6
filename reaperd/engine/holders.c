/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/holders.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/broker_client.h"

struct holders_job {
	holders_function *function;
	void *context;
};

static void on_holders(void *context, struct engine *engine, const struct message_result *result)
{
	struct holders_job *job = context;

	(void)engine;
	if (result->error)
		job->function(job->context, NULL, -1);
	else
		job->function(job->context, result->holders, (int)result->count);
	free(job);
}

void holders_ask(struct engine *engine, const struct mount *mount, holders_function *function, void *context)
{
	struct message_request request = { .type = MESSAGE_HOLDERS, .count = 1 };
	const char *relative = mount_root_relative(mount);
	struct holders_job *job = calloc(1, sizeof(*job));
	int r = -ENOMEM;

	request.holders = calloc(1, sizeof(*request.holders));
	if (!relative || !*relative || !mount->instance) {
		r = -ENOENT;
	} else if (job && request.holders) {
		*job = (struct holders_job){ function, context };
		request.root = (uint32_t)mount->instance->root->index;
		request.ns = broker_namespace(mount);
		*request.holders = (struct step_item){
			.path = strdup(relative),
			.action_length = (uint32_t)strlen(relative),
			.step = STEP_UMOUNT,
			.mount = broker_reference(mount),
		};
		if (request.holders->path)
			r = broker_request(engine->broker, &request, on_holders, job);
	}
	message_request_clear(&request);
	if (r < 0) {
		free(job);
		function(context, NULL, -1);
	}
}
