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

static void ask(struct engine *engine, uint32_t root, const struct namespace_reference *ns,
		const struct mount_reference *mount, const char *relative, holders_function *function, void *context)
{
	struct message_request request = { .type = MESSAGE_HOLDERS, .root = root, .ns = *ns, .count = 1 };
	struct holders_job *job = calloc(1, sizeof(*job));
	int r = -ENOMEM;

	request.holders = calloc(1, sizeof(*request.holders));
	if (job && request.holders) {
		*job = (struct holders_job){ function, context };
		*request.holders = (struct step_item){
			.path = strdup(relative),
			.action_length = (uint32_t)strlen(relative),
			.step = STEP_UMOUNT,
			.mount = *mount,
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

void holders_ask(struct engine *engine, const struct mount *mount, holders_function *function, void *context)
{
	const char *relative = mount_root_relative(mount);
	const struct namespace_reference ns = broker_namespace(mount);
	const struct mount_reference reference = broker_reference(mount);

	if (relative && *relative && mount->instance)
		ask(engine, (uint32_t)mount->instance->root->index, &ns, &reference, relative, function, context);
	else
		function(context, NULL, -1);
}

void holders_ask_reaped(struct engine *engine, const struct root *root, const char *relative, uint64_t id,
			holders_function *function, void *context)
{
	const struct namespace_reference own = { 0 };
	const struct mount_reference reference = { .id = id };

	ask(engine, (uint32_t)root->index, &own, &reference, relative, function, context);
}
