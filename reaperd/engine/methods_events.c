/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The journal, and what is added to it while a client follows. */
#include "engine/methods.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "engine/arguments.h"
#include "engine/journal.h"
#include "engine/list.h"
#include "report/report.h"

struct reader {
	struct engine *engine;
	struct control_call *call;
	struct reference wanted; /* parts that are NULL or 0: any */
	int type;
	int64_t after, since, until;
	bool follow;
	struct journal_follower *follower; /* once what is stored has been given */
	int rows;			   /* in this piece */
	json_t *array;
};

static void reader_free(void *context)
{
	struct reader *reader = context;

	if (reader->follower)
		journal_unfollow(reader->engine, reader->follower);
	reference_clear(&reader->wanted);
	free(reader);
}

static int add_event(void *context, const struct store_event *event)
{
	struct reader *reader = context;

	json_array_append_new(reader->array, report_event(event));
	reader->after = event->seq;
	reader->rows++;
	return 0;
}

/* The next stored events: 1 where there may be more, 0, -errno. */
static int fill_events(void *context, json_t *rows)
{
	struct reader *reader = context;
	struct store_filter filter = { .after_seq = reader->after,
				       .since = reader->since,
				       .until = reader->until,
				       .root = reader->wanted.root,
				       .action = reader->wanted.name,
				       .generation = reader->wanted.generation,
				       .type = reader->type,
				       .limit = LIST_PIECE };
	int64_t last = store_last_seq(reader->engine->store);
	int r;

	/* A limit without a beginning would mean the last so many. */
	if (filter.after_seq == 0 && filter.since == 0)
		filter.since = 1;
	reader->array = rows;
	reader->rows = 0;
	r = store_events(reader->engine->store, &filter, add_event, reader);
	if (r < 0 || reader->rows == LIST_PIECE)
		return r < 0 ? r : 1;
	/* Those that the filter left out need not be looked at again. */
	if (reader->after < last)
		reader->after = last;
	return 0;
}

/* ---- following ---- */

static bool reader_wants(const struct reader *reader, const struct store_event *event)
{
	const struct reference *wanted = &reader->wanted;

	if (event->seq <= reader->after || (reader->type >= 0 && (int)event->type != reader->type))
		return false;
	if (wanted->root && (!event->root || strcmp(event->root, wanted->root) != 0))
		return false;
	if (wanted->name && (!event->action || strcmp(event->action, wanted->name) != 0))
		return false;
	return !wanted->generation || event->generation == wanted->generation;
}

static int produce_events(void *context, struct control_call *call);

/*
 * New events are read from the ledger when the client can take them, a piece at a time: so a storm costs a slow
 * follower neither memory nor its connection. Only what the ledger does not take is handed over as it comes.
 */
static void on_event(void *context, const struct store_event *event)
{
	struct reader *reader = context;
	json_t *rows;

	if (!reader_wants(reader, event))
		return;
	if (store_state(reader->engine->store) == STORE_OK) {
		control_call_produce(reader->call, produce_events, reader);
		return;
	}
	rows = json_array();
	reader->array = rows;
	add_event(reader, event);
	control_reply_continues(reader->call, json_pack("{s:o}", "events", rows));
}

static int produce_events(void *context, struct control_call *call)
{
	struct reader *reader = context;
	json_t *rows = json_array();
	bool begins = !reader->follower;
	int r = fill_events(reader, rows);

	/* A ledger that takes nothing gives nothing either; what happens from now on can be followed all the same. */
	if (r < 0 && store_state(reader->engine->store) != STORE_OK)
		r = 0;
	if (r == 0 && begins) {
		reader->follower = journal_follow(reader->engine, on_event, reader);
		r = reader->follower ? 0 : -ENOMEM;
	}
	if (r < 0) {
		json_decref(rows);
		control_error_about(call, "io.reaperd.Unavailable", "reason",
				    "the journal could not be read: 'reaperctl status' says how the ledger is");
		return 0;
	}
	/* The first answer comes even when it is empty: it says that the client follows now. */
	if (begins || json_array_size(rows) > 0)
		control_reply_continues(call, json_pack("{s:O}", "events", rows));
	json_decref(rows);
	return r;
}

/* ---- the method ---- */

static int reader_take_type(struct reader *reader, struct control_call *call, const json_t *parameters)
{
	const char *name = json_string_value(json_object_get(parameters, "type"));
	enum event_type type;

	if (!name)
		return 0;
	if (event_type_parse(name, &type) < 0) {
		control_invalid_parameter(call, "type");
		return -EINVAL;
	}
	reader->type = (int)type;
	return 0;
}

static int reader_take_names(struct reader *reader, struct control_call *call, const json_t *parameters)
{
	const char *action = json_string_value(json_object_get(parameters, "action"));
	struct root *root;

	if (argument_root(reader->engine, call, parameters, &root) < 0)
		return -EINVAL;
	if (action)
		return argument_action(reader->engine, call, action, root, &reader->wanted);
	if (!root)
		return 0;
	reader->wanted.root = strdup(root->rules.path);
	if (reader->wanted.root)
		return 0;
	control_reply(call, NULL);
	return -ENOMEM;
}

static int reader_take(struct reader *reader, struct control_call *call, const json_t *parameters)
{
	reader->engine->now = clock_now();
	reader->after = json_integer_value(json_object_get(parameters, "after"));
	reader->follow = argument_flag(parameters, "follow");
	if (reader->after < 0) {
		control_invalid_parameter(call, "after");
		return -EINVAL;
	}
	if (argument_time(reader->engine, call, parameters, "since", &reader->since) < 0 ||
	    argument_time_end(reader->engine, call, parameters, "until", &reader->until) < 0 ||
	    reader_take_type(reader, call, parameters) < 0 || reader_take_names(reader, call, parameters) < 0)
		return -EINVAL;
	if (reader->follow && reader->until) {
		control_invalid_parameter(call, "until");
		return -EINVAL;
	}
	if (reader->follow && !control_call_wants_more(call)) {
		control_error(call, "org.varlink.service.ExpectedMore", NULL);
		return -EINVAL;
	}
	return 0;
}

void method_events(void *context, struct control_call *call, const json_t *parameters)
{
	struct reader *reader = calloc(1, sizeof(*reader));

	if (!reader) {
		control_reply(call, NULL);
		return;
	}
	reader->engine = context;
	reader->call = call;
	reader->type = -1;
	if (reader_take(reader, call, parameters) < 0) {
		reader_free(reader);
		return;
	}
	if (!reader->follow) {
		list_answer(call, "events", fill_events, reader_free, reader);
		return;
	}
	control_call_on_end(call, reader_free, reader);
	control_call_produce(call, produce_events, reader);
}
