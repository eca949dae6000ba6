/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/list.h"

#include <stdlib.h>

struct list {
	const char *key;
	list_fill *fill;
	list_release *release;
	void *context;
};

static void list_end(void *context)
{
	struct list *list = context;

	list->release(list->context);
	free(list);
}

static void list_fail(struct control_call *call)
{
	control_error_about(call, "io.reaperd.Unavailable", "reason",
			    "the list could not be read: 'reaperctl status' says how the ledger is");
}

static int list_produce(void *context, struct control_call *call)
{
	struct list *list = context;
	json_t *rows = json_array();
	json_t *answer = json_pack("{s:O}", list->key, rows);
	int r = list->fill(list->context, rows);

	json_decref(rows);
	if (r > 0) {
		control_reply_continues(call, answer);
		return 1;
	}
	if (r == 0) {
		control_reply(call, answer);
	} else {
		json_decref(answer);
		list_fail(call);
	}
	return 0;
}

static void list_answer_whole(struct control_call *call, struct list *list)
{
	json_t *rows = json_array();
	int r;

	do {
		r = list->fill(list->context, rows);
	} while (r > 0 && json_array_size(rows) < LIST_WHOLE);
	if (r == 0) {
		control_reply(call, json_pack("{s:o}", list->key, rows));
		return;
	}
	json_decref(rows);
	if (r < 0)
		list_fail(call);
	else
		control_error(call, "org.varlink.service.ExpectedMore", NULL);
}

void list_answer(struct control_call *call, const char *key, list_fill *fill, list_release *release, void *context)
{
	struct list *list = malloc(sizeof(*list));

	if (!list) {
		release(context);
		control_reply(call, NULL);
		return;
	}
	*list = (struct list){ key, fill, release, context };
	control_call_on_end(call, list_end, list);
	if (control_call_wants_more(call))
		control_call_produce(call, list_produce, list);
	else
		list_answer_whole(call, list);
}
