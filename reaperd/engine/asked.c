/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/asked.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "engine/journal.h"
#include "engine/metrics.h"

void asked_clear(struct asked *asked)
{
	free(asked->root);
	free(asked->action);
	free(asked->target);
	*asked = (struct asked){ 0 };
}

int asked_intend(struct engine *engine, const struct mount *mount, const struct root *root, enum step step,
		 enum evidence because, struct asked *ret)
{
	const struct action *action = mount->action;

	*ret = (struct asked){
		.mount_id = mount->facts.id,
		.step = step,
		.because = because,
		.mount_row = mount->row,
		.action_row = action ? action->row : 0,
		.root = strdup(root->rules.path),
		.action = action ? strdup(action->name) : NULL,
		.target = strdup(mount->facts.target),
		.generation = action ? action->generation : 0,
	};
	if (!ret->root || (action && !ret->action) || !ret->target) {
		asked_clear(ret);
		return -ENOMEM;
	}
	ret->attempt = store_add_intent(engine->store, mount, ret->root, step, because, engine->now);
	return 0;
}

static char *attempt_detail(const struct asked *asked, const struct step_result *result)
{
	json_t *detail = json_pack("{s:s, s:s, s:s}", "step", step_name(asked->step), "outcome",
				   outcome_name(result->outcome), "because", evidence_name(asked->because));
	CLEANUP_FREE char *shown = text_escape(result->detail);
	char *text;

	if (detail && result->error)
		json_object_set_new(detail, "error", json_string(strerrorname_np(result->error)));
	if (detail && result->made_private)
		json_object_set_new(detail, "parent_made_private", json_true());
	if (detail && result->stranger)
		json_object_set_new(detail, "stranger", json_integer((json_int_t)result->stranger));
	if (detail && shown && *shown)
		json_object_set_new(detail, "why", json_string(shown));
	text = json_dumps(detail, JSON_COMPACT);
	json_decref(detail);
	return text;
}

void asked_journal(struct engine *engine, enum event_type type, const struct asked *asked, const char *detail)
{
	journal_write_row(engine, &(struct store_event){
					  .type = type,
					  .mount_id = asked->mount_id,
					  .action_row = asked->action_row,
					  .mount_row = asked->mount_row,
					  .root = asked->root,
					  .action = asked->action,
					  .generation = asked->generation,
					  .target = asked->target,
					  .detail = detail,
				  });
}

void asked_answer(struct engine *engine, const struct asked *asked, const struct step_result *result)
{
	CLEANUP_FREE char *detail = attempt_detail(asked, result);

	store_add_outcome(engine->store, asked->attempt, result->outcome, result->error, result->detail, engine->now);
	asked_journal(engine, result->outcome == OUTCOME_REFUSED ? EVENT_REFUSED : EVENT_ATTEMPT, asked, detail);
	metrics_reap(engine->metrics, asked->root, asked->because, asked->step, result->outcome, result->duration);
}
