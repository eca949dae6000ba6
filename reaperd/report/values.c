/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report/internal.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"

static int put_escaped(json_t *object, const char *key, const char *bytes)
{
	CLEANUP_FREE char *text = text_escape(bytes);
	CLEANUP_FREE char *base64 = text_base64(bytes, strlen(bytes));
	char beside[64];
	int length = snprintf(beside, sizeof(beside), "%s_b64", key);

	if (!text || !base64 || (size_t)length >= sizeof(beside))
		return -1;
	return put(object, key, json_string(text)) + put(object, beside, json_string(base64)) ? -1 : 0;
}

int report_set_bytes(json_t *object, const char *key, const char *bytes)
{
	if (!bytes)
		return put(object, key, json_null());
	if (text_is_utf8(bytes, strlen(bytes)))
		return put(object, key, json_string(bytes));
	return put_escaped(object, key, bytes);
}

int report_set_time(json_t *object, const char *key, int64_t real_ns)
{
	char text[32];

	if (real_ns == 0)
		return put(object, key, json_null());
	return put(object, key, json_string(time_format_rfc3339(real_ns, text, sizeof(text))));
}

static int add_evidence(json_t *list, enum evidence kind, const struct evidence_state *state)
{
	json_t *item = json_object();
	int failed = put(item, "kind", json_string(evidence_name(kind)));

	failed += report_set_time(item, "since", state->since.real);
	return json_array_append_new(list, finish(item, failed));
}

json_t *report_evidence(const struct action *action)
{
	json_t *list = json_array();
	int failed = list ? 0 : -1;

	for (int kind = 0; kind < EVIDENCE_COUNT; kind++)
		if (action->evidence & EVIDENCE_BIT(kind))
			failed += add_evidence(list, (enum evidence)kind, &action->evidence_state[kind]);
	return finish(list, failed);
}

json_t *report_mount_evidence(const struct mount *mount)
{
	json_t *list = json_array();
	int failed = list ? 0 : -1;

	if (mount->evidence & EVIDENCE_BIT(EVIDENCE_MOVED))
		failed += add_evidence(list, EVIDENCE_MOVED, &mount->moved);
	if (mount->evidence & EVIDENCE_BIT(EVIDENCE_SOURCE_DELETED))
		failed += add_evidence(list, EVIDENCE_SOURCE_DELETED, &mount->source_deleted);
	return finish(list, failed);
}

json_t *report_decision(const struct decision *decision, struct now now)
{
	bool waits = decision->verdict == VERDICT_WAIT && decision->due < INT64_MAX;
	json_t *object = json_object();
	int failed = put(object, "verdict", json_string(verdict_name(decision->verdict)));

	failed +=
		put(object, "hold", decision->hold == HOLD_NONE ? json_null() : json_string(hold_name(decision->hold)));
	failed += put(object, "because",
		      decision->verdict == VERDICT_KEEP ? json_null() : json_string(evidence_name(decision->because)));
	failed += report_set_time(object, "due", waits ? now.real + (decision->due - now.mono) : 0);
	return finish(object, failed);
}
