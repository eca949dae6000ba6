/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report/internal.h"

#include <string.h>

struct audit {
	json_t *leftovers, *stuck, *unowned, *suspects, *unknown;
	int failed;
	/* While a plan is walked: decisions about an action's mounts follow the one about the action. */
	const struct action *action; /* whose mounts are in `entry` */
	json_t *entry;		     /* a member of leftovers */
};

/* {"root","action","generation","evidence"}; takes `evidence`. */
static json_t *action_entry(const struct action *action, json_t *evidence)
{
	json_t *object = json_object();
	int failed = report_set_bytes(object, "root", action->root->rules.path);

	failed += report_set_bytes(object, "action", action->name);
	failed += put_integer(object, "generation", action->generation);
	failed += put(object, "evidence", evidence);
	return finish(object, failed);
}

static void append(struct audit *audit, json_t *array, json_t *value)
{
	if (json_array_append_new(array, value) < 0)
		audit->failed = -1;
}

static json_t *begin_leftover(struct audit *audit, const struct action *action, json_t *evidence)
{
	json_t *entry = action_entry(action, evidence);

	if (entry && put(entry, "mounts", json_array()) < 0)
		entry = finish(entry, -1);
	append(audit, audit->leftovers, entry);
	audit->action = action;
	audit->entry = entry;
	return entry;
}

/* Mounts that a protect pattern meets are left by the operator's will. */
static void add_whole_action(struct audit *audit, const struct action *action)
{
	json_t *entry = NULL;

	for (const struct mount *mount = action->mounts; mount; mount = mount->action_next) {
		if (mount_is_protected(mount))
			continue;
		if (!entry)
			entry = begin_leftover(audit, action, report_evidence(action));
		append(audit, json_object_get(entry, "mounts"), report_mount(mount, 0));
	}
	audit->action = action;
}

static bool has_kind(const json_t *list, const char *kind)
{
	const json_t *item;
	size_t i;

	json_array_foreach (list, i, item)
		if (strcmp(json_string_value(json_object_get(item, "kind")), kind) == 0)
			return true;
	return false;
}

static void merge_evidence(struct audit *audit, json_t *list, const struct mount *mount)
{
	json_t *own = report_mount_evidence(mount), *item;
	size_t i;

	if (!own)
		audit->failed = -1;
	json_array_foreach (own, i, item)
		if (!has_kind(list, json_string_value(json_object_get(item, "kind"))))
			append(audit, list, json_incref(item));
	json_decref(own);
}

static void add_one_mount(struct audit *audit, const struct mount *mount)
{
	json_t *entry = audit->action == mount->action ? audit->entry : NULL;

	if (mount_is_protected(mount))
		return;
	if (!entry)
		entry = begin_leftover(audit, mount->action, json_array());
	merge_evidence(audit, json_object_get(entry, "evidence"), mount);
	append(audit, json_object_get(entry, "mounts"), report_mount(mount, 0));
}

static bool is_over(const struct decision *decision)
{
	return decision->verdict == VERDICT_WAIT || decision->verdict == VERDICT_RECHECK ||
	       decision->verdict == VERDICT_REAP;
}

static void walk_plan(struct audit *audit, const struct plan *plan)
{
	const struct action *whole = NULL;

	for (size_t i = 0; i < plan->count; i++) {
		const struct decision *decision = &plan->items[i];

		if (decision->mount) {
			if (is_over(decision) && decision->action != whole)
				add_one_mount(audit, decision->mount);
			continue;
		}
		if (is_over(decision)) {
			whole = decision->action;
			add_whole_action(audit, decision->action);
		} else if (decision->verdict == VERDICT_SUSPECT) {
			append(audit, audit->suspects,
			       action_entry(decision->action, report_evidence(decision->action)));
		}
		if (decision->action->evidence & EVIDENCE_SAYS_NOTHING)
			append(audit, audit->unknown,
			       action_entry(decision->action, report_evidence(decision->action)));
	}
}

static int add_root_mount(void *context, struct mount *mount)
{
	struct audit *audit = context;

	if (mount->state == MOUNT_STUCK && !mount_is_protected(mount))
		append(audit, audit->stuck, report_mount(mount, 0));
	if (!mount->action)
		append(audit, audit->unowned, report_mount(mount, 0));
	return 0;
}

json_t *report_audit(struct model *model, const struct plan *plan, uint64_t mount_max, struct now now)
{
	json_t *object = json_object();
	struct audit audit = {
		.leftovers = json_array(),
		.stuck = json_array(),
		.unowned = json_array(),
		.suspects = json_array(),
		.unknown = json_array(),
	};
	bool clean;

	walk_plan(&audit, plan);
	model_each_root_mount(model, add_root_mount, &audit);
	clean = !json_array_size(audit.leftovers) && !json_array_size(audit.stuck) && !json_array_size(audit.unknown);
	audit.failed += put(object, "clean", json_boolean(clean));
	audit.failed += report_set_time(object, "time", now.real);
	audit.failed += put(object, "leftovers", audit.leftovers);
	audit.failed += put(object, "stuck", audit.stuck);
	audit.failed += put(object, "unowned", audit.unowned);
	audit.failed += put(object, "suspects", audit.suspects);
	audit.failed += put(object, "unknown", audit.unknown);
	audit.failed += put_integer(object, "mounts_total", (int64_t)model_mount_count(model));
	audit.failed += put_integer(object, "mount_max", (int64_t)mount_max);
	return finish(object, audit.failed);
}
