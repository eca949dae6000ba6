/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The shapes that users read as JSON: made here once, for the control socket, for `reaperctl --db`, for audits. Only
 * shapes; it reads no file and asks nobody. All functions return a new reference (NULL when out of memory).
 *
 * Bytes that are not UTF-8 are put as \xNN text with "<key>_b64" beside them.
 */
#ifndef REAPERD_REPORT_REPORT_H
#define REAPERD_REPORT_REPORT_H

#include <jansson.h>
#include <stdint.h>

#include "model/model.h"
#include "policy/policy.h"
#include "store/store.h"

/* Sets object[key] to the bytes (and "<key>_b64"), or to null for NULL. 0 or -1. */
int report_set_bytes(json_t *object, const char *key, const char *bytes);
/* Sets object[key] to the RFC 3339 time, or to null for 0. */
int report_set_time(json_t *object, const char *key, int64_t real_ns);

json_t *report_action(const struct action *action); /* an element of "actions" */
json_t *report_action_row(const struct store_action_row *row);
json_t *report_mount(const struct mount *mount, uint64_t mnt_namespace); /* an element of "mounts" */
json_t *report_mount_row(const struct store_mount_row *row);
json_t *report_event(const struct store_event *event);
json_t *report_attempt_row(const struct store_attempt_row *row);
json_t *report_evidence(const struct action *action);	  /* [{"kind","since"}] */
json_t *report_mount_evidence(const struct mount *mount); /* what says that this mount alone is over; likewise */
json_t *report_decision(const struct decision *decision, struct now now);

/*
 * The audit object of a planned model. "leftovers": one for each action that is over (within its grace, too) or that
 * has mounts which are over by themselves, with these mounts but the protected ones; "stuck" and "unowned": mounts;
 * "suspects": actions with evidence that does not act here; "unknown": actions whose probe gave no answer. "clean": no
 * leftover, no stuck mount, nothing unknown. A namespace is not known here: null.
 */
json_t *report_audit(struct model *model, const struct plan *plan, uint64_t mount_max, struct now now);

#endif
