/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/requests.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "broker/handlers.h"

/*
 * Children of one root that were killed and have not ended: a filesystem whose server reads what it is asked and never
 * answers keeps each. Beyond them its root is not asked any more; steps, which alone may free them, have more.
 */
#define HUNG_MAX       64
#define HUNG_STEPS_MAX 128

/* What is about no root, and has no step-timeout. */
#define WHOLE_TIMEOUT (5 * NSEC_PER_SEC)

struct job {
	struct job *next;
	struct requests *requests;
	struct message_request request;
	const struct handler *handler;
	struct handler_context context;
	struct settings *settings; /* held: `context` points into it */
	struct batch *batch;
	struct detached_tree *trees; /* of a step request, for each item; else NULL */
	bool orphan;
	/* Of a request that is answered with descriptors, -1: none. */
	int passage[2]; /* a child writes to the second, we read the first */
	int fds[RESULT_FDS_MAX];
	uint32_t fd_count;
	/* A child's own: */
	bool begun;
	int entry;
};

static void close_fds(struct job *job)
{
	for (size_t i = 0; i < 2; i++)
		if (job->passage[i] >= 0)
			close(take_fd(&job->passage[i]));
	for (uint32_t i = 0; i < RESULT_FDS_MAX; i++)
		if (job->fds[i] >= 0)
			close(take_fd(&job->fds[i]));
}

/* What others are to be given must not live as long as this child, which may hang: a mountinfo keeps its namespace. */
static int begin_child(struct job *job)
{
	struct requests *requests = job->requests;
	int r = sandbox_enter(requests->sandbox);

	/* A kernel without filters is what the broker found when it started. */
	if (r < 0 && r != -EINVAL && r != -ENOSYS)
		return r;
	for (size_t i = 0; i < requests->private_fd_count; i++)
		if (requests->private_fds[i] >= 0)
			close(requests->private_fds[i]);
	for (struct job *other = requests->jobs; other; other = other->next)
		if (other != job)
			close_fds(other);
	return handler_begin(&job->context);
}

/* In a child. */
static void serve_item(size_t index, void *result, void *context)
{
	struct handler_result *item = result;
	struct job *job = context;

	if (!job->begun) {
		job->entry = begin_child(job);
		job->begun = true;
	}
	if (job->entry == 0) {
		job->handler->serve(index, item, &job->context);
		return;
	}
	item->root_error = job->entry;
	job->handler->refuse(item, job->entry);
}

static void job_free(struct job *job)
{
	if (!job)
		return;
	batch_free(job->batch);
	close_fds(job);
	for (uint32_t i = 0; job->trees && i < job->request.count; i++)
		detached_tree_clear(&job->trees[i]);
	free(job->trees);
	handler_context_clear(&job->context);
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
	return wire_send(engine, requests->frame, (size_t)length, result->fds, result->fd_count);
}

/* A path of "" is the root itself: no step is for it, but that a dead one is unmounted where that was configured. */
static bool is_for_a_dead_root(const struct message_request *request, const struct settings *settings)
{
	const struct step_item *step = request->steps;

	return request->type == MESSAGE_STEP && namespace_is_own(&request->ns) &&
	       settings->config->roots[request->root].reap_root && request->count == 1 &&
	       (step->step == STEP_UMOUNT || step->step == STEP_DETACH);
}

static bool is_sound(const struct message_request *request, const struct settings *settings)
{
	if (request_is_of_a_root(request->type) && request->root >= settings->config->root_count)
		return false;
	if (request->type == MESSAGE_STEP || request->type == MESSAGE_HOLDERS)
		for (uint32_t i = 0; i < request->count; i++)
			if (!*request->steps[i].path && !is_for_a_dead_root(request, settings))
				return false;
	return true;
}

/* 0 or -ENOMEM. */
static int read_trees(struct job *job)
{
	if (job->request.type != MESSAGE_STEP)
		return 0;
	job->trees = calloc(job->request.count, sizeof(*job->trees));
	for (uint32_t i = 0; job->trees && i < job->request.count; i++)
		job->trees[i] = detached_tree_read(job->context.rules->path, &job->request.ns, &job->request.steps[i]);
	return job->trees ? 0 : -ENOMEM;
}

/* FNV-1a */
static uint64_t hash_of(const char *text)
{
	uint64_t hash = UINT64_C(14695981039346656037);

	for (; *text; text++)
		hash = (hash ^ (uint8_t)*text) * UINT64_C(1099511628211);
	return hash;
}

/* The step that comes next for a mount is another than the one that hung. */
static uint64_t what_is_at(size_t index, const void *context)
{
	const struct message_request *request = &((const struct job *)context)->request;

	switch ((int)request->type) {
	case MESSAGE_STEP:
		return hash_of(request->steps[index].path) + request->steps[index].step;
	case MESSAGE_HOLDERS:
		return hash_of(request->holders[index].path) + UINT64_C(0x100);
	case MESSAGE_PROBE:
		return hash_of(request->probes[index].path) + UINT64_C(0x200);
	default:
		return hash_of(request->watches[index].path) + UINT64_C(0x300);
	}
}

/* By its path, for a root's index is another's after a reload. */
static struct batch_limit limit_of(const struct job *job)
{
	const struct root_rules *rules = job->context.rules;

	return (struct batch_limit){
		.whose = rules ? hash_of(rules->path) | 1 : 0,
		.most = job->request.type == MESSAGE_STEP ? HUNG_STEPS_MAX : HUNG_MAX,
		.at = what_is_at,
	};
}

static int begin(struct requests *requests, const struct request_environment *environment, struct job *job)
{
	const struct config *config = environment->settings->config;
	const struct root_rules *rules =
		request_is_of_a_root(job->request.type) ? &config->roots[job->request.root] : NULL;
	bool each = job->handler->each;
	int r;

	job->requests = requests;
	job->settings = settings_ref(environment->settings);
	if (!each && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, job->passage) < 0)
		return -errno;
	job->context = (struct handler_context){
		.request = &job->request,
		.config = config,
		.rules = rules,
		.inotify = environment->inotify,
		.passage = job->passage[1],
		.steps = { .rules = rules,
			   .items = job->request.steps,
			   .count = job->request.count,
			   .observe = environment->observe },
		.detached = &requests->detached,
	};
	r = read_trees(job);
	if (r < 0)
		return r;
	r = batch_new_limited(requests->pool, each ? job->request.count : 1, job->handler->result_size, serve_item, job,
			      rules ? rules->step_timeout : WHOLE_TIMEOUT, limit_of(job), &job->batch);
	if (r < 0)
		return r;
	job->next = requests->jobs;
	requests->jobs = job;
	requests->count++;
	return 0;
}

static struct job *new_job(void)
{
	struct job *job = calloc(1, sizeof(*job));

	if (job)
		job->passage[0] = job->passage[1] = job->fds[0] = job->fds[1] = -1;
	return job;
}

int requests_take(struct requests *requests, const struct request_environment *environment, const void *bytes,
		  size_t length)
{
	struct job *job = new_job();
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
	case MESSAGE_NAMESPACES:
		*result->namespaces = item->namespaces;
		break;
	case MESSAGE_TABLE:
		*result->tables = item->table;
		break;
	case MESSAGE_EVENTS:
		*result->events = item->events;
		break;
	case MESSAGE_PROBE:
		result->probes[index] = item->probe;
		break;
	case MESSAGE_WATCH:
		result->watches[index] = item->watch;
		break;
	case MESSAGE_STEP:
		result->steps[index] = item->step;
		if (item->step.outcome == OUTCOME_GONE)
			detached_add(&job->requests->detached, &job->trees[index]);
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
	struct namespaces_result namespaces;
	struct table_result table;
	struct events_result events;
};

/* Once, for the engine may have to be waited for afterwards. 0, or -errno where a child that served left none. */
static int fetch_fds(struct job *job)
{
	int fds[WIRE_FDS_MAX];
	size_t count = 0;
	char byte;
	ssize_t length;

	if (job->handler->each || job->fd_count)
		return 0;
	length = wire_receive(job->passage[0], &byte, 1, fds, &count);
	for (size_t i = 0; i < count; i++) {
		if (i < RESULT_FDS_MAX)
			job->fds[i] = fds[i];
		else
			close(fds[i]);
	}
	job->fd_count = (uint32_t)(count < RESULT_FDS_MAX ? count : RESULT_FDS_MAX);
	return length < 0 ? (int)length : job->fd_count ? 0 : -ECHILD;
}

/* The whole request failed where no item found its root; else each item speaks for itself. */
static int answer(struct requests *requests, struct job *job, int engine)
{
	size_t items = job->handler->each ? job->request.count : 1;
	struct message_result result = { .request = job->request.type,
					 .job = job->request.job,
					 .count = (uint32_t)items };
	size_t room = job->request.type == MESSAGE_HOLDERS ? HOLDERS_MAX : items;
	int r;

	result.probes = calloc(room, sizeof(union any_result));
	if (!result.probes)
		return -ENOMEM;
	for (size_t i = 0; i < items; i++)
		take_item(job, i, &result);
	if (!result.error)
		result.error = -fetch_fds(job);
	if (result.error) {
		result.count = 0;
	} else {
		result.fd_count = job->fd_count;
		memcpy(result.fds, job->fds, sizeof(result.fds));
	}
	r = send_result(requests, engine, &result);
	result.fd_count = 0; /* still the job's */
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
