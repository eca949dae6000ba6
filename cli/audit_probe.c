/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "audit.h"
#include "base/batch.h"
#include "base/path.h"
#include "base/text.h"
#include "policy/policy.h"
#include "report/report.h"

#define CHILDREN_MAX   1
#define CHUNK_MAX      8 /* asked before it is looked whether one hung */
#define PROBE_DEADLINE (5 * NSEC_PER_SEC)
#define MOUNTS_MAX     64 /* what a probe takes */

/* Of all that a probe can tell. */
static const enum evidence probed[] = { EVIDENCE_MISSING, EVIDENCE_REPLACED, EVIDENCE_HOLLOW,
					EVIDENCE_DEAD,	  EVIDENCE_HUNG,     EVIDENCE_UNKNOWN };

struct questions {
	struct action **actions;
	size_t count;
};

static struct kernel_mount refer_to(const struct mount *mount)
{
	return (struct kernel_mount){
		.id = mount_id_is_synthetic(mount->facts.id) ? 0 : mount->facts.id,
		.id32 = mount->facts.id32,
		.dev = mount->facts.dev,
	};
}

static void take_identity(const struct dir_identity *from, struct kernel_identity *ret)
{
	*ret = (struct kernel_identity){
		.dev = from->dev,
		.ino = from->ino,
		.birth = from->birth,
		.handle_type = from->handle_type,
		.handle_length = from->handle_length,
	};
	memcpy(ret->handle, from->handle, sizeof(ret->handle));
}

/* The mounts that a question names, in its order; false where there are more than fit. */
static bool collect_mounts(const struct action *action, struct mount **ret, size_t *ret_count)
{
	*ret_count = 0;
	for (struct mount *mount = action->mounts; mount; mount = mount->action_next) {
		const char *relative = mount_root_relative(mount);

		if (!relative || !path_relative(relative, action->path))
			continue;
		if (*ret_count == MOUNTS_MAX)
			return false;
		ret[(*ret_count)++] = mount;
	}
	return true;
}

/* In a child: it has the model as it was when it was forked. */
static void ask(size_t index, void *result, void *context)
{
	const struct questions *questions = context;
	const struct action *action = questions->actions[index];
	struct mount *mounts[MOUNTS_MAX];
	struct kernel_probe_mount named[MOUNTS_MAX];
	struct kernel_probe probe = {
		.path = action->path,
		.carrier = refer_to(action->instance->carrier),
		.known = action->identity.known,
		.mounts = named,
	};

	take_identity(&action->identity, &probe.identity);
	/* Where more mounts than fit are there, the way to the others looks like contents. */
	probe.want_hollow = collect_mounts(action, mounts, &probe.mount_count) && !action->registered;
	for (size_t i = 0; i < probe.mount_count; i++)
		named[i] = (struct kernel_probe_mount){
			.path = path_relative(mount_root_relative(mounts[i]), action->path),
			.mount = refer_to(mounts[i]),
		};
	kernel_probe_action(action->root->rules.path, &probe, result);
}

static void hold_exactly(struct action *action, int evidence, struct now now)
{
	for (size_t i = 0; i < ARRAY_SIZE(probed); i++)
		if ((int)probed[i] == evidence)
			policy_evidence_set(action, probed[i], now);
		else
			policy_evidence_clear(action, probed[i]);
}

static int evidence_of(const struct action *action, const struct kernel_probe_result *answer)
{
	switch (answer->state) {
	case KERNEL_PROBE_PRESENT:
		/* Emptied by somebody, not merely never filled. */
		return answer->hollow && answer->local && action->seen_full && !action->registered ? EVIDENCE_HOLLOW :
												     -1;
	case KERNEL_PROBE_MISSING:
		return EVIDENCE_MISSING;
	case KERNEL_PROBE_REPLACED:
		return EVIDENCE_REPLACED;
	case KERNEL_PROBE_DEAD:
		return EVIDENCE_DEAD;
	case KERNEL_PROBE_COVERED:
	case KERNEL_PROBE_UNKNOWN:
	case KERNEL_PROBE_ELSEWHERE:
		break;
	}
	return EVIDENCE_UNKNOWN;
}

/* Another directory stands there: the mounts that a walk through it reaches are another generation's, and live. */
static bool split(struct model *model, struct action *action, uint64_t reachable, struct now now)
{
	struct mount *mounts[MOUNTS_MAX], *reached[MOUNTS_MAX];
	size_t count, reached_count = 0;

	collect_mounts(action, mounts, &count);
	for (size_t i = 0; i < count; i++)
		if (reachable & (UINT64_C(1) << i))
			reached[reached_count++] = mounts[i];
	if (reached_count)
		MUST(model_next_generation(model, action, reached, reached_count, now));
	return reached_count;
}

void audit_take_answer(struct model *model, struct action *action, const struct kernel_probe_result *answer,
		       struct now now)
{
	int evidence = answer ? evidence_of(action, answer) : (int)EVIDENCE_HUNG;

	if (answer && answer->state == KERNEL_PROBE_PRESENT && (answer->identity_known || action->covered_by_own))
		action->identity_checked = now;
	if (evidence == EVIDENCE_REPLACED && split(model, action, answer->reachable, now) && !action->mounts)
		evidence = -1;
	hold_exactly(action, evidence, now);
}

/* What has no directory of its own (trash), no mount, or no filesystem to ask, is not probed. */
static bool is_probed(const struct action *action)
{
	return action->mounts && !action->in_trash && action->instance->carrier;
}

static void add_question(struct questions *questions, struct action *action)
{
	questions->actions = MUST(reallocarray(questions->actions, questions->count + 1, sizeof(struct action *)));
	questions->actions[questions->count++] = action;
}

/* Asks about some; false where one of them hung. */
static bool ask_some(struct model *model, struct batch_pool *pool, const struct questions *questions, struct now now)
{
	struct batch *batch = NULL;
	bool answered = true;

	if (batch_new(pool, questions->count, sizeof(struct kernel_probe_result), ask, (void *)questions,
		      PROBE_DEADLINE, &batch) < 0)
		must(NULL);
	batch_wait(pool, batch);
	for (size_t i = 0; i < questions->count; i++) {
		bool done = batch_item_state(batch, i) == BATCH_ITEM_DONE;

		answered = answered && done;
		audit_take_answer(model, questions->actions[i], done ? batch_item_result(batch, i) : NULL, now);
	}
	batch_free(batch);
	return answered;
}

/*
 * One first, then a few at a time: a filesystem that hangs costs a deadline for each question, so the rest is not
 * asked.
 */
static void ask_instance(struct model *model, struct batch_pool *pool, struct questions questions, struct now now)
{
	struct questions some = { questions.actions, 1 };

	while (ask_some(model, pool, &some, now)) {
		some.actions += some.count;
		some.count = (size_t)(questions.actions + questions.count - some.actions);
		if (!some.count)
			return;
		if (some.count > CHUNK_MAX)
			some.count = CHUNK_MAX;
	}
	for (some.actions += some.count; some.actions < questions.actions + questions.count; some.actions++)
		audit_take_answer(model, some.actions[0], NULL, now);
}

static void ask_all(struct model *model, const struct questions *questions, struct now now)
{
	struct batch_pool *pool = MUST(batch_pool_new(CHILDREN_MAX));

	for (size_t i = 0, next; i < questions->count; i = next) {
		for (next = i; next < questions->count; next++)
			if (questions->actions[next]->instance != questions->actions[i]->instance)
				break;
		ask_instance(model, pool, (struct questions){ questions->actions + i, next - i }, now);
	}
	batch_pool_free(pool);
}

/* What follows without a question: a limit that is over, and mounts that all lie elsewhere now. */
static void conclude(struct action *action, struct now now)
{
	int64_t limit = action->owner.max_age > 0 ? action->owner.max_age : action->root->rules.max_age;

	if (limit > 0 && action->first_seen.real > 0 && now.real - action->first_seen.real > limit)
		policy_evidence_set(action, EVIDENCE_EXPIRED, now);
	policy_hoist(action, now);
}

struct root_questions {
	const struct config *config;
	struct model *model;
};

/* In a child, as an action's directory is asked about: nothing on the way to it is asked that could act. */
static void ask_root(size_t index, void *result, void *context)
{
	const struct root_questions *questions = context;
	const char *path = questions->config->roots[index].path;
	const struct mount *carrier = model_mount_for_path(questions->model, path);
	struct kernel_probe probe = { .path = "" };

	if (carrier)
		probe.carrier = refer_to(carrier);
	kernel_probe_action(path, &probe, result);
}

static enum root_health health_of_error(int error)
{
	if (error == ENOENT || error == ENOTDIR)
		return ROOT_HEALTH_ABSENT;
	/* Behind a remote filesystem only what the kernel remembers is followed: no answer is no fault there. */
	return error == EAGAIN ? ROOT_HEALTH_OK : ROOT_HEALTH_UNKNOWN;
}

/* NULL: it hung. */
static enum root_health health_of(const struct kernel_probe_result *answer)
{
	if (!answer)
		return ROOT_HEALTH_HUNG;
	switch (answer->state) {
	case KERNEL_PROBE_DEAD:
		return ROOT_HEALTH_DEAD;
	case KERNEL_PROBE_COVERED:
		return ROOT_HEALTH_COVERED;
	case KERNEL_PROBE_UNKNOWN:
		return health_of_error(answer->error);
	case KERNEL_PROBE_PRESENT:
	case KERNEL_PROBE_MISSING:
	case KERNEL_PROBE_REPLACED:
	case KERNEL_PROBE_ELSEWHERE:
		break;
	}
	return ROOT_HEALTH_OK;
}

static char *sentence_of(const char *path, enum root_health health, int error)
{
	switch (health) {
	case ROOT_HEALTH_ABSENT:
		return must_format("there is no directory %s: nothing can be said of it", path);
	case ROOT_HEALTH_DEAD:
		return must_format("nobody serves %s any more: what is mounted below it is out of reach", path);
	case ROOT_HEALTH_COVERED:
		return must_format("another filesystem was mounted over %s meanwhile", path);
	case ROOT_HEALTH_HUNG:
		return must_format("%s cannot be looked at: it does not answer", path);
	case ROOT_HEALTH_OK:
	case ROOT_HEALTH_UNKNOWN:
	case ROOT_HEALTH_COUNT:
		break;
	}
	if (error == ELOOP)
		return must_format("%s is reached by a symbolic link: name the directory itself", path);
	return must_format("%s cannot be looked at: %s", path, strerror(error));
}

static void note_root(struct string_list *notes, const char *path, enum root_health health, int error)
{
	CLEANUP_FREE char *shown = MUST(text_escape(path));
	CLEANUP_FREE char *note = sentence_of(shown, health, error);

	if (string_list_add(notes, note) < 0)
		must(NULL);
}

json_t *audit_roots(const struct config *config, struct model *model, struct string_list *notes)
{
	struct root_questions questions = { config, model };
	struct batch_pool *pool = MUST(batch_pool_new(CHILDREN_MAX));
	json_t *roots = MUST(json_array());
	struct batch *batch = NULL;

	if (batch_new(pool, config->root_count, sizeof(struct kernel_probe_result), ask_root, &questions,
		      PROBE_DEADLINE, &batch) < 0)
		must(NULL);
	batch_wait(pool, batch);
	for (size_t i = 0; i < config->root_count; i++) {
		bool answered = batch_item_state(batch, i) == BATCH_ITEM_DONE;
		const struct kernel_probe_result *answer = answered ? batch_item_result(batch, i) : NULL;
		enum root_health health = health_of(answer);
		json_t *root = MUST(json_pack("{s:s}", "health", root_health_name(health)));

		if (report_set_bytes(root, "path", config->roots[i].path) < 0 || json_array_append_new(roots, root) < 0)
			must(NULL);
		if (health != ROOT_HEALTH_OK)
			note_root(notes, config->roots[i].path, health, answer ? answer->error : 0);
	}
	batch_free(batch);
	batch_pool_free(pool);
	return roots;
}

void audit_probe(struct model *model, struct now now)
{
	struct questions questions = { 0 };

	for (struct action *action = model_first_action(model); action; action = model_next_action(action))
		if (is_probed(action))
			add_question(&questions, action);
	ask_all(model, &questions, now);
	free(questions.actions);
	for (struct action *action = model_first_action(model); action; action = model_next_action(action))
		conclude(action, now);
}
