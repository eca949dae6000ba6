/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/prober.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/path.h"
#include "engine/broker_client.h"
#include "engine/ledger.h"
#include "engine/probe_result.h"
#include "engine/root_health.h"

/*
 * A question takes a process. What came or went in an action that is known is asked about at once, SOON_BURST times; where
 * that goes on, once in SOON_REST, all of the root together.
 */
#define SOON_BURST 16
#define SOON_REST  NSEC_PER_SEC

/*
 * No event tells that a server has died, so a root with nothing to ask about is asked itself, once in so many rounds.
 * Rarely, for the question holds its mount for as long as the server takes to answer, and meanwhile a plain unmount of it
 * by its worker, which is what an idle root waits for, fails with EBUSY. What holds no mount is worse: ustat() keeps the
 * superblock, and with that even a lazy unmount of a filesystem that hangs; and a detached copy, made to be asked in its
 * place, takes part in propagation.
 */
#define IDLE_ROUNDS 10

struct root_round {
	int64_t next;  /* mono */
	int64_t asked; /* mono: whether the root answers; 0: never */
	int64_t soon;  /* mono: as if each such question had been asked SOON_REST after the one before */
	bool in_flight;
	bool health_wanted;
};

struct prober {
	struct engine *engine;
	struct root_round *rounds; /* by the root's index */
	size_t count;
};

/* Which action an item of a batch was about: pointers do not live from one turn to the next. */
struct asked {
	char *name;
	uint32_t generation;
	size_t mount_count;
	uint64_t mounts[PROBE_MOUNTS_MAX];
};

struct probe_job {
	bool elsewhere; /* in another namespace */
	char *root_path;
	struct now sent;
	uint64_t carrier; /* id of the mount that was asked about as the root, behind the actions; 0: none was */
	size_t count;
	struct asked asked[REQUEST_ITEMS_MAX];
};

struct prober *prober_new(struct engine *engine)
{
	struct prober *prober = calloc(1, sizeof(*prober));

	if (prober)
		prober->engine = engine;
	return prober;
}

void prober_free(struct prober *prober)
{
	if (!prober)
		return;
	free(prober->rounds);
	free(prober);
}

/* A root has one batch under way at a time. By action, not by what was asked: its name may have changed meanwhile. */
static void none_is_probing(struct root *root)
{
	for (struct action *action = root_first_action(root); action; action = root_next_action(action))
		action->probing = false;
}

int prober_configure(struct prober *prober)
{
	size_t count = model_root_count(prober->engine->model);
	struct root_round *rounds = calloc(count ? count : 1, sizeof(*rounds));

	if (!rounds)
		return -ENOMEM;
	free(prober->rounds);
	prober->rounds = rounds;
	prober->count = count;
	/* Answers to questions about the former roots are still under way: their actions may be asked about again. */
	for (struct root *root = model_roots(prober->engine->model); root; root = root->next)
		none_is_probing(root);
	engine_wake(prober->engine);
	return 0;
}

static void job_free(struct probe_job *job)
{
	if (!job)
		return;
	for (size_t i = 0; i < job->count; i++)
		free(job->asked[i].name);
	free(job->root_path);
	free(job);
}

static struct action *find_asked(struct engine *engine, struct root *root, const struct asked *asked)
{
	struct action *found[32];
	size_t count = model_find_actions(engine->model, root, asked->name, found, ARRAY_SIZE(found));

	for (size_t i = 0; i < count && i < ARRAY_SIZE(found); i++)
		if (found[i]->generation == asked->generation)
			return found[i];
	return NULL;
}

static void take_answer(struct engine *engine, struct root *root, const struct probe_job *job, size_t index,
			const struct message_result *result)
{
	const struct asked *asked = &job->asked[index];
	struct action *action = find_asked(engine, root, asked);
	struct probe_result failed = { .state = PROBE_UNKNOWN, .error = result->error };
	struct mount *mounts[PROBE_MOUNTS_MAX];

	if (!action)
		return;
	if (result->error == ESTALE) { /* the configuration changed under way: ask again */
		engine_want_probe(engine, action);
		return;
	}
	for (size_t i = 0; i < asked->mount_count; i++)
		mounts[i] = model_mount(engine->model, asked->mounts[i]);
	probe_result_take(engine, action, index < result->count ? &result->probes[index] : &failed, mounts,
			  asked->mount_count, job->sent);
}

static void on_answer(void *context, struct engine *engine, const struct message_result *result)
{
	struct probe_job *job = context;
	struct root *root = model_root_by_path(engine->model, job->root_path);

	if (root && result->error != ECANCELED) {
		engine->prober->rounds[root->index].in_flight = false;
		none_is_probing(root);
		for (size_t i = 0; i < job->count; i++)
			take_answer(engine, root, job, i, result);
		if (job->carrier && result->error != ESTALE)
			root_health_take_itself(engine, root, job->carrier, job->sent,
						job->count < result->count ? &result->probes[job->count] : NULL);
		/* Whether the root answers is a question of our own namespace. */
		if (result->error != ESTALE && !job->elsewhere)
			root_health_set(engine, root, root_health_of(result));
	}
	job_free(job);
	engine_wake(engine);
}

/* A directory with more mounts than fit cannot be found hollow: the way to the others would look like contents. */
static bool fill_mounts(const struct action *action, struct probe_item *item, struct asked *asked)
{
	size_t room = WIRE_FRAME_MAX / 2;

	item->mounts = calloc(PROBE_MOUNTS_MAX, sizeof(*item->mounts));
	if (!item->mounts)
		return false;
	for (const struct mount *mount = action->mounts; mount; mount = mount->action_next) {
		const char *relative = mount_root_relative(mount);
		const char *below = relative ? path_relative(relative, action->path) : NULL;
		struct probe_mount *at;

		/* A walk in there says nothing of what another namespace has. */
		if (!below || mount->ns != action->instance->carrier->ns)
			continue;
		if (item->mount_count == PROBE_MOUNTS_MAX || strlen(below) >= PATH_MAX || strlen(below) >= room) {
			item->want_hollow = false;
			continue;
		}
		room -= strlen(below);
		at = &item->mounts[item->mount_count];
		at->path = strdup(below);
		if (!at->path)
			return false;
		at->mount = broker_reference(mount);
		item->mount_count++;
		asked->mounts[asked->mount_count++] = mount->facts.id;
	}
	return true;
}

static bool fill_item(const struct action *action, struct probe_item *item, struct asked *asked)
{
	*item = (struct probe_item){
		.path = strdup(action->path),
		.known = action->identity.known,
		.dev = action->identity.dev,
		.ino = action->identity.ino,
		.birth = action->identity.birth,
		.handle_type = action->identity.handle_type,
		.handle_length = action->identity.handle_length,
		.want_hollow = action->mounts && !action->registered,
	};
	*asked = (struct asked){ .name = strdup(action->name), .generation = action->generation };
	memcpy(item->handle, action->identity.handle, sizeof(item->handle));
	item->carrier = broker_reference(action->instance->carrier);
	return item->path && asked->name && fill_mounts(action, item, asked);
}

static void insert_oldest_first(struct action **ret, size_t size, size_t *count, struct action *action)
{
	size_t i;

	if (*count < size)
		++*count;
	else if (ret[size - 1]->probed.mono <= action->probed.mono)
		return;
	for (i = *count - 1; i > 0 && ret[i - 1]->probed.mono > action->probed.mono; i--)
		ret[i] = ret[i - 1];
	ret[i] = action;
}

/* One batch asks in one namespace: that of the action that has waited for the longest time. */
static size_t keep_of_one_namespace(struct action **actions, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++)
		if (actions[i]->instance->carrier->ns == actions[0]->instance->carrier->ns)
			actions[kept++] = actions[i];
	return kept;
}

/*
 * The wanted actions of a root, at most `size`. Those not asked about for the longest time: more may be wanted than can
 * be asked in a round.
 */
static size_t choose(struct root *root, struct action **ret, size_t size)
{
	size_t count = 0;

	for (struct action *action = root_first_action(root); action; action = root_next_action(action))
		if (action->probe_wanted && !action->probing && action_can_be_probed(action))
			insert_oldest_first(ret, size, &count, action);
	return keep_of_one_namespace(ret, count);
}

/* No action to ask about: whether the root answers at all. */
static bool fill_root_item(const struct mount *carrier, struct probe_item *item)
{
	item->path = strdup("");
	item->carrier = broker_reference(carrier);
	return item->path;
}

/* The actions, and behind them the root itself where `carrier` is given. */
static int fill(struct message_request *request, struct probe_job *job, const struct mount *carrier,
		struct action **actions, size_t count)
{
	request->count = (uint32_t)count + (carrier ? 1 : 0);
	request->probes = calloc(request->count, sizeof(*request->probes));
	if (!request->probes)
		return -ENOMEM;
	for (; job->count < count; job->count++)
		if (!fill_item(actions[job->count], &request->probes[job->count], &job->asked[job->count]))
			break;
	if (job->count < count) {
		job->count++; /* to be released with the rest */
		return -ENOMEM;
	}
	job->carrier = carrier ? carrier->facts.id : 0;
	return !carrier || fill_root_item(carrier, &request->probes[count]) ? 0 : -ENOMEM;
}

/* Sends one batch; where it does not fit into a datagram, half as many. */
static int send_batch(struct prober *prober, struct root *root, const struct mount *carrier, struct action **actions,
		      size_t count)
{
	struct message_request request = { .type = MESSAGE_PROBE, .root = (uint32_t)root->index };
	struct probe_job *job = calloc(1, sizeof(*job));
	int r = job ? 0 : -ENOMEM;

	if (r == 0) {
		/* By the clock, not the turn's: what was read earlier in this turn was there before the question. */
		job->sent = clock_now();
		job->root_path = strdup(root->rules.path);
		r = job->root_path ? fill(&request, job, carrier, actions, count) : -ENOMEM;
	}
	if (r == 0) {
		job->elsewhere = count && !actions[0]->instance->carrier->ns->own;
		request.ns = broker_namespace(count ? actions[0]->instance->carrier : carrier);
		r = broker_request(prober->engine->broker, &request, on_answer, job);
	}
	message_request_clear(&request);
	if (r < 0)
		job_free(job);
	else
		for (size_t i = 0; i < count; i++) {
			actions[i]->probe_wanted = actions[i]->probe_soon = false;
			actions[i]->probing = true;
		}
	return r;
}

/* Where no action is asked about, whether the root answers at all; and where that may cost it its mount, each time. */
static const struct mount *root_to_ask(const struct prober *prober, const struct root *root,
				       struct action *const *actions, size_t count)
{
	if (count &&
	    (!root->rules.reap_root || root->health == ROOT_HEALTH_HUNG || !actions[0]->instance->carrier->ns->own))
		return NULL;
	return model_mount_for_path(prober->engine->model, root->rules.path);
}

static void is_asked(const struct prober *prober, struct root_round *round)
{
	round->health_wanted = false;
	round->asked = prober->engine->now.mono;
}

static void send_wanted(struct prober *prober, struct root *root)
{
	struct root_round *round = &prober->rounds[root->index];
	struct action *actions[REQUEST_ITEMS_MAX];
	/* A filesystem that hangs costs a deadline for each question: one is enough to see when it answers again. */
	size_t most = root->health == ROOT_HEALTH_HUNG ? 1 : REQUEST_ITEMS_MAX - 1;
	const struct mount *carrier;
	size_t count;
	int r;

	if (round->in_flight)
		return;
	count = choose(root, actions, most);
	carrier = root_to_ask(prober, root, actions, count);
	if (count == 0 && !carrier) { /* nobody can be asked about it */
		round->health_wanted = false;
		root_health_set(prober->engine, root, ROOT_HEALTH_UNKNOWN);
	}
	if (count == 0 && !round->health_wanted)
		return;
	do {
		r = send_batch(prober, root, carrier, actions, count);
	} while (r == -EMSGSIZE && (count /= 2) > 0);
	if (r < 0) {
		log_warning("%s: cannot ask about its actions: %s", root->rules.path, strerror(-r));
		return;
	}
	round->in_flight = true;
	prober->engine->probes++;
	/* What is asked in another namespace does not say whether the root answers in ours. */
	if (carrier || actions[0]->instance->carrier->ns->own)
		is_asked(prober, round);
}

static bool has_probed_actions(const struct root *root)
{
	for (const struct action *action = root_first_action(root); action; action = root_next_action(action))
		if (action_can_be_probed(action))
			return true;
	return false;
}

/* In each round, and not only for its actions' sake. */
static bool is_asked_always(const struct root *root)
{
	return root->health != ROOT_HEALTH_OK || root->rules.reap_root;
}

/* When the root is to be asked for its own sake, and when its next round begins: mono. */
static int64_t root_due(const struct root *root, const struct root_round *round)
{
	if (is_asked_always(root) || !round->asked)
		return round->next;
	return round->asked + IDLE_ROUNDS * root->rules.probe_interval;
}

static int64_t round_due(const struct root *root, const struct root_round *round, bool has_actions)
{
	int64_t due = root_due(root, round);

	return has_actions && round->next < due ? round->next : due;
}

static void begin_round(struct prober *prober, struct root *root, bool has_actions)
{
	struct root_round *round = &prober->rounds[root->index];

	if (root_due(root, round) <= prober->engine->now.mono) {
		round->health_wanted = true;
		round->asked = prober->engine->now.mono;
	}
	round->next = prober->engine->now.mono + root->rules.probe_interval;
	if (has_actions) {
		engine_want_probes(prober->engine, root);
		/* A rename above a mount, and a bind's source that is deleted, wake nobody. */
		engine_want_refresh(prober->engine);
		ledger_retain(prober->engine);
	}
}

static bool any_is_asked_soon(const struct root *root)
{
	for (const struct action *action = root_first_action(root); action; action = root_next_action(action))
		if (action->probe_soon)
			return true;
	return false;
}

static void ask_soon(struct prober *prober, struct root *root)
{
	struct root_round *round = &prober->rounds[root->index];
	int64_t now = prober->engine->now.mono;

	if (!any_is_asked_soon(root))
		return;
	if (now < round->soon - (SOON_BURST - 1) * SOON_REST) {
		engine_wake_at(prober->engine, round->soon - (SOON_BURST - 1) * SOON_REST);
		return;
	}
	round->soon = (round->soon > now ? round->soon : now) + SOON_REST;
	for (struct action *action = root_first_action(root); action; action = root_next_action(action)) {
		action->probe_wanted |= action->probe_soon && action_can_be_probed(action);
		action->probe_soon = false;
	}
}

void prober_turn(struct prober *prober)
{
	for (struct root *root = model_roots(prober->engine->model); root; root = root->next) {
		struct root_round *round = &prober->rounds[root->index];
		bool has_actions = has_probed_actions(root);

		if (!round->in_flight) {
			if (prober->engine->now.mono >= round_due(root, round, has_actions))
				begin_round(prober, root, has_actions);
			engine_wake_at(prober->engine, round_due(root, round, has_actions));
		}
		ask_soon(prober, root);
		send_wanted(prober, root);
	}
}

bool prober_is_busy(const struct prober *prober)
{
	for (size_t i = 0; i < prober->count; i++)
		if (prober->rounds[i].in_flight || prober->rounds[i].health_wanted)
			return true;
	for (const struct action *action = model_first_action(prober->engine->model); action;
	     action = model_next_action(action))
		if (action_can_be_probed(action) && (action->probe_wanted || action->probing || !action->probed.mono))
			return true;
	return false;
}
