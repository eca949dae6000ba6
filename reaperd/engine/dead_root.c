/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/dead_root.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "engine/asked.h"
#include "engine/broker_client.h"
#include "engine/ledger.h"
#include "engine/namespaces.h"
#include "engine/reap_batch.h"

static void try_again(struct engine *engine, struct mount *mount, const struct asked *asked,
		      const struct step_result *result)
{
	/* A step that hung may succeed yet; what any other outcome left standing is not taken by us. */
	if (result->outcome != OUTCOME_HUNG)
		reap_mark_asked(mount, asked->step, false);
	mount->retry_mono = engine->now.mono;
	/* What keeps it busy does not keep it from being detached. */
	if (result->outcome == OUTCOME_BUSY && asked->step == STEP_UMOUNT)
		return;
	mount->retry_mono += policy_backoff(++mount->rounds);
	log_warning("%s is dead and stays (%s): %s; again in %lld s", asked->target, outcome_name(result->outcome),
		    *result->detail ? result->detail : strerror(result->error),
		    (long long)(policy_backoff(mount->rounds) / NSEC_PER_SEC));
}

static void take_outcome(struct engine *engine, struct asked *asked, const struct step_result *result)
{
	struct mount *mount = model_mount(engine->model, asked->mount_id);

	asked_answer(engine, asked, result);
	if (result->outcome == OUTCOME_GONE)
		log_notice("%s: nobody served it any more: it is unmounted, with what was below it", asked->target);
	if (!mount)
		return;
	mount->in_flight = false;
	mount->attempts++;
	if (result->outcome == OUTCOME_GONE)
		mount->retry_mono = engine->now.mono + policy_backoff(1); /* the table has the last word */
	else
		try_again(engine, mount, asked, result);
}

static void on_answer(void *context, struct engine *engine, const struct message_result *result)
{
	struct step_result none = { .outcome = result->error == ESTALE ? OUTCOME_SKIPPED : OUTCOME_FAILED,
				    .error = result->error };
	struct asked *asked = context;

	/* Where the broker ended, the intent stays open: the next start asks the kernel. */
	if (result->error != ECANCELED) {
		engine->batches_in_flight--;
		take_outcome(engine, asked, result->count ? &result->steps[0] : &none);
		engine_want_read(engine);
		namespaces_want_all(engine->namespaces);
	}
	asked_clear(asked);
	free(asked);
}

static int ask(struct engine *engine, const struct root *root, struct mount *mount, enum step step, struct asked *asked)
{
	struct step_item item = { .path = strdup(""), .step = (uint8_t)step, .mount = broker_reference(mount) };
	struct message_request request = { .type = MESSAGE_STEP,
					   .root = (uint32_t)root->index,
					   .ns = broker_namespace(mount),
					   .count = 1,
					   .steps = &item };
	int r = item.path ? broker_request(engine->broker, &request, on_answer, asked) : -ENOMEM;

	free(item.path);
	return r;
}

static void unmount(struct engine *engine, struct brake *brake, const struct root *root, struct mount *mount,
		    enum step step)
{
	struct asked *asked = calloc(1, sizeof(*asked));
	size_t count = reap_count(mount, step);
	int r = asked ? asked_intend(engine, mount, root, step, EVIDENCE_DEAD, asked) : -ENOMEM;

	if (r == 0) {
		/* Durable before the step is asked for: after a crash the kernel is asked what became of it. */
		ledger_commit(engine);
		r = ask(engine, root, mount, step, asked);
		if (r < 0)
			store_add_outcome(engine->store, asked->attempt, OUTCOME_SKIPPED, -r,
					  "the broker could not be asked", engine->now);
	}
	if (r < 0) {
		if (asked)
			asked_clear(asked);
		free(asked);
		mount->retry_mono = engine->now.mono + NSEC_PER_SEC;
		engine_plan_at(engine, mount->retry_mono);
		log_warning("%s: the broker could not be asked: %s", root->rules.path, strerror(-r));
		return;
	}
	log_notice("%s: nobody serves it: unmounting it, with %zu mounts below", root->rules.path,
		   step == STEP_DETACH ? count - 1 : 0);
	mount->in_flight = true;
	reap_mark_asked(mount, step, true);
	engine->batches_in_flight++;
	brake_spend(brake, count);
}

static void act(struct engine *engine, struct brake *brake, const struct root *root, struct mount *mount)
{
	enum step step = mount->children || mount->attempts ? STEP_DETACH : STEP_UMOUNT;
	size_t need = brake_need(brake, reap_count(mount, step));

	if (engine->stopping)
		return;
	/* A mount that was heard of and not read yet may be a successor, or live below it. */
	if (engine->read_wanted || !table_was_read_since(engine, mount, root->dead.since.mono)) {
		engine_want_read(engine);
		return;
	}
	if (need > brake_allowance(brake)) {
		engine_plan_at(engine, brake_when(brake, need));
		return;
	}
	unmount(engine, brake, root, mount, step);
}

bool dead_roots_turn(struct engine *engine, struct brake *brake)
{
	bool waits = false;

	for (struct root *root = model_roots(engine->model); root; root = root->next) {
		struct root_decision decision = policy_decide_root(engine->model, root, &engine->facts, engine->now);

		if (decision.verdict == VERDICT_WAIT || decision.hold == HOLD_BACKOFF)
			engine_plan_at(engine, decision.due);
		/* The next round of probes asks the root once more. */
		waits |= decision.verdict == VERDICT_WAIT || decision.verdict == VERDICT_RECHECK;
		if (decision.verdict == VERDICT_REAP && decision.hold == HOLD_NONE)
			act(engine, brake, root, decision.mount);
	}
	return waits;
}
