/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/reap_batch.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "engine/asked.h"
#include "engine/broker_client.h"
#include "engine/journal.h"
#include "engine/ledger.h"
#include "engine/namespaces.h"
#include "model/layout.h"

#define BATCHES_MAX 8

struct reap_job {
	size_t count;
	struct asked asked[REQUEST_ITEMS_MAX];
};

/* One batch of a root in one namespace, while it is put together. */
struct draft {
	struct root *root;
	struct mount_namespace *ns;
	size_t count;
	const struct reap_item *items[REQUEST_ITEMS_MAX];
};

static bool action_is_in_flight(const struct action *action)
{
	for (const struct mount *mount = action->mounts; mount; mount = mount->action_next)
		if (mount->in_flight)
			return true;
	return false;
}

/* The mounts that go with this one call, which the brake counts: a lazy one takes the tree. */
size_t reap_count(struct mount *top, enum step step)
{
	size_t count = 0;

	for (struct mount *at = top; at; at = step == STEP_DETACH ? mount_next_below(top, at) : NULL)
		count++;
	return count;
}

/* A lazy unmount takes what is mounted below with it: all that goes is what we asked for. */
void reap_mark_asked(struct mount *top, enum step step, bool asked)
{
	for (struct mount *at = top; at; at = step == STEP_DETACH ? mount_next_below(top, at) : NULL)
		at->asked = asked;
}

/* What went with it lazily is still in the model until the table is read: it is not asked for once more. */
static void put_off_tree(struct mount *top)
{
	for (struct mount *at = mount_next_below(top, top); at; at = mount_next_below(top, at))
		if (at->retry_mono < top->retry_mono)
			at->retry_mono = top->retry_mono;
}

/*
 * How much of the mount's path is over with it: its action's directory, or where the mount lies now the place that its
 * name stands for. Where the mount alone has lost its source, its action lives on, and none of that is.
 */
static uint32_t action_length(const struct reap_item *item, const char *relative)
{
	const struct mount *mount = item->mount;
	const char *name;
	size_t name_length, length;

	if (item->evidence == EVIDENCE_SOURCE_DELETED &&
	    !(mount->action->evidence & EVIDENCE_BIT(EVIDENCE_SOURCE_DELETED)))
		return (uint32_t)strlen(relative);
	switch (layout_place(&mount->instance->root->rules, relative, &name, &name_length, &length)) {
	case PLACE_ACTION:
	case PLACE_TRASH:
		return (uint32_t)length;
	case PLACE_UNOWNED:
		break;
	}
	return (uint32_t)strlen(relative);
}

static bool fill_item(const struct reap_item *item, struct step_item *ret)
{
	const char *relative = mount_root_relative(item->mount);

	if (!relative || !*relative)
		return false;
	*ret = (struct step_item){
		.path = strdup(relative),
		.action_length = action_length(item, relative),
		.step = (uint8_t)item->step,
	};
	ret->mount = broker_reference(item->mount);
	return ret->path != NULL;
}

static void job_free(struct reap_job *job)
{
	for (size_t i = 0; i < job->count; i++)
		asked_clear(&job->asked[i]);
	free(job);
}

static void climb(struct engine *engine, struct mount *mount, const struct asked *asked, enum outcome outcome)
{
	mount->in_flight = false;
	/* A step that hung may succeed yet; what any other outcome left standing is not taken by us. */
	if (outcome != OUTCOME_GONE && outcome != OUTCOME_HUNG)
		reap_mark_asked(mount, asked->step, false);
	if (!policy_take_outcome(mount, asked->step, outcome, engine->now)) {
		if (outcome == OUTCOME_GONE && asked->step == STEP_DETACH)
			put_off_tree(mount);
		return;
	}
	log_warning("%s resists: every step of its ladder was tried (%s); again in %lld s", mount->facts.target,
		    outcome_name(outcome), (long long)(policy_backoff(mount->rounds) / NSEC_PER_SEC));
	asked_journal(engine, EVENT_STUCK, asked, NULL);
}

static void take_outcome(struct engine *engine, const struct asked *asked, const struct step_result *result)
{
	struct mount *mount = model_mount(engine->model, asked->mount_id);

	asked_answer(engine, asked, result);
	if (mount)
		climb(engine, mount, asked, result->outcome);
}

/* What became of it the table tells, that of the other namespaces too, which may have had copies. */
static void want_tables(struct engine *engine)
{
	engine_want_read(engine);
	namespaces_want_all(engine->namespaces);
}

static void on_outcome(void *context, struct engine *engine, const struct message_result *result)
{
	struct reap_job *job = context;
	const struct step_result skipped = { .outcome = OUTCOME_SKIPPED, .error = result->error };

	if (result->error == ECANCELED) { /* the intents stay open: the next start asks the kernel */
		job_free(job);
		return;
	}
	engine->batches_in_flight--;
	for (size_t i = 0; i < job->count; i++) {
		struct step_result failed = skipped;

		if (result->error && result->error != ESTALE) {
			failed.outcome = OUTCOME_FAILED;
			snprintf(failed.detail, sizeof(failed.detail), "the root cannot be opened");
		}
		take_outcome(engine, &job->asked[i], i < result->count ? &result->steps[i] : &failed);
	}
	want_tables(engine);
	job_free(job);
}

/* The broker could not be asked: nothing was tried. */
static void undo(struct engine *engine, struct reap_job *job, int error)
{
	for (size_t i = 0; i < job->count; i++) {
		struct mount *mount = model_mount(engine->model, job->asked[i].mount_id);

		if (job->asked[i].attempt)
			store_add_outcome(engine->store, job->asked[i].attempt, OUTCOME_SKIPPED, -error,
					  "the broker could not be asked", engine->now);
		if (mount) {
			mount->in_flight = false;
			reap_mark_asked(mount, job->asked[i].step, false);
			mount->retry_mono = engine->now.mono + NSEC_PER_SEC;
		}
	}
	engine_plan_at(engine, engine->now.mono + NSEC_PER_SEC);
	log_warning("the broker could not be asked: %s", strerror(-error));
	job_free(job);
}

static uint32_t count_that_fits(const struct message_request *request)
{
	size_t used = 64;
	uint32_t count = 0;

	/* Also the answer must fit: its fields are of fixed size, and there are at most REQUEST_ITEMS_MAX of them. */
	for (uint32_t i = 0; i < request->count; i++) {
		used += strlen(request->steps[i].path) + 64;
		if (used > WIRE_FRAME_MAX)
			break;
		count++;
	}
	return count;
}

/* False where memory is out: then nothing was intended. */
static bool intend(struct engine *engine, const struct reap_item *item, struct asked *ret)
{
	struct mount *mount = item->mount;

	if (asked_intend(engine, mount, mount->action->root, item->step, item->evidence, ret) < 0)
		return false;
	mount->in_flight = true;
	reap_mark_asked(mount, item->step, true);
	return true;
}

/* Cuts the batch to what fits into a datagram and could be written down. */
static void shorten(struct message_request *request, uint32_t count)
{
	for (uint32_t i = count; i < request->count; i++)
		free(request->steps[i].path);
	request->count = count;
}

static void send_draft(struct engine *engine, struct brake *brake, const struct draft *draft)
{
	struct message_request request = { .type = MESSAGE_STEP,
					   .root = (uint32_t)draft->root->index,
					   .ns = broker_namespace(draft->items[0]->mount) };
	struct reap_job *job = calloc(1, sizeof(*job));
	size_t mounts = 0;
	int r;

	request.steps = calloc(draft->count, sizeof(*request.steps));
	if (!job || !request.steps) {
		free(job);
		free(request.steps);
		return;
	}
	for (size_t i = 0; i < draft->count && fill_item(draft->items[i], &request.steps[i]); i++)
		request.count++;
	shorten(&request, count_that_fits(&request));
	for (uint32_t i = 0; i < request.count; i++)
		mounts += reap_count(draft->items[i]->mount, draft->items[i]->step);
	for (; job->count < request.count; job->count++)
		if (!intend(engine, draft->items[job->count], &job->asked[job->count])) {
			shorten(&request, (uint32_t)job->count);
			job->count++; /* to be released with the rest */
			break;
		}
	/* The intent is durable before the step is asked for: after a crash the kernel is asked what became of it. */
	ledger_commit(engine);
	r = request.count ? broker_request(engine->broker, &request, on_outcome, job) : -ENOMEM;
	if (r < 0) {
		undo(engine, job, r);
	} else {
		engine->batches_in_flight++;
		brake_spend(brake, mounts);
	}
	message_request_clear(&request);
}

static struct draft *draft_of(struct draft *drafts, size_t count, const struct mount *mount)
{
	for (size_t i = 0; i < count; i++)
		if (drafts[i].root == mount->instance->root && drafts[i].ns == mount->ns)
			return &drafts[i];
	return NULL;
}

static struct draft *new_drafts(struct engine *engine, size_t *ret_count)
{
	size_t count = 0;
	struct draft *drafts;

	for (const struct mount_namespace *ns = model_namespaces(engine->model); ns; ns = ns->next)
		count += model_root_count(engine->model);
	drafts = calloc(count ? count : 1, sizeof(*drafts));
	if (!drafts)
		return NULL;
	*ret_count = 0;
	for (struct root *root = model_roots(engine->model); root; root = root->next)
		for (struct mount_namespace *ns = model_namespaces(engine->model); ns; ns = ns->next)
			drafts[(*ret_count)++] = (struct draft){ .root = root, .ns = ns };
	return drafts;
}

/* No call takes a longer path: out of reach, like what is covered. */
static bool can_be_named(const struct mount *mount)
{
	const char *relative = mount_root_relative(mount);

	return relative && *relative && strnlen(relative, PATH_MAX) < PATH_MAX;
}

static void give_up(struct engine *engine, struct mount *mount)
{
	bool newly = policy_give_up(mount, engine->now);

	engine_plan_at(engine, mount->retry_mono);
	/* Renamed nearer meanwhile? No event tells. */
	engine_want_refresh(engine);
	if (!newly)
		return;
	log_warning("%.200s...: the path is too long for any call: only who is nearer can unmount it",
		    mount->facts.target);
	journal_write(engine,
		      &(struct journal_event){ .type = EVENT_STUCK,
					       .mount = mount,
					       .detail = "{\"reason\":\"the path is too long for any call\"}" });
}

static bool table_is_wanted(const struct engine *engine, const struct mount *mount)
{
	return mount->ns->own ? engine->read_wanted : namespaces_is_wanted(engine->namespaces, mount->ns);
}

bool reap_batch_waits_for_the_table(const struct engine *engine, const struct mount *mount)
{
	return mount->attempts > 0 && mount->last_outcome == OUTCOME_GONE && table_is_wanted(engine, mount);
}

/*
 * Without unique ids what stood there when the table was read last may meanwhile be the next one's, and look the same: so
 * nothing goes before a change that was heard of has been read, nor before the table was read after the runner, who may
 * have unmounted it, ended its action.
 */
static bool may_be_anothers(const struct engine *engine, const struct reap_item *item)
{
	const struct evidence_state *ended = &item->mount->action->evidence_state[EVIDENCE_ENDED];

	if (!mount_id_is_synthetic(item->mount->facts.id))
		return false;
	return table_is_wanted(engine, item->mount) ||
	       (item->evidence == EVIDENCE_ENDED && !table_was_read_since(engine, item->mount, ended->since.mono));
}

/*
 * What is missing at its path may have been renamed: the mounts' paths tell, once they were read after it was missed.
 * While the table cannot be read, nothing goes by such evidence.
 */
static bool may_have_been_renamed(const struct engine *engine, const struct reap_item *item)
{
	const struct evidence_state *state = &item->mount->action->evidence_state[item->evidence];

	return policy_is_asked_of_the_filesystem(item->evidence) &&
	       !table_was_looked_at_since(engine, item->mount, state->since.mono);
}

void reap_batches(struct engine *engine, struct brake *brake, const struct reap_list *list)
{
	size_t draft_count = 0, allowance = brake_allowance(brake);
	CLEANUP_FREE struct draft *drafts = new_drafts(engine, &draft_count);

	for (size_t i = 0; drafts && i < list->count; i++) {
		const struct reap_item *item = &list->items[i];
		struct draft *draft;
		size_t mounts;

		if (item->hold != HOLD_NONE || !item->mount->instance || action_is_in_flight(item->mount->action) ||
		    reap_batch_waits_for_the_table(engine, item->mount) || may_be_anothers(engine, item))
			continue;
		if (may_have_been_renamed(engine, item)) {
			/* Without grace nobody else has the mounts read again, for that is what confirms it after. */
			engine_want_refresh(engine);
			continue;
		}
		if (!can_be_named(item->mount)) {
			give_up(engine, item->mount);
			continue;
		}
		if (engine->batches_in_flight >= BATCHES_MAX)
			return;
		draft = draft_of(drafts, draft_count, item->mount);
		if (!draft)
			continue;
		mounts = brake_need(brake, reap_count(item->mount, item->step));
		if (mounts > allowance) { /* what comes after it waits too, or a tree would wait for ever */
			engine_plan_at(engine, brake_when(brake, mounts));
			break;
		}
		draft->items[draft->count++] = item;
		allowance -= mounts;
		if (draft->count == REQUEST_ITEMS_MAX) {
			send_draft(engine, brake, draft);
			draft->count = 0;
		}
	}
	for (size_t i = 0; drafts && i < draft_count; i++)
		if (drafts[i].count > 0)
			send_draft(engine, brake, &drafts[i]);
}
