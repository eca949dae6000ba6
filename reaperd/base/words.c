/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/words.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/cleanup.h"

/* A value that was added without a name is a bug of ours, and no reason to crash. */
static const char *word_at(const char *const *names, size_t count, size_t index)
{
	return index < count && names[index] ? names[index] : "?";
}

static int word_find(const char *const *names, const char *name)
{
	for (int i = 0; names[i]; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	return -EINVAL;
}

/* The lookup functions of one enum over its table of names, whose last entry is the terminating NULL. */
#define WORDS(prefix, type, names)                                                                                     \
	const char *prefix##_name(type value)                                                                          \
	{                                                                                                              \
		return word_at(names, ARRAY_SIZE(names) - 1, (size_t)(value));                                         \
	}                                                                                                              \
	int prefix##_parse(const char *name, type *ret)                                                                \
	{                                                                                                              \
		int found = word_find(names, name);                                                                    \
                                                                                                                       \
		if (found < 0)                                                                                         \
			return found;                                                                                  \
		*ret = (type)found;                                                                                    \
		return 0;                                                                                              \
	}

const char *const evidence_names[] = {
	[EVIDENCE_ENDED] = "ended",
	[EVIDENCE_MISSING] = "missing",
	[EVIDENCE_REPLACED] = "replaced",
	[EVIDENCE_MOVED] = "moved",
	[EVIDENCE_SOURCE_DELETED] = "source-deleted",
	[EVIDENCE_OWNER_EXITED] = "owner-exited",
	[EVIDENCE_HOLLOW] = "hollow",
	[EVIDENCE_DEAD] = "dead",
	[EVIDENCE_STALE_COPY] = "stale-copy",
	[EVIDENCE_EXPIRED] = "expired",
	[EVIDENCE_HUNG] = "hung",
	[EVIDENCE_UNKNOWN] = "unknown",
	[EVIDENCE_COUNT] = NULL,
};
WORDS(evidence, enum evidence, evidence_names)

const char *const step_names[] = {
	[STEP_UMOUNT] = "umount", [STEP_ABORT] = "abort", [STEP_FORCE] = "force",
	[STEP_DETACH] = "detach", [STEP_COUNT] = NULL,
};
WORDS(step, enum step, step_names)

const char *const root_mode_names[] = {
	[ROOT_MODE_ENFORCE] = "enforce",
	[ROOT_MODE_OBSERVE] = "observe",
	NULL,
};
WORDS(root_mode, enum root_mode, root_mode_names)

const char *const source_names[] = {
	[SOURCE_AUTO] = "auto",
	[SOURCE_FANOTIFY] = "fanotify",
	[SOURCE_LISTMOUNT] = "listmount",
	[SOURCE_MOUNTINFO] = "mountinfo",
	NULL,
};
WORDS(source, enum source_kind, source_names)

const char *const action_state_names[] = {
	[ACTION_ACTIVE] = "active",   [ACTION_SUSPECT] = "suspect", [ACTION_OVER] = "over",
	[ACTION_REAPING] = "reaping", [ACTION_CLEARED] = "cleared", [ACTION_STUCK] = "stuck",
	[ACTION_STATE_COUNT] = NULL,
};
WORDS(action_state, enum action_state, action_state_names)

const char *const mount_state_names[] = {
	[MOUNT_ATTACHED] = "attached", [MOUNT_STUCK] = "stuck",	   [MOUNT_DETACHED] = "detached",
	[MOUNT_REAPED] = "reaped",     [MOUNT_STATE_COUNT] = NULL,
};
WORDS(mount_state, enum mount_state, mount_state_names)

const char *const event_type_names[] = {
	[EVENT_ATTACH] = "attach",     [EVENT_DETACH] = "detach",     [EVENT_MOVE] = "move",
	[EVENT_REMOUNT] = "remount",   [EVENT_FLASH] = "flash",	      [EVENT_BEGIN] = "begin",
	[EVENT_END] = "end",	       [EVENT_EVIDENCE] = "evidence", [EVENT_ATTEMPT] = "attempt",
	[EVENT_REAPED] = "reaped",     [EVENT_REFUSED] = "refused",   [EVENT_STUCK] = "stuck",
	[EVENT_OVERFLOW] = "overflow", [EVENT_RESCAN] = "rescan",     [EVENT_START] = "start",
	[EVENT_STOP] = "stop",	       [EVENT_RELOAD] = "reload",     [EVENT_PAUSE] = "pause",
	[EVENT_RESUME] = "resume",     [EVENT_TYPE_COUNT] = NULL,
};
WORDS(event_type, enum event_type, event_type_names)

const char *const outcome_names[] = {
	[OUTCOME_GONE] = "gone",       [OUTCOME_BUSY] = "busy",	      [OUTCOME_MISMATCH] = "mismatch",
	[OUTCOME_REFUSED] = "refused", [OUTCOME_LOCKED] = "locked",   [OUTCOME_HUNG] = "hung",
	[OUTCOME_FAILED] = "failed",   [OUTCOME_SKIPPED] = "skipped", [OUTCOME_COUNT] = NULL,
};
WORDS(outcome, enum outcome, outcome_names)
