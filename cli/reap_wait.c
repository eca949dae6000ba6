/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reap_wait.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/words.h"
#include "policy/policy.h"
#include "parameters.h"
#include "show.h"

#define ASK_AGAIN_MS 2000 /* also when nothing was heard: an action can be cleared by somebody else's unmount */
#define GATHER_MS    50	  /* a reap of many mounts is many events */

int reap_wait_prepare(const struct cli *cli, struct client **ret_watcher)
{
	CLEANUP_JSON json_t *first = NULL;
	json_t *parameters;
	int r = cli_connect(cli, ret_watcher);

	if (r)
		return r;
	parameters = MUST(json_pack("{s:b}", "follow", 1));
	parameter_time(parameters, "since", cli->now.real);
	r = client_send(*ret_watcher, "Events", parameters, true);
	/* The daemon's first answer, with or without events, says that it follows from now on. */
	if (r == 0)
		r = client_receive(*ret_watcher, CLIENT_TIMEOUT_MS, &first);
	return r < 0 ? client_complain(cli, *ret_watcher, r) : CLI_DONE;
}

/* What no waiting changes: somebody has to change the configuration, or the machine. */
static bool holds_for_good(const json_t *item)
{
	static const enum hold holds[] = { HOLD_OBSERVE, HOLD_PAUSED, HOLD_PROTECTED, HOLD_UNOWNED,
					   HOLD_LOCKED,	 HOLD_DEAD,   HOLD_STALE_COPY };
	const char *hold = json_string_value(json_object_get(item, "hold"));

	for (size_t i = 0; hold && i < ARRAY_SIZE(holds); i++)
		if (!strcmp(hold, hold_name(holds[i])))
			return true;
	return false;
}

size_t reap_count_held(const json_t *items)
{
	const json_t *item;
	size_t i, count = 0;

	json_array_foreach (items, i, item)
		count += holds_for_good(item);
	return count;
}

static json_t *action_key(const json_t *row, const char *name_key)
{
	return MUST(json_pack("[O?, O?, O?]", json_object_get(row, "root"), json_object_get(row, name_key),
			      json_object_get(row, "generation")));
}

/* A set of [root, name, generation] as the keys of an object. */
static void set_add(json_t *set, const json_t *row, const char *name_key, json_t *value)
{
	CLEANUP_JSON json_t *key = action_key(row, name_key);
	CLEANUP_FREE char *text = MUST(json_dumps(key, JSON_COMPACT));

	if (json_object_set_new(set, text, value) < 0)
		must(NULL);
}

static const json_t *set_get(const json_t *set, const json_t *row, const char *name_key)
{
	CLEANUP_JSON json_t *key = action_key(row, name_key);
	CLEANUP_FREE char *text = MUST(json_dumps(key, JSON_COMPACT));

	return json_object_get(set, text);
}

struct remaining {
	size_t going; /* may still be cleared */
	size_t stuck; /* survived a ladder, though perhaps one from before this reap */
	size_t held;
};

/* Counts what is left of the actions in `set`, whose value is true where a hold keeps them for good. */
static int count_remaining(const struct cli *cli, const json_t *set, struct remaining *ret)
{
	CLEANUP_JSON json_t *actions = NULL;
	const json_t *row;
	size_t i;
	int status = cli_list(cli, "ListActions", MUST(json_pack("{s:b}", "all", 0)), "actions", &actions);

	*ret = (struct remaining){ 0 };
	if (status)
		return status;
	json_array_foreach (actions, i, row) {
		const json_t *held = set_get(set, row, "name");
		const char *state = json_string_value(json_object_get(row, "state"));

		if (!held || !state || !strcmp(state, action_state_name(ACTION_CLEARED)) ||
		    !show_integer(row, "mounts"))
			continue;
		if (json_is_true(held))
			ret->held++;
		else if (!strcmp(state, action_state_name(ACTION_STUCK)))
			ret->stuck++;
		else
			ret->going++;
	}
	return CLI_DONE;
}

/* Until something happens and it is quiet again, or for timeout_ms. */
static int wait_for_events(const struct cli *cli, struct client *watcher, int timeout_ms, bool *ret_heard)
{
	int64_t until = clock_now().mono + (int64_t)timeout_ms * NSEC_PER_MSEC;

	*ret_heard = false;
	do {
		CLEANUP_JSON json_t *reply = NULL;
		int r = client_receive(watcher, *ret_heard ? GATHER_MS : timeout_ms, &reply);

		if (r == -ETIME)
			return CLI_DONE;
		if (r < 0)
			return client_complain(cli, watcher, r);
		if (json_array_size(json_object_get(reply, "events")))
			*ret_heard = true;
	} while (clock_now().mono < until);
	return CLI_DONE;
}

static int say_what_is_left(const struct remaining *left)
{
	if (left->stuck)
		log_error("%zu action%s stuck; reaperctl explain says who holds what", left->stuck,
			  left->stuck == 1 ? " is" : "s are");
	if (left->held)
		log_error("%zu action%s left alone; the reasons stand above", left->held,
			  left->held == 1 ? " is" : "s are");
	if (left->going)
		log_error("%zu action%s still not cleared", left->going, left->going == 1 ? " is" : "s are");
	return left->stuck || left->held || left->going ? CLI_FOUND : CLI_DONE;
}

static json_t *actions_of(const json_t *items)
{
	json_t *set = MUST(json_object());
	const json_t *item;
	size_t i;

	json_array_foreach (items, i, item) {
		bool held = holds_for_good(item) || json_is_true(set_get(set, item, "action"));

		set_add(set, item, "action", json_boolean(held));
	}
	return set;
}

int reap_wait(const struct cli *cli, struct client *watcher, const json_t *items, int64_t timeout_ns)
{
	CLEANUP_JSON json_t *set = actions_of(items);
	int64_t until = clock_now().mono + timeout_ns;
	struct remaining left;
	bool heard = true;
	int status;

	if (!json_object_size(set))
		return CLI_DONE;
	status = count_remaining(cli, set, &left);
	/* What was stuck before is tried again now: only silence says that it stays so. */
	while (!status && (left.going || (left.stuck && heard))) {
		int64_t still = (until - clock_now().mono) / NSEC_PER_MSEC;

		if (still <= 0)
			break;
		status = wait_for_events(cli, watcher, still < ASK_AGAIN_MS ? (int)still : ASK_AGAIN_MS, &heard);
		if (!status)
			status = count_remaining(cli, set, &left);
	}
	return status ? status : say_what_is_left(&left);
}
