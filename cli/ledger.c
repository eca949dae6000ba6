/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ledger.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "report/report.h"

int ledger_open_path(const char *path, struct store **ret)
{
	int r = store_open_readonly(path, ret);

	switch (r) {
	case 0:
		return CLI_DONE;
	case -EUCLEAN:
		log_error("%s is no ledger of reaperd, or it is corrupt", path);
		return CLI_UNSURE;
	case -EMEDIUMTYPE:
		log_error("%s is no ledger of reaperd: it is not a regular file", path);
		return CLI_UNSURE;
	case -EPROTO:
		log_error("%s was written by a newer reaperd", path);
		return CLI_UNSURE;
	case -ENOENT:
		log_error("there is no ledger at %s", path);
		return CLI_USAGE;
	default:
		log_error("could not read the ledger %s: %s", path, strerror(-r));
		return CLI_UNSURE;
	}
}

int ledger_open(const struct cli *cli, struct store **ret)
{
	return ledger_open_path(cli->db, ret);
}

int64_t ledger_span_end(int64_t time)
{
	return time > 0 ? time + NSEC_PER_MSEC - 1 - time % NSEC_PER_MSEC : time;
}

static int unreadable(struct store *store, int r)
{
	log_error("could not read the ledger %s: %s", store_path(store), strerror(-r));
	return CLI_UNSURE;
}

static int collect(json_t *array, json_t *row)
{
	if (json_array_append_new(array, MUST(row)) < 0)
		must(NULL);
	return 0;
}

static int collect_action(void *context, const struct store_action_row *row)
{
	return collect(context, report_action_row(row));
}

static int collect_mount(void *context, const struct store_mount_row *row)
{
	return collect(context, report_mount_row(row));
}

static int collect_attempt(void *context, const struct store_attempt_row *row)
{
	return collect(context, report_attempt_row(row));
}

int ledger_actions(struct store *store, const struct store_filter *filter, json_t **ret)
{
	CLEANUP_JSON json_t *array = MUST(json_array());
	int r = store_actions(store, filter, collect_action, array);

	if (r < 0)
		return unreadable(store, r);
	*ret = take_ptr(array);
	return CLI_DONE;
}

int ledger_mounts(struct store *store, const struct store_filter *filter, json_t **ret)
{
	CLEANUP_JSON json_t *array = MUST(json_array());
	int r = store_mounts(store, filter, collect_mount, array);

	if (r < 0)
		return unreadable(store, r);
	*ret = take_ptr(array);
	return CLI_DONE;
}

int ledger_attempts(struct store *store, const struct store_filter *filter, json_t **ret)
{
	CLEANUP_JSON json_t *array = MUST(json_array());
	int r = store_attempts(store, filter, collect_attempt, array);

	if (r < 0)
		return unreadable(store, r);
	*ret = take_ptr(array);
	return CLI_DONE;
}

static int settle(struct store *store, const char *root, struct action_reference *reference)
{
	const struct store_filter filter = { .root = root,
					     .action = reference->name,
					     .generation = reference->generation,
					     .type = -1,
					     .all = true,
					     .limit = 1 };
	CLEANUP_JSON json_t *actions = NULL;
	int status = reference->generation ? ledger_actions(store, &filter, &actions) : CLI_DONE;
	char *whole;

	if (status || !reference->generation || json_array_size(actions))
		return status;
	whole = must_format("%s@%u", reference->name, reference->generation);
	action_reference_clear(reference);
	reference->name = whole;
	return CLI_DONE;
}

int ledger_open_about(const struct cli *cli, const char *root, struct action_reference *reference, struct store **ret)
{
	int status = ledger_open(cli, ret);

	return status ? status : settle(*ret, root, reference);
}

struct event_context {
	ledger_event_function *function;
	void *context;
};

static int give_event(void *context, const struct store_event *event)
{
	const struct event_context *to = context;
	CLEANUP_JSON json_t *row = MUST(report_event(event));

	to->function(to->context, row);
	return 0;
}

int ledger_events(struct store *store, const struct store_filter *filter, ledger_event_function *function,
		  void *context)
{
	struct event_context to = { function, context };
	int r = store_events(store, filter, give_event, &to);

	return r < 0 ? unreadable(store, r) : CLI_DONE;
}
