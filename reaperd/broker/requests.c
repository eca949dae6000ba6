/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/requests.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "broker/handlers.h"

struct job {
	struct job *next;
	struct requests *requests;
	struct message_request request;
	const struct handler *handler;
	struct handler_context context;
	struct settings *settings; /* held: `context` points into it */
	struct batch *batch;
	bool orphan;
};

/* In a child. */
static void serve_item(size_t index, void *result, void *context)
{
	static bool begun;
	struct job *job = context;

	for (size_t i = 0; !begun && i < job->requests->private_fd_count; i++)
		if (job->requests->private_fds[i] >= 0)
			close(job->requests->private_fds[i]);
	begun = true;
	job->handler->serve(index, result, &job->context);
}

static void job_free(struct job *job)
{
	if (!job)
		return;
	batch_free(job->batch);
	step_batch_clear(&job->context.steps);
	message_request_clear(&job->request);
	settings_unref(job->settings);
	free(job);
}

static int send_result(struct requests *requests, int engine, struct message_result *result)
{
	ssize_t length;

	result->in_flight = batch_pool_running(requests->pool);
	result->hung = batch_pool_hung(requests->pool);
	length = message_encode_result(result, requests->frame);
	if (length < 0) {
		log_error("bug of ours: a result cannot be encoded: %s", strerror((int)-length));
		*result = (struct message_result){ .request = result->request, .job = result->job, .error = EMSGSIZE };
		length = message_encode_result(result, requests->frame);
	}
	return wire_send(engine, requests->frame, (size_t)length, NULL, 0);
}

/* A path of "" is the root itself, which no step is ever for. */
static bool is_sound(const struct message_request *request, const struct settings *settings)
{
	if (request->root >= settings->config->root_count)
		return false;
	if (request->type == MESSAGE_STEP || request->type == MESSAGE_HOLDERS)
		for (uint32_t i = 0; i < request->count; i++)
			if (!*request->steps[i].path)
				return false;
	return true;
}

static int begin(struct requests *requests, const struct request_environment *environment, struct job *job)
{
	const struct root_rules *rules = &environment->settings->config->roots[job->request.root];
	int r;

	job->requests = requests;
	job->settings = settings_ref(environment->settings);
	job->context = (struct handler_context){
		.request = &job->request,
		.rules = rules,
		.inotify = environment->inotify,
		.steps = { .rules = rules,
			   .items = job->request.steps,
			   .count = job->request.count,
			   .observe = environment->observe },
	};
	r = batch_new(requests->pool, job->request.count, job->handler->result_size, serve_item, job,
		      rules->step_timeout, &job->batch);
	if (r < 0)
		return r;
	job->next = requests->jobs;
	requests->jobs = job;
	requests->count++;
	return 0;
}

int requests_take(struct requests *requests, const struct request_environment *environment, const void *bytes,
		  size_t length)
{
	struct job *job = calloc(1, sizeof(*job));
	struct message_result refusal;
	int r;

	if (!job)
		return -ENOMEM;
	job->handler = handler_of(message_type(bytes, length));
	r = job->handler ? message_decode_request(bytes, length, &job->request) : -EBADMSG;
	refusal = (struct message_result){ .request = job->request.type, .job = job->request.job };
	if (r == 0 && job->request.serial != environment->settings->serial)
		r = -ESTALE;
	else if (r == 0 && !is_sound(&job->request, environment->settings))
		r = -EBADMSG;
	if (r == 0)
		r = begin(requests, environment, job);
	if (r == 0)
		return 0;
	job_free(job);
	if (r == -EBADMSG)
		return r;
	refusal.error = -r;
	return send_result(requests, environment->engine, &refusal);
}

static void take_item(struct job *job, size_t index, struct message_result *result)
{
	struct handler_result *item = batch_item_result(job->batch, index);
	enum batch_item_state state = batch_item_state(job->batch, index);

	if (state != BATCH_ITEM_DONE)
		job->handler->give_up(index, item, &job->context, state);
	switch ((int)job->request.type) {
	case MESSAGE_PROBE:
		result->probes[index] = item->probe;
		break;
	case MESSAGE_WATCH:
		result->watches[index] = item->watch;
		break;
	case MESSAGE_STEP:
		result->steps[index] = item->step;
		break;
	default:
		result->count = item->holder_count;
		memcpy(result->holders, item->holders, item->holder_count * sizeof(*result->holders));
	}
	if (item->root_error && (index == 0 || result->error))
		result->error = -item->root_error;
	else
		result->error = 0;
}

/* Room for whichever a request's results are. */
union any_result {
	struct probe_result probe;
	struct watch_result watch;
	struct step_result step;
	struct holder_result holder;
};

/* The whole request failed where no item found its root; else each item speaks for itself. */
static int answer(struct requests *requests, struct job *job, int engine)
{
	struct message_result result = { .request = job->request.type,
					 .job = job->request.job,
					 .count = job->request.count };
	size_t room = job->request.type == MESSAGE_HOLDERS ? HOLDERS_MAX : job->request.count;
	int r;

	result.probes = calloc(room, sizeof(union any_result));
	if (!result.probes)
		return -ENOMEM;
	for (size_t i = 0; i < job->request.count; i++)
		take_item(job, i, &result);
	if (result.error)
		result.count = 0;
	r = send_result(requests, engine, &result);
	message_result_clear(&result);
	return r;
}

int requests_answer(struct requests *requests, int engine)
{
	struct job **link = &requests->jobs;

	while (*link) {
		struct job *job = *link;
		int r = 0;

		if (!batch_is_finished(job->batch)) {
			link = &job->next;
			continue;
		}
		if (!job->orphan)
			r = answer(requests, job, engine);
		if (r < 0)
			return r;
		*link = job->next;
		requests->count--;
		job_free(job);
	}
	return 0;
}

void requests_orphan(struct requests *requests)
{
	for (struct job *job = requests->jobs; job; job = job->next)
		job->orphan = true;
}

void requests_clear(struct requests *requests)
{
	while (requests->jobs) {
		struct job *job = requests->jobs;

		requests->jobs = job->next;
		job_free(job);
	}
	requests->count = 0;
}
